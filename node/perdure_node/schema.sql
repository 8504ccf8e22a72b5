-- The vault's tables, version 1. Hashes are 32 bytes; lists of byte strings are stored as one RLP list.

-- One signature operation each, in the order in which they were added. A record waits while it has no log_index.
CREATE TABLE record (
    sequence INTEGER PRIMARY KEY,
    document_sha256 BLOB NOT NULL CHECK (typeof(document_sha256) = 'blob' AND length(document_sha256) = 32),
    -- over the slots that were given, without those that the site adds: tells a repetition from another record
    fingerprint BLOB NOT NULL CHECK (typeof(fingerprint) = 'blob' AND length(fingerprint) = 32),
    -- the filled slots as a JSON object
    slots TEXT NOT NULL,
    seed BLOB NOT NULL CHECK (typeof(seed) = 'blob' AND length(seed) = 32),
    leaf_hash BLOB NOT NULL UNIQUE CHECK (typeof(leaf_hash) = 'blob' AND length(leaf_hash) = 32),
    after_block BLOB REFERENCES known_block (hash),
    log_index INTEGER UNIQUE CHECK (log_index >= 0),
    -- one document is recorded twice in the same words only by mistake
    UNIQUE (document_sha256, fingerprint)
);
CREATE INDEX record_waiting ON record (sequence) WHERE log_index IS NULL;
CREATE INDEX record_after ON record (after_block) WHERE after_block IS NOT NULL;

-- The log's hashes, as tlog-tiles of 256; see perdure_anchor.log.tile.
CREATE TABLE tile (
    level INTEGER NOT NULL,
    tile_index INTEGER NOT NULL,
    octets BLOB NOT NULL,
    PRIMARY KEY (level, tile_index)
) WITHOUT ROWID;

-- Each seal's result. The newest one's size is the size of the log.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY CHECK (size > 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    sealed_at INTEGER NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32)
);

-- Signed transactions, stored before they are sent. One without outcome may still be on its way.
CREATE TABLE relay_transaction (
    number INTEGER PRIMARY KEY,
    size INTEGER NOT NULL REFERENCES checkpoint (size),
    nonce INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    raw BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    outcome TEXT CHECK (outcome IN ('mined', 'reverted', 'replaced', 'refused'))
);
-- the next one is signed only when the one before has come to an end
CREATE UNIQUE INDEX relay_transaction_open ON relay_transaction ((outcome IS NULL)) WHERE outcome IS NULL;

-- The evidence of anchored checkpoints, as verify() accepted it. The run of headers grows until it bounds the time.
CREATE TABLE anchor (
    size INTEGER PRIMARY KEY REFERENCES checkpoint (size),
    block_number INTEGER NOT NULL,
    block_time INTEGER NOT NULL,
    receipt_index INTEGER NOT NULL,
    receipt_nodes BLOB NOT NULL,
    log_position INTEGER NOT NULL,
    headers BLOB NOT NULL,
    time_run_open INTEGER NOT NULL CHECK (time_run_open IN (0, 1))
);

-- Final blocks that the site knew, each with the run of headers that ends at it: what the slot "after" names.
CREATE TABLE known_block (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    number INTEGER NOT NULL,
    time INTEGER NOT NULL,
    headers BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX known_block_number ON known_block (number);

-- When the chain was last asked with success: at most one row.
CREATE TABLE last_sync (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    finished_at INTEGER NOT NULL
);
