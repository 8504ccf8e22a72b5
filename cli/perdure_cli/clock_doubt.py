"""A word where this machine's clock cannot be right: what it says goes into records, as a claim, but it orders nothing."""

from collections.abc import Set

from perdure_node.clock import Clock
from perdure_node.clock_doubts import Kind, note_clock
from perdure_node.vault import Vault

from perdure_cli.output import tell_warning


def warn_of_clock(vault: Vault, clock: Clock, told: Set[Kind] = frozenset()) -> Set[Kind]:
    """Say why the clock must be wrong, unless that was ``told``, and keep a note of it in the vault; what is told by now."""
    doubts = {doubt.kind: doubt for doubt in note_clock(vault.database, clock)}
    for kind in doubts.keys() - told:
        tell_warning(
            f"{doubts[kind].text}; the order of records does not depend on it, but their times are what it says"
        )
    return doubts.keys() | told
