-- What a node sees of sites by way of other nodes.

-- Signed checkpoints that peers have shown: each by a key of the site, as far as was known then, of a log that was longer than the mirror,
-- so that they cannot be compared yet. Few a site: a thief of a key could sign without end.
CREATE TABLE shown_checkpoint (
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    site INTEGER NOT NULL REFERENCES site (number),
    size INTEGER NOT NULL CHECK (size > 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    sealed_at INTEGER NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    peer TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (site, digest)
) WITHOUT ROWID;

-- Proofs of two histories (SPEC.md, section 14), as verification accepted them under the pinned trust file. ``rival`` is the digest of the
-- checkpoint that contradicts the mirror.
CREATE TABLE two_histories (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    site INTEGER NOT NULL REFERENCES site (number),
    rival BLOB NOT NULL CHECK (length(rival) = 32),
    octets BLOB NOT NULL,
    source TEXT NOT NULL,
    found_at INTEGER NOT NULL,
    UNIQUE (site, rival)
);

-- Copies under way: tiles of leaf hashes that a peer has given of the log under an anchored checkpoint, not compared with its root yet.
CREATE TABLE copied_tile (
    site INTEGER NOT NULL REFERENCES site (number),
    peer TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    tile_index INTEGER NOT NULL,
    octets BLOB NOT NULL CHECK (length(octets) % 32 = 0),
    PRIMARY KEY (site, peer, digest, tile_index)
) WITHOUT ROWID;
