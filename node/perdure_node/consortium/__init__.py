"""A consortium as its partners run it: founding, deciding, their sites' keys, and steps that are signed where no network is.

`meaning` says what a transaction does, from its own bytes; `step_file` carries it between machines; `founding` deploys the contracts and
describes them in a trust file; `overview` and `history` read what the chain says.
"""
