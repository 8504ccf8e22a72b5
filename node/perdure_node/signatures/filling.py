"""What a check of a document's signatures fills into its record, beside what its owner says: his words win, and a difference is told."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from perdure_anchor.slot_values import MAX_SIGNERS, MAX_TEXT

from perdure_node.details import Signer
from perdure_node.documents import DocumentFacts
from perdure_node.intake import Details
from perdure_node.signatures.looking import Look
from perdure_node.signatures.verdicts import Format, Indication, SignatureCheck

# what a document of each format is, where its name does not tell
_MEDIA_TYPES: Final = {Format.PADES: "application/pdf", Format.SMIME: "message/rfc822"}


@dataclass(frozen=True, slots=True)
class Filled:
    """A document and what is said of it, filled in; ``differences`` are sentences about where a signature says something else."""

    document: DocumentFacts
    details: Details
    differences: tuple[str, ...] = ()


def filled_in(document: DocumentFacts, details: Details, look: Look) -> Filled:
    """Signers, time and media type as the signatures say them, wherever nothing was said of them.

    Of signatures that are invalid nothing is taken: anybody can have written what they say.
    """
    check = look.check
    if check is None:
        return Filled(document, details)
    meant = [each for each in check.signatures if each.indication is not Indication.INVALID]
    signers = tuple(dict.fromkeys(filter(None, map(_signer, meant))))[:MAX_SIGNERS]
    signed_at = _newest(meant)
    filled = replace(
        details,
        signers=tuple(_completed(said, signers) for said in details.signers) or signers,
        signed_at=details.signed_at or signed_at,
    )
    media_type = document.media_type or _MEDIA_TYPES.get(check.format)
    differences = (*_other_signers(details, signers), *_other_time(details, signed_at))
    return Filled(replace(document, media_type=media_type), filled, differences)


def _newest(checks: list[SignatureCheck]) -> str | None:
    """When it was signed last: each signature by its time stamp where it has one, else as its signer claims."""
    times = [text for each in checks if (text := each.time_stamped_at or each.claimed_at)]
    return max(times, key=datetime.fromisoformat, default=None)


def _signer(check: SignatureCheck) -> Signer | None:
    if not check.signer:
        return None
    return Signer(
        check.signer[:MAX_TEXT],
        _shortened(check.signer_id),
        _shortened(check.organization),
        check.certificate_sha256,
    )


def _shortened(text: str | None) -> str | None:
    return text[:MAX_TEXT] if text else None


def _completed(said: Signer, signers: tuple[Signer, ...]) -> Signer:
    """A signer as the owner names him, with what his certificate tells beyond that."""
    known = next((each for each in signers if _same(said, each)), None)
    if known is None:
        return said
    return Signer(
        said.name, said.id or known.id, said.organization or known.organization, known.certificate_sha256
    )


def _same(one: Signer, other: Signer) -> bool:
    """Whether a name or an id is common to both, and no two ids are different."""
    if one.id and other.id and "@" in one.id and "@" in other.id:
        return one.id.casefold() == other.id.casefold()
    return not _names(one).isdisjoint(_names(other))


def _names(signer: Signer) -> set[str]:
    return {text.casefold() for text in (signer.name, signer.id) if text}


def _other_signers(details: Details, signers: tuple[Signer, ...]) -> Iterator[str]:
    said = details.signers
    if not said or not signers:
        return
    alone = [each for each in said if not any(_same(each, other) for other in signers)]
    missing = [other for other in signers if not any(_same(each, other) for each in said)]
    if alone or missing:
        yield f"signers: you say {_listed(said)}; by the signatures they are {_listed(signers)}"


def _listed(signers: tuple[Signer, ...]) -> str:
    return ", ".join(each.name if each.id is None else f"{each.name} <{each.id}>" for each in signers)


def _other_time(details: Details, signed_at: str | None) -> Iterator[str]:
    if details.signed_at is None or signed_at is None:
        return
    if datetime.fromisoformat(details.signed_at) != datetime.fromisoformat(signed_at):
        yield f"signed at: you say {details.signed_at}; by the signatures it is {signed_at}"
