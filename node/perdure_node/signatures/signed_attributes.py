"""The attributes that a CMS signature signs, offered as a document of their own.

What the key signs is either the document, or attributes that hold its digest (RFC 5652, section 5.4), and nothing in the signature says
which. Who takes the attributes out of a genuine signature has the signer's signature over their bytes, in DER, as over a document without
attributes. No document that anybody means begins so, hence such a one is not taken for signed. The other way round, a signer who
signed such bytes as a document, cannot be seen in what comes of it.
"""

from typing import Any, BinaryIO, Final

from asn1crypto import cms, core

# attributes may carry revocation answers
MAX_ATTRIBUTES: Final = 16 << 20
_SET: Final = b"\x31"
_IN_EACH: Final = frozenset({"content_type", "message_digest"})
OBJECTION: Final = (
    "HASH_FAILURE",
    "what was signed are the attributes of a signature on another document, not a document",
)


def are_attributes(content: bytes) -> bool:
    """Whether bytes are what a signature signs that has attributes: a SET OF Attribute with both that it must have."""
    if content[:1] != _SET or len(content) > MAX_ATTRIBUTES:
        return False
    try:
        attributes = cms.CMSAttributes.load(content, strict=True)
        return {str(each["type"].native) for each in attributes} >= _IN_EACH
    except (ValueError, TypeError, KeyError, OverflowError):
        return False


def hold_attributes(document: BinaryIO) -> bool:
    """The same of a document, which is read from its begin, and no further than is needed. Raises `OSError`."""
    document.seek(0)
    if document.read(1) != _SET:
        return False
    return are_attributes(_SET + document.read(MAX_ATTRIBUTES))


def signs_content(signed_data: Any) -> bool:
    """Whether a signature with one signer is one over the document itself, without attributes."""
    (signer_info,) = signed_data["signer_infos"]
    return isinstance(signer_info["signed_attrs"], core.Void)


def lacks_attributes(signed_data: Any) -> bool:
    """Whether a signature with one signer has attributes, but not both that have to be among them (RFC 5652, section 5.3)."""
    (signer_info,) = signed_data["signer_infos"]
    return (
        not signs_content(signed_data)
        and not {str(each["type"].native) for each in signer_info["signed_attrs"]} >= _IN_EACH
    )


def is_plain(signed_data: Any) -> bool:
    """Whether what is signed says of itself to be nothing but data; only that may do without attributes (RFC 5652, section 5.3)."""
    return bool(signed_data["encap_content_info"]["content_type"].native == "data")
