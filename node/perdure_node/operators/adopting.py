"""Putting a policy in force: it is checked, recorded in the log, and from then on the one that counts."""

from hashlib import sha256

from perdure_node.clock import Clock, Randomness
from perdure_node.files import write_whole
from perdure_node.operators.own_records import POLICY_TYPE, OwnDocument, record_own
from perdure_node.operators.policy import POLICY_FILE, parse_policy
from perdure_node.records import Added
from perdure_node.vault import Vault


def adopt_policy(vault: Vault, raw: bytes, *, clock: Clock, randomness: Randomness) -> Added:
    """Put the policy in these bytes in force; raises `SettingsError` where it is none.

    The file comes first: after a kill between the two, `policy_in_force` says that it was changed, and this can be done again.
    """
    parse_policy(raw)
    key = vault.current_data_key.take(clock, randomness)
    digest = sha256(raw).digest()
    own = OwnDocument(raw, POLICY_TYPE, POLICY_FILE, {"policy": {"v": 1}})
    with vault.database.transaction():
        write_whole(vault.folder / POLICY_FILE, raw)
        added = record_own(vault, key, own, clock=clock, randomness=randomness)
        vault.database.insert(
            "INSERT INTO policy (sha256, adopted_at, own_record) VALUES (?, ?, ?)",
            digest,
            int(clock.now()),
            added.sequence,
        )
    return added
