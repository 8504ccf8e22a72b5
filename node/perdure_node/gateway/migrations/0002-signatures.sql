-- All signatures that came with a checkpoint: a site signs anew what an older key's word can no longer land, and either of them may be
-- the one that the registry takes. ``checkpoint.signature`` is the one that is sent, or, once it is anchored, the one of the event.
CREATE TABLE checkpoint_signature (
    digest BLOB NOT NULL REFERENCES checkpoint (digest),
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    PRIMARY KEY (digest, signature)
) WITHOUT ROWID;
INSERT INTO checkpoint_signature (digest, signature) SELECT digest, signature FROM checkpoint;
