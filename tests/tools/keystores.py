"""Keystores as other people's tools write them."""

import json

from eth_account import Account


def encrypt_key(private_key: bytes, passphrase: str) -> bytes:
    """An Ethereum keystore, version 3, cheap to open."""
    return json.dumps(Account.encrypt(private_key, passphrase, kdf="scrypt", iterations=2)).encode()
