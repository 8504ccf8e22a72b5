-- Perdure nodes that this site asked over HTTP (perdure_node.by_node), by scheme, host and port: when each last answered, how it last
-- failed if that is newer, and the newest checkpoint that it took in. Only for people: nothing is decided by it.
CREATE TABLE node_contact (
    node TEXT PRIMARY KEY,
    answered_at INTEGER,
    failed_at INTEGER,
    failure TEXT,
    handed_size INTEGER,
    handed_at INTEGER
);
