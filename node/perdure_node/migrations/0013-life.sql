-- A record's life after it was sealed: corrections with a reason, legal holds, reviews, and what erasing has to look for.
CREATE TABLE new_change (
    number INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL REFERENCES record (sequence),
    kind TEXT NOT NULL CHECK (
        kind IN (
            'amended', 'withdrawn', 'erased', 'confirmed', 'rejected', 'held', 'released', 'superseded', 'supersedes', 'reviewed'
        )
    ),
    operator INTEGER NOT NULL REFERENCES operator (number),
    changed_at INTEGER NOT NULL,
    -- the record that took its place, where it was amended or superseded; the one that says so, where it was erased
    successor INTEGER REFERENCES record (sequence),
    data_key INTEGER NOT NULL REFERENCES data_key (number),
    encrypted BLOB NOT NULL
);
INSERT INTO new_change SELECT * FROM change;
DROP TABLE change;
ALTER TABLE new_change RENAME TO change;
CREATE INDEX change_sequence ON change (sequence);
CREATE INDEX change_successor ON change (successor) WHERE successor IS NOT NULL;
CREATE INDEX change_kind ON change (kind, number);

-- What nobody may erase, once for each matter that wants it kept. Who holds it and why is in its trace.
CREATE TABLE hold (
    number INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL REFERENCES record (sequence),
    since INTEGER NOT NULL,
    change INTEGER NOT NULL REFERENCES change (number)
);
CREATE INDEX hold_sequence ON hold (sequence);

-- How a draft's content began before it was confirmed: what must be in no file once the record is erased.
ALTER TABLE draft ADD COLUMN nonce BLOB CHECK (length(nonce) = 12);

-- Records whose old bytes may still be somewhere in the files: erased, and the files not seen to be clean since. At most one row.
CREATE TABLE unclean (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    since INTEGER NOT NULL
);

-- What was looked at in a review, by the finding's own name: it is listed no more until that is another one.
CREATE TABLE reviewed (
    finding BLOB PRIMARY KEY CHECK (length(finding) = 16),
    sequence INTEGER REFERENCES record (sequence),
    change INTEGER REFERENCES change (number)
) WITHOUT ROWID;

-- Which leaf a record says that it supersedes; the leaf may be of no record here.
CREATE TABLE supersession (
    sequence INTEGER PRIMARY KEY REFERENCES record (sequence),
    superseded BLOB NOT NULL CHECK (length(superseded) = 32)
);
CREATE INDEX supersession_superseded ON supersession (superseded);
