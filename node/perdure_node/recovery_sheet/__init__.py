"""The recovery sheet: a page of paper from which a site's log and key come back when all else is lost (SPEC.md, section 13)."""
