"""What somebody signs with besides his first credential: one more, or one less. Each change is a record of the log."""

from perdure_node.clock import Clock, Randomness
from perdure_node.operators.credentials import NewPasskey, store_passkey
from perdure_node.operators.errors import NoSuchCredential, OperatorRefused
from perdure_node.operators.membership import record_operator
from perdure_node.operators.people import Operator, credentials_of, operator_named
from perdure_node.vault import Vault


def add_passkey(
    vault: Vault, operator: Operator, new: NewPasskey, *, clock: Clock, randomness: Randomness
) -> Operator:
    """Give somebody one more passkey, and record it; raises `CredentialInUse` or `OperatorRefused`."""
    key = vault.current_data_key.take(clock, randomness)
    with vault.database.transaction():
        store_passkey(vault.database, operator.number, new, int(clock.now()))
        record_operator(vault, key, operator.number, clock=clock, randomness=randomness)
    return operator_named(vault.database, operator.name)


def remove_credential(
    vault: Vault, operator: Operator, number: int, *, clock: Clock, randomness: Randomness
) -> Operator:
    """Let a credential of somebody's count no more, and record it; nobody can have it ever again.

    Raises `OperatorRefused` for his last one, and `NoSuchCredential`. With the passphrase of a key that is gone he still reads.
    """
    key = vault.current_data_key.take(clock, randomness)
    database = vault.database
    with database.transaction():
        left = [each.number for each in credentials_of(database, operator.number)]
        if number not in left:
            raise NoSuchCredential(f"{operator.name} has no such credential any more")
        if len(left) == 1:
            raise OperatorRefused(
                f"{operator.name} has no other credential, and could sign nothing any more",
                hint="add another one first, or remove him: `perdure operator remove`",
            )
        database.execute("UPDATE credential SET removed_at = ? WHERE number = ?", int(clock.now()), number)
        record_operator(vault, key, operator.number, clock=clock, randomness=randomness)
    return operator_named(database, operator.name)
