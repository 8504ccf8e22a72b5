"""The vault's config.toml: what its owner may change by hand. Each key stands there with what it means and what it risks.

It is TOML (toml.io) of one level: keys of strings, numbers and lists of strings. An unknown key is an error, since a slip of the
keyboard must not leave a slot shown that should have been hidden. Changing one key leaves the rest of the file as it is,
comments included.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.record import SLOTS

from perdure_node.errors import SettingsError
from perdure_node.seal_policy import DEFAULT_POLICY, SealPolicy, parse_seal_policy

DEFAULT_WAIT: Final = 60.0
# a day: whoever waits for longer has something to mend
_LONGEST_WAIT: Final = 86400
_ALL_SLOTS: Final = "all"
_HEADER: Final = "# The site's settings. This file is private: an RPC URL often holds an API key.\n"


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """The settings of one vault.

    ``other_rpc_urls`` are asked for copies of blocks only; ``recorded_by`` None leaves the slot empty; ``wait`` is in seconds; ``disclose`` and ``hide`` are names of slots, the first
    may hold ``all``; ``seal`` says when waiting records are sealed. ``node_urls`` are Perdure nodes that anchor for the site, the files
    that go with them are named relative to the vault's folder.
    """

    origin: Origin
    rpc_url: str
    other_rpc_urls: tuple[str, ...] = ()
    recorded_by: str | None = None
    wait: float = DEFAULT_WAIT
    disclose: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    seal: SealPolicy = DEFAULT_POLICY
    node_urls: tuple[str, ...] = ()
    node_token_file: str = ""
    node_ca: str = ""
    node_certificate: str = ""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """A vault's nodes and the files that go with them, as in `VaultConfig`."""

    urls: tuple[str, ...] = ()
    token_file: str = ""
    authorities: str = ""
    certificate: str = ""


NO_NODES: Final = NodeSettings()


