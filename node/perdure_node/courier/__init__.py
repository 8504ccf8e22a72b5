"""The courier: what a site without a network hands to a gateway in a file, and what comes back (SPEC.md, section 12)."""
