-- A vault that was restored or rebuilt, and has not been compared with the registry since: at most one row. What answers the
-- challenge was written after it.
CREATE TABLE reconciliation (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    reason TEXT NOT NULL CHECK (reason IN ('restored', 'recovered')),
    since INTEGER NOT NULL,
    challenge BLOB NOT NULL CHECK (length(challenge) = 16)
);
