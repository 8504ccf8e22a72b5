"""The gateway that a command works at: its folder, and its passphrase, which never comes from the command line."""

import os
from pathlib import Path
from typing import Final

import click
from perdure_node.gateway.folder import DATABASE_FILE, Gateway, GatewayKeys, open_gateway

from perdure_cli.site import ask_passphrase, read_passphrase_file

FOLDER_VARIABLE: Final = "PERDURE_GATEWAY"
UNLOCK_VARIABLE: Final = "PERDURE_GATEWAY_PASSPHRASE"
_DEFAULT_FOLDER: Final = ".perdure-gateway"

gateway_option = click.option(
    "--gateway",
    "gateway_folder",
    type=click.Path(path_type=Path),
    envvar=FOLDER_VARIABLE,
    metavar="DIR",
    help=f"The gateway's folder; by default {FOLDER_VARIABLE}, else {_DEFAULT_FOLDER} in this folder.",
)

gateway_passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help=f"File whose first line is the passphrase of the gateway; else {UNLOCK_VARIABLE}, else a prompt.",
)


def open_named_gateway(folder: Path | None) -> Gateway:
    """The gateway that ``--gateway`` names, else the one in this folder; raises `VaultNotFound`."""
    return open_gateway(named_gateway_folder(folder))


def named_gateway_folder(folder: Path | None) -> Path:
    """The folder that ``--gateway`` names, else this one if a gateway is in it, else the one that is made in it."""
    here = Path.cwd()
    return here if folder is None and (here / DATABASE_FILE).is_file() else new_gateway_folder(folder)


def new_gateway_folder(folder: Path | None) -> Path:
    """Where `perdure gateway init` makes a gateway."""
    return folder or Path.cwd() / _DEFAULT_FOLDER


def gateway_keys(gateway: Gateway, passphrase_file: Path | None) -> GatewayKeys:
    """The gateway's keys, opened with the passphrase once one is needed."""
    return GatewayKeys(gateway, lambda: gateway_passphrase(passphrase_file))


def gateway_passphrase(file: Path | None) -> str:
    """The passphrase that opens the gateway; raises `NoPassphrase`."""
    if file is not None:
        return read_passphrase_file(file)
    if UNLOCK_VARIABLE in os.environ:
        return os.environ[UNLOCK_VARIABLE]
    return ask_passphrase(
        "Passphrase of the gateway", hint=f"use --passphrase-file FILE, or set {UNLOCK_VARIABLE}"
    )
