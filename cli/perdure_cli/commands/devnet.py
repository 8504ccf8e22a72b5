"""`perdure devnet`: an embedded chain of a few validators, to try everything on without anybody's leave."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Address, HexError, checksum_address, parse_hex

from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.record_texts import plural

if TYPE_CHECKING:
    from perdure_devnet.membership import Membership

_PORTS = click.IntRange(0, 65535)


class AddressType(click.ParamType[Address]):
    """An account: 0x and 40 hexadecimal digits; the checksum's capitals are not looked at."""

    name = "address"

    def convert(
        self, value: str | Address, param: click.Parameter | None, context: click.Context | None
    ) -> Address:
        """The 20 bytes."""
        if isinstance(value, bytes):
            return value
        try:
            return Address(parse_hex(value, 20, "address"))
        except HexError as error:
            self.fail(str(error), param, context)


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
@click.option(
    "--validators",
    type=click.IntRange(min=1, max=100),
    metavar="N",
    help="With how many validators to found a new chain; by default 4.",
)
@json_option
def up(
    directory: Path,
    detach: bool,
    host: str,
    port: int | None,
    period: int | None,
    validators: int | None,
    as_json: bool,
) -> None:
    """Start the chain in a folder, founding it there first if it is new. Stays in the foreground; Ctrl-C ends it."""
    from perdure_devnet import serve

    _found_if_new(directory, validators)
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


@devnet.command()
@directory_option
@click.option("--add", is_flag=True, help="Make a key, and have it voted into the set.")
@click.option("--drop", type=AddressType(), metavar="ADDRESS", help="Have a validator voted out of the set.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="How many seconds to wait until a change is in force.",
)
@json_option
def validators(directory: Path, add: bool, drop: Address | None, wait: float, as_json: bool) -> None:
    """List the validators, or change them by votes.

    More than half of the validators vote, a block each; the change is in force from the next block. The trust file goes on
    to name the first validators.
    """
    from perdure_devnet.membership import add_validator, drop_validator, read_membership

    added = add_validator(directory, wait=wait) if add else None
    if drop is not None:
        drop_validator(directory, drop, wait=wait)
    _print_validators(read_membership(directory), added, drop, as_json)


def _print_validators(
    membership: "Membership", added: Address | None, dropped: Address | None, as_json: bool
) -> None:
    addresses = [checksum_address(validator) for validator in membership.validators]
    changes = {"added": added, "dropped": dropped}
    if as_json:
        named = {
            what: None if address is None else checksum_address(address) for what, address in changes.items()
        }
        print_json({"ok": True, "block_number": membership.block_number, "validators": addresses, **named})
        return
    for what, address in changes.items():
        if address is not None:
            print_line(f"{what} {checksum_address(address)}")
    print_line(f"{plural(len(addresses), 'validator')} after block {membership.block_number}")
    for shown in addresses:
        print_line(f"  {shown}")


def _found_if_new(directory: Path, validators: int | None) -> None:
    from perdure_devnet.info import INFO_NAME
    from perdure_devnet.network import NetworkSettings, found

    if (directory / INFO_NAME).exists():
        if validators is not None:
            raise ConfigError(
                f"{directory}: holds a chain already, and --validators is for a new one",
                hint=f"change its validators with: perdure devnet validators --dir {directory}",
            )
        return
    tell(f"founding a chain in {directory}")
    settings = NetworkSettings() if validators is None else NetworkSettings(validators=validators)
    found(directory, settings, now=time.time(), randomness=os.urandom)


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
