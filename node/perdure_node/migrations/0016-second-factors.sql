-- What an authenticator calls a passkey (it has to be told to sign with it), and how it is reached: a page in the browser, or USB.
ALTER TABLE credential ADD COLUMN credential_id BLOB;
ALTER TABLE credential ADD COLUMN through TEXT CHECK (through IN ('browser', 'usb'));

-- One-time codes beside a passphrase (RFC 6238). The secret is encrypted under the operator's own secret, so that it takes his
-- passphrase to read it. ``last_step`` is that of the code that was used last: neither it nor an earlier one counts again.
-- ``wrong_codes`` counts those since the last right one, ``last_wrong_at`` is when the newest came, by the site's clock.
CREATE TABLE second_factor (
    operator INTEGER PRIMARY KEY REFERENCES operator (number),
    encrypted BLOB NOT NULL,
    enabled_at INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    wrong_codes INTEGER NOT NULL DEFAULT 0,
    last_wrong_at INTEGER NOT NULL DEFAULT 0,
    -- steps whose code somebody was told to be of another time: they count no more. A JSON list.
    told_steps TEXT NOT NULL DEFAULT '[]'
);
