"""What people compare of a credential: an account, or the beginning of a public key's SHA-256."""

from hashlib import sha256

from perdure_anchor.confirmation import Credential, KeyCredential
from perdure_anchor.hashes import checksum_address


def credential_text(credential: Credential) -> str:
    """A key by its account, a passkey by its key's digest."""
    if isinstance(credential, KeyCredential):
        return f"key {checksum_address(credential.address)}"
    return f"passkey {sha256(credential.public_key).hexdigest()[:32]}"
