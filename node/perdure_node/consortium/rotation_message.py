"""``perdure-key-rotation/1``: the old key's signed rotation as a file, for whoever brings it to the registry.

Nobody who carries it can alter it: the signature binds the site, the new key, the grace period and the turn to one registry on one
chain. Whoever keeps it back delays it; once another change of the site's keys has come first it is worth nothing.
"""

from dataclasses import dataclass
from typing import Final

from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, checksum_address, parse_hex, to_hex
from perdure_anchor.key_rotation import MAX_GRACE_PERIOD, KeyRotation, recover_key_rotation_signer
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.strict_json import encode_pretty, parse_json, take_integer, take_object
from perdure_anchor.typed_data import RegistryDomain

FORMAT: Final = "perdure-key-rotation/1"
MAX_MESSAGE_SIZE: Final = 4096


class RotationMessageMalformed(EncodingError):
    """The file is no signed rotation, or one of another site."""


@dataclass(frozen=True, slots=True)
class RotationMessage:
    """``signer`` is whose key signed it: the registry takes it if that is the site's key, in its turn."""

    rotation: KeyRotation
    signature: bytes
    signer: Address


def encode_rotation_message(origin: Origin, rotation: KeyRotation, signature: bytes) -> bytes:
    """The file's bytes."""
    return encode_pretty(
        {
            "format": FORMAT,
            "origin": origin.text,
            "new_key": checksum_address(rotation.new_key),
            "grace_period": rotation.grace_period,
            "nonce": rotation.nonce,
            "signature": to_hex(signature),
        }
    )


def parse_rotation_message(raw: bytes, domain: RegistryDomain, origin: Origin) -> RotationMessage:
    """The rotation of the site ``origin`` in a file; raises `EncodingError` or `SignatureError`."""
    if len(raw) > MAX_MESSAGE_SIZE:
        raise RotationMessageMalformed(f"key rotation: longer than {MAX_MESSAGE_SIZE} bytes")
    keys = ("format", "origin", "new_key", "grace_period", "nonce", "signature")
    members = take_object(parse_json(raw, "key rotation"), "key rotation", keys)
    if members["format"] != FORMAT:
        raise RotationMessageMalformed(f"key rotation: want the format {FORMAT}")
    if members["origin"] != origin.text:
        raise RotationMessageMalformed(f"key rotation: of another site than {origin.text}")
    rotation = KeyRotation(
        site=origin.site,
        new_key=Address(parse_hex(members["new_key"], 20, "new_key")),
        grace_period=take_integer(members["grace_period"], "grace_period", MAX_GRACE_PERIOD),
        nonce=take_integer(members["nonce"], "nonce"),
    )
    signature = parse_hex(members["signature"], SIGNATURE_SIZE, "signature")
    return RotationMessage(rotation, signature, recover_key_rotation_signer(domain, rotation, signature))
