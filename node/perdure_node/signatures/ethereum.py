"""Signatures by Ethereum accounts over a document: what wallets export (EIP-191, version 0x45), and typed data (EIP-712).

The file beside the document is JSON as MyEtherWallet and Etherscan write it: ``address``, ``msg``, ``sig``, ``version``, and maybe
``signer``; or ``address``, ``typedData``, ``sig``. What was signed must be the document: its bytes, or its SHA-256 or Keccak-256 as
text or as 32 bytes; of typed data, one of the signed values. A document that is itself typed data is signed as such; it may carry
``address`` and ``signature`` of its own. The signer is the address: whose it is, nobody but its owner can say.

Left out: messages around a digest, since what they say of it would have to be read; contracts' accounts (EIP-1271), which only a
chain can ask.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256, sha256
from perdure_anchor.secp256k1 import SignatureError, recover_address
from perdure_anchor.strict_json import JsonValue, parse_json, take_object, take_text

from perdure_node.signatures.faults import SignatureFileMalformed
from perdure_node.signatures.signed_file import SignedFile
from perdure_node.signatures.typed_data import KEYS, is_typed_data, read_typed_data
from perdure_node.signatures.verdicts import (
    DocumentCheck,
    Format,
    Indication,
    Material,
    MaterialKind,
    SignatureCheck,
)

# of the file with the signature, and of a document that is typed data
MAX_SIZE: Final = 256 * 1024
_PREFIX: Final = b"\x19Ethereum Signed Message:\n"
_ADDRESS: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{40})", re.ASCII)
_SIGNATURE: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}){64,65})", re.ASCII)
_HEX: Final = re.compile(r"0x((?:[0-9a-fA-F]{2})+)", re.ASCII)
_DIGEST: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
# before 2 wallets signed without a prefix what might have been a transaction
_VERSIONS: Final = ("2", "3")


class EthereumSignature(NamedTuple):
    """What a file says that was signed, and by whom. Without message and typed data: the document itself."""

    address: Address
    signature: bytes
    message: str | None = None
    typed_data: JsonValue = None


@dataclass(frozen=True, slots=True)
class _Said:
    """One way to read what was signed: the digest that was, what it covers of the document (None: nothing)."""

    digest: Hash32
    covers: str | None


def check_ethereum(document: SignedFile, raw: bytes, checked_at: str) -> DocumentCheck:
    """The check of a document with the file beside it; a file that is none gives an invalid signature.

    Raises `DocumentUnreadable`.
    """
    material = (Material(MaterialKind.SIGNATURE, sha256(raw), raw),)
    try:
        found = parse_signature_file(raw)
        form = _format(document, found)
        check = _judge(found, list(_readings(document, found)))
    except EncodingError as error:
        return DocumentCheck(Format.EIP191, (_malformed(error),), checked_at, None, material)
    return DocumentCheck(form, (check,), checked_at, None, material)


def check_own_signature(document: SignedFile, checked_at: str) -> DocumentCheck:
    """The check of typed data that carries its signature itself (`carries_signature`)."""
    try:
        members = take_object(
            parse_json(document.read() or b"", "document"), "document", (*KEYS, "address", "signature")
        )
        found = EthereumSignature(
            _address(members.pop("address")), _signature(members.pop("signature")), None, members
        )
        check = _judge(found, [_Said(read_typed_data(members).digest, "the whole document")])
    except EncodingError as error:
        check = _malformed(error)
    return DocumentCheck(Format.EIP712, (check,), checked_at, None, ())


def carries_signature(raw: bytes) -> bool:
    """Whether a document is typed data with a signature of its own."""
    try:
        value = parse_json(raw, "document")
    except EncodingError:
        return False
    return is_typed_data(value) and isinstance(value, dict) and {"address", "signature"} <= value.keys()


def parse_signature_file(raw: bytes) -> EthereumSignature:
    """The file beside a document; raises `SignatureFileMalformed` or a `JsonError`."""
    if len(raw) > MAX_SIZE:
        raise SignatureFileMalformed(f"signature file: {len(raw)} bytes, want {MAX_SIZE} at most")
    members = take_object(
        parse_json(raw, "signature file"),
        "signature file",
        ("address",),
        ("msg", "message", "sig", "signature", "version", "signer", "typedData", "hash"),
    )
    said = [members[key] for key in ("msg", "message") if key in members]
    made = [members[key] for key in ("sig", "signature") if key in members]
    if len(made) != 1 or len(said) + ("typedData" in members) > 1:
        raise SignatureFileMalformed(
            "signature file: want one signature, and one message or typed data at most"
        )
    if str(members.get("version", "2")) not in _VERSIONS:
        raise SignatureFileMalformed(
            "signature file: a version other than 2 and 3, whose messages had no prefix"
        )
    message = take_text(said[0], "message", MAX_SIZE) if said else None
    return EthereumSignature(
        _address(members["address"]), _signature(made[0]), message, members.get("typedData")
    )


def _address(value: JsonValue) -> Address:
    match = _ADDRESS.fullmatch(take_text(value, "address", 64))
    if match is None:
        raise SignatureFileMalformed("address: want 40 hexadecimal digits")
    return Address(bytes.fromhex(match[1]))


def _signature(value: JsonValue) -> bytes:
    """65 bytes, v 0 or 1; the compact form of EIP-2098 has its v in the highest bit of s."""
    match = _SIGNATURE.fullmatch(take_text(value, "signature", 4096))
    if match is None:
        raise SignatureFileMalformed(
            "signature: want 65 bytes in hexadecimal",
            hint="what a contract's account signs cannot be checked",
        )
    octets = bytes.fromhex(match[1])
    if len(octets) == 64:
        s = octets[32] & 0x7F
        return octets[:32] + bytes([s]) + octets[33:] + bytes([octets[32] >> 7])
    return octets[:64] + bytes([octets[64] - 27 if octets[64] in (27, 28) else octets[64]])


def _format(document: SignedFile, found: EthereumSignature) -> Format:
    typed = found.typed_data is not None or (found.message is None and _typed_document(document) is not None)
    return Format.EIP712 if typed else Format.EIP191


def _readings(document: SignedFile, found: EthereumSignature) -> Iterator[_Said]:
    """Each way to read what was signed."""
    if found.typed_data is not None:
        typed = read_typed_data(found.typed_data)
        named = next(filter(None, (_digest_of(document, text) for text in sorted(typed.texts))), None)
        yield _Said(
            typed.digest, "its signed values name " + named if named else _as_document(document, found)
        )
    elif found.message is not None:
        for octets in _octets_of(found.message):
            yield _Said(_personal(octets), _covers(document, octets))
    else:
        if (own := _typed_document(document)) is not None:
            yield _Said(read_typed_data(own).digest, "the whole document")
        yield _Said(document.keccak256(_PREFIX + str(document.size).encode()), "the whole document")
        for name, digest in _named_digests(document):
            for octets in (digest.hex().encode(), b"0x" + digest.hex().encode(), digest):
                yield _Said(_personal(octets), f"the document's {name}")


def _octets_of(message: str) -> Iterator[bytes]:
    """Wallets take hexadecimal for bytes, but not all of them do."""
    if hexadecimal := _HEX.fullmatch(message):
        yield bytes.fromhex(hexadecimal[1])
    yield message.encode()


def _covers(document: SignedFile, octets: bytes) -> str | None:
    if len(octets) == document.size and sha256(octets) == document.sha256:
        return "the whole document"
    if len(octets) == 32:
        return _digest_of(document, octets.hex())
    return _digest_of(document, octets.decode(errors="replace")) if len(octets) <= 66 else None


def _digest_of(document: SignedFile, text: str) -> str | None:
    """Which of the document's digests a text is."""
    match = _DIGEST.fullmatch(text)
    if match is None:
        return None
    octets = bytes.fromhex(match[1])
    return next(
        (f"the document's {name}" for name, digest in _named_digests(document) if digest == octets), None
    )


