"""node.toml promises nothing that the node does not do: each key is read somewhere, and those of the follower reach it."""

import re
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from perdure_node.clock import system_clock
from perdure_node.gateway.settings import FollowSettings, NodeSettings, settings_for
from perdure_node.service import following
from perdure_node.service.following import FollowerWorker
from perdure_node.service.state import new_state

ROOT = Path(__file__).parents[2]
# what only declares, checks or writes the keys
APART = ("gateway/settings.py", "/doctor/")
# read by what it counts as
BY_ANOTHER_NAME = {"highest_fee": "ceiling"}
TABLES = {each.name: each.metadata["table"].type for each in fields(NodeSettings)}
KEYS = [(name, key.name) for name, type_ in TABLES.items() for key in fields(type_)]


def sources() -> list[str]:
    paths = [*ROOT.glob("node/perdure_node/**/*.py"), *ROOT.glob("cli/perdure_cli/**/*.py")]
    return [path.read_text() for path in paths if not any(each in path.as_posix() for each in APART)]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    found = sources()
    assert len(found) > 100
    return found


@pytest.mark.parametrize(("table", "key"), KEYS)
def test_each_key_is_read(texts: list[str], table: str, key: str) -> None:
    """By a module that has to do with its table."""
    names_table = re.compile(rf"\.{table}\b|\b{TABLES[table].__name__}\b")
    reads_key = re.compile(rf"\.{BY_ANOTHER_NAME.get(key, key)}\b")
    assert any(names_table.search(each) and reads_key.search(each) for each in texts)


@pytest.mark.parametrize(
    ("follow", "options"),
    [
        (FollowSettings(), {"widest": 10_000, "relayed_only": False}),
        (FollowSettings("relayed", 77), {"widest": 77, "relayed_only": True}),
    ],
)
def test_the_follower_is_told_what_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, follow: FollowSettings, options: dict[str, Any]
) -> None:
    given: dict[str, Any] = {}

    class Told(Exception):
        pass

    def follower(_home: object, _chain: object, _clock: object, **more: Any) -> None:
        given.update(more)
        raise Told

    monkeypatch.setattr(following, "Follower", follower)
    clock = system_clock()
    gateway: Any = SimpleNamespace(settings=replace(settings_for("http://127.0.0.1:1"), follow=follow))
    worker = FollowerWorker(gateway, None, new_state(clock), clock)  # type: ignore[arg-type]
    with pytest.raises(Told):
        worker._follow(object())  # type: ignore[arg-type]
    assert given == options
