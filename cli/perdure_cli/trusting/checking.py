"""What a live chain says of a trust file, as people and as programs read it."""

from collections.abc import Mapping, Sequence
from typing import Final

from perdure_anchor.hashes import checksum_address
from perdure_node.trust_check import Answer, Comparison, Outcome, Predecessor

from perdure_cli.exit_codes import ANSWER_IS_NO, COULD_NOT_FIND_OUT, DONE
from perdure_cli.output import print_line, print_row, tell
from perdure_cli.trust_store import TrustSource, TrustStore
from perdure_cli.trusting.as_text import title

# seconds for which a silent node can hold up one question
PATIENCE: Final = 30.0

_EXIT_CODES: Final[Mapping[Answer, int]] = {
    Answer.AGREES: DONE,
    Answer.DIFFERS: ANSWER_IS_NO,
    Answer.UNKNOWN: COULD_NOT_FIND_OUT,
}
_STYLES: Final[Mapping[Outcome, str | None]] = {
    Outcome.OK: None,
    Outcome.DIFFERS: "red",
    Outcome.NOT_CHECKED: "yellow",
}


def predecessor(source: TrustSource, store: TrustStore) -> Predecessor | None:
    """The version that the file names as the one before it, if this user has it pinned."""
    found = store.by_digest(source.trust.predecessor)
    return None if found is None else Predecessor(found.digest, found.trust)


def exit_code_of(answer: Answer) -> int:
    """0 for a file that agrees, 1 for one that differs, 3 where an essential field could not be checked."""
    return _EXIT_CODES[answer]


def print_head(source: TrustSource, node: str) -> None:
    """Which file, and who was asked."""
    print_line(title(source))
    print_row("fingerprint", source.fingerprint)
    print_row("registry", checksum_address(source.trust.registry.address))
    print_row("node", node)


def print_comparison(comparison: Comparison) -> None:
    """One field: a line where it agrees, what file and chain say where it does not."""
    more = comparison.note or (comparison.want if comparison.outcome is Outcome.OK else None)
    told = comparison.field if more is None else f"{comparison.field}: {more}"
    print_line(f"{comparison.outcome.value}: {told}", style=_STYLES[comparison.outcome])
    if comparison.outcome is Outcome.DIFFERS:
        print_row("the file says", comparison.want or "nothing")
        print_row("the chain says", comparison.got or "nothing")


def print_answer(found: Sequence[Comparison], answer: Answer) -> None:
    """The answer of all comparisons together."""
    differ = sum(each.outcome is Outcome.DIFFERS for each in found)
    unchecked = sum(each.outcome is Outcome.NOT_CHECKED for each in found)
    rest = f"{unchecked} could not be checked"
    if answer is Answer.AGREES:
        print_line(
            f"yes, the file agrees with what this node says; {rest}, none of them essential", style="green"
        )
    elif answer is Answer.DIFFERS:
        print_line(f"no, the file and what this node says differ in {differ}; {rest}", style="red")
    else:
        print_line(
            f"could not find out: nothing differs, but {rest}, essential ones among them", style="yellow"
        )
    tell("a node's word is not evidence: compare the fingerprint with the consortium's as well")


def as_members(found: Sequence[Comparison], answer: Answer, node: str) -> dict[str, object]:
    """The same for programs."""
    return {
        "ok": answer is Answer.AGREES,
        "answer": answer.value,
        "node": node,
        "comparisons": [
            {
                "field": each.field,
                "outcome": each.outcome.value,
                "want": each.want,
                "got": each.got,
                "note": each.note,
                "essential": each.essential,
            }
            for each in found
        ],
    }
