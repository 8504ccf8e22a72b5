-- The devnet's chain. Blocks are final when they are written: nothing here is ever changed but the pool.

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- trie nodes and contract code, named by their keccak hash
CREATE TABLE state_node (
    hash BLOB PRIMARY KEY,
    node BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE block (
    number INTEGER PRIMARY KEY,
    hash   BLOB NOT NULL UNIQUE,
    header BLOB NOT NULL              -- RLP, with round and seals
);

CREATE TABLE mined_transaction (
    block_number INTEGER NOT NULL REFERENCES block (number),
    position     INTEGER NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    raw          BLOB NOT NULL,
    receipt      BLOB NOT NULL,       -- as in the receipts trie
    PRIMARY KEY (block_number, position)
) WITHOUT ROWID;

CREATE TABLE event (
    block_number INTEGER NOT NULL,
    log_index    INTEGER NOT NULL,    -- within the block
    position     INTEGER NOT NULL,    -- of the transaction within the block
    address      BLOB NOT NULL,
    topic_0      BLOB,
    topic_1      BLOB,
    topic_2      BLOB,
    topic_3      BLOB,
    payload      BLOB NOT NULL,
    PRIMARY KEY (block_number, log_index)
) WITHOUT ROWID;

CREATE INDEX event_by_address ON event (address, block_number);
CREATE INDEX event_by_topic ON event (topic_0, block_number);

-- the pool: transactions that were acknowledged and are in no block yet, in the order of their arrival
CREATE TABLE pooled_transaction (
    arrival INTEGER PRIMARY KEY,
    sender  BLOB NOT NULL,
    nonce   BLOB NOT NULL,            -- 8 bytes, big-endian: SQLite's integers are signed
    raw     BLOB NOT NULL,
    UNIQUE (sender, nonce)
);
