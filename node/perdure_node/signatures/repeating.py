"""A check of signatures repeated, in ten years and without a network, from the document, the record and what the check rested on.

It is done as of the moment for which the record says that it was done, with the record's proven "not after" as proof that the
signature existed by then (ETSI EN 319 102-1, section 5.6). Nothing that is not named by the record's slot `signature` is looked at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import check_timestamp, format_seconds

from perdure_node.signatures.faults import (
    ChecksNotInstalled,
    ForeignMaterial,
    MaterialMissing,
    SignatureSlotHidden,
    SignatureSlotUnknown,
)
from perdure_node.signatures.material_store import named_material
from perdure_node.signatures.packages import can_check
from perdure_node.signatures.recognising import recognise
from perdure_node.signatures.signed_file import SignedFile
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import (
    SLOT_VERSION,
    DocumentCheck,
    Format,
    Indication,
    Material,
    MaterialKind,
    signature_slot,
)

_RAW: Final = (Format.ED25519, Format.RSA, Format.ECDSA)
_ETHEREUM: Final = (Format.EIP191, Format.EIP712)
# what a later moment changes for a signature that was good
_TOO_LATE: Final = frozenset(
    {
        "OUT_OF_BOUNDS_NO_POE",
        "EXPIRED",
        "REVOKED",
        "REVOKED_NO_POE",
        "REVOKED_CA_NO_POE",
        "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
    }
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a record says of its document's signatures: the slot `signature`, read."""

    format: Format
    verdict: str
    checked_at: str
    signatures: tuple[Mapping[str, JsonValue], ...]
    named: Mapping[Hash32, MaterialKind]
    revocation_as_of: str | None = None


@dataclass(frozen=True, slots=True)
class Repetition:
    """``check`` is None of ink on paper; ``differences`` are sentences about where it gives something else than the record says.

    ``own_anchors``: what was believed are the site's own trust anchors, as the record names them.
    """

    recorded: Recorded
    check: DocumentCheck | None
    own_anchors: bool
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_slot(slot: JsonValue) -> Recorded:
    """A disclosed slot `signature`; raises `SignatureSlotHidden` where it says nothing, and `SignatureSlotUnknown`."""
    if slot is None:
        raise SignatureSlotHidden(
            "the record says nothing of a signature, so there is nothing to hold against it",
            hint="`perdure check` looks whether the document is signed",
        )
    try:
        if not isinstance(slot, dict) or slot["v"] != SLOT_VERSION:
            raise SignatureSlotUnknown("the record's slot signature is of a version that is not known here")
        signatures = slot["signatures"]
        assert isinstance(signatures, list), "read below as what it is not"
        return Recorded(
            Format(slot["format"]),
            str(slot["verdict"]),
            check_timestamp(slot["checked_at"], "checked_at"),
            tuple(each for each in signatures if isinstance(each, dict)),
            named_material(slot),
            None if slot.get("revocation_as_of") is None else str(slot["revocation_as_of"]),
        )
    except (KeyError, ValueError, AssertionError, EncodingError):
        raise SignatureSlotUnknown(
            "the record's slot signature is of a form that is not known here"
        ) from None


def repeat_check(
    recorded: Recorded,
    document: SignedFile,
    files: Mapping[Hash32, bytes],
    trust: TrustAnchors | None,
    not_after: int | None,
) -> Repetition:
    """Check again; ``files`` by their SHA-256, ``trust`` None for the site's anchors, ``not_after`` as proven, seconds since 1970.

    Raises `ForeignMaterial`, `MaterialMissing`, `ChecksNotInstalled` or `DocumentUnreadable`.
    """
    if recorded.format is Format.WET_INK:
        told = (*_attested(recorded), *_passed_over(document))
        return Repetition(recorded, None, own_anchors=False, differences=tuple(_judged(recorded)), notes=told)
    material = _checked_material(recorded, files)
    own = trust is None and recorded.format not in _ETHEREUM
    believed = _site_anchors(material) if trust is None else trust
    moment = datetime.fromisoformat(recorded.checked_at)
    existed_by = None if not_after is None else datetime.fromtimestamp(not_after, UTC)
    again = _Again(recorded, document, material, believed)
    check = again.check(moment, existed_by)
    notes = list(again.later(check, moment, existed_by))
    # with answers of one's own it may be another time, and rightly so
    if trust is None or not (trust.crls or trust.ocsps):
        notes += _known_otherwise(recorded, check)
    return Repetition(recorded, check, own, tuple(_differences(recorded, check)), tuple(notes))


def _checked_material(recorded: Recorded, files: Mapping[Hash32, bytes]) -> tuple[Material, ...]:
    for digest in files:
        if digest not in recorded.named:
            raise ForeignMaterial(f"material: the record does not name the file {digest.hex()}")
    for digest, kind in recorded.named.items():
        if digest not in files:
            raise MaterialMissing(
                f"material: the {kind.value} {digest.hex()} is missing, on which the check rested",
                hint="`perdure prove --material` writes all of it beside the evidence; --material names the file",
            )
    return tuple(Material(kind, digest, files[digest]) for digest, kind in recorded.named.items())


