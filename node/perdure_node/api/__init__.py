"""The node's HTTP interface: what sites, auditors and other nodes ask it, and what they hand in."""
