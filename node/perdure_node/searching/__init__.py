"""Search in what records say, which is encrypted: docs/adr/0027-search.md."""
