-- Bundles that were packed, and how they came back. ``size`` is the log's size in it, 0 for one that only asks.
CREATE TABLE bundle_out (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    packed_at INTEGER NOT NULL,
    -- what is written on the stick, in its owner's words
    label TEXT,
    size INTEGER NOT NULL,
    leaves_begin INTEGER NOT NULL,
    returned_at INTEGER
);
CREATE INDEX bundle_out_open ON bundle_out (packed_at) WHERE returned_at IS NULL;

-- What was last told of the registry, and by whom: at most one row. ``mirrored`` is the size up to which the gateway that returned
-- last has the log's leaf hashes.
CREATE TABLE registry_view (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    head_size INTEGER NOT NULL,
    head_root BLOB NOT NULL CHECK (length(head_root) = 32),
    block_number INTEGER NOT NULL,
    mirrored INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
);
