"""The vault's config.toml: what its owner may change by hand. Each key stands there with what it means and what it risks."""

import json
import tomllib
from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.errors import PerdureError

from perdure_node.errors import SettingsError

_TEMPLATE = """\
# The site's settings. This file is private: an RPC URL often holds an API key.

# The site's name. The log, its key and its registration belong to it: never change it.
origin = {origin}

# Where the chain's node listens. It can withhold, but nothing that it says is believed without proof.
rpc_url = {rpc_url}

# Who records, unless a record says otherwise: goes into each record's slot recorded_by, as a claim. Empty: nobody.
recorded_by = {recorded_by}
"""


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """The settings of one vault; ``recorded_by`` None leaves the slot empty."""

    origin: Origin
    rpc_url: str
    recorded_by: str | None = None


def encode_config(config: VaultConfig) -> bytes:
    """The file, with its comments; raises `SettingsError` for text that cannot stand in it."""
    values = {
        "origin": config.origin.text,
        "rpc_url": config.rpc_url,
        "recorded_by": config.recorded_by or "",
    }
    for key, value in values.items():
        if not value.isprintable():
            raise SettingsError(f"{key}: has a control character")
    # of printable text, a JSON string is a TOML string
    return _TEMPLATE.format(
        **{key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    ).encode()


def parse_config(raw: bytes) -> VaultConfig:
    """The settings in the file's bytes; raises `SettingsError`."""
    try:
        table = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"config.toml: {error}") from None
    unknown = sorted(table.keys() - {"origin", "rpc_url", "recorded_by"})
    if unknown:
        raise SettingsError(f"config.toml: unknown key {unknown[0]!a}")
    for key in ("origin", "rpc_url"):
        if not isinstance(table.get(key), str):
            raise SettingsError(f"config.toml: {key}: want a string")
    recorded_by = table.get("recorded_by", "")
    if not isinstance(recorded_by, str):
        raise SettingsError("config.toml: recorded_by: want a string")
    try:
        origin = parse_origin(table["origin"])
    except PerdureError as error:
        raise SettingsError(f"config.toml: origin: {error}", hint=error.hint) from None
    return VaultConfig(origin, table["rpc_url"], recorded_by or None)
