"""`perdure node`: the node that a consortium's partner runs beside its chain client."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_node.clock import system_clock

from perdure_cli.commands.gateway import init
from perdure_cli.commands.node_token import token
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE, USAGE
from perdure_cli.gateways import (
    UNLOCK_VARIABLE,
    gateway_option,
    gateway_passphrase,
    gateway_passphrase_option,
    named_gateway_folder,
    open_named_gateway,
)
from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, print_row, tell_next

if TYPE_CHECKING:
    from perdure_node.doctor.finding import Finding

_CREDENTIALS = "CREDENTIALS_DIRECTORY"


@click.group(short_help="Run a partner's node.")
def node() -> None:
    """Relay for sites, follow everybody's anchors, mirror logs, and answer sites and auditors over HTTP.

    A node works on a gateway's folder; its settings are in node.toml there.
    """


# a gateway is a node that nobody serves: its folder is made in one way
node.add_command(init)
node.add_command(token)


@node.command(short_help="Serve a node's folder.")
@gateway_option
@gateway_passphrase_option
@json_option
def run(gateway_folder: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Serve the folder until Ctrl-C or SIGTERM. Whatever ends it, the next run goes on where it was."""
    from perdure_node.service.logging import logging_to
    from perdure_node.service.running import run_node

    with open_named_gateway(gateway_folder) as opened:
        folder, settings = opened.folder, opened.settings
    file = passphrase_file or _passphrase_file(folder, settings.relay.passphrase_file)

    def ready(url: str) -> None:
        if as_json:
            print_json({"ok": True, "url": url, "folder": str(folder)})
        else:
            print_line(f"node {folder} serves {url}", style="bold")
            tell_next(f"curl {url}/ready, or open {url} in a browser; Ctrl-C ends it")

    with logging_to(None, settings.log):
        run_node(folder, lambda: gateway_passphrase(file), clock=system_clock(), on_ready=ready)


def _passphrase_file(folder: Path, named: str) -> Path | None:
    """The file that the settings name, else systemd's credential, if there is one."""
    if named:
        return folder / named
    credentials = os.environ.get(_CREDENTIALS)
    file = Path(credentials) / "passphrase" if credentials else None
    return file if file is not None and file.is_file() else None


@node.command("check-config", short_help="Check node.toml and the files that it names.")
@gateway_option
@json_option
def check_config(gateway_folder: Path | None, as_json: bool) -> int:
    """Check node.toml: whether it can be read, whether its parts fit, the files that it names, and whether all others are there. Asks nobody else.

    Exit codes: 0 it can be used, maybe with warnings, 2 it cannot.
    """
    from perdure_node.doctor.examining import check_settings

    from perdure_cli.findings import findings_exit_code, print_findings

    folder = named_gateway_folder(gateway_folder)
    found = print_findings(check_settings(folder, system_clock()), as_json=as_json)
    code = findings_exit_code(found, of_errors=USAGE)
    if not as_json:
        tell_next("perdure node doctor" if code == DONE else _mending(folder))
    return code


def _mending(folder: Path) -> str:
    """What to do about a folder that cannot be used."""
    if not folder.is_dir():
        return f"perdure node init --gateway {folder}, or say where the folder is with --gateway DIR"
    if (folder / "node.toml").is_file():
        return f"do what the remedies say; the settings are in {folder / 'node.toml'}"
    return f"put {folder / 'node.toml'} back"


@node.command(short_help="Find and explain what is wrong.")
@gateway_option
@gateway_passphrase_option
@json_option
def doctor(gateway_folder: Path | None, passphrase_file: Path | None, as_json: bool) -> int:
    """Look at the folder, the settings, the chain's endpoints, the relay's account, peers and the running node; say what is wrong and why.

    Changes nothing, sends nothing to the chain, and may run beside the node. Never asks for the passphrase: without one at hand the
    relay's account is not looked at.

    Exit codes: 0 all is well, maybe with warnings, 1 something is wrong, 2 there is no such folder, 3 something could not be found out.
    """
    from perdure_node.doctor.examining import examine

    from perdure_cli.findings import findings_exit_code, print_findings

    folder = named_gateway_folder(gateway_folder)
    file = passphrase_file or _named_passphrase_file(folder)
    ask = None if file is None and UNLOCK_VARIABLE not in os.environ else lambda: gateway_passphrase(file)
    found = print_findings(_with_pinned(folder, examine(folder, system_clock(), ask)), as_json=as_json)
    return findings_exit_code(found, of_errors=ANSWER_IS_NO if folder.is_dir() else USAGE)


def _named_passphrase_file(folder: Path) -> Path | None:
    """As `_passphrase_file`; None too where the settings cannot be read, which the doctor tells by itself."""
    from perdure_anchor.errors import PerdureError
    from perdure_node.doctor.configuration import read_settings

    try:
        return _passphrase_file(folder, read_settings(folder).relay.passphrase_file)
    except PerdureError:
        return None


def _with_pinned(folder: Path, findings: Iterator["Finding"]) -> Iterator["Finding"]:
    """The findings, and whether this user has pinned a newer trust file than the node's."""
    from perdure_anchor.errors import PerdureError
    from perdure_node.doctor.finding import found_by_error, warning
    from perdure_node.doctor.folder import read_trust

    from perdure_cli.trust_store import user_store

    yield from findings
    trust, _ = read_trust(folder)
    if trust is None:
        return
    try:
        pinned = user_store(os.environ).find(trust.domain)
    except PerdureError as error:
        yield found_by_error("pinned trust file", error)
        return
    if pinned is not None and pinned.trust.version > trust.version:
        yield warning(
            "pinned trust file",
            f"this user has pinned version {pinned.trust.version}, the node has version {trust.version}",
            "stop the node, put the newer file in the place of its trust.json, and start it again",
        )


@node.command(short_help="Copy the folder while the node runs.")
@click.argument("target", type=click.Path(path_type=Path))
@gateway_option
@json_option
def backup(target: Path, gateway_folder: Path | None, as_json: bool) -> None:
    """Copy the node's folder to TARGET, as it is at this moment, while the node goes on; the copy can be served in its place.

    It has the keys, under the node's passphrase: keep it as you keep the folder. Files outside of the folder are not in it.
    """
    from perdure_node.gateway.backup import back_up

    size = back_up(named_gateway_folder(gateway_folder), target, os.urandom)
    if as_json:
        print_json({"ok": True, "folder": str(target), "bytes": size})
        return
    print_line(f"copied to {target}", style="bold")
    print_row("size", f"{size} bytes")
    tell_next(
        f"carry it to another machine; perdure node doctor --gateway {target} looks whether it is whole"
    )
