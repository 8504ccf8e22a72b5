"""Two people for a record beside one: recording with the recorder's signature and confirming, and recording without either.

All are durable, in vaults that are alike, and recording is timed in turns; there are some rounds, and the median of their ratios counts.
Each record that is confirmed by itself waits twice for the disk, where one without a confirmation waits once: so what is required holds
for those that are confirmed together.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench_vault import CLOCK, PASSPHRASE, new_vault
from measure import Row, seconds
from perdure_anchor.hashes import sha256
from perdure_node.documents import DocumentFacts
from perdure_node.intake import Details, add_document
from perdure_node.keys.keyring import KeyRing
from perdure_node.operators.acting import key_attestor
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.confirming import Signed, sign_confirmations, store_confirmed
from perdure_node.operators.membership import NewOperator, add_operator
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.operators.standing import standing_of
from perdure_node.records import Added, record_by_sequence
from perdure_node.vault import Vault

ROUNDS = 9
# in each of them
TOGETHER, ALONE = 150, 20


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds for a record: one that is added without either, one with its recorder's signature, and to confirm it."""

    plain: float
    recorded: float
    together: float
    one_by_one: float


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with new_vault(folder / "one") as alone, new_vault(folder / "two") as two_people:
            adopt_policy(two_people, policy_template(), clock=CLOCK, randomness=os.urandom)
            ada, _ = person(two_people, "Ada", Role.RECORDER)
            ben, keys = person(two_people, "Ben", Role.CONFIRMER)
            confirm = partial(confirm_all, two_people, who=ben, keys=keys)
            rounds = [
                one_round(partial(add, alone, who=None), partial(add, two_people, who=ada), confirm, number)
                for number in range(ROUNDS)
            ]
    plain, recorded = (median(getattr(each, what) for each in rounds) for what in ("plain", "recorded"))
    for how, what, required in (
        (f"{TOGETHER} confirmed at once", "together", 0.5),
        ("each confirmed by itself", "one_by_one", None),
    ):
        # of each round, whose spells of the machine and the disk are its own
        ratio = median(each.plain / (each.recorded + getattr(each, what)) for each in rounds)
        yield Row(
            f"add and confirm, {how}",
            f"{(recorded + median(getattr(each, what) for each in rounds)) * 1e3:.2f} ms a record",
            f"add, durable {plain * 1e3:.2f} ms",
            ratio,
            required,
        )


def one_round(
    add_plain: Callable[[int], Added],
    add_signed: Callable[[int], Added],
    confirm: Callable[[Sequence[Added]], None],
    number: int,
) -> Round:
    """Records are added in turns, and confirmed: `TOGETHER` of them at once, the others each by itself."""
    plain, recorded, awaiting = [], [], []
    begin = number * (TOGETHER + ALONE)
    for which in range(begin, begin + TOGETHER + ALONE):
        plain.append(seconds(partial(add_plain, which)))
        recorded.append(seconds(lambda which=which: awaiting.append(add_signed(which))))
    together = seconds(partial(confirm, awaiting[:TOGETHER])) / TOGETHER
    one_by_one = [seconds(partial(confirm, [each])) for each in awaiting[TOGETHER:]]
    return Round(median(plain), median(recorded), together, median(one_by_one))


def confirm_all(vault: Vault, added: Sequence[Added], who: Attestor, keys: OperatorKeyRing) -> None:
    """As `perdure confirm --all` does it."""
    wanted, standing = [], standing_of(vault.database, who)
    for each in added:
        stored = record_by_sequence(vault.database, each.sequence)
        assert stored is not None
        wanted.append((stored, True))
    outcomes = sign_confirmations(vault, wanted, keys, standing, clock=CLOCK)
    signed = [each for each in outcomes if isinstance(each, Signed)]
    assert len(signed) == len(added)
    store_confirmed(vault, signed, who, clock=CLOCK, randomness=os.urandom)


def person(vault: Vault, name: str, role: Role) -> tuple[Attestor, OperatorKeyRing]:
    keys = KeyRing(vault, lambda: PASSPHRASE)
    new = NewOperator(name, frozenset({role}), PASSPHRASE)
    added = add_operator(vault, keys, new, clock=CLOCK, randomness=os.urandom)
    own = OperatorKeyRing(vault, added.number, lambda: PASSPHRASE)
    return key_attestor(vault, added, own.signing_key()), own


def add(vault: Vault, number: int, who: Attestor | None) -> Added:
    content = b"%d" % number
    facts = DocumentFacts(sha256(content), len(content), f"{number}.txt", "text/plain")
    details = Details(document_type="letter")
    return add_document(vault, facts, details, clock=CLOCK, randomness=os.urandom, who=who)