def _site_anchors(material: tuple[Material, ...]) -> TrustAnchors:
    return TrustAnchors(anchors=tuple(each.octets for each in material if each.kind is MaterialKind.ANCHOR))


@dataclass(frozen=True, slots=True)
class _Again:
    """One document's check, as of any moment."""

    recorded: Recorded
    document: SignedFile
    material: tuple[Material, ...]
    trust: TrustAnchors

    def check(self, moment: datetime, existed_by: datetime | None) -> DocumentCheck:
        if self.recorded.format in _ETHEREUM:
            return self._ethereum()
        if not can_check():
            raise ChecksNotInstalled(
                "what checks signatures is not installed", hint="pip install 'perdure[signatures]'"
            )
        from perdure_node.signatures.checking import CheckRequest
        from perdure_node.signatures.workers import Checkers

        handed = self.document.handed()
        request = CheckRequest(
            handed, self._signature(), moment, self.material, existed_by, self._certificates()
        )
        with Checkers(self.trust) as checkers:
            check = checkers.check(request)
        self.document.check_same(handed)
        return check

    def later(self, check: DocumentCheck, moment: datetime, existed_by: datetime | None) -> Iterator[str]:
        """What of the result rests on the site's clock, since the signature is proven to have existed only later."""
        if existed_by is None or self.recorded.format in _ETHEREUM:
            return
        if moment > existed_by:
            yield f"the record says that it was checked at {self.recorded.checked_at}, which is after it was anchored"
            return
        if check.indication is not Indication.VALID:
            return
        proven = self.check(existed_by, existed_by)
        late = sorted({each.subindication or "" for each in proven.signatures} & _TOO_LATE)
        if late:
            yield (
                f"that it was valid at {self.recorded.checked_at} is by the site's clock: the anchor proves that it existed by "
                f"{format_seconds(int(existed_by.timestamp()))}, as of when it is {', '.join(late)}"
            )

    def _ethereum(self) -> DocumentCheck:
        from perdure_node.signatures.ethereum import check_ethereum, check_own_signature

        signature = self._signature()
        if signature is None:
            return check_own_signature(self.document, self.recorded.checked_at)
        return check_ethereum(self.document, signature, self.recorded.checked_at)

    def _signature(self) -> bytes | None:
        return next((each.octets for each in self.material if each.kind is MaterialKind.SIGNATURE), None)

    def _certificates(self) -> bytes | None:
        """The signer's, for a signature that does not say whose it is."""
        if self.recorded.format not in _RAW:
            return None
        signers = {str(each.get("certificate_sha256")) for each in self.recorded.signatures}
        own = (each.octets for each in self.material if each.sha256.hex() in signers)
        return next(own, b"")


def _differences(recorded: Recorded, check: DocumentCheck) -> Iterator[str]:
    """Where the two say something else, signature by signature."""
    slot = signature_slot(check)
    assert isinstance(slot, dict), "it is an object with members"
    again = slot["signatures"]
    assert isinstance(again, list), "it lists signatures"
    for what, want, got in (
        ("format", recorded.format.value, check.format.value),
        ("verdict", recorded.verdict, check.indication.text),
        ("number of signatures", len(recorded.signatures), len(again)),
    ):
        if want != got:
            yield f"{what}: the record says {want}, the check gives {got}"
    for number, (said_of, found_of) in enumerate(zip(recorded.signatures, again, strict=False), 1):
        assert isinstance(found_of, dict), "a signature is an object"
        for name in sorted(said_of.keys() | found_of.keys()):
            said, found = said_of.get(name), found_of.get(name)
            if said != found:
                yield f"signature {number}, {name}: the record says {said}, the check gives {found}"


def _attested(recorded: Recorded) -> Iterator[str]:
    for each in recorded.signatures:
        yield f"ink on paper, in which nothing can be checked: {each.get('attested_by')} attests it"


def _known_otherwise(recorded: Recorded, check: DocumentCheck) -> Iterator[str]:
    """What the record says of how fresh its knowledge about revocation was, where the files do not bear it out."""
    if recorded.revocation_as_of != check.revocation_as_of:
        said, found = (each or "not known" for each in (recorded.revocation_as_of, check.revocation_as_of))
        yield f"revocation as known on: the record says {said}, by the files that it names it is {found}"


def _passed_over(document: SignedFile) -> Iterator[str]:
    """A record can call a document ink on paper that has a signature which can be checked, and may be bad."""
    try:
        form = recognise(document.path)
    except OSError:
        form = None
    if form is not None:
        yield (
            f"the document has a digital signature ({form.value}), of which the record says nothing: `perdure check` looks at it"
        )


def _judged(recorded: Recorded) -> Iterator[str]:
    """Where a record judges ink on paper, which nobody can."""
    said = (recorded.verdict, *(str(each.get("verdict")) for each in recorded.signatures))
    if any(each != Indication.INDETERMINATE.text for each in said):
        yield f"verdict: the record says {', '.join(said)} of ink on paper, which can only be {Indication.INDETERMINATE.text}"
