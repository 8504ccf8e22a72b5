"""The chain of a record's versions, held against an oracle that keeps a graph."""

import os
import random
from collections.abc import Iterator

import pytest
from perdure_anchor.hashes import Hash32
from perdure_node.changes import amend, erase
from perdure_node.intake import CORRECTION, Details, add_document
from perdure_node.log.sealing import seal
from perdure_node.records import EncryptedRecord, State, open_record, record_by_leaf
from perdure_node.traces import Reason, changes_of
from perdure_node.vault import Vault
from perdure_node.versions import MAX_VERSIONS, Link, versions_of
from tools.site_desk import document, keys_of
from tools.site_network import STOPPED

CHANGE = {"clock": STOPPED, "randomness": os.urandom}


def stored(vault: Vault, name: Hash32) -> EncryptedRecord:
    record = record_by_leaf(vault.database, name)
    assert record is not None
    return record


def add(vault: Vault, number: int, supersedes: Hash32 | None = None, reason: str | None = None) -> Hash32:
    details = Details(f"version {number}", supersedes=supersedes, reason=reason)
    return add_document(vault, document(number), details, clock=STOPPED, randomness=os.urandom).leaf_hash


def test_a_correction_says_why_to_both(offline_vault: Vault) -> None:
    vault, keys = offline_vault, keys_of(offline_vault)
    old = add(vault, 1)
    seal(vault, keys, STOPPED)
    new = add(vault, 2, old, "the wrong amount")
    (before,) = changes_of(vault.database, stored(vault, old), keys)
    (after,) = changes_of(vault.database, stored(vault, new), keys)
    assert (before.kind, before.reason.why, before.successor) == ("superseded", "the wrong amount", new)
    assert (after.kind, after.reason.why, after.successor) == ("supersedes", "the wrong amount", None)
    extra = open_record(stored(vault, new), keys).record.value("extra")
    assert extra == {CORRECTION: {"v": 1, "reason": "the wrong amount"}}
    for name in (old, new):
        found = versions_of(vault.database, stored(vault, name))
        assert [each.leaf_hash for each in found.versions] == [old, new]
        assert [each.state for each in found.versions] == [State.SEALED, State.WAITING]
        assert found.links == (Link(old, new, "superseded"),)
        assert found.branches == ()


def test_what_is_not_here_is_said_to_be_elsewhere(offline_vault: Vault) -> None:
    lost = Hash32(b"\x07" * 32)
    # of a log that was recovered from the chain, and of which no records are left
    offline_vault.database.execute("INSERT INTO tile (level, tile_index, octets) VALUES (0, 0, ?)", lost)
    found = versions_of(offline_vault.database, stored(offline_vault, add(offline_vault, 1, lost, "why")))
    assert [each.state for each in found.versions] == [None, State.WAITING]


def test_a_long_chain_is_cut(offline_vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_node.versions.MAX_VERSIONS", 4)
    assert MAX_VERSIONS > 4
    name = add(offline_vault, 0)
    for number in range(1, 8):
        name = add(offline_vault, number, name)
    found = versions_of(offline_vault.database, stored(offline_vault, name))
    assert found.more
    assert len(found.versions) == 4


class Oracle:
    """What was made of what, kept as pairs."""

    def __init__(self) -> None:
        self.made: list[Hash32] = []
        self.links: set[Link] = set()

    def family(self, name: Hash32) -> set[Hash32]:
        family, grew = {name}, True
        while grew:
            near = {
                end
                for link in self.links
                if {link.older, link.newer} & family
                for end in (link.older, link.newer)
            }
            grew, family = not near <= family, family | near
        return family


def lived(vault: Vault, chance: random.Random, steps: int) -> Iterator[Oracle]:
    oracle, keys = Oracle(), keys_of(vault)
    for number in range(steps):
        name = chance.choice(oracle.made) if oracle.made else None
        what = chance.choice(["new", "supersede", "supersede", "amend", "seal", "erase"])
        record = None if name is None else stored(vault, name)
        if what == "seal":
            seal(vault, keys, STOPPED)
        elif what == "new" or name is None or record is None:
            oracle.made.append(add(vault, number))
        elif what == "supersede":
            new = add(vault, number, name, chance.choice([None, "why"]))
            oracle.made.append(new)
            oracle.links.add(Link(name, new, "superseded"))
        elif what == "amend" and record.state(0) is State.WAITING and record.content is not None:
            reason = Reason(None, "a slip")
            added = amend(vault, record, {"document_type": f"amended {number}"}, reason, keys, **CHANGE)  # type: ignore[arg-type]
            values = open_record(record, keys).record.values
            if values["supersedes"] is not None:
                older = Hash32(bytes.fromhex(str(values["supersedes"])))
                oracle.links.add(Link(older, added.leaf_hash, "superseded"))
            oracle.made.append(added.leaf_hash)
            oracle.links.add(Link(name, added.leaf_hash, "amended"))
        elif what == "erase" and record.content is not None and chance.random() < 0.3:
            erase(vault, record, Reason(None, "asked for"), keys, **CHANGE)  # type: ignore[arg-type]
    yield oracle


@pytest.mark.parametrize("seed", range(3))
def test_chains_are_what_an_oracle_says(offline_vault: Vault, seed: int) -> None:
    vault = offline_vault
    vault.database._set(synchronous="OFF")
    for oracle in lived(vault, random.Random(seed), 60):
        for name in oracle.made:
            family = oracle.family(name)
            found = versions_of(vault.database, stored(vault, name))
            assert {each.leaf_hash for each in found.versions} == family
            assert set(found.links) == {link for link in oracle.links if link.older in family}
            order = [each.leaf_hash for each in found.versions]
            # each is after what it took the place of, so there is no circle
            assert all(order.index(link.older) < order.index(link.newer) for link in found.links)
            twice = {each for each in family if sum(link.older == each for link in oracle.links) > 1}
            assert set(found.branches) == twice
            gone = {each.leaf_hash for each in found.versions if each.is_erased}
            assert gone == {each for each in family if stored(vault, each).content is None}
