"""The site's own log in its vault: what waits for it, when and how it is sealed, and the tiles and checkpoints (SPEC.md, sections 3 and 4)."""
