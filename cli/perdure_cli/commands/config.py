"""`perdure config`: the settings in force, where each comes from, and the vault's config.toml changed key by key."""

import os
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError
from perdure_node.config import SETTINGS, change_config, known_setting
from perdure_node.errors import VaultNotFound
from perdure_node.files import write_whole
from perdure_node.places import CONFIG_FILE, find_vault

from perdure_cli.files import text_input
from perdure_cli.options import json_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.settings import (
    ConfigFile,
    Shown,
    Value,
    Variable,
    find_config,
    named_vault,
    user_settings,
    variables,
)

_STANDARD_INPUT = "-"
_MAX_VALUE = 4096

reveal_option = click.option("--reveal", is_flag=True, help="Show secrets in an RPC URL, too.")


def _keys_for_a_shell(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [key for key in SETTINGS if key.startswith(incomplete)]


key_argument = click.argument("key", shell_complete=_keys_for_a_shell)


@click.group(short_help="Show and change settings.", invoke_without_command=True)
@reveal_option
@vault_option
@json_option
@click.pass_context
def config(context: click.Context, /, reveal: bool, as_json: bool, **_: object) -> None:
    """Show every setting in force, and where it comes from: an option, the environment, a file, or a default.

    A site's settings are in the file config.toml of its vault; `perdure help configuration` explains them.
    """
    if context.invoked_subcommand is not None:
        return
    found = find_config(context)
    site = [] if found is None else found.settings(reveal=reveal)
    user = user_settings(os.environ)
    if as_json:
        print_json(_members(found, site + user, variables(os.environ)))
        return
    if found is None:
        tell("there is no vault here")
    else:
        print_line(str(found.path), style="bold")
        _print_settings([Shown("vault", str(found.vault), found.source), *site])
    print_line("for this user", style="bold")
    _print_settings(user)
    print_line("environment", style="bold")
    for variable in variables(os.environ):
        print_line(f"  {variable.name:<18} {_variable_text(variable)}")
    tell_next("perdure init" if found is None else "perdure config set KEY VALUE")


@config.command()
@key_argument
@reveal_option
@vault_option
@json_option
@click.pass_context
def get(context: click.Context, /, key: str, reveal: bool, as_json: bool, **_: object) -> None:
    """Print the value of one KEY."""
    known_setting(key)
    shown = _config_file(context).setting(key, reveal=reveal or _before(context, "reveal"))
    if as_json or _before(context, "as_json"):
        print_json({"ok": True, **_setting_members(shown)})
    else:
        print_line(_text(shown.value))
        if shown.masked:
            tell("*** stands for what may be secret; --reveal shows it")


@config.command("set")
@key_argument
@click.argument("value")
@vault_option
@json_option
@click.pass_context
def set_(context: click.Context, /, key: str, value: str, as_json: bool, **_: object) -> None:
    """Set one KEY in the vault's config.toml, and leave the rest of the file as it is.

    Slots are given as one VALUE with commas; an empty VALUE lists none. A VALUE of - is read from standard input, so that a
    secret in an RPC URL is not on the command line, where other processes can read it.
    """
    found = _config_file(context)
    text = _read_value() if value == _STANDARD_INPUT else value
    changed = change_config(found.raw, key, text)
    write_whole(found.path, changed)
    shown = ConfigFile(found.vault, found.source, changed).setting(key, reveal=False)
    if as_json or _before(context, "as_json"):
        print_json({"ok": True, **_setting_members(shown), "file": str(found.path)})
    else:
        print_line(f"{key}: {_text(shown.value)}, in {found.path}")


@config.command()
@vault_option
@json_option
@click.pass_context
def path(context: click.Context, /, as_json: bool, **_: object) -> None:
    """Print where the vault's config.toml is; the file need not be a sound one."""
    file = find_vault(Path.cwd(), explicit=named_vault(context)[0]) / CONFIG_FILE
    if as_json or _before(context, "as_json"):
        print_json({"ok": True, "file": str(file)})
    else:
        print_line(str(file))


def _before(context: click.Context, flag: str) -> bool:
    """Whether the flag was given before the subcommand's name."""
    return context.parent is not None and bool(context.parent.params[flag])


def _config_file(context: click.Context) -> ConfigFile:
    found = find_config(context)
    if found is None:
        raise VaultNotFound(
            f"no vault in {Path.cwd()} or above it",
            hint="`perdure init` makes one; --vault DIR names another place",
        )
    return found


def _read_value() -> str:
    line = text_input().readline(_MAX_VALUE + 1).rstrip("\r\n")
    if len(line) > _MAX_VALUE:
        raise ConfigError(f"standard input: got more than {_MAX_VALUE} characters in its first line")
    return line


def _print_settings(settings: list[Shown]) -> None:
    for shown in settings:
        print_row(shown.key, f"{_text(shown.value) or '(none)'}  ({shown.source.value})")


def _text(value: Value) -> str:
    """A value as `perdure config set` takes it."""
    return ",".join(value) if isinstance(value, list) else "" if value is None else str(value)


def _variable_text(variable: Variable) -> str:
    if not variable.is_set:
        return "not set"
    return "set" if variable.value is None else variable.value or "empty"


def _members(
    found: ConfigFile | None, settings: list[Shown], environment: list[Variable]
) -> dict[str, object]:
    return {
        "ok": True,
        "vault": None if found is None else str(found.vault),
        "vault_source": None if found is None else found.source.value,
        "file": None if found is None else str(found.path),
        "settings": [_setting_members(shown) for shown in settings],
        "environment": [
            {"name": variable.name, "set": variable.is_set, "value": variable.value}
            for variable in environment
        ],
    }


def _setting_members(shown: Shown) -> dict[str, object]:
    return {"key": shown.key, "value": shown.value, "source": shown.source.value, "masked": shown.masked}
