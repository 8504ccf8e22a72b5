-- The vault's tables, version 2. Hashes are 32 bytes; lists of byte strings are stored as one RLP list; times are seconds since
-- 1970. What anybody said of a document stands in ciphertexts only (perdure_node.encryption).

-- Who records, confirms, corrects. Whoever made the vault is number 1.
CREATE TABLE operator (
    number INTEGER PRIMARY KEY,
    added_at INTEGER NOT NULL
);

-- Whoever can read: X25519 public keys. One that is retired gets no more data keys.
CREATE TABLE recipient (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('identity', 'recovery')),
    public_key BLOB NOT NULL UNIQUE CHECK (typeof(public_key) = 'blob' AND length(public_key) = 32),
    operator INTEGER REFERENCES operator (number),
    added_at INTEGER NOT NULL,
    retired_at INTEGER
);

-- Each data key encrypts the contents of some records, and is wrapped to each recipient that may read these.
CREATE TABLE data_key (
    number INTEGER PRIMARY KEY,
    made_at INTEGER NOT NULL
);
CREATE TABLE wrapped_data_key (
    data_key INTEGER NOT NULL REFERENCES data_key (number),
    recipient INTEGER NOT NULL REFERENCES recipient (number),
    wrapped BLOB NOT NULL,
    PRIMARY KEY (data_key, recipient)
) WITHOUT ROWID;

-- The keys that sign checkpoints and transactions (secp256k1, with their addresses), and a copy of the look-up key, wrapped in
-- the same way.
CREATE TABLE secret_key (
    name TEXT PRIMARY KEY CHECK (name IN ('site', 'relay', 'lookup')),
    address BLOB CHECK (length(address) = 20),
    -- of the look-up key: tells whether its file is this vault's
    check_value BLOB CHECK (length(check_value) = 16)
) WITHOUT ROWID;
CREATE TABLE wrapped_secret_key (
    name TEXT NOT NULL REFERENCES secret_key (name),
    recipient INTEGER NOT NULL REFERENCES recipient (number),
    wrapped BLOB NOT NULL,
    PRIMARY KEY (name, recipient)
) WITHOUT ROWID;

-- Lists that are or were imported. Records of one that is not finished are there, but not recorded yet.
CREATE TABLE import_run (
    number INTEGER PRIMARY KEY,
    -- over the list's bytes and how it was read, by the look-up key
    list BLOB NOT NULL CHECK (length(list) = 16),
    -- what its records name as known
    after_block INTEGER REFERENCES known_block (id),
    began_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- its records have no lower sequence number
    first_sequence INTEGER NOT NULL,
    rows_done INTEGER NOT NULL DEFAULT 0,
    added INTEGER NOT NULL DEFAULT 0,
    was_there INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    rejects_size INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX import_run_open ON import_run (list) WHERE finished_at IS NULL;

-- One signature operation each, in the order in which they were added: what is known of it without reading it. Never changed,
-- but for the two columns that say so.
CREATE TABLE record (
    sequence INTEGER PRIMARY KEY,
    -- of the document's SHA-256, by the look-up key
    document BLOB NOT NULL CHECK (typeof(document) = 'blob' AND length(document) = 16),
    -- of the slots that were given, by the look-up key: tells a repetition from another record. NULL once it is withdrawn
    words BLOB CHECK (typeof(words) IN ('blob', 'null') AND length(words) = 16),
    leaf_hash BLOB NOT NULL UNIQUE CHECK (typeof(leaf_hash) = 'blob' AND length(leaf_hash) = 32),
    operator INTEGER NOT NULL REFERENCES operator (number),
    after_block INTEGER REFERENCES known_block (id),
    -- NULL once somebody else has recorded the same
    import_run INTEGER REFERENCES import_run (number),
    -- one document is recorded twice in the same words only by mistake
    UNIQUE (document, words)
);
CREATE INDEX record_withdrawn ON record (sequence) WHERE words IS NULL;
CREATE INDEX record_after ON record (after_block) WHERE after_block IS NOT NULL;

-- What is said in a record, with its seed, encrypted. It goes when the record is erased.
CREATE TABLE content (
    sequence INTEGER PRIMARY KEY REFERENCES record (sequence),
    data_key INTEGER NOT NULL REFERENCES data_key (number),
    encrypted BLOB NOT NULL
);

-- The digests of an erased record's slots, in slot order: its leaf can still be shown, and nothing of what it said.
CREATE TABLE erased (
    sequence INTEGER PRIMARY KEY REFERENCES record (sequence),
    slot_digests BLOB NOT NULL CHECK (length(slot_digests) % 32 = 0)
);

-- The records that wait to be sealed.
CREATE TABLE queue (
    sequence INTEGER PRIMARY KEY REFERENCES record (sequence)
);
-- Counts the changes of the queue other than additions at its end, so that a seal notices them: one row.
CREATE TABLE queue_change (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    count INTEGER NOT NULL
);
INSERT INTO queue_change (only, count) VALUES (1, 0);

-- The log: which record has which place.
CREATE TABLE entry (
    log_index INTEGER PRIMARY KEY CHECK (log_index >= 0),
    sequence INTEGER NOT NULL UNIQUE REFERENCES record (sequence)
);

-- What was done to records after they were added: by whom, when and why. Why, and the name of who, are in the ciphertext.
CREATE TABLE change (
    number INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL REFERENCES record (sequence),
    kind TEXT NOT NULL CHECK (kind IN ('amended', 'withdrawn', 'erased')),
    operator INTEGER NOT NULL REFERENCES operator (number),
    changed_at INTEGER NOT NULL,
    -- the record that took its place, where it was amended
    successor INTEGER REFERENCES record (sequence),
    data_key INTEGER NOT NULL REFERENCES data_key (number),
    encrypted BLOB NOT NULL
);
CREATE INDEX change_sequence ON change (sequence);

-- The log's hashes, as tlog-tiles of 256; see perdure_anchor.log.tile.
CREATE TABLE tile (
    level INTEGER NOT NULL,
    tile_index INTEGER NOT NULL,
    octets BLOB NOT NULL,
    PRIMARY KEY (level, tile_index)
) WITHOUT ROWID;

-- Each seal's result. The newest one's size is the size of the log. The slot digests of its last record let its anchor be
-- verified without reading any record.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY CHECK (size > 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    sealed_at INTEGER NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    last_slot_digests BLOB NOT NULL CHECK (length(last_slot_digests) % 32 = 0)
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
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    number INTEGER NOT NULL,
    time INTEGER NOT NULL,
    headers BLOB NOT NULL
);
CREATE INDEX known_block_number ON known_block (number);

-- When the chain was last asked with success: at most one row.
CREATE TABLE last_sync (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    finished_at INTEGER NOT NULL
);
