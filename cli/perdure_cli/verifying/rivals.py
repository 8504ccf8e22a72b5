"""A proof of two histories, verified: what is told of it, to people and to programs."""

from collections.abc import Iterator
from typing import Final

from perdure_anchor.hashes import checksum_address
from perdure_anchor.rivals import parse_rivals
from perdure_anchor.rivals_verdict import RivalsVerdict, SignedHistory
from perdure_anchor.rivals_words import rivals_words
from perdure_anchor.timestamp import MAX_SECONDS, format_seconds
from perdure_anchor.verify_rivals import verify_rivals

from perdure_cli.verifying.as_json import anchor_members, time_members
from perdure_cli.verifying.as_text import word_rows
from perdure_cli.verifying.formats import RIVALS
from perdure_cli.verifying.other_formats import OtherFormat, OtherOutcome


def _yes(outcome: OtherOutcome[RivalsVerdict], verdict: RivalsVerdict) -> str:
    return f"{verdict.origin.text} has signed two histories{', on a devnet' if outcome.on_devnet else ''}"


def _shown(_: OtherOutcome[RivalsVerdict], verdict: RivalsVerdict) -> Iterator[str]:
    return word_rows(rivals_words(verdict))


def _members(verdict: RivalsVerdict | None) -> dict[str, object]:
    return {
        "two_histories": None if verdict is None else verdict.two_histories,
        "site": None if verdict is None else verdict.origin.text,
        "checkpoints": [] if verdict is None else [_history_members(each) for each in verdict.histories],
        "rotations": [] if verdict is None else [checksum_address(key) for key in verdict.rotations],
        "validator_changes": [] if verdict is None else list(verdict.validator_changes),
        "who_must_have_lied": None if verdict is None else verdict.who_must_have_lied,
    }


def _history_members(history: SignedHistory) -> dict[str, object]:
    sealed_at = format_seconds(history.sealed_at) if history.sealed_at <= MAX_SECONDS else None
    return {
        "size": history.size,
        "root": history.root.hex(),
        "sealed_at": sealed_at,
        "signer": None if history.signer is None else checksum_address(history.signer),
        "key": history.key.value,
        "key_doubt": history.key_doubt,
        "anchor": None if history.anchor is None else anchor_members(history.anchor),
        "not_after": time_members(history.not_after),
    }


RIVALS_FORMAT: Final = OtherFormat(
    RIVALS,
    parse_rivals,
    verify_rivals,
    yes=_yes,
    no="it does not show that a site has signed two histories",
    shown=_shown,
    members=_members,
)
