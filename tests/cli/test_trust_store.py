"""The pinned trust files: which one is believed, and that none takes another's place unasked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.hashes import sha256
from perdure_anchor.trust_file import TrustFileError, parse_trust_file
from perdure_cli.trust_store import AmbiguousTrustFile, NotASuccessor, TrustStore, named_source, user_store
from tools.story import STORY, TRUST

FIRST = (STORY / TRUST).read_bytes()
DOMAIN = parse_trust_file(FIRST).domain

Changes = Callable[[dict[str, Any]], None]


def changed(raw: bytes, change: Changes) -> bytes:
    members = json.loads(raw)
    change(members)
    return json.dumps(members).encode()


def successor(raw: bytes, change: Changes = lambda _: None) -> bytes:
    """The next version of a trust file, with a change."""

    def next_version(members: dict[str, Any]) -> None:
        members["predecessor"] = "0x" + sha256(raw).hex()
        members["version"] += 1
        change(members)

    return changed(raw, next_version)


def close_epoch(members: dict[str, Any]) -> None:
    """Close the open epoch at block 1000, and open one with the same validators."""
    (epoch,) = members["epochs"]
    members["epochs"] = [epoch | {"to": 1000}, epoch | {"from": 1001}]


@pytest.fixture
def store(tmp_path: Path) -> TrustStore:
    return TrustStore(tmp_path / "trust")


def test_nothing_is_pinned_at_first(store: TrustStore) -> None:
    assert list(store.sources()) == []
    assert store.find(DOMAIN) is None
    assert not store.holds(FIRST)


def test_pinned_by_the_bytes(store: TrustStore) -> None:
    pinned = store.pin(FIRST)
    assert pinned.path.name == f"{sha256(FIRST).hex()}.json"
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert store.holds(FIRST)
    assert not store.holds(FIRST + b"\n")
    assert store.find(DOMAIN) == pinned
    assert (
        store.find(parse_trust_file(changed(FIRST, lambda members: members.update(chain_id=1))).domain)
        is None
    )


def test_a_successor_is_believed_and_its_predecessor_kept(store: TrustStore) -> None:
    second = successor(FIRST, close_epoch)
    third = successor(second)
    for raw in (FIRST, second, third):
        store.pin(raw)
    found = store.find(DOMAIN)
    assert found is not None
    assert found.raw == third
    assert store.holds(FIRST)


@pytest.mark.parametrize(
    "raw",
    [
        changed(FIRST, lambda members: members.update(version=2)),
        changed(FIRST, lambda members: members.update(predecessor="0x" + "11" * 32, version=2)),
        successor(FIRST, lambda members: members.update(version=1)),
    ],
)
def test_what_does_not_follow_is_refused(store: TrustStore, raw: bytes) -> None:
    store.pin(FIRST)
    with pytest.raises(NotASuccessor):
        store.pin(raw)
    assert not store.holds(raw)
    assert store.pin(raw, replace=True).pinned
    assert not store.holds(FIRST)


def test_a_closed_epoch_stays(store: TrustStore) -> None:
    second = successor(FIRST, close_epoch)
    store.pin(FIRST)
    store.pin(second)
    with pytest.raises(NotASuccessor, match="the closed epoch of blocks 1 to 1000 was changed: validators"):
        store.pin(successor(second, lambda members: members["epochs"][0]["validators"].pop()))


def test_rivals_are_not_chosen_between(store: TrustStore) -> None:
    """They cannot be pinned one after the other, but two copies of a settings folder can be merged."""
    rival = changed(FIRST, lambda members: members.update(name="rival"))
    other = TrustStore(store.folder.with_name("other"))
    store.pin(FIRST)
    other.pin(rival).path.rename(store.folder / f"{sha256(rival).hex()}.json")
    with pytest.raises(AmbiguousTrustFile, match="2 pinned trust files"):
        store.find(DOMAIN)


def test_a_changed_copy_is_refused(store: TrustStore) -> None:
    path = store.pin(FIRST).path
    path.write_bytes(successor(FIRST))
    with pytest.raises(TrustFileError, match="have changed since it was pinned"):
        list(store.sources())


def test_what_is_no_trust_file_is_not_pinned(store: TrustStore) -> None:
    with pytest.raises(TrustFileError):
        store.pin(b"{}")
    assert not store.folder.exists()


def test_where_a_user_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert user_store({}).folder == Path("/home/ada/.config/perdure/trust")
    assert user_store({"XDG_CONFIG_HOME": "/xdg"}).folder == Path("/xdg/perdure/trust")
    assert user_store({"XDG_CONFIG_HOME": "/xdg", "PERDURE_CONFIG_DIR": "/own"}).folder == Path("/own/trust")


def test_a_version_that_rewrites_the_past_is_refused_with_each_rule(store: TrustStore) -> None:
    """Also where it is about another registry, which a look at the registry's pinned files would not show."""
    store.pin(FIRST)
    moved = successor(FIRST, lambda members: members.update(chain_id=1, devnet=True))
    with pytest.raises(NotASuccessor, match=r"rewrites the pinned version 1 .*chain id: got 1"):
        store.pin(moved)
    assert store.pin(moved, replace=True).pinned
    # evidence of the old registry still needs the old file
    assert store.holds(FIRST)


