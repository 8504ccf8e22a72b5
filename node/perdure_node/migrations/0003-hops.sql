-- Hops (SPEC.md, section 7.9): from the validators ``before``, one address of 20 bytes after the other, to the set that block
-- ``first_block`` lists, by a run of headers that starts there. Kept for every set before from which it can be reached, so that
-- evidence holds as few as possible.
CREATE TABLE hop (
    before BLOB NOT NULL CHECK (typeof(before) = 'blob' AND length(before) % 20 = 0),
    first_block INTEGER NOT NULL,
    headers BLOB NOT NULL,
    PRIMARY KEY (before, first_block)
) WITHOUT ROWID;
