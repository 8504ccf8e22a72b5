-- Where the site's clock cannot have been right (perdure_node.clock_doubts): notes, by which nothing is ordered or decided.
CREATE TABLE clock_note (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('behind_block', 'behind_use', 'ahead_of_block', 'far_ahead', 'put_back', 'put_forward')),
    -- how many records had been added: says when, in an order that no clock can change
    sequence INTEGER NOT NULL,
    -- what it should have said, and what it said; of a note that was made again, the last time too
    expected INTEGER NOT NULL,
    said INTEGER NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    last_said INTEGER NOT NULL
);

-- What the clock said when it was last looked at, beside the seconds since the machine's start, which nobody can set: at most one row.
CREATE TABLE clock_seen (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    boot BLOB NOT NULL CHECK (length(boot) = 16),
    uptime REAL NOT NULL,
    said REAL NOT NULL
);

-- Files that `perdure watch` is done with, so that it does not read them again: keyed digests (perdure_node.watch.done_files) of a
-- folder, of a file's place in it, and of what the system says of the file as it was; they name nothing.
CREATE TABLE watched_file (
    folder BLOB NOT NULL CHECK (length(folder) = 16),
    place BLOB NOT NULL CHECK (length(place) = 16),
    state BLOB NOT NULL CHECK (length(state) = 16),
    recorded INTEGER NOT NULL CHECK (recorded IN (0, 1)),
    PRIMARY KEY (folder, place)
) WITHOUT ROWID;
