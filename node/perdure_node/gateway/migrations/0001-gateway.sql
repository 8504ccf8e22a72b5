-- The gateway's tables, version 1. Hashes are 32 bytes; lists of byte strings are stored as one RLP list; times are seconds since
-- 1970.

-- The sites whose bundles came here. ``mirrored`` is the size up to which the mirror has the site's log as the registry knows it.
CREATE TABLE site (
    number INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    mirrored INTEGER NOT NULL DEFAULT 0,
    added_at INTEGER NOT NULL
);

-- The mirror: a site's leaf hashes and what is hashed from them, as tlog-tiles of 256; see perdure_anchor.log.tile.
CREATE TABLE tile (
    site INTEGER NOT NULL REFERENCES site (number),
    level INTEGER NOT NULL,
    tile_index INTEGER NOT NULL,
    octets BLOB NOT NULL,
    PRIMARY KEY (site, level, tile_index)
) WITHOUT ROWID;

-- Signed checkpoints that bundles brought. One that is set aside says why; it stays, and is looked at again when it comes again.
CREATE TABLE checkpoint (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    site INTEGER NOT NULL REFERENCES site (number),
    size INTEGER NOT NULL CHECK (size > 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    sealed_at INTEGER NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    last_slot_digests BLOB NOT NULL CHECK (length(last_slot_digests) % 32 = 0),
    last_path BLOB NOT NULL CHECK (length(last_path) % 32 = 0),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'covered', 'anchored', 'aside')),
    reason TEXT,
    -- of one that contradicts the mirror: how many leaves both have in common
    common INTEGER,
    taken_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX checkpoint_site ON checkpoint (site, size);
CREATE INDEX checkpoint_waiting ON checkpoint (site) WHERE state = 'waiting';

-- Append proofs that came with a checkpoint, by the size from which they lead to it.
CREATE TABLE append_proof (
    digest BLOB NOT NULL REFERENCES checkpoint (digest),
    old_size INTEGER NOT NULL,
    hashes BLOB NOT NULL CHECK (length(hashes) % 32 = 0),
    PRIMARY KEY (digest, old_size)
) WITHOUT ROWID;

-- Leaf hashes that came with a checkpoint, one after the other from the index ``begin`` on, until the registry has anchored it or a
-- longer log.
CREATE TABLE waiting_leaves (
    digest BLOB PRIMARY KEY REFERENCES checkpoint (digest),
    begin INTEGER NOT NULL,
    octets BLOB NOT NULL CHECK (length(octets) % 32 = 0)
);

-- Rotations of site keys, signed by the key before.
CREATE TABLE rotation (
    number INTEGER PRIMARY KEY,
    site INTEGER NOT NULL REFERENCES site (number),
    new_key BLOB NOT NULL CHECK (length(new_key) = 20),
    grace_period INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'aside')),
    reason TEXT,
    UNIQUE (site, nonce, new_key)
);

-- The bundles that were taken in, so that the return names them.
CREATE TABLE bundle (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    site INTEGER NOT NULL REFERENCES site (number),
    made_at INTEGER NOT NULL,
    taken_at INTEGER NOT NULL
);

-- Signed transactions, stored before they are sent. One without outcome may still be on its way. Each carries a checkpoint or a
-- rotation.
CREATE TABLE relay_transaction (
    number INTEGER PRIMARY KEY,
    digest BLOB REFERENCES checkpoint (digest),
    rotation INTEGER REFERENCES rotation (number),
    nonce INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    raw BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    outcome TEXT CHECK (outcome IN ('mined', 'reverted', 'replaced', 'refused')),
    CHECK ((digest IS NULL) <> (rotation IS NULL))
);
CREATE INDEX relay_transaction_open ON relay_transaction (nonce) WHERE outcome IS NULL;

-- The evidence of anchored checkpoints, as verify() accepted it.
CREATE TABLE anchor (
    digest BLOB PRIMARY KEY REFERENCES checkpoint (digest),
    size INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    block_time INTEGER NOT NULL,
    receipt_index INTEGER NOT NULL,
    receipt_nodes BLOB NOT NULL,
    log_position INTEGER NOT NULL,
    headers BLOB NOT NULL,
    time_run_open INTEGER NOT NULL CHECK (time_run_open IN (0, 1))
);

-- Hops between the validators' sets: see the vault's tables.
CREATE TABLE hop (
    before BLOB NOT NULL CHECK (typeof(before) = 'blob' AND length(before) % 20 = 0),
    first_block INTEGER NOT NULL,
    headers BLOB NOT NULL,
    PRIMARY KEY (before, first_block)
) WITHOUT ROWID;
