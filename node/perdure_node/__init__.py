"""Perdure's node: a site's vault, and the way of its checkpoints to the chain and of the evidence back.

Nothing here prints or reads the clock by itself. What needs the network or heavy libraries (`sync`, `registration`, `keystore`)
is imported by whoever calls it.
"""
