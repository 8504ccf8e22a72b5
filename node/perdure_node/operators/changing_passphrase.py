"""An operator's key under another passphrase. The secret stays, and with it all that comes from it: no record has to say so."""

from perdure_node.clock import Randomness
from perdure_node.encryption.identity import DEFAULT_COST, KdfCost, encrypt_identity
from perdure_node.files import write_whole
from perdure_node.operators.operator_keys import OperatorKeyRing, operator_key_file
from perdure_node.operators.people import Operator, operator_named
from perdure_node.vault import Vault


def change_own_passphrase(
    vault: Vault,
    operator: Operator,
    keys: OperatorKeyRing,
    passphrase: str,
    randomness: Randomness,
    cost: KdfCost = DEFAULT_COST,
) -> None:
    """Put his key's file whole in place of the old one; ``keys`` are his.

    Raises as `OperatorKeyRing.secret`, `EmptyPassphrase`, `NoSuchOperator` if he was removed meanwhile, or `VaultStorageFailed`.
    """
    raw = encrypt_identity(keys.secret(), passphrase, randomness, cost)
    with vault.database.transaction():
        # whoever was removed must not get his file back
        operator_named(vault.database, operator.name)
        write_whole(operator_key_file(vault.folder, operator.number), raw)
