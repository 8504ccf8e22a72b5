"""Whether somebody who is about to sign, or has just signed, is still who the log says he is."""

from perdure_anchor.confirmation import KeyCredential

from perdure_node.database import Database
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.errors import NotAllowed


def check_in_force(database: Database, who: Attestor) -> None:
    """Raise `NotAllowed` if he was removed, or his credentials were changed, while he made up his mind."""
    row = database.row(
        "SELECT record.leaf_hash FROM operator JOIN record ON record.sequence = operator.own_record "
        "WHERE operator.number = ? AND removed_at IS NULL",
        who.number,
    )
    if row is None:
        raise NotAllowed(f"{who.name} was removed, and can sign nothing any more")
    credential = who.credential
    octets = credential.address if isinstance(credential, KeyCredential) else credential.public_key
    held = database.row(
        "SELECT 1 FROM credential WHERE operator = ? AND public_key = ? AND removed_at IS NULL",
        who.number,
        octets,
    )
    if held is None:
        raise NotAllowed(f"{who.name}'s credential was removed, and can sign nothing any more")
    if bytes(row[0]) != who.operator:
        raise NotAllowed(f"{who.name}'s roles or credentials were changed meanwhile", hint="do it once more")
