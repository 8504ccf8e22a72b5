"""CMS signatures beside or around a document (``.p7s``, ``.p7m``: CAdES), and signed messages (S/MIME, RFC 8551)."""

import hashlib
from typing import Any, BinaryIO, Final

from asn1crypto import cms, core
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter

from perdure_node.signatures.cms_check import Examiner, by_signer
from perdure_node.signatures.errors import AlgorithmUnknown, DocumentMissing, MalformedSignature, TooMuch
from perdure_node.signatures.message import signed_parts
from perdure_node.signatures.outcomes import NOT_INTACT, Subject
from perdure_node.signatures.signed_attributes import (
    OBJECTION,
    are_attributes,
    hold_attributes,
    signs_content,
)
from perdure_node.signatures.verdicts import SignatureCheck

_CHUNK: Final = 1 << 20
_MAX_SIGNERS: Final = 64
_DIGESTS: Final = frozenset(
    {
        "md5",
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "sha512_256",
        "sha3_224",
        "sha3_256",
        "sha3_384",
        "sha3_512",
    }
)
_OTHER_DOCUMENT: Final = ("HASH_FAILURE", "the signature holds another document than the one beside it")


def check_detached(document: BinaryIO, signature: bytes, examiner: Examiner) -> tuple[SignatureCheck, ...]:
    """A signature that lies beside its document, which is read in pieces.

    It may hold a document itself, as a ``.p7m`` does: what counts is whether that is the one beside it.

    Raises `MalformedSignature`, `AlgorithmUnknown` or `TooMuch`.
    """
    signed_data = parse_signed_data(signature)
    signers = _signers(signed_data)
    content = signed_data["encap_content_info"]["content"]
    if not _is_void(content):
        held = bytes(content)
        is_same = _hashed(document, {"sha256"})["sha256"] == hashlib.sha256(held).digest()
        objection = None if is_same else _OTHER_DOCUMENT
        return tuple(
            examiner.signature(
                _subject(each, None, "the whole file", objection, substituted=are_attributes(held))
            )
            for each in signers
        )
    digests = _hashed(document, {_digest_name(each) for each in signers})
    substituted = hold_attributes(document)
    return tuple(
        examiner.signature(
            _subject(each, digests[_digest_name(each)], "the whole file", substituted=substituted)
        )
        for each in signers
    )


def check_attached(octets: bytes, examiner: Examiner) -> tuple[SignatureCheck, ...]:
    """A document inside its signature. Raises `DocumentMissing` if it is not."""
    signed_data = parse_signed_data(octets)
    content = signed_data["encap_content_info"]["content"]
    if _is_void(content):
        raise DocumentMissing("the signature is detached: the document that was signed is not in it")
    substituted = are_attributes(bytes(content))
    return tuple(
        examiner.signature(_subject(each, None, "the document inside", substituted=substituted))
        for each in _signers(signed_data)
    )


def check_message(octets: bytes, examiner: Examiner) -> tuple[SignatureCheck, ...]:
    """A signed e-mail, whichever of the two kinds."""
    contents, signature = signed_parts(octets)
    if not contents:
        return check_attached(signature, examiner)
    return tuple(_check_part(contents, each, examiner) for each in _signers(parse_signed_data(signature)))


def _check_part(contents: tuple[bytes, ...], signed_data: Any, examiner: Examiner) -> SignatureCheck:
    """One signer's: by the first of the contents that he signed, else as it is found for the first."""
    name = _digest_name(signed_data)
    checks = (
        examiner.signature(
            _subject(
                signed_data,
                hashlib.new(name, content).digest(),
                "the message's signed part",
                substituted=are_attributes(content),
            )
        )
        for content in contents
    )
    first = next(checks)
    if first.subindication not in NOT_INTACT:
        return first
    return next((each for each in checks if each.subindication not in NOT_INTACT), first)


def _subject(
    signed_data: Any,
    digest: bytes | None,
    covers: str,
    objection: tuple[str, str] | None = None,
    *,
    substituted: bool,
) -> Subject:
    """What is examined; ``substituted`` where the document is the attributes of a signature, which nobody signs by themselves."""
    if substituted and signs_content(signed_data):
        objection = OBJECTION
    return Subject(signed_data, digest, None, _level(signed_data), covers, objection)


def parse_signed_data(octets: bytes) -> Any:
    """The SignedData of a CMS file in DER, PEM or base64. Raises `MalformedSignature`."""
    from perdure_node.signatures.message import unwrapped

    try:
        info = cms.ContentInfo.load(unwrapped(octets), strict=True)
        if info["content_type"].native != "signed_data":
            raise MalformedSignature(f"want a signature, got {info['content_type'].native}")
        return info["content"]
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise MalformedSignature("the signature is no CMS that can be parsed") from error


def _is_void(content: Any) -> bool:
    return content is core.VOID or isinstance(content, core.Void)


def _signers(signed_data: Any) -> list[Any]:
    count = len(signed_data["signer_infos"])
    if not count:
        raise MalformedSignature("nobody signed it: it holds only certificates")
    if count > _MAX_SIGNERS:
        raise TooMuch(f"{count} signers, want {_MAX_SIGNERS} at most")
    return list(by_signer(signed_data))


def _digest_name(signed_data: Any) -> str:
    name = str(signed_data["signer_infos"][0]["digest_algorithm"]["algorithm"].native)
    if name not in _DIGESTS:
        raise AlgorithmUnknown(f"the hash {name[:40]} is not known here")
    return name


def _hashed(document: BinaryIO, names: set[str]) -> dict[str, bytes]:
    """The document's digests, reading it once."""
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    while chunk := document.read(_CHUNK):
        for digest in digests.values():
            digest.update(chunk)
    return {name: digest.digest() for name, digest in digests.items()}


def _level(signed_data: Any) -> str:
    signer_info = signed_data["signer_infos"][0]
    return "B-B" if next(extract_tst_data_iter(signer_info, signed=False), None) is None else "B-T"