def _named_digests(document: SignedFile) -> Iterator[tuple[str, bytes]]:
    yield "SHA-256", document.sha256
    yield "Keccak-256", document.keccak256()


def _typed_document(document: SignedFile) -> JsonValue:
    """The document if it is typed data and nothing else."""
    if document.size > MAX_SIZE:
        return None
    try:
        value = parse_json(document.read() or b"", "document")
    except EncodingError:
        return None
    return value if is_typed_data(value) else None


def _as_document(document: SignedFile, found: EthereumSignature) -> str | None:
    return "the whole document" if _typed_document(document) == found.typed_data else None


def _personal(message: bytes) -> Hash32:
    return keccak256(_PREFIX + str(len(message)).encode() + message)


def _judge(found: EthereumSignature, readings: list[_Said]) -> SignatureCheck:
    """The reading that is signed by the address, best one that is the document."""
    signed = [said for said in readings if _is_signed(found, said.digest)]
    covered = next((said.covers for said in signed if said.covers), None)
    if covered is not None:
        return _check(found, Indication.VALID, None, None, covered)
    if signed:
        return _check(
            found,
            Indication.INVALID,
            "HASH_FAILURE",
            "it was made over something else than this document",
            None,
        )
    return _check(
        found, Indication.INVALID, "SIG_CRYPTO_FAILURE", "it was not made by the key of this address", None
    )


def _is_signed(found: EthereumSignature, digest: Hash32) -> bool:
    # a high s gives each signature a second form that nobody made: EIP-2, which wallets follow
    if int.from_bytes(found.signature[32:64]) > _HALF_ORDER:
        return False
    try:
        return recover_address(digest, found.signature) == found.address
    except SignatureError:
        return False


def _check(
    found: EthereumSignature,
    indication: Indication,
    subindication: str | None,
    reason: str | None,
    covers: str | None,
) -> SignatureCheck:
    return SignatureCheck(
        signer=checksum_address(found.address),
        certificate_sha256=None,
        indication=indication,
        subindication=subindication,
        reason=reason,
        claimed_at=None,
        time_stamped_at=None,
        level=None,
        covers=covers,
    )


def _malformed(error: EncodingError) -> SignatureCheck:
    return SignatureCheck(
        None, None, Indication.INVALID, "FORMAT_FAILURE", str(error), None, None, None, None
    )
