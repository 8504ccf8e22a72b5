"""perdure_anchor: the proof library of Perdure.

Pure functions over bytes: records, the RFC 9162 log, checkpoints, headers, seals, receipts, evidence and their
verification. No I/O, no clock, no randomness; the few dependencies are a keccak and libsecp256k1. The normative text is
``anchor/SPEC.md``.
"""
