-- Whose transaction it is: nonces of an account say nothing about another's. Those of before this table are of the account that was in
-- use then, and are not opened again.
ALTER TABLE relay_transaction ADD COLUMN account BLOB CHECK (account IS NULL OR length(account) = 20);
-- Several transactions may have one nonce: the same call, each time at a higher price. At most one of them gets into a block.
CREATE INDEX relay_transaction_nonce ON relay_transaction (nonce);
CREATE INDEX relay_transaction_reverted ON relay_transaction (digest) WHERE outcome = 'reverted';

-- Sites whose checkpoints failed again and again: nothing is tried for them before ``until``.
CREATE TABLE site_pause (
    site INTEGER PRIMARY KEY REFERENCES site (number),
    failures INTEGER NOT NULL CHECK (failures > 0),
    until INTEGER NOT NULL,
    reason TEXT NOT NULL
);

-- Bundles that brought something new: only so many an hour are taken of one site.
ALTER TABLE bundle ADD COLUMN counted INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1));
CREATE INDEX bundle_counted ON bundle (site, taken_at) WHERE counted;

-- Bundles that the other node of a pair has to get, in the order in which they came.
CREATE TABLE passing_on (
    number INTEGER PRIMARY KEY,
    bundle BLOB NOT NULL UNIQUE REFERENCES bundle (id),
    octets BLOB NOT NULL,
    queued_at INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL
);
