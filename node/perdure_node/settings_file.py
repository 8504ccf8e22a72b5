"""Settings in TOML tables, declared once: a dataclass for each table, whose fields say what a key means, and what it risks.

The same declaration writes the file with its comments, reads it strictly (an unknown key or table is an error, since a slip of the
keyboard must not open a door), and documents it. Every fault is a `SettingsError` that names file, table and key.
"""

import difflib
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final, TypeVar, cast

from perdure_node.errors import SettingsError

T = TypeVar("T")
Check = Callable[[object], Any]
"""From a TOML value to the setting's; raises `SettingsError` with what is wanted."""

_KEY, _TABLE = "key", "table"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a table: what it means and risks, and how its value is checked."""

    about: str
    check: Check


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file, or, where ``is_list``, any number of them under one name (TOML's array of tables)."""

    about: str
    type: type
    is_list: bool


def key(check: Check, about: str, default: Any = MISSING) -> Any:
    """A field of a table's dataclass; without ``default`` the file has to have the key."""
    return field(default=default, metadata={_KEY: Key(about, check)})


def table(type_: type[T], about: str) -> T:
    """A field that is a table, by default with all its keys' defaults."""
    return field(default_factory=type_, metadata={_TABLE: Table(about, type_, is_list=False)})


def tables(type_: type[T], about: str) -> tuple[T, ...]:
    """A field that is a list of tables."""
    return cast("tuple[T, ...]", field(default=(), metadata={_TABLE: Table(about, type_, is_list=True)}))


def text(value: object) -> str:
    """A printable text."""
    if not isinstance(value, str) or not value.isprintable():
        raise SettingsError("want a printable text")
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of printable texts."""
    if not isinstance(value, list):
        raise SettingsError("want a list of texts")
    return tuple(map(text, value))


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise SettingsError("want true or false")
    return value


def whole(low: int, high: int) -> Check:
    """A whole number in this range."""

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise SettingsError(f"want a whole number from {low} to {high}")

    return check


def seconds(low: float, high: float) -> Check:
    """Seconds in this range."""

    def check(value: object) -> float:
        # True is an int to Python, and nan is in no range
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise SettingsError(f"want seconds from {low:g} to {high:g}")

    return check


def one_of(*names: str) -> Check:
    """One of these texts."""

    def check(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        raise SettingsError(f"want one of {', '.join(names)}")

    return check


def parse_settings_file(raw: bytes, type_: type[T], file: str) -> T:
    """The settings in the file's bytes; raises `SettingsError`. ``file`` is what messages call it."""
    try:
        found = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from None
    except RecursionError:
        raise SettingsError(f"{file}: lists or tables are nested too deeply") from None
    members: dict[str, Any] = {}
    known = {each.name: each.metadata[_TABLE] for each in fields(cast("Any", type_))}
    for name, value in found.items():
        if name not in known:
            raise SettingsError(f"{file}: unknown table or key {name[:40]!a}", hint=_nearest(name, [*known]))
        members[name] = _read(known[name], value, f"{file}: {name}")
    return type_(**members)


def _read(declared: Table, value: object, where: str) -> Any:
    if not declared.is_list:
        return _read_table(declared.type, value, where)
    if not isinstance(value, list):
        raise SettingsError(f"{where}: want tables, each begun by [[{where.rpartition(': ')[2]}]]")
    return tuple(
        _read_table(declared.type, each, f"{where}, number {number}") for number, each in enumerate(value, 1)
    )


def _read_table(type_: type, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise SettingsError(f"{where}: want a table, begun by [{where.rpartition(': ')[2]}]")
    known = {each.name: each for each in fields(type_)}
    members = {}
    for name, content in value.items():
        if name not in known:
            raise SettingsError(f"{where}: unknown key {name[:40]!a}", hint=_nearest(name, [*known]))
        declared: Key = known[name].metadata[_KEY]
        try:
            members[name] = declared.check(content)
        except SettingsError as error:
            raise SettingsError(f"{where}: {name}: {error}", hint=error.hint) from None
    missing = [name for name, each in known.items() if each.default is MISSING and name not in members]
    if missing:
        raise SettingsError(f"{where}: {missing[0]}: is missing")
    return type_(**members)


def encode_settings_file(settings: object, header: str) -> bytes:
    """The file, each key with what it means above it; parsing it gives the same settings. Raises `SettingsError`."""
    blocks = [header]
    for each in fields(cast("Any", settings)):
        declared: Table = each.metadata[_TABLE]
        value = getattr(settings, each.name)
        if not declared.is_list:
            blocks.append(f"# {declared.about}\n[{each.name}]\n{_written(value)}")
        elif value:
            blocks += [f"# {declared.about}\n[[{each.name}]]\n{_written(one)}" for one in value]
        else:
            blocks.append(_example(each.name, declared))
    return "\n".join(blocks).encode()


def _example(name: str, declared: Table) -> str:
    """A table of a list that is empty: what it would be, commented out."""
    lines = [f"# {declared.about}", f"# [[{name}]]"]
    for each in fields(declared.type):
        value = "" if each.default is MISSING else _toml(each.default)
        lines += [f"# # {each.metadata[_KEY].about}", f"# {each.name} = {json.dumps(value)}"]
    return "\n".join(lines) + "\n"


def _written(table_value: object) -> str:
    return "".join(_lines(table_value))


def _lines(table_value: object) -> Iterator[str]:
    for each in fields(cast("Any", table_value)):
        declared: Key = each.metadata[_KEY]
        value = _toml(getattr(table_value, each.name))
        for line in value if isinstance(value, list) else [value]:
            if isinstance(line, str) and not line.isprintable():
                raise SettingsError(f"{each.name}: has a control character")
        # of printable text, JSON is TOML
        yield f"# {declared.about}\n{each.name} = {json.dumps(value, ensure_ascii=False)}\n"


def _toml(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def documented(type_: type) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Each table's name, what it is for, and what each of its keys means."""
    for each in fields(type_):
        declared: Table = each.metadata[_TABLE]
        yield (
            each.name,
            declared.about,
            {one.name: one.metadata[_KEY].about for one in fields(declared.type)},
        )


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


PORT: Final = whole(0, 65535)
