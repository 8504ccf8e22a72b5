-- Backups that were made of this vault. What a folder holds may be less: it can be lost, or be put back to an earlier state.
CREATE TABLE backup (
    number INTEGER PRIMARY KEY,
    -- as the user named it, for him
    folder TEXT NOT NULL,
    -- what tells the folder from its copies, and the backup's file in it
    folder_id TEXT NOT NULL,
    name TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    -- how many records had been added ever, and how many were in the log
    records INTEGER NOT NULL,
    log_size INTEGER NOT NULL
);
