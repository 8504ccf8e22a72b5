"""perdure_devnet: a small permissioned chain in one process, with the headers and seals of Besu's QBFT.

It executes contracts on py-evm and speaks Ethereum's JSON-RPC, so that the rest of Perdure is built and shown against the
interfaces of a real chain. One process holds all validators' keys: what it seals proves nothing to anybody, and its trust
file says so.
"""

import os

# read once, when eth-hash is first imported; its own choice, pycryptodome, is seven times as slow
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
