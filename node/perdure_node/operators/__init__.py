"""The people of a site: who may do what, and who answers for a record (SPEC.md, section 16; docs/adr/0025).

What they sign can be shown to others, and is checked by `perdure_anchor.verify`. What they may do binds those who use the command:
whoever can write to the vault's files can change them, and not the log.
"""
