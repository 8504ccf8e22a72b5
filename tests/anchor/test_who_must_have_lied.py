"""Who must have lied, searched for: the smallest coalition that makes `verify` accept what is false, against every word about it.

The searches are in `tools.parted_network`, `tools.coalition_search`, `tools.forged_hops`, `tools.lying_clocks` and
`tools.clique_forks`; they know no formula. What they find is compared with the library's own words
(`perdure_anchor.coalitions`, `TimeBound`), and with the table of SPEC.md, section 10.5.
"""

import os
import re
from collections.abc import Callable, Sequence
from functools import cache

import pytest
from perdure_anchor.coalitions import Coalition, forgers, rivals, text_of
from perdure_anchor.hashes import keccak256
from perdure_anchor.time_bounds import wanted_proposers
from perdure_anchor.verdict import Grade, KeyStatus, Verdict
from perdure_anchor.verify import verify
from simulated_chain import Story, tell, with_checkpoint
from specification_example import SPEC
from tools.accounts import Account, accounts
from tools.clique_forks import can_fork
from tools.coalition_search import (
    BESU,
    CLIQUE,
    GOQUORUM,
    IBFT2,
    SIZES,
    WEAK_BESU,
    WEAK_GOQUORUM,
    Chain,
    accepted,
    closest,
    invented,
    played,
    rival_schedule,
)
from tools.forged_hops import Change, changes, forgeries, parted_before
from tools.lying_clocks import KINDS, real_bound, search_lies
from tools.parted_network import VALUES
from tools.verdicts import without_anchor, without_checkpoint

pytestmark = pytest.mark.slow

TORTURE = bool(os.environ.get("PERDURE_TORTURE"))


def rounds_of(chain: Chain, n: int) -> int:
    """Two rounds part a network, three let a block come back after its rival, and after four, seals of several rounds could be
    added up to a quorum for a block that was not agreed on; more of them take longer than they teach. Four rounds of four validators
    are for `make torture`: they take longer than all else here.
    """
    most = {BESU: 4, IBFT2: 2}.get(chain, 3)
    return min(most, 4 if n < 4 else 3 if n < 5 else 2) + TORTURE


BFT = (BESU, IBFT2, GOQUORUM, WEAK_BESU, WEAK_GOQUORUM)
ALL = (*BFT, CLIQUE)


def names(chains: Sequence[Chain]) -> list[str]:
    return [f"{chain.client}-{chain.engine}-{chain.quorum_rule}" for chain in chains]


every_chain = pytest.mark.parametrize("chain", ALL, ids=names(ALL))
every_bft_chain = pytest.mark.parametrize("chain", BFT, ids=names(BFT))
every_size = pytest.mark.parametrize("n", SIZES)


def smallest(n: int, succeeds: Callable[[int], bool]) -> int:
    return next(liars for liars in range(n + 1) if succeeds(liars))


# --- the table of SPEC.md


NONE = "–"


@cache
def table() -> dict[tuple[str, str], list[str]]:
    """The cells of section 10.5 by statement and kind of chain: one for each size, and the formula."""
    section = SPEC.read_text(encoding="utf-8").split("### 10.5")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line[:1] == "|"
    ]
    assert rows[0] == ["statement", "chain", *(f"n = {n}" for n in SIZES), "in general"]
    return {(statement, chain): cells for statement, chain, *cells in rows[2:]}


def assert_in_table(statement: str, chain: str, n: int, found: int | None) -> None:
    """The table's cell is what the search found, and its formula gives the same."""
    *cells, formula = table()[statement, chain]
    assert cells[n - 1] == (NONE if found is None else str(found)), (
        f"section 10.5, {statement}, {chain}, n = {n}"
    )
    if found is not None:
        assert calculated(formula, n) == found


