"""What `perdure verify` does around `perdure_anchor.verify.verify`: find files, match them, choose trust, tell the verdict.

Nothing here judges evidence, and nothing here imports more than the base dependencies bring.
"""
