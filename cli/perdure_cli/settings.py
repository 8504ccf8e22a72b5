"""Every setting that is in force, and where it comes from: an option, the environment, the vault's config.toml, a default.

A passphrase is only said to be set. Of an RPC URL more than its host may be a secret, so that is all that is shown unless the
user asks for the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click
from click.core import ParameterSource
from perdure_anchor.errors import PerdureError
from perdure_node.config import SETTINGS, parse_config, toml_value, written_keys
from perdure_node.errors import SettingsError, VaultNotFound
from perdure_node.places import CONFIG_FILE, find_vault

from perdure_cli.files import read_bounded
from perdure_cli.trust_store import user_store

Value = str | float | list[str] | None

# far above what the settings take; a larger file is another one
_MAX_CONFIG_SIZE = 64 * 1024
# in the order of their use; whether they are set is shown, and what they are set to unless that is a secret
_VARIABLES: Mapping[str, bool] = {
    "PERDURE_VAULT": False,
    "PERDURE_PASSPHRASE": True,
    "PERDURE_NEW_PASSPHRASE": True,
    "PERDURE_KEYSTORE_PASSPHRASE": True,
    "PERDURE_CONFIG_DIR": False,
    "PERDURE_DEBUG": False,
    "NO_COLOR": False,
    "PAGER": False,
}


class Source(StrEnum):
    """Where a setting comes from."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    FILE = "file"
    FOUND = "found"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting as it is shown; ``masked`` tells that a part of the value is not."""

    key: str
    value: Value
    source: Source
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment; ``value`` None where it is not set, or is a secret."""

    name: str
    is_set: bool
    value: str | None


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A vault's config.toml, and by what the vault was chosen."""

    vault: Path
    source: Source
    raw: bytes

    @property
    def path(self) -> Path:
        return self.vault / CONFIG_FILE

    def settings(self, *, reveal: bool) -> list[Shown]:
        """All of its keys, in the file's order; raises `SettingsError`."""
        return [self.setting(key, reveal=reveal) for key in SETTINGS]

    def setting(self, key: str, *, reveal: bool) -> Shown:
        """One of its keys; raises `SettingsError`."""
        value: Value = toml_value(parse_config(self.raw), key)
        source = Source.FILE if key in written_keys(self.raw) else Source.DEFAULT
        if key not in ("rpc_url", "other_rpc_urls", "node_urls") or reveal:
            return Shown(key, value, source)
        masked: Value = [*map(masked_url, value)] if isinstance(value, list) else masked_url(str(value))
        return Shown(key, masked, source, masked=masked != value)


def find_config(context: click.Context) -> ConfigFile | None:
    """The settings of the vault that is meant; None where none was named and none is found. Raises `VaultNotFound`."""
    named, source = named_vault(context)
    try:
        vault = find_vault(Path.cwd(), explicit=named)
    except VaultNotFound:
        if named is None:
            return None
        raise
    return ConfigFile(vault, source, read_config(vault / CONFIG_FILE))


def named_vault(context: click.Context) -> tuple[Path | None, Source]:
    """What the option ``--vault`` of the command, else of the group around it, else of the environment names."""
    each: click.Context | None = context
    while each is not None:
        if each.get_parameter_source("vault_folder") is ParameterSource.COMMANDLINE:
            return each.params["vault_folder"], Source.OPTION
        each = each.parent
    folder = context.params["vault_folder"]
    return folder, Source.FOUND if folder is None else Source.ENVIRONMENT


def read_config(path: Path) -> bytes:
    """The file's bytes; raises `SettingsError`."""
    raw = read_bounded(path, _MAX_CONFIG_SIZE)
    if len(raw) > _MAX_CONFIG_SIZE:
        raise SettingsError(f"{path}: got more than {_MAX_CONFIG_SIZE} bytes")
    return raw


def user_settings(environ: Mapping[str, str]) -> list[Shown]:
    """What holds for the user, whichever vault is meant."""
    configured = environ.get("PERDURE_CONFIG_DIR") or environ.get("XDG_CONFIG_HOME")
    source = Source.ENVIRONMENT if configured else Source.DEFAULT
    return [Shown("trust_files", str(user_store(environ).folder), source)]


def variables(environ: Mapping[str, str]) -> list[Variable]:
    """The variables that change what the command does."""
    return [
        Variable(name, name in environ, None if secret else environ.get(name))
        for name, secret in _VARIABLES.items()
    ]


def masked_url(url: str) -> str:
    """Scheme, host and port; ``***`` stands for all else, which may be a user's name, a password or an API key."""
    from perdure_contracts.endpoint import parse_endpoint

    try:
        origin = parse_endpoint(url).origin
    except PerdureError:
        return "***"
    return url if url.rstrip("/") == origin else f"{origin}/***"
