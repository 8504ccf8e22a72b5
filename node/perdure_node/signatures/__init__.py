"""Signatures in and beside documents, checked without a network when a record is made, and again when it is verified.

What is found out goes into the record's slot `signature` (SPEC.md, section 15), with the digests of all that it rests on.
"""
