"""Evidence: what proves an anchor is brought home and kept, and put together for a record or a stretch of the log (SPEC.md, sections 5 and 17)."""