def calculated(formula: str, n: int) -> int:
    """The value of the table's formulae, in which q = ceil(2n/3) and f = floor((n - 1)/3)."""
    python = re.sub(r"(\d)([nqf])", r"\1*\2", formula).replace("floor(n/2)", "n//2").replace(";", ",")
    q, f = -(-2 * n // 3), (n - 1) // 3
    return int(eval(python, {"__builtins__": {}}, {"n": n, "q": q, "f": f, "max": max, "min": min}))


KIND_OF_CHAIN = {
    BESU: "Besu QBFT, IBFT2",
    IBFT2: "Besu QBFT, IBFT2",
    GOQUORUM: "GoQuorum",
    WEAK_BESU: "Besu, `2f+1`",
    WEAK_GOQUORUM: "GoQuorum, `2f+1`",
    CLIQUE: "Clique",
}


def test_the_table_has_a_row_for_each_search_and_no_other() -> None:
    statements = {statement for statement, _ in table()}
    assert statements == {INVENTED, RIVAL, FALSE_HOP, *(time_statement(*kind) for kind in KINDS)}
    bft = {*KIND_OF_CHAIN.values()}
    assert {chain for statement, chain in table() if statement in (INVENTED, RIVAL)} == bft
    assert {chain for statement, chain in table() if statement == FALSE_HOP} == {"Besu QBFT, IBFT2"}


# --- below the validators: record, signature, header


@pytest.mark.parametrize(
    ("grade", "liar"),
    [
        (Grade.RECORDED, "anybody: only the form"),
        (Grade.SIGNED, "the site acme/rotterdam"),
        (Grade.ANCHORED, "whoever supplied the block's header"),
    ],
)
def test_what_rests_on_no_validator(grade: Grade, liar: str) -> None:
    """The evidence of another chain, by keys that the attacker made, but for the site's where a signature is to be false."""
    told = tell(Story(pinned=grade is Grade.SIGNED))
    evidence = {
        Grade.RECORDED: without_checkpoint(told.evidence),
        Grade.SIGNED: without_anchor(told.evidence),
        Grade.ANCHORED: told.evidence,
    }[grade]
    verdict = verify(evidence, told.trust, require=grade)
    if grade is Grade.ANCHORED:
        verdict = invented(BESU, 4, 0, require=grade)
    assert (verdict.ok, verdict.grade) == (True, grade)
    assert verdict.who_must_have_lied.startswith(liar)


def test_a_signature_of_a_pinned_key_takes_the_sites_key() -> None:
    """Neither another leaf under the signature nor another key's signature reaches `signed`."""
    told = tell(Story(pinned=True))
    evidence = without_anchor(told.evidence)
    assert verify(evidence, told.trust, require=Grade.SIGNED).key is KeyStatus.PINNED
    for changed in ({"root": keccak256(b"another")}, {"index": 0}, {"sealed_at": 1}):
        assert not verify(with_checkpoint(evidence, **changed), told.trust, require=Grade.SIGNED).ok


# --- an event that never happened


INVENTED = "an event that never happened, in a block with enough seals"


@every_chain
@every_size
def test_an_invented_event_takes_as_many_as_the_verdict_says(chain: Chain, n: int) -> None:
    found = smallest(n, lambda liars: accepted(invented(chain, n, liars)))
    assert_in_table(INVENTED, KIND_OF_CHAIN[chain], n, found)
    assert forgers(chain.epoch(n), ()) == (Coalition(found, n),)
    assert f"{found} of {n}" in invented(chain, n, found).who_must_have_lied
    assert accepted(invented(chain, n, n))


# --- a rival


RIVAL = "a rival of a block with enough seals that has enough too, in a parted network"


@every_bft_chain
@every_size
def test_a_rival_takes_as_many_as_the_verdict_says(chain: Chain, n: int) -> None:
    # under IBFT2 honest validators act as under QBFT, so that looking further would find the same again
    rounds = rounds_of(chain, n)
    found = smallest(n, lambda liars: rival_schedule(chain, n, liars, rounds) is not None)
    assert_in_table(RIVAL, KIND_OF_CHAIN[chain], n, found)
    assert rivals(chain.epoch(n), ()) == (Coalition(found, n),)
    schedule = rival_schedule(chain, n, found, rounds)
    assert schedule is not None
    verdicts = [played(chain, n, schedule, value) for value in VALUES]
    assert all(map(accepted, verdicts))
    assert len({verdict.anchor.block_hash for verdict in verdicts if verdict.anchor}) == 2
    if verdicts[0].grade is Grade.FINAL:
        said = f"and validators lied: {found or 'none'} of {n}"
        assert any(said in note for note in verdicts[0].notes)


@every_bft_chain
@every_size
def test_one_liar_fewer_gets_at_most_one_of_two_rivals_past_the_verifier(chain: Chain, n: int) -> None:
    liars = rivals(chain.epoch(n), ())[0].liars - 1
    if liars < 0:
        pytest.skip("nobody has to lie")
    schedule = closest(chain, n, liars, rounds=2)
    assert sum(accepted(played(chain, n, schedule, value)) for value in VALUES) <= 1


@every_size
def test_a_rival_under_clique_takes_hardly_anybody(n: int) -> None:
    found = smallest(n, lambda liars: can_fork(n, liars) is not None)
    assert_in_table(RIVAL, KIND_OF_CHAIN[CLIQUE], n, found)


# --- hops


FALSE_HOP = "a hop to a set that never was, n of them before it"
followed = pytest.mark.parametrize("chain", [BESU, IBFT2], ids=names((BESU, IBFT2)))


def is_named(
    coalitions: Sequence[Coalition], liars: Sequence[Account], sets: Sequence[Sequence[Account]]
) -> bool:
    """Whether one of the coalitions is within the liars; ``sets`` are those that each of them is of."""
    return any(
        sum(liar in members for liar in liars) >= coalition.liars
        for coalition, members in zip(coalitions, sets, strict=False)
    )


@followed
@every_size
def test_forging_across_a_change_takes_a_quorum_of_one_of_the_sets(chain: Chain, n: int) -> None:
    """Every coalition of retired, present and new validators: it succeeds if and only if a verdict on true evidence names it."""
    smallest_hop = n
    for change in changes(chain, n).values():
        truth = verify(change.told.evidence, change.told.trust)
        for liars in change.coalitions():
            passed = [
                forgery
                for forgery in forgeries(change, liars)
                if verify(forgery.evidence, change.told.trust).ok
            ]
            for forgery in passed:
                assert_admitted(verify(forgery.evidence, change.told.trust), liars, forgery.under, change)
                if forgery.way == "a false hop":
                    smallest_hop = min(smallest_hop, len(liars))
            if truth.ok:
                assert truth.not_after is not None
                named = truth.not_after.forgers
                assert bool(passed) == is_named(named, liars, (change.after, change.before))
                assert text_of(named) in truth.who_must_have_lied
    assert_in_table(FALSE_HOP, KIND_OF_CHAIN[chain], n, smallest_hop)


def assert_admitted(
    verdict: Verdict, liars: Sequence[Account], under: Sequence[Account], change: Change
) -> None:
    assert verdict.not_after is not None
    # whose names the adversary made up are no validators of any set
    sets = (under if under in (change.before, change.after) else (), change.before, change.after)
    assert is_named(verdict.not_after.forgers, liars, sets)


@every_size
def test_where_nobody_compares_lists_a_hop_would_take_one_proposer_and_is_refused(n: int) -> None:
    for change in changes(GOQUORUM, n).values():
        for liars in change.coalitions():
            ways = {
                forgery.way
                for forgery in forgeries(change, liars)
                if verify(forgery.evidence, change.told.trust).ok
            }
            enough = sum(liar in change.before for liar in liars) >= forgers(GOQUORUM.epoch(n), ())[0].liars
            assert ways == ({"no hop"} if enough else set())


@every_size
def test_a_chain_that_was_parted_before_a_change_stays_parted_after_it(n: int) -> None:
    """Fewer than a fork under the new set takes can be enough, where they forked the chain before: the verdict says both."""
    change, members = changes(BESU, n)["one more"], accounts(n)
    found = rivals(BESU.epoch(n), ())[0].liars
    each = (n - found) // 2
    liars, one, other = members[:found], members[found : found + each], members[found + each :]
    one, other = (*liars, *one), (*liars, *other)
    first, second = parted_before(change, one, other)
    assert first.ok
    assert second.ok
    (at,) = first.validator_changes
    assert first.anchor is not None
    assert second.anchor is not None
    assert first.anchor.block_number == second.anchor.block_number
    assert first.anchor.block_hash != second.anchor.block_hash
    assert any(
        "is false already" in note and f", or {found} of the {n} before the change at block {at}" in note
        for note in first.notes
    )


# --- time


def time_statement(kind: str, complete: bool) -> str:
    return f"a false {kind}, {'by several proposers' if complete else 'by the word of one'}"


TIMED = (BESU, WEAK_BESU, IBFT2, GOQUORUM, CLIQUE)
KIND_OF_CLOCK = {
    BESU: "Besu QBFT",
    WEAK_BESU: "Besu QBFT, `2f+1`",
    IBFT2: "IBFT2, GoQuorum, Clique",
    GOQUORUM: "IBFT2, GoQuorum, Clique",
    CLIQUE: "IBFT2, GoQuorum, Clique",
}


@pytest.mark.parametrize("chain", TIMED, ids=names(TIMED))
@every_size
def test_a_false_bound_takes_those_whom_it_names(chain: Chain, n: int) -> None:
    lies = search_lies(chain, n, thorough=TORTURE and n < 5)
    assert lies.unadmitted == ()
    for kind, complete in KINDS:
        found = lies.liars(kind, complete)
        assert_in_table(time_statement(kind, complete), KIND_OF_CLOCK[chain], n, found)
        if found is not None:
            bound = lies.first[kind, complete].bound
            real = real_bound(chain, kind, lies.first[kind, complete])
            assert real is not None
            assert (real.seconds, real.proposers) == (bound.seconds, bound.proposers)
            assert f"of the validators {forgers(chain.epoch(n), ())[0].text}" in bound.who_must_have_lied
            least = len(bound.proposers) if complete else 1
            assert found == min(least, bound.forgers[0].liars)
    assert (lies.liars("not after", True) is None) == (
        n < wanted_proposers(n) or not chain.epoch(n).coinbase_is_proposer
    )
