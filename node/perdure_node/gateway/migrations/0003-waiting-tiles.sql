-- What was hashed from waiting leaf hashes when they came, so that it is not hashed again when the mirror grows by them: the tiles above
-- the leaves, as they follow on a mirror of ``hashed_on`` leaves. Leaf hashes of which nothing is kept, and those that came before
-- this table, have none: they are hashed when the mirror grows.
ALTER TABLE waiting_leaves ADD COLUMN hashed_on INTEGER;
CREATE TABLE waiting_tile (
    digest BLOB NOT NULL REFERENCES waiting_leaves (digest) ON DELETE CASCADE,
    level INTEGER NOT NULL CHECK (level > 0),
    tile_index INTEGER NOT NULL,
    octets BLOB NOT NULL CHECK (length(octets) % 32 = 0),
    PRIMARY KEY (digest, level, tile_index)
) WITHOUT ROWID;
