-- People by name: roles, credentials, and who waits for whom (perdure_node.operators). Whoever made the vault is operator 1; without
-- named operators nobody is asked who he is.
ALTER TABLE operator ADD COLUMN name TEXT;
ALTER TABLE operator ADD COLUMN removed_at INTEGER;
-- the newest record that says who he is, and with which credentials he signs
ALTER TABLE operator ADD COLUMN own_record INTEGER REFERENCES record (sequence);
-- X25519: what he reads records with. NULL: with the vault's passphrase
ALTER TABLE operator ADD COLUMN reading_key BLOB CHECK (length(reading_key) = 32);
-- the vault's identity, wrapped to the reading key of a site keeper: his passphrase opens all that the vault's does
ALTER TABLE operator ADD COLUMN wrapped_identity BLOB;
CREATE UNIQUE INDEX operator_name ON operator (name) WHERE name IS NOT NULL AND removed_at IS NULL;

CREATE TABLE operator_role (
    operator INTEGER NOT NULL REFERENCES operator (number),
    role TEXT NOT NULL,
    PRIMARY KEY (operator, role)
) WITHOUT ROWID;

-- What people sign with. A public key is one person's for ever, also after it was removed.
CREATE TABLE credential (
    number INTEGER PRIMARY KEY,
    operator INTEGER NOT NULL REFERENCES operator (number),
    kind TEXT NOT NULL CHECK (kind IN ('key', 'passkey')),
    -- an account's 20 bytes, or a SubjectPublicKeyInfo
    public_key BLOB NOT NULL UNIQUE CHECK (typeof(public_key) = 'blob'),
    -- as the slot `confirmation` has it: JSON
    members TEXT NOT NULL,
    label TEXT,
    added_at INTEGER NOT NULL,
    removed_at INTEGER
);

-- Each data key for each operator who reads by himself, as in wrapped_data_key.
CREATE TABLE wrapped_operator_key (
    data_key INTEGER NOT NULL REFERENCES data_key (number),
    operator INTEGER NOT NULL REFERENCES operator (number),
    wrapped BLOB NOT NULL,
    PRIMARY KEY (data_key, operator)
) WITHOUT ROWID;

-- Records that wait for a second person, and are in no queue. ``recorder`` is who recorded, NULL if nobody said; ``roles`` are
-- those of which one has to confirm, as a JSON list.
CREATE TABLE awaiting (
    sequence INTEGER PRIMARY KEY REFERENCES record (sequence),
    recorder INTEGER REFERENCES operator (number),
    since INTEGER NOT NULL,
    roles TEXT NOT NULL
);
-- What a record was called before it was confirmed.
CREATE TABLE draft (
    leaf_hash BLOB PRIMARY KEY CHECK (length(leaf_hash) = 32),
    sequence INTEGER NOT NULL REFERENCES record (sequence)
) WITHOUT ROWID;
-- the block that its confirmation names
ALTER TABLE record ADD COLUMN confirmed_block INTEGER REFERENCES known_block (id);
CREATE INDEX record_confirmed ON record (confirmed_block) WHERE confirmed_block IS NOT NULL;

-- Policies that were put in force: the newest is.
CREATE TABLE policy (
    number INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    adopted_at INTEGER NOT NULL,
    own_record INTEGER NOT NULL REFERENCES record (sequence)
);

CREATE TABLE new_change (
    number INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL REFERENCES record (sequence),
    kind TEXT NOT NULL CHECK (
        kind IN ('amended', 'withdrawn', 'erased', 'confirmed', 'rejected', 'held', 'released', 'superseded')
    ),
    operator INTEGER NOT NULL REFERENCES operator (number),
    changed_at INTEGER NOT NULL,
    -- the record that took its place, where it was amended or superseded
    successor INTEGER REFERENCES record (sequence),
    data_key INTEGER NOT NULL REFERENCES data_key (number),
    encrypted BLOB NOT NULL
);
INSERT INTO new_change SELECT * FROM change;
DROP TABLE change;
ALTER TABLE new_change RENAME TO change;
CREATE INDEX change_sequence ON change (sequence);
