-- A record's leaf hashes from before it was confirmed are asked for record by record, by an audit and where vaults come together.
CREATE INDEX draft_sequence ON draft (sequence);
