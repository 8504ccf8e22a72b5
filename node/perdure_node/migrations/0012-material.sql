-- The files on which checks of signatures rested: certificates, revocation answers, time stamps, detached signatures. Each once,
-- however many records rest on it, and encrypted as contents are (perdure_node.signatures.material_store).
CREATE TABLE material (
    number INTEGER PRIMARY KEY,
    -- of the file's SHA-256, by the look-up key: a certificate's own would tell who signed
    name BLOB NOT NULL UNIQUE CHECK (typeof(name) = 'blob' AND length(name) = 16),
    data_key INTEGER NOT NULL REFERENCES data_key (number),
    encrypted BLOB NOT NULL
);

-- Which records rest on which files. Erasing a record takes its rows, and the files on which no other record rests.
CREATE TABLE record_material (
    sequence INTEGER NOT NULL REFERENCES record (sequence),
    material INTEGER NOT NULL REFERENCES material (number),
    PRIMARY KEY (sequence, material)
) WITHOUT ROWID;
CREATE INDEX record_material_file ON record_material (material);