def test_two_files_that_follow_the_same_one(store: TrustStore) -> None:
    store.pin(FIRST)
    store.pin(successor(FIRST))
    with pytest.raises(NotASuccessor, match="follows from the same file as this one"):
        store.pin(successor(FIRST, lambda members: members.update(name="rival")))


def test_a_version_before_the_pinned_one(store: TrustStore) -> None:
    second = store.pin(successor(FIRST))
    with pytest.raises(NotASuccessor, match=r"version 2 .* is pinned, and follows from this file") as refused:
        store.pin(FIRST)
    assert refused.value.hint == "nothing is to be done: the newer version says all that this one does"
    assert store.find(DOMAIN) == second


def test_a_version_between_is_missing(store: TrustStore) -> None:
    store.pin(FIRST)
    with pytest.raises(NotASuccessor) as refused:
        store.pin(successor(successor(FIRST)))
    assert "pin them first" in (refused.value.hint or "")


def test_by_the_first_digits(store: TrustStore) -> None:
    first = store.pin(FIRST)
    assert store.starting_with(first.fingerprint[:9].upper()) == first
    assert store.starting_with("f" * 64) is None
    assert store.by_digest(first.digest) == first
    assert store.by_digest(None) is None
    second = store.pin(successor(FIRST))
    with pytest.raises(AmbiguousTrustFile, match="2 pinned trust files begin with"):
        store.starting_with("")
    assert named_source(Path(second.digest[:8]), store) == second


def test_a_file_comes_before_a_fingerprint(
    store: TrustStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends a file named like a fingerprint must not be taken for what is pinned, nor the other way round."""
    monkeypatch.chdir(tmp_path)
    pinned = store.pin(FIRST)
    word = Path(pinned.digest[:8])
    word.write_bytes(successor(FIRST))
    assert not named_source(word, store).pinned
    word.unlink()
    assert named_source(word, store).pinned
    with pytest.raises(TrustFileError, match="no such file, and no pinned trust file"):
        named_source(Path("0" * 8), store)


def test_the_newest_for_a_chain_or_a_registry(store: TrustStore) -> None:
    assert store.newest() is None
    store.pin(FIRST)
    second = store.pin(successor(FIRST))
    elsewhere = store.pin(changed(FIRST, lambda members: members.update(chain_id=1)))
    assert store.newest(chain_id=DOMAIN.chain_id) == second
    assert store.newest(chain_id=1, registry=DOMAIN.registry) == elsewhere
    assert store.newest(chain_id=2) is None
    with pytest.raises(AmbiguousTrustFile, match="speak of 2 registries"):
        store.newest(registry=DOMAIN.registry)
