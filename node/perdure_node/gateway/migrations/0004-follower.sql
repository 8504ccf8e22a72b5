-- What is followed of the chain for everybody's sites, as far as blocks are final. A ``place`` is a block's number times 2^24 plus the
-- index of a log in the block, so places ascend with the chain. Integers of the contract above 2^63 are stored as negative ones.

-- How far it has come: of blocks from ``next_block`` on nothing is stored. ``pinned`` is the hash of which chain and contracts it is.
CREATE TABLE followed (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    pinned BLOB NOT NULL CHECK (length(pinned) = 32),
    next_block INTEGER NOT NULL,
    anchors INTEGER NOT NULL DEFAULT 0
);

-- Headers whose seals were checked: of blocks with events, of the runs that bound their time (both ``needed``), and the newest ones.
-- ``receipts``: null where the block has no anchors; otherwise 0 not asked for yet, 1 kept in followed_part, 2 gone.
CREATE TABLE followed_header (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    time INTEGER NOT NULL,
    raw BLOB NOT NULL,
    needed INTEGER NOT NULL CHECK (needed IN (0, 1)),
    receipts INTEGER CHECK (receipts IN (0, 1, 2))
);
CREATE INDEX followed_header_passing ON followed_header (number) WHERE needed = 0;
CREATE INDEX followed_header_unproved ON followed_header (number) WHERE receipts = 0;

-- The registry's sites; ``size`` and ``newest`` (a place, 0 for none) are those of the newest anchor, ``anchors`` is how many there are.
CREATE TABLE followed_site (
    number INTEGER PRIMARY KEY,
    site BLOB NOT NULL UNIQUE CHECK (length(site) = 32),
    origin TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL DEFAULT 0,
    newest INTEGER NOT NULL DEFAULT 0,
    anchors INTEGER NOT NULL DEFAULT 0
);

-- Everybody's anchors. ``before`` is the place of the site's anchor before, 0 for its first, so each site's anchors are a list without an
-- index; ``digest_start`` is the first 63 bits of the checkpoint's digest, which follows from the other values.
CREATE TABLE followed_anchor (
    place INTEGER PRIMARY KEY,
    site INTEGER NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    sealed_at INTEGER NOT NULL,
    signer BLOB NOT NULL,
    transaction_index INTEGER NOT NULL,
    before INTEGER NOT NULL,
    digest_start INTEGER NOT NULL
);
CREATE INDEX followed_anchor_digest ON followed_anchor (digest_start);

-- Receipt proofs of anchors, as AnchorProof has them.
CREATE TABLE followed_part (
    place INTEGER PRIMARY KEY,
    receipt_index INTEGER NOT NULL,
    log_position INTEGER NOT NULL,
    nodes BLOB NOT NULL
);

-- The contracts' other events: what happened to a site (``subject`` is its id) or to a partner (keccak256 of its name); ``details`` are
-- the event's values as JSON, bytes in hexadecimal.
CREATE TABLE followed_notice (
    place INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    subject BLOB NOT NULL CHECK (length(subject) = 32),
    details TEXT NOT NULL
);
CREATE INDEX followed_notice_subject ON followed_notice (subject, place);
