"""A word where this machine's clock cannot be right: what it says goes into records, as a claim, but it orders nothing."""

from perdure_node.clock import Clock
from perdure_node.clock_doubts import clock_doubt
from perdure_node.vault import Vault

from perdure_cli.output import tell_warning


def warn_of_clock(vault: Vault, clock: Clock) -> None:
    """Say it, if the vault knows of a later time."""
    doubt = clock_doubt(vault.database, clock)
    if doubt is not None:
        tell_warning(f"{doubt}; the order of records does not depend on it, but their times are what it says")
