"""A statement that a stretch of a log is complete, verified: what is told of it, to people and to programs."""

from collections.abc import Iterator
from typing import Final

from perdure_anchor.hashes import Hash32
from perdure_anchor.statement import parse_statement
from perdure_anchor.statement_verdict import StatedLeaf, StatementVerdict
from perdure_anchor.statement_words import leaf_words, statement_words
from perdure_anchor.verify_statement import verify_statement

from perdure_cli.output import line
from perdure_cli.verifying.as_json import anchor_members, time_members
from perdure_cli.verifying.as_text import word_rows
from perdure_cli.verifying.formats import STATEMENT
from perdure_cli.verifying.other_formats import OtherFormat, OtherOutcome


def _yes(outcome: OtherOutcome[StatementVerdict], verdict: StatementVerdict) -> str:
    last = verdict.end - 1
    leaves = f"leaf {last}" if verdict.begin == last else f"leaves {verdict.begin} to {last}"
    where = f"in this stretch of its log of {verdict.size}{', on a devnet' if outcome.on_devnet else ''}"
    # complete is not shown: what a leaf that discloses nothing says, or supersedes, nobody can see
    count = len(verdict.unshown)
    bare = f"; {count} of them hidden or erased" if count else ""
    return f"{leaves} of {verdict.origin.text} are all there are {where}{bare}"


def _shown(outcome: OtherOutcome[StatementVerdict], verdict: StatementVerdict) -> Iterator[str]:
    words = statement_words(verdict, devnet=outcome.on_devnet, clock_allowance=outcome.clock_allowance)
    yield from word_rows(words)
    yield line(" the leaves, with what the site claims of each")
    yield from word_rows(leaf_words(verdict))


def _members(verdict: StatementVerdict | None) -> dict[str, object]:
    checkpoint = None if verdict is None else verdict.checkpoint
    anchor = None if checkpoint is None else checkpoint.anchor
    return {
        "complete": None if verdict is None else verdict.complete,
        "grade": None if verdict is None or verdict.grade is None else verdict.grade.text,
        "site": None if verdict is None else verdict.origin.text,
        "begin": None if verdict is None else verdict.begin,
        "end": None if verdict is None else verdict.end,
        "size": None if verdict is None else verdict.size,
        "leaves": [] if verdict is None else _leaves_members(verdict),
        "key": None if checkpoint is None else checkpoint.key.value,
        "key_doubt": None if checkpoint is None else checkpoint.key_doubt,
        "anchor": None if anchor is None else anchor_members(anchor),
        "not_after": None if checkpoint is None else time_members(checkpoint.not_after),
        "validator_changes": [] if checkpoint is None else list(checkpoint.validator_changes),
        "who_must_have_lied": None if checkpoint is None else checkpoint.who_must_have_lied,
    }


def _leaves_members(verdict: StatementVerdict) -> list[dict[str, object]]:
    places = {leaf.leaf_hash: leaf.index for leaf in verdict.leaves}
    return [_leaf_members(leaf, places) for leaf in verdict.leaves]


def _leaf_members(leaf: StatedLeaf, places: dict[Hash32, int]) -> dict[str, object]:
    return {
        "index": leaf.index,
        "leaf_hash": leaf.leaf_hash.hex(),
        "shown": leaf.is_shown,
        "disclosed": dict(leaf.disclosed),
        "supersedes": None if leaf.supersedes is None else leaf.supersedes.hex(),
        "supersedes_index": None if leaf.supersedes is None else places.get(leaf.supersedes),
        "superseded_by": list(leaf.superseded_by),
    }


STATEMENT_FORMAT: Final = OtherFormat(
    STATEMENT,
    parse_statement,
    verify_statement,
    yes=_yes,
    no="it does not show that these leaves are all there are",
    shown=_shown,
    members=_members,
)
