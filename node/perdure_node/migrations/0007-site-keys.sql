-- The site's keys (secp256k1, by their addresses), in the order in which they were made: the newest signs. One of which nothing is
-- wrapped any more was forgotten, after the chain had shown an anchor by a newer one.
CREATE TABLE site_key (
    number INTEGER PRIMARY KEY,
    address BLOB NOT NULL UNIQUE CHECK (typeof(address) = 'blob' AND length(address) = 20),
    made_at INTEGER NOT NULL
);
CREATE TABLE wrapped_site_key (
    site_key INTEGER NOT NULL REFERENCES site_key (number),
    recipient INTEGER NOT NULL REFERENCES recipient (number),
    wrapped BLOB NOT NULL,
    PRIMARY KEY (site_key, recipient)
) WITHOUT ROWID;
INSERT INTO site_key (number, address, made_at)
    SELECT 1, address, coalesce((SELECT min(added_at) FROM operator), 0) FROM secret_key WHERE name = 'site';
INSERT INTO wrapped_site_key (site_key, recipient, wrapped)
    SELECT 1, recipient, wrapped FROM wrapped_secret_key WHERE name = 'site';
DELETE FROM wrapped_secret_key WHERE name = 'site';
DELETE FROM secret_key WHERE name = 'site';

-- What old keys have signed for new ones. Whether the registry has them is told by its own view, below, and never noted here.
CREATE TABLE key_rotation (
    number INTEGER PRIMARY KEY,
    site BLOB NOT NULL CHECK (length(site) = 32),
    old_key BLOB NOT NULL CHECK (length(old_key) = 20),
    new_key BLOB NOT NULL CHECK (length(new_key) = 20),
    grace_period INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    signed_at INTEGER NOT NULL
);
CREATE INDEX key_rotation_turn ON key_rotation (old_key, nonce);

-- What the registry last said of the site's keys, itself or through a gateway: at most one row. key is NULL where it was revoked.
CREATE TABLE registry_keys (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    is_registered INTEGER NOT NULL CHECK (is_registered IN (0, 1)),
    key BLOB CHECK (length(key) = 20),
    previous_key BLOB CHECK (length(previous_key) = 20),
    previous_key_until INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    compromised_since INTEGER,
    successor BLOB CHECK (length(successor) = 32),
    block_number INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
);

-- Signatures of checkpoints that were signed anew, since the registry may have taken, or take, one that is still on its way.
CREATE TABLE former_signature (
    size INTEGER NOT NULL REFERENCES checkpoint (size) ON DELETE CASCADE,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    PRIMARY KEY (size, signature)
) WITHOUT ROWID;

-- A transaction carries a checkpoint or a rotation.
CREATE TABLE transaction_of_either (
    number INTEGER PRIMARY KEY,
    size INTEGER REFERENCES checkpoint (size),
    rotation INTEGER REFERENCES key_rotation (number),
    nonce INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    raw BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    outcome TEXT CHECK (outcome IN ('mined', 'reverted', 'replaced', 'refused')),
    CHECK ((size IS NULL) <> (rotation IS NULL))
);
INSERT INTO transaction_of_either (number, size, nonce, hash, raw, stored_at, outcome)
    SELECT number, size, nonce, hash, raw, stored_at, outcome FROM relay_transaction;
DROP TABLE relay_transaction;
ALTER TABLE transaction_of_either RENAME TO relay_transaction;
-- the next one is signed only when the one before has come to an end
CREATE UNIQUE INDEX relay_transaction_open ON relay_transaction ((outcome IS NULL)) WHERE outcome IS NULL;
