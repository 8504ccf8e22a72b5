"""The gateway's gateway.toml: what its owner may change by hand. Each key stands there with what it means and what it risks."""

import json
import tomllib
from dataclasses import dataclass, fields
from typing import Any, Final

from perdure_node.errors import SettingsError

DEFAULT_WAIT: Final = 120.0
_ABOUT: Final = {
    "rpc_url": "Where the chain's node listens. It can withhold, but nothing that it says is believed without proof.",
    "other_rpc_urls": "More nodes of the chain, asked for seals that the first one lacks.",
    "wait": "How many seconds a delivery waits for the chain. Too few cost another run, and lose nothing.",
    "signer_url": "A Web3Signer that signs for the relay's account; empty: the key is in this folder, under the passphrase.",
    "relay": "The account that pays for transactions, where signer_url is set. It can delay checkpoints, and nothing else.",
    "signer_token_file": "File with a bearer token for the Web3Signer. Whoever reads it spends from the relay's account.",
    "signer_ca": "Certificates that vouch for the Web3Signer (PEM); empty: the system's.",
    "signer_certificate": "Our certificate for the Web3Signer, with its key behind it (PEM).",
}
_HEADER: Final = "# The gateway's settings. This file is private: an RPC URL often holds an API key.\n"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """``wait`` in seconds; all about a signer, and ``relay`` (an address), is empty where the key is in the folder."""

    rpc_url: str
    other_rpc_urls: tuple[str, ...] = ()
    wait: float = DEFAULT_WAIT
    signer_url: str = ""
    relay: str = ""
    signer_token_file: str = ""
    signer_ca: str = ""
    signer_certificate: str = ""


def encode_settings(settings: GatewaySettings) -> bytes:
    """The file, with its comments."""
    blocks = [_HEADER]
    for field in fields(settings):
        value = getattr(settings, field.name)
        written = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
        blocks.append(f"# {_ABOUT[field.name]}\n{field.name} = {written}\n")
    return "\n".join(blocks).encode()


def parse_settings(raw: bytes) -> GatewaySettings:
    """The settings in the file's bytes; raises `SettingsError`."""
    try:
        table = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"gateway.toml: {error}") from None
    for key in table:
        if key not in _ABOUT:
            raise SettingsError(
                f"gateway.toml: unknown key {key[:40]!a}", hint=f"known are {', '.join(_ABOUT)}"
            )
    if "rpc_url" not in table:
        raise SettingsError("gateway.toml: rpc_url: is missing")
    return GatewaySettings(**{key: _checked(key, value) for key, value in table.items()})


def _checked(key: str, value: object) -> Any:
    if key == "other_rpc_urls":
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise SettingsError(f"gateway.toml: {key}: want a list of urls")
    if key == "wait":
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86400:
            return float(value)
        raise SettingsError(f"gateway.toml: {key}: want seconds from 0 to 86400")
    if not isinstance(value, str) or not value.isprintable():
        raise SettingsError(f"gateway.toml: {key}: want a text")
    return value
