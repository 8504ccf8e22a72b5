"""`perdure devnet`: an embedded chain of four validators, to try everything on without anybody's leave."""

import os
import time
from pathlib import Path

import click
from perdure_anchor.hashes import checksum_address

from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next

_PORTS = click.IntRange(0, 65535)

directory_option = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("chain"),
    show_default=True,
    metavar="DIR",
    help="The chain's folder.",
)


@click.group(short_help="Run an embedded chain to try things on.")
def devnet() -> None:
    """Run a small permissioned chain on this machine. One process holds all its keys, so it proves nothing to others."""


@devnet.command()
@directory_option
@click.option("--detach", is_flag=True, help="Run in the background; `perdure devnet down` ends it.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=_PORTS, metavar="N", help="The port; 0 takes a free one. By default the last one, or 8545."
)
@click.option(
    "--period",
    type=click.IntRange(min=0),
    metavar="S",
    help="Seconds from block to block; 0 makes blocks on demand.",
)
@json_option
def up(directory: Path, detach: bool, host: str, port: int | None, period: int | None, as_json: bool) -> None:
    """Start the chain in a folder, founding it there first if it is new. Stays in the foreground; Ctrl-C ends it."""
    from perdure_devnet import serve

    _found_if_new(directory)
    if detach:
        info = serve.detach(directory, host=host, port=port, period=period)
        assert info.url is not None
        _print_ready(directory, info.url, as_json)
        return
    serve.serve(
        directory,
        host=host,
        port=port,
        period=period,
        on_ready=lambda url: _print_ready(directory, url, as_json),
    )


@devnet.command()
@directory_option
@json_option
def down(directory: Path, as_json: bool) -> None:
    """End the chain that runs in a folder. Nothing is lost; `perdure devnet up` goes on where it ended."""
    from perdure_devnet.info import read_info
    from perdure_devnet.serve import stop

    read_info(directory)
    stopped = stop(directory)
    if as_json:
        print_json({"ok": True, "stopped": stopped})
    else:
        print_line("stopped" if stopped else "it was not running")
        tell_next(f"perdure devnet up --dir {directory}")


def _found_if_new(directory: Path) -> None:
    from perdure_devnet.info import INFO_NAME
    from perdure_devnet.network import NetworkSettings, found

    if not (directory / INFO_NAME).exists():
        tell(f"founding a chain in {directory}")
        found(directory, NetworkSettings(), now=time.time(), randomness=os.urandom)


def _print_ready(directory: Path, url: str, as_json: bool) -> None:
    from perdure_devnet.info import TRUST_NAME, read_info

    info = read_info(directory)
    if as_json:
        print_json(
            {
                "ok": True,
                "ready": True,
                "url": url,
                "chain_id": info.chain_id,
                "registry": checksum_address(info.registry),
                "consortium": checksum_address(info.consortium),
                "partners": list(info.partners),
                "trust_file": str(directory / TRUST_NAME),
                "pid": info.pid,
            }
        )
        return
    print_line(f"ready {url}")
    print_row("chain id", str(info.chain_id))
    print_row("registry", checksum_address(info.registry))
    print_row("partners", ", ".join(info.partners))
    print_row("trust file", str(directory / TRUST_NAME))
    tell_next(f"perdure init {info.partners[0]}/rotterdam --devnet {directory}")
