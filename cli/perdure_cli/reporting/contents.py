"""A report: the outcomes it is made of, what is attached, when it was made and by what."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import sha256
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict import Grade

from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.outcome import Outcome

# what one report attaches at most: more is a folder of evidence, not a paper
MAX_PIECES: Final = 1000
MAX_ATTACHED: Final = 128 * 1024 * 1024

_UNFIT_FOR_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


class ReportTooLarge(ConfigError):
    """More evidence than one report can hold."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence: what the verifier says of it, and its bytes, None where they could not be read."""

    outcome: Outcome
    raw: bytes | None

    @property
    def sha256(self) -> str | None:
        return None if self.raw is None else sha256(self.raw).hex()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the report; its name is made of harmless characters."""

    name: str
    raw: bytes
    media_type: str
    about: str


@dataclass(frozen=True, slots=True)
class Report:
    """``made_at`` in seconds, by the clock of whoever made it; ``version`` of perdure."""

    pieces: tuple[Piece, ...]
    without_evidence: tuple[Outcome, ...]
    require: Grade
    clock_allowance: int
    made_at: int
    version: str

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return (*(piece.outcome for piece in self.pieces), *self.without_evidence)

    @property
    def trusts(self) -> tuple[TrustSource, ...]:
        """The trust files that were believed, each once."""
        found = {outcome.trust.raw: outcome.trust for outcome in self.outcomes if outcome.trust is not None}
        return tuple(found.values())

    @property
    def made_at_text(self) -> str:
        return format_seconds(self.made_at)

    @property
    def identifier(self) -> str:
        """By which the report is told from others: of all that goes into it, 16 hexadecimal digits in groups."""
        parts = [self.version, self.made_at_text, self.require.text, str(self.clock_allowance)]
        for outcome in self.outcomes:
            parts += [outcome.file, *outcome.documents, str(outcome.exit_code)]
        parts += [str(piece.sha256) for piece in self.pieces]
        parts += [source.digest for source in self.trusts]
        digits = sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hex()[:16]
        return " ".join(digits[at : at + 4] for at in range(0, 16, 4))

    def attachments(self) -> tuple[Attachment, ...]:
        """All files that were verified, and the trust files that were believed; raises `ReportTooLarge`."""
        attached = tuple(self._attachments())
        if len(self.pieces) > MAX_PIECES or sum(len(each.raw) for each in attached) > MAX_ATTACHED:
            raise ReportTooLarge(
                f"a report holds up to {MAX_PIECES} pieces of evidence and {MAX_ATTACHED // 1024**2} MiB of them",
                hint="make several reports",
            )
        return attached

    def _attachments(self) -> Iterator[Attachment]:
        names = [_ending(harmless_name(piece.outcome.file), ".evidence.json") for piece in self.pieces]
        often = Counter(name.lower() for name in names)
        for number, (name, piece) in enumerate(zip(names, self.pieces, strict=True), 1):
            if piece.raw is not None:
                own = name if often[name.lower()] == 1 else f"{number:04}-{name}"
                yield Attachment(own, piece.raw, "application/json", f"evidence {number} of this report")
        for source in self.trusts:
            name = f"trust-{source.digest[:16]}.json"
            yield Attachment(name, source.raw, "application/json", "the trust file that was believed")


def harmless_name(file: str) -> str:
    """The last part of a file's name, of letters, digits and ``._-`` only, and not long."""
    plain = _UNFIT_FOR_NAME.sub("_", os.path.basename(file)).strip("._") or "evidence"  # noqa: PTH119  # a name, not a path
    return plain[-80:]


def _ending(name: str, ending: str) -> str:
    return name if name.endswith(ending) else name.removesuffix(".json") + ending
