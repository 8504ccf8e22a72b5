-- How far an audit has come that was broken off: what it found in records, a stretch of them a row, encrypted and authenticated with a
-- key that only the vault's identity gives; and documents that it has hashed, by keyed digests that name nothing.
CREATE TABLE audit_run (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    began_at INTEGER NOT NULL
);
CREATE TABLE audit_stretch (
    -- the first sequence number, and of what was there and was asked
    first INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    encrypted BLOB NOT NULL
);
CREATE TABLE audit_file (
    -- of the file's path and of what the system says of it
    state BLOB PRIMARY KEY CHECK (length(state) = 16),
    document BLOB NOT NULL CHECK (length(document) = 16)
) WITHOUT ROWID;
