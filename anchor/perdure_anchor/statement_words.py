"""A verdict on a statement in words for people, as in `perdure_anchor.verdict_words`. Nothing here judges.

Values of slots are untrusted text: whoever shows a line escapes it.
"""

from collections.abc import Iterator

from perdure_anchor.hashes import Hash32
from perdure_anchor.slot_words import claim_lines
from perdure_anchor.statement_verdict import StatedLeaf, StatementVerdict
from perdure_anchor.verdict import Grade
from perdure_anchor.verdict_words import KEY_WORDS, Words, grade_words, time_lines

# shown in lines of their own, or nothing that a reader of a list looks for
_SHOWN_ELSEWHERE = ("document_sha256", "supersedes", "after")
_IN_LINES = ("late", "signature", "confirmation")


def statement_words(verdict: StatementVerdict, *, devnet: bool, clock_allowance: int) -> Iterator[Words]:
    """What the statement shows, and who must have lied for it to be false; ``clock_allowance`` in seconds."""
    checkpoint = verdict.checkpoint
    if verdict.complete:
        yield Words("complete", tuple(_complete(verdict)))
    yield Words("grade", (grade_words(checkpoint, devnet=devnet),))
    yield Words("false only by", (checkpoint.who_must_have_lied,))
    if verdict.grade is not None and verdict.grade >= Grade.SIGNED:
        yield Words("key", (KEY_WORDS[checkpoint.key],))
        if checkpoint.key_doubt is not None:
            yield Words("key in doubt", (checkpoint.key_doubt,))
    if checkpoint.anchor is not None:
        anchor = checkpoint.anchor
        yield Words("anchored", (f"in block {anchor.block_number}, 0x{anchor.block_hash.hex()}",))
        yield Words("not after", tuple(time_lines(checkpoint.not_after, clock_allowance)))


def leaf_words(verdict: StatementVerdict) -> Iterator[Words]:
    """Each leaf: which document it is about, what the site claims of it, and which supersedes which."""
    places = {leaf.leaf_hash: leaf.index for leaf in verdict.leaves}
    for leaf in verdict.leaves:
        yield Words(f"leaf {leaf.index}", tuple(_leaf(leaf, places)))


def _complete(verdict: StatementVerdict) -> Iterator[str]:
    count = verdict.end - verdict.begin
    leaves = f"leaf {verdict.begin} is" if count == 1 else f"leaves {verdict.begin} to {verdict.end - 1} are"
    yield f"{leaves} all there {'is' if count == 1 else 'are'} in this stretch of the log of {verdict.origin.text}"
    yield f"{count} of {verdict.size}: nothing between them was left out, put in or exchanged"
    superseded = sum(bool(leaf.superseded_by) for leaf in verdict.leaves)
    if superseded:
        yield f"{superseded} of them {'is' if superseded == 1 else 'are'} superseded by others of them"


def _leaf(leaf: StatedLeaf, places: dict[Hash32, int]) -> Iterator[str]:
    if not leaf.is_shown:
        yield f"erased or hidden, leaf hash {leaf.leaf_hash.hex()}"
    else:
        document = leaf.disclosed.get("document_sha256")
        yield "its document is hidden" if document is None else f"document {document}"
        yield from _claims(leaf)
        yield f"leaf hash {leaf.leaf_hash.hex()}"
    if leaf.supersedes is not None:
        place = places.get(leaf.supersedes)
        yield (
            f"supersedes {leaf.supersedes.hex()}, none of these leaves"
            if place is None
            else f"supersedes leaf {place}"
        )
    if leaf.superseded_by:
        yield f"superseded by leaf {', '.join(map(str, leaf.superseded_by))}"


def _claims(leaf: StatedLeaf) -> Iterator[str]:
    """What fits beside others in one line, then what takes lines of its own."""
    told = {
        name: tuple(claim_lines(name, value))
        for name, value in leaf.disclosed.items()
        if value is not None and name not in _SHOWN_ELSEWHERE
    }
    if short := [f"{name} {lines[0]}" for name, lines in told.items() if name not in _IN_LINES]:
        yield f"claimed: {'; '.join(short)}"
    for name in _IN_LINES:
        if name in told:
            first, *others = told[name]
            yield f"claimed {name}: {first}"
            yield from others
