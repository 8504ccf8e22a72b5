"""What a correction asks for: who corrects what two people answered for, or were to, lets nobody off by calling it something else."""

import json

from perdure_anchor.hashes import Hash32

from perdure_node.operators.policy import policy_in_force
from perdure_node.operators.roles import Role
from perdure_node.records import record_by_leaf
from perdure_node.vault import Vault


def roles_for_correction(vault: Vault, superseded: Hash32 | None) -> tuple[str, ...]:
    """Of which roles somebody has to confirm at least what supersedes a record of the vault; raises as `policy_in_force`.

    None where nobody had to confirm that. Of which type it is may not be readable, so any role that confirms something is enough.
    """
    database = vault.database
    record = None if superseded is None else record_by_leaf(database, superseded)
    if record is None:
        return ()
    row = database.row("SELECT roles FROM awaiting WHERE sequence = ?", record.sequence)
    if row is not None:
        return tuple(json.loads(row[0]))
    # only what was confirmed has a draft
    if database.row("SELECT 1 FROM draft WHERE sequence = ?", record.sequence) is None:
        return ()
    return tuple(sorted(policy_in_force(vault.folder, database).roles_that_confirm)) or (
        Role.CONFIRMER.value,
    )
