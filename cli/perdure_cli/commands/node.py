"""`perdure node`: the node that a consortium's partner runs beside its chain client."""

import os
from pathlib import Path

import click
from perdure_node.clock import system_clock

from perdure_cli.gateways import (
    gateway_option,
    gateway_passphrase,
    gateway_passphrase_option,
    open_named_gateway,
)
from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, tell_next

_CREDENTIALS = "CREDENTIALS_DIRECTORY"


@click.group(short_help="Run a partner's node.")
def node() -> None:
    """Relay for sites, follow everybody's anchors, mirror logs, and answer sites and auditors over HTTP.

    A node works on a gateway's folder; its settings are in node.toml there.
    """


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
