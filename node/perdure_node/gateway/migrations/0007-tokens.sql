-- API tokens. Of a token's secret only its SHA-256 is kept; ``id`` is the part of the token that is no secret. ``scopes`` are names,
-- sorted, with spaces between. Times are seconds since 1970; null: never, or not yet.
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    secret_sha256 BLOB NOT NULL CHECK (length(secret_sha256) = 32),
    made_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    used_at INTEGER
) WITHOUT ROWID;

-- Where in which mirror a leaf hash stands, by the hash's first eight bytes as a signed number: the mirror has the hash itself.
CREATE TABLE leaf_place (
    prefix INTEGER NOT NULL,
    site INTEGER NOT NULL REFERENCES site (number),
    leaf_index INTEGER NOT NULL,
    PRIMARY KEY (prefix, site, leaf_index)
) WITHOUT ROWID;
-- Up to which index a mirror's leaves have places: what is beyond is looked for in the mirror.
ALTER TABLE site ADD COLUMN placed INTEGER NOT NULL DEFAULT 0;

-- For the list of sites.
CREATE INDEX bundle_site ON bundle (site, taken_at);
