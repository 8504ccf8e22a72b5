"""The pinned trust files: which one is believed, and that none takes another's place unasked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.hashes import sha256
from perdure_anchor.trust_file import TrustFileError, parse_trust_file
from perdure_cli.trust_store import AmbiguousTrustFile, NotASuccessor, TrustStore, user_store
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
    with pytest.raises(NotASuccessor, match="closed epoch from block 1 "):
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
