"""Mirrors watched by each other: a log's tiles over HTTP, copies of other nodes' mirrors, and proofs that a site signed two histories."""
