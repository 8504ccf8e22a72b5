"""`perdure trust`: look at trust files, and pin those whose fingerprint was compared with the consortium's."""

import os
from collections.abc import Iterator
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import checksum_address
from perdure_anchor.trust import Epoch

from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.trust_store import TrustSource, read_trust_file, user_store


class WrongFingerprint(ConfigError):
    """The file is not the one whose fingerprint the user was told."""


@click.group(short_help="Show and pin trust files.")
def trust() -> None:
    """Show and pin trust files: what a verifier believes before it reads any evidence."""


@trust.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@json_option
def show(file: Path | None, as_json: bool) -> None:
    """Show what a trust FILE says, or list all that are pinned."""
    store = user_store(os.environ)
    sources = list(store.sources()) if file is None else [read_trust_file(file, store)]
    for source in sources:
        if as_json:
            print_json(_members(source))
        elif file is None:
            _print_summary(source)
        else:
            _print_whole(source)
    if as_json:
        return
    if not sources:
        tell(f"no trust file is pinned in {store.folder}")
    if not all(source.pinned for source in sources) or not sources:
        tell_next(f"perdure trust pin {file or 'FILE'}, once you have compared its fingerprint")


@trust.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--fingerprint", metavar="HEX", help="Pin only if the file has this fingerprint; spaces do not matter."
)
@click.option("--replace", is_flag=True, help="Forget other pinned files for the same registry.")
@json_option
def pin(file: Path, fingerprint: str | None, replace: bool, as_json: bool) -> None:
    """Keep a copy of a trust FILE, and believe it from now on.

    Compare its fingerprint first with one that you got from the consortium by another way, such as the phone.
    """
    store = user_store(os.environ)
    given = read_trust_file(file, store)
    if fingerprint is not None and "".join(fingerprint.split()).lower() != given.digest:
        raise WrongFingerprint(
            f"{file}: its fingerprint is {given.fingerprint}",
            hint="this is not the file that you were told of; ask the consortium for the right one",
        )
    source = store.pin(given.raw, replace=replace)
    if as_json:
        print_json(_members(source))
        return
    print_line(f"pinned {source.trust.name}, version {source.trust.version}")
    print_row("fingerprint", source.fingerprint)
    if fingerprint is None:
        tell("compare the fingerprint with the consortium's, if you have not yet")
    tell_next("perdure verify FILE...")


def _print_summary(source: TrustSource) -> None:
    trust_file = source.trust
    print_line(f"{trust_file.name}, version {trust_file.version}")
    print_row("fingerprint", source.fingerprint)
    print_row("chain id", str(trust_file.chain_id))
    print_row("registry", checksum_address(trust_file.registry.address))


def _print_whole(source: TrustSource) -> None:
    trust_file = source.trust
    _print_summary(source)
    print_row("pinned", "yes" if source.pinned else "no")
    if trust_file.devnet:
        print_row("devnet", "one process held all keys: evidence under this file proves nothing")
    print_row("genesis hash", "0x" + trust_file.genesis_hash.hex())
    print_row("consortium", checksum_address(trust_file.consortium.address))
    print_row("predecessor", trust_file.predecessor or "none")
    for partner in trust_file.partners:
        names = ", ".join(filter(None, (partner.name, partner.legal_name, partner.registration_number)))
        print_row("partner", f"{names}, {checksum_address(partner.account)}")
    for site in trust_file.sites:
        print_row("site", f"{site.origin.text}: {', '.join(map(checksum_address, site.keys))}")
    for epoch in trust_file.epochs:
        for line in _epoch_lines(epoch):
            print_row("epoch" if line.startswith("blocks") else "", line)


def _epoch_lines(epoch: Epoch) -> Iterator[str]:
    last = "now" if epoch.to_block is None else str(epoch.to_block)
    quorum = f"{epoch.wanted_seals} of {len(epoch.validators)} seals ({epoch.quorum_rule})"
    yield f"blocks {epoch.from_block} to {last}, {epoch.client} {epoch.consensus}, {quorum}"
    yield from map(checksum_address, epoch.validators)


def _members(source: TrustSource) -> dict[str, object]:
    trust_file = source.trust
    return {
        "ok": True,
        "name": trust_file.name,
        "version": trust_file.version,
        "fingerprint": source.fingerprint,
        "pinned": source.pinned,
        "devnet": trust_file.devnet,
        "chain_id": trust_file.chain_id,
        "genesis_hash": "0x" + trust_file.genesis_hash.hex(),
        "registry": checksum_address(trust_file.registry.address),
        "consortium": checksum_address(trust_file.consortium.address),
        "partners": [partner.name for partner in trust_file.partners],
        "epochs": len(trust_file.epochs),
        "predecessor": trust_file.predecessor,
        "file": str(source.path),
    }
