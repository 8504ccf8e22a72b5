"""An Ethereum wallet that signs a document's SHA-256, and exports it as MyEtherWallet and its kin do."""

import json
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from perdure_anchor.hashes import sha256

ADA: Any = Account.from_key(bytes([7]) * 32)


def signed_message(message: str, version: str = "2") -> bytes:
    """The export of a signed text; ``version`` 3 signs the same, and is told apart in the file only."""
    signed = ADA.sign_message(encode_defunct(text=message)).signature.hex()
    members = {
        "address": ADA.address,
        "msg": message,
        "sig": f"0x{signed.removeprefix('0x')}",
        "version": version,
    }
    return json.dumps(members).encode()


def wallet_export(content: bytes, version: str = "2") -> bytes:
    """The export of a signature under a document's digest."""
    return signed_message(sha256(content).hex(), version)
