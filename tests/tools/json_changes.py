"""Single changes to the value of a JSON file, made in place on a copy that the test owns."""

from collections.abc import Callable
from typing import Any

Change = Callable[[dict[str, Any]], None]


def _walk(value: Any, way: list[Any]) -> Any:
    for step in way:
        value = value[step]
    return value


def put(value: Any, *path: Any) -> Change:
    """Put ``value`` at the end of the path of keys and positions."""

    def change(members: dict[str, Any]) -> None:
        *way, last = path
        _walk(members, way)[last] = value

    return change


def drop(*path: Any) -> Change:
    """Take the member or element at the end of the path away."""

    def change(members: dict[str, Any]) -> None:
        *way, last = path
        del _walk(members, way)[last]

    return change
