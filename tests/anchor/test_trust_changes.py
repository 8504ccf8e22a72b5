"""A newer trust file: what it changes, and that each rule of succession is an error of its own."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.trust import ContractPin, Epoch, Partner, PinnedSite, TrustFile
from perdure_anchor.trust_changes import (
    ChainRewritten,
    Change,
    ClosedEpochRewritten,
    PredecessorNotNamed,
    RegistryRewritten,
    SuccessorFault,
    VersionNotHigher,
    changes,
    successor_faults,
)
from simulated_chain import accounts, addresses, tell

DIGEST = "ab" * 32
A, B, C, D, E = (Address(bytes([number]) * 20) for number in range(1, 6))
FIRST = Epoch(1, 900, "besu", "qbft", "header", "ceil(2n/3)", "secp256k1", (A, B, C, D))
OPEN = replace(FIRST, from_block=901, to_block=None, validators=(A, B, C, E))
OLD = TrustFile(
    name="consortium",
    version=3,
    predecessor="cd" * 32,
    devnet=False,
    chain_id=7,
    genesis_hash=Hash32(b"g" * 32),
    registry=ContractPin(Address(b"r" * 20), Hash32(b"R" * 32), 5),
    consortium=ContractPin(Address(b"c" * 20), Hash32(b"C" * 32), 4),
    partners=(Partner("acme", A, "Acme Ltd"), Partner("globex", B)),
    sites=(PinnedSite(parse_origin("acme/rotterdam"), (C,)),),
    epochs=(FIRST, OPEN),
)
NEXT = replace(OLD, version=4, predecessor=DIGEST)
CLOSED_OPEN = replace(OPEN, to_block=2000)
AFTER = replace(OPEN, from_block=2001, validators=(A, B, C, D, E))


def faults(new: TrustFile, old: TrustFile = OLD) -> list[type[SuccessorFault]]:
    return [type(fault) for fault in successor_faults(old, DIGEST, new)]


def test_the_next_version_may_follow() -> None:
    assert faults(NEXT) == []
    extended = replace(NEXT, name="renamed", partners=(), sites=(), epochs=(FIRST, CLOSED_OPEN, AFTER))
    assert faults(extended) == []


BROKEN: dict[str, tuple[Callable[[TrustFile], TrustFile], type[SuccessorFault], str]] = {
    "no predecessor": (lambda new: replace(new, predecessor=None), PredecessorNotNamed, "got none, want abab"),
    "another one": (lambda new: replace(new, predecessor="cd" * 32), PredecessorNotNamed, "got cdcd"),
    "same version": (lambda new: replace(new, version=3), VersionNotHigher, "got 3, want more than 3"),
    "chain id": (lambda new: replace(new, chain_id=8), ChainRewritten, "chain id: got 8, want 7"),
    "genesis": (lambda new: replace(new, genesis_hash=Hash32(bytes(32))), ChainRewritten, "genesis hash: got 0x0"),
    "devnet": (lambda new: replace(new, devnet=True), ChainRewritten, "devnet: got yes, want no"),
    "registry": (lambda new: replace(new, registry=replace(new.registry, address=A)), RegistryRewritten, "registry: got"),
    "code": (
        lambda new: replace(new, registry=replace(new.registry, code_hash=Hash32(bytes(32)))),
        RegistryRewritten,
        "registry code hash",
    ),
    "since": (
        lambda new: replace(new, registry=replace(new.registry, deployment_block=4)),
        RegistryRewritten,
        "deployment block: got 4, want 5",
    ),
    "closed epoch removed": (
        lambda new: replace(new, epochs=(OPEN,)),
        ClosedEpochRewritten,
        "closed epoch of blocks 1 to 900 was removed",
    ),
    "closed epoch opened": (
        lambda new: replace(new, epochs=(replace(FIRST, to_block=None),)),
        ClosedEpochRewritten,
        "was changed: end",
    ),
    "closed epoch's set": (
        lambda new: replace(new, epochs=(replace(FIRST, validators=(A, B, C, E)), OPEN)),
        ClosedEpochRewritten,
        "was changed: validators",
    ),
    "closed epoch's client": (
        lambda new: replace(new, epochs=(replace(FIRST, client="goquorum", quorum_rule="2f+1"), OPEN)),
        ClosedEpochRewritten,
        "was changed: client, quorum",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_each_rule(what: str) -> None:
    change, wanted, message = BROKEN[what]
    (fault,) = successor_faults(OLD, DIGEST, change(NEXT))
    assert type(fault) is wanted
    assert message in str(fault)


def test_all_rules_at_once() -> None:
    stranger = replace(OLD, chain_id=8, predecessor=None, registry=OLD.consortium, epochs=(OPEN,))
    assert set(faults(stranger)) == {
        PredecessorNotNamed, VersionNotHigher, ChainRewritten, RegistryRewritten, ClosedEpochRewritten
    }  # fmt: skip


def test_nothing_changes() -> None:
    assert changes(OLD, OLD) == ()


def test_what_a_change_of_validators_looks_like() -> None:
    new = replace(NEXT, epochs=(FIRST, CLOSED_OPEN, AFTER))
    assert changes(OLD, new) == (
        Change("version", "3", "4"),
        Change("predecessor", "cd" * 32, DIGEST),
        Change("epoch from block 901, end", "open", "block 2000"),
        Change("epoch from block 2001", None, "blocks from 2001 on, besu qbft, 4 of 5 seals (ceil(2n/3))"),
        Change("epoch from block 2001, validator", None, checksum_address(D)),
    )


def test_a_rewritten_open_epoch_is_told_with_a_caution() -> None:
    """No rule forbids to correct a set that was never closed; what it does to old evidence is said."""
    found = changes(
        OLD, replace(OLD, epochs=(FIRST, replace(OPEN, validators=(A, B, C, D), client="goquorum")))
    )
    assert [(change.what, change.before, change.after) for change in found] == [
        ("epoch from block 901, client", "besu", "goquorum"),
        ("epoch from block 901, validator", checksum_address(E), None),
        ("epoch from block 901, validator", None, checksum_address(D)),
    ]
    assert {change.caution for change in found} == {"blocks of this epoch are judged otherwise"}


def test_epochs_come_and_go() -> None:
    late = replace(FIRST, from_block=500)
    put_before = changes(
        replace(OLD, epochs=(late, OPEN)), replace(OLD, epochs=(replace(FIRST, to_block=499), late, OPEN))
    )
    assert put_before[0].caution == "blocks of the past that could not be judged are judged now"
    assert len(put_before) == 5
    (removed,) = changes(OLD, replace(OLD, epochs=(OPEN,)))
    assert (removed.after, removed.caution) == (
        None,
        "blocks of this epoch are judged no more, or by another epoch",
    )


def test_partners_sites_and_contracts() -> None:
    new = replace(
        OLD,
        name="renamed",
        consortium=replace(OLD.consortium, address=E),
        partners=(Partner("acme", A, "Acme plc"), Partner("initech", C)),
        sites=(PinnedSite(parse_origin("acme/rotterdam"), ()),),
    )
    found = {change.what: change for change in changes(OLD, new)}
    assert (found["name"].before, found["name"].after) == ("consortium", "renamed")
    assert found["consortium"].caution is not None
    assert found["partner acme"].after == f"{checksum_address(A)}, Acme plc"
    assert (found["partner globex"].after, found["partner initech"].before) == (None, None)
    assert found["site acme/rotterdam"].after == "no key"
    assert found["site acme/rotterdam"].caution is not None
    assert len(found) == 6


def test_a_new_set_that_no_header_could_show_is_pointed_out() -> None:
    """Closing an epoch and opening one of other people breaks no rule, and is for people to judge."""
    old = tell().trust
    closed = replace(old.epochs[0], to_block=59)

    def cautions(members: tuple[Address, ...]) -> set[str | None]:
        opened = replace(closed, from_block=60, to_block=None, validators=members)
        found = changes(old, replace(old, epochs=(closed, opened)))
        return {change.caution for change in found if change.what.startswith("epoch from block 60")}

    kept = old.epochs[0].validators
    assert cautions(addresses(accounts(4, "other"))) == {
        "too few validators stay for headers to show this change: whoever wrote the file answers for the new set"
    }
    assert cautions(kept[:3]) == {None}