def config_with(config: VaultConfig, nodes: NodeSettings) -> VaultConfig:
    """The settings with these nodes."""
    return replace(
        config,
        node_urls=nodes.urls,
        node_token_file=nodes.token_file,
        node_ca=nodes.authorities,
        node_certificate=nodes.certificate,
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: what stands above it in the file, what TOML value a text on the command line means, and what it sets."""

    about: str
    from_text: Callable[[str], object]
    from_toml: Callable[[object], Any]
    required: bool = False
    fixed: bool = False


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise SettingsError("want a string")
    if not value.isprintable():
        raise SettingsError("has a control character")
    return value


def _origin(value: object) -> Origin:
    return parse_origin(_string(value))


def _urls(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise SettingsError("want a list of urls")
    return tuple(map(_string, value))


def _recorded_by(value: object) -> str | None:
    return _string(value) or None


def _seconds(value: object) -> float:
    # True is an int to Python
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST_WAIT:
        return float(value)
    raise SettingsError(f"want seconds from 0 to {_LONGEST_WAIT}")


def _seal_policy(value: object) -> SealPolicy:
    if not isinstance(value, list):
        raise SettingsError('want a list, such as ["on-sync", "1000 records"]')
    return parse_seal_policy([_string(text) for text in value])


def _disclosed(value: object) -> tuple[str, ...]:
    return _names(value, (_ALL_SLOTS, *SLOTS))


def _hidden(value: object) -> tuple[str, ...]:
    return _names(value, SLOTS)


def _names(value: object, known: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise SettingsError("want a list of slots")
    for name in value:
        if name not in known:
            got = name if isinstance(name, str) else repr(name)
            raise SettingsError(f"got {got[:40]!a}, want slots", hint=_nearest(got, known))
    return tuple(dict.fromkeys(value))


def _url_in(text: str) -> object:
    from perdure_contracts.endpoint import parse_endpoint

    return parse_endpoint(text).url


def _node_urls(value: object) -> tuple[str, ...]:
    return tuple(map(node_url, _urls(value)))


def node_url(text: str) -> str:
    """The URL of a Perdure node, to which paths are added; raises `EndpointError`, or `SettingsError`, which do not repeat it."""
    from perdure_contracts.endpoint import parse_endpoint

    if "?" in text or "#" in text:
        raise SettingsError(
            "node url: has a query or a fragment", hint="give it as https://HOST or https://HOST/PATH"
        )
    return parse_endpoint(text, "node url").url.rstrip("/")


def _node_urls_in(text: str) -> object:
    return [node_url(url.strip()) for url in text.split(",") if url.strip()]


def _path_in(text: str) -> object:
    # where the command is run says nothing to the next one
    return str(Path(text).absolute()) if text else ""


def _urls_in(text: str) -> object:
    return [_url_in(url.strip()) for url in text.split(",") if url.strip()]


def _number_in(text: str) -> object:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise SettingsError(f"want seconds from 0 to {_LONGEST_WAIT}") from None


def _list_in(text: str) -> object:
    return [name.strip() for name in text.split(",") if name.strip()]


SETTINGS: Final[Mapping[str, Setting]] = {
    "origin": Setting(
        "The site's name. The log, its key and its registration belong to it: never change it.",
        str,
        _origin,
        required=True,
        fixed=True,
    ),
    "rpc_url": Setting(
        "Where the chain's node listens. It can withhold, but nothing that it says is believed without proof.",
        _url_in,
        _string,
        required=True,
    ),
    "other_rpc_urls": Setting(
        "More nodes of the chain, asked for seals that the first one lacks. They learn which blocks this site looks at.",
        _urls_in,
        _urls,
    ),
    "node_urls": Setting(
        "Perdure nodes that anchor for this site, so that it needs no chain: the first that answers is used, the others when it does not. "
        "They learn how many records there are and when, and can withhold; nothing that they say is believed without proof.",
        _node_urls_in,
        _node_urls,
    ),
    "node_token_file": Setting(
        "The file whose first line the nodes want as a token. Each of them gets it, and whoever reads it can ask them as this site does.",
        _path_in,
        _string,
    ),
    "node_ca": Setting(
        "The certificates (PEM) that vouch for the nodes, in place of the system's. Who holds their keys can read what goes over, and "
        "hold it back.",
        _path_in,
        _string,
    ),
    "node_certificate": Setting(
        "The file (PEM) of this site's certificate for the nodes, with its key: whoever has it can ask them as this site does.",
        _path_in,
        _string,
    ),
    "recorded_by": Setting(
        "Who records, unless a record says otherwise: goes into each record's slot recorded_by, as a claim. Empty: nobody.",
        str,
        _recorded_by,
    ),
    "wait": Setting(
        "How many seconds `perdure sync` waits for the chain. Too few cost another run, and lose nothing.",
        _number_in,
        _seconds,
    ),
    "seal": Setting(
        "When what waits is sealed: on-sync, every so much (1000 records, 12 hours), several of these, or by-hand. What is not sealed "
        "can still be amended, and is the first to be lost with this disk.",
        _list_in,
        _seal_policy,
    ),
    "disclose": Setting(
        'Slots that evidence shows besides the usual ones, or "all". Whoever gets a file reads them, and can pass it on.',
        _list_in,
        _disclosed,
    ),
    "hide": Setting(
        "Slots that evidence does not show, whatever else says so. A hidden document cannot be held against its evidence.",
        _list_in,
        _hidden,
    ),
}


def encode_config(config: VaultConfig) -> bytes:
    """The file, with its comments; raises `SettingsError` for text that cannot stand in it."""
    return "\n".join([_HEADER, *(_block(key, toml_value(config, key)) for key in SETTINGS)]).encode()


def parse_config(raw: bytes) -> VaultConfig:
    """The settings in the file's bytes; raises `SettingsError`."""
    table = _table(raw)
    for key in table:
        if key not in SETTINGS:
            raise SettingsError(f"config.toml: unknown key {key[:40]!a}", hint=_nearest(key, tuple(SETTINGS)))
    missing = [key for key, setting in SETTINGS.items() if setting.required and key not in table]
    if missing:
        raise SettingsError(f"config.toml: {missing[0]}: is missing")
    try:
        config = VaultConfig(**{key: _checked(key, value) for key, value in table.items()})
    except SettingsError as error:
        raise SettingsError(f"config.toml: {error}", hint=error.hint) from None
    if both := set(config.disclose) & set(config.hide):
        raise SettingsError(
            f"config.toml: {min(both)}: is to be disclosed and hidden", hint="take it out of one"
        )
    return config


def written_keys(raw: bytes) -> frozenset[str]:
    """The keys that the file sets; the others have their defaults. Raises `SettingsError`."""
    return frozenset(_table(raw))


def toml_value(config: VaultConfig, key: str) -> str | float | list[str]:
    """What stands, or could stand, in the file for this setting."""
    value = getattr(config, key)
    if isinstance(value, Origin):
        return value.text
    if isinstance(value, SealPolicy):
        return list(value.texts)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return "" if value is None else str(value)


def change_config(raw: bytes, key: str, text: str) -> bytes:
    """The file with one key set to what ``text`` says, in a list by commas; raises `SettingsError`."""
    setting = known_setting(key)
    if setting.fixed:
        raise SettingsError(
            f"{key}: cannot be changed", hint="make a vault for another site with: perdure init"
        )
    config = parse_config(raw)
    try:
        value = setting.from_text(text)
    except PerdureError as error:
        raise SettingsError(f"{key}: {error}", hint=error.hint) from None
    wanted = replace(config, **{key: _checked(key, value)})
    changed = _with_statement(raw.decode(), key, _block(key, toml_value(wanted, key))).encode()
    if parse_config(changed) != wanted:
        raise SettingsError(
            f"config.toml: {key} stands there in a way that cannot be changed from here",
            hint="edit it by hand",
        )
    return changed


def known_setting(key: str) -> Setting:
    """The setting of this name; raises `SettingsError`, which names the nearest."""
    if key not in SETTINGS:
        raise SettingsError(f"unknown key {key[:40]!a}", hint=_nearest(key, tuple(SETTINGS)))
    return SETTINGS[key]


def _table(raw: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"config.toml: {error}") from None
    except RecursionError:
        raise SettingsError("config.toml: lists or tables are nested too deeply") from None


def _checked(key: str, value: object) -> Any:
    try:
        return SETTINGS[key].from_toml(value)
    except PerdureError as error:
        raise SettingsError(f"{key}: {error}", hint=error.hint) from None


def _nearest(name: str, known: tuple[str, ...]) -> str:
    # imported here, since every command reads the settings and few have a fault in them
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _block(key: str, value: str | float | list[str]) -> str:
    """A key with what stands above it. Of printable text, JSON is TOML."""
    texts = value if isinstance(value, list) else [str(value)]
    if not all(text.isprintable() for text in texts):
        raise SettingsError(f"{key}: has a control character")
    return f"# {SETTINGS[key].about}\n{key} = {json.dumps(value, ensure_ascii=False)}\n"


def _with_statement(text: str, key: str, block: str) -> str:
    """The file with the key's own lines replaced, or with the block at its end."""
    statement = block.splitlines(keepends=True)[-1]
    parts = list(_statements(text))
    for number, part in enumerate(parts):
        if key in tomllib.loads(part):
            parts[number] = statement.rstrip("\n") + _rest_of(part)
            return "".join(parts)
    if parts and not parts[-1].endswith("\n"):
        parts.append("\n")
    return "".join([*parts, "\n", block])


def _statements(text: str) -> Iterator[str]:
    """The file's lines, with those of a value that spans several in one piece."""
    part = ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        part += line
        try:
            tomllib.loads(part)
        except tomllib.TOMLDecodeError:
            continue
        yield part
        part = ""


def _rest_of(statement: str) -> str:
    """The end of a statement that is no part of its value: a comment, and the end of the line."""
    whole = tomllib.loads(statement)
    for start, character in enumerate(statement):
        if character == "#" and _means(statement[:start], whole):
            return statement[len(statement[:start].rstrip(" \t")) :]
    return "\r\n" if statement.endswith("\r\n") else "\n"


def _means(text: str, table: Mapping[str, object]) -> bool:
    try:
        return tomllib.loads(text) == table
    except tomllib.TOMLDecodeError:
        return False
