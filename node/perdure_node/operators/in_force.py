"""Whether somebody who is about to sign, or has just signed, is still who the log says he is."""

from perdure_anchor.confirmation import credential_key

from perdure_node.database import Database
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.errors import NotAllowed


def check_in_force(database: Database, who: Attestor) -> None:
    """Raise `NotAllowed` if he was removed, or his credentials were changed, while he made up his mind."""
    row = database.row(
        "SELECT record.leaf_hash, EXISTS (SELECT 1 FROM credential WHERE credential.operator = operator.number "
        "AND public_key = ? AND credential.removed_at IS NULL) "
        "FROM operator JOIN record ON record.sequence = operator.own_record "
        "WHERE operator.number = ? AND operator.removed_at IS NULL",
        credential_key(who.credential),
        who.number,
    )
    if row is None:
        raise NotAllowed(f"{who.name} was removed, and can sign nothing any more")
    if not row[1]:
        raise NotAllowed(f"{who.name}'s credential was removed, and can sign nothing any more")
    if bytes(row[0]) != who.operator:
        raise NotAllowed(f"{who.name}'s roles or credentials were changed meanwhile", hint="do it once more")
