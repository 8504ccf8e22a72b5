-- What a search looks through (docs/adr/0027): of each 8,192 sequence numbers of records, the searched texts, times and digests in
-- columns, each encrypted. Segment n covers the first "covered" of the numbers from 8192 n on. Nothing here is told nowhere else:
-- a segment that is missing is built from the records' contents.
CREATE TABLE search_segment (
    number INTEGER PRIMARY KEY CHECK (number >= 0),
    covered INTEGER NOT NULL CHECK (covered BETWEEN 1 AND 8192),
    -- how texts were folded and columns laid out: of another kind, it is built anew
    kind TEXT NOT NULL,
    data_key INTEGER NOT NULL REFERENCES data_key (number)
);
CREATE TABLE search_column (
    segment INTEGER NOT NULL REFERENCES search_segment (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    encrypted BLOB NOT NULL,
    PRIMARY KEY (segment, name)
);

-- The nonces of columns that were deleted, by their segment: what must be in no file once a record in it is erased. SQLite overwrites
-- what it deletes, but not what stayed behind where rows had moved between pages.
CREATE TABLE search_former (
    segment INTEGER NOT NULL,
    nonce BLOB NOT NULL
);
CREATE INDEX search_former_segment ON search_former (segment);
CREATE TRIGGER search_column_gone AFTER DELETE ON search_column BEGIN
    INSERT INTO search_former (segment, nonce) VALUES (OLD.segment, substr(CAST(OLD.encrypted AS BLOB), 1, 12));
END;

-- A content that goes, or becomes another one, takes the segment with it that repeats its words, in the same transaction.
CREATE TRIGGER search_content_gone AFTER DELETE ON content BEGIN
    DELETE FROM search_segment WHERE number = OLD.sequence / 8192 AND covered > OLD.sequence % 8192;
END;
CREATE TRIGGER search_content_changed AFTER UPDATE ON content BEGIN
    DELETE FROM search_segment WHERE number = OLD.sequence / 8192 AND covered > OLD.sequence % 8192;
END;
