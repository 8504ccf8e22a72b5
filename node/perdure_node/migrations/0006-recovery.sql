-- What is left of a log after a loss (docs/adr/0014), and what was done about it.

-- Stretches of leaves whose hashes are unknown: what tiles hold of them is rubbish.
CREATE TABLE log_gap (
    begins INTEGER PRIMARY KEY CHECK (begins >= 0),
    ends INTEGER NOT NULL CHECK (ends > begins)
);
-- Nodes over gaps, which no leaf hashes give.
CREATE TABLE known_node (
    level INTEGER NOT NULL,
    node_index INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, node_index)
) WITHOUT ROWID;

-- Checkpoints that the registry was seen to have, and of which no record is left that evidence could show.
CREATE TABLE anchored_elsewhere (
    size INTEGER PRIMARY KEY REFERENCES checkpoint (size)
);

-- Each time that another log took the place of the vault's: both were the same up to ``common_prefix``.
CREATE TABLE adoption (
    number INTEGER PRIMARY KEY,
    adopted_at INTEGER NOT NULL,
    -- where the true log came from
    source TEXT NOT NULL,
    old_size INTEGER NOT NULL,
    common_prefix INTEGER NOT NULL,
    new_size INTEGER NOT NULL,
    -- records that went back to the queue, and waiting ones that were found in the true log
    queued INTEGER NOT NULL,
    found INTEGER NOT NULL
);
-- What the vault had signed beside the true log, and the transactions that carried it.
CREATE TABLE rival_checkpoint (
    adoption INTEGER NOT NULL REFERENCES adoption (number),
    size INTEGER NOT NULL,
    root BLOB NOT NULL CHECK (length(root) = 32),
    sealed_at INTEGER NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    last_slot_digests BLOB NOT NULL CHECK (length(last_slot_digests) % 32 = 0),
    PRIMARY KEY (adoption, size)
) WITHOUT ROWID;
CREATE TABLE rival_transaction (
    adoption INTEGER NOT NULL REFERENCES adoption (number),
    size INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    raw BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    outcome TEXT,
    PRIMARY KEY (adoption, hash)
) WITHOUT ROWID;

-- The leaf by which an anchor is verified, where the checkpoint's last one cannot be shown.
CREATE TABLE shown_leaf (
    size INTEGER PRIMARY KEY,
    log_index INTEGER NOT NULL,
    slot_digests BLOB NOT NULL CHECK (length(slot_digests) % 32 = 0)
);
