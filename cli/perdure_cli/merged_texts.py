"""What `perdure recover` tells of what came from other vaults, and of what did not."""

from typing import TYPE_CHECKING

from perdure_cli.output import print_row, tell_warning
from perdure_cli.record_texts import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure_anchor.hashes import Hash32
    from perdure_node.recovering.merging import Merged
    from perdure_node.recovering.people import People

# leaf hashes that are named in a warning
_NAMED = 3


def print_merged(merged: "Merged") -> None:
    """What came along with the records."""
    lives = merged.lives
    if merged.awaiting:
        print_row(
            "awaiting", f"{plural(merged.awaiting, 'record')} of them wait for a second person, as there"
        )
    if lives.traces:
        print_row("notes", f"{plural(lives.traces, 'note')} of what was done to records came along")
    if lives.marks:
        print_row("reviewed", f"{plural(lives.marks, 'finding')} that somebody had looked at there")
    if lives.holds:
        print_row("held", f"{plural(lives.holds, 'hold')} came along: these records are not erased")
    if lives.released:
        print_row(
            "released", f"{plural(lives.released, 'hold')} that stood here, since it was released there"
        )


def print_people(people: "People") -> None:
    """Who came along."""
    if people.operators:
        policy = ", and the policy that was in force there" if people.policy else ""
        print_row("people", f"{plural(people.operators, 'operator')} with roles and keys{policy}")


def warn_of_other_people(people: "People") -> None:
    """Where the other vault says something else of people than this one."""
    if people.differ:
        tell_warning(
            f"in the other vault these are not as here, perhaps newer: {', '.join(people.differ)}; compare `perdure operator list` and "
            "`perdure policy show` of both vaults, and do here what is missing"
        )


def warn_of_unmerged(merged: "Merged") -> None:
    """What a person has to decide on."""
    lives = merged.lives
    if lives.not_held:
        tell_warning(
            f"{plural(len(lives.not_held), 'hold')} of the other vault cannot stand here, as the record was erased here: {_names(lives.not_held)}"
        )
    if lives.erased_there:
        tell_warning(
            f"{plural(len(lives.erased_there), 'record')} that the other vault had erased is whole here: "
            f"`perdure erase LEAF_HASH --reason WHY` erases it here too: {_names(lives.erased_there)}"
        )
    if merged.signed:
        tell_warning(
            f"{plural(merged.signed, 'record')} stayed behind: people signed them for the old site's log, where alone it shows "
            "anything; record and confirm them anew here"
        )


def merged_members(merged: "Merged") -> dict[str, object]:
    """The same as JSON."""
    lives = merged.lives
    return {
        "awaiting": merged.awaiting,
        "traces": lives.traces,
        "reviewed": lives.marks,
        "holds": lives.holds,
        "released": lives.released,
        "not_held": [name.hex() for name in lives.not_held],
        "erased_there": [name.hex() for name in lives.erased_there],
    }


def people_members(people: "People") -> dict[str, object]:
    """The same of people as JSON."""
    return {"operators": people.operators, "policy": people.policy, "people_differ": people.differ}


def _names(names: "Sequence[Hash32]") -> str:
    more = f" and {len(names) - _NAMED} more (--json names all)" if len(names) > _NAMED else ""
    return ", ".join(name.hex() for name in names[:_NAMED]) + more
