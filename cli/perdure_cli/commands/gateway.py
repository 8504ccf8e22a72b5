"""`perdure gateway`: a place with a network that relays for sites, and mirrors their logs."""

import os
from pathlib import Path

import click
from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.rivals import FILE_SUFFIX
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_node.encryption.age import recipient_text
from perdure_node.gateway.folder import Gateway, NewGateway, create_gateway
from perdure_node.gateway.settings import RelaySettings, settings_for
from perdure_node.gateway.standing import SiteStanding, site_standings

from perdure_cli.chain_options import chain_options
from perdure_cli.gateways import (
    UNLOCK_VARIABLE,
    gateway_option,
    gateway_passphrase_option,
    new_gateway_folder,
    open_named_gateway,
)
from perdure_cli.networks import RealChain, chain_of_gateway
from perdure_cli.options import OriginType, json_option
from perdure_cli.output import print_json, print_line, print_row, tell_next
from perdure_cli.record_texts import plural, time_text
from perdure_cli.signer_options import web3signer_options
from perdure_cli.site import new_passphrase
from perdure_cli.trust_store import user_store

_NAME_DIGITS = 8


@click.group(short_help="Relay for sites without a network.")
def gateway() -> None:
    """Relay what couriers bring from sites that have no network, and hand evidence back.

    A gateway's folder holds a relay's account, the mirrors of the sites' logs (salted hashes, nothing that was recorded), and the
    evidence of their anchors. It can delay a site's checkpoints, and nothing else.
    """


@gateway.command(short_help="Make the folder of a node or a gateway.")
@chain_options
@web3signer_options
@gateway_option
@gateway_passphrase_option
@json_option
def init(
    devnet: Path | None,
    real: RealChain,
    web3signer: str | None,
    account: Address | None,
    token_file: Path | None,
    authorities: Path | None,
    client_certificate: Path | None,
    gateway_folder: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make the folder of a node, or of a gateway that nobody serves, and pin the trust file for this user.

    On a devnet, --devnet DIR is all that is needed. On a real chain give --trust, --rpc and an account of the gateway's own, from which
    nobody else sends: --relay-keystore, or --web3signer with --account.
    """
    if (web3signer is None) != (account is None) or (web3signer and real.relay_keystore):
        raise click.UsageError("want --relay-keystore FILE, or --web3signer URL with --account ADDRESS")
    chain = chain_of_gateway(devnet, real, with_key=web3signer is None, randomness=os.urandom)
    relay_settings = RelaySettings(
        signer_url=web3signer or "",
        account="" if account is None else checksum_address(account),
        signer_token_file=_absolute(token_file),
        signer_ca=_absolute(authorities),
        signer_certificate=_absolute(client_certificate),
    )
    settings = settings_for(chain.rpc_url, relay=relay_settings)
    if web3signer is not None:
        _check_signer(settings.relay)
    passphrase = new_passphrase(
        passphrase_file, os.environ, "--passphrase-file", UNLOCK_VARIABLE, of="gateway"
    )
    new = NewGateway(chain.trust.raw, settings, passphrase, chain.relay_key)
    relay = address_from_private_key(chain.relay_key) if chain.relay_key is not None else account
    assert relay is not None, "one of them was given"
    with create_gateway(new_gateway_folder(gateway_folder), new, randomness=os.urandom) as made:
        pinned = user_store(os.environ).pin(chain.trust.raw)
        members = {
            "ok": True,
            "gateway": str(made.folder),
            "relay": checksum_address(relay),
            "recipient": recipient_text(made.public_key),
            "fingerprint": pinned.fingerprint,
        }
    if as_json:
        print_json(members)
        return
    print_line(f"gateway {members['gateway']}", style="bold")
    print_row("relay", str(members["relay"]))
    print_row("recipient", str(members["recipient"]))
    print_row("trust file", f"{pinned.trust.name}, version {pinned.trust.version}, pinned for this user")
    print_row("fingerprint", pinned.fingerprint)
    tell_next("perdure node run, or perdure courier deliver FILE, with what a site has packed")


def _absolute(file: Path | None) -> str:
    return "" if file is None else str(file.absolute())


def _check_signer(settings: RelaySettings) -> None:
    """Raise unless the server is there and has the key."""
    from perdure_node.gateway.folder import remote_signer

    with remote_signer(settings, Path()) as signer:
        signer.check()


@gateway.command(short_help="Say how the sites stand.")
@gateway_option
@json_option
def status(gateway_folder: Path | None, as_json: bool) -> None:
    """Say for each site what waits, what is anchored, what was set aside and why. Asks no chain, and no passphrase."""
    with open_named_gateway(gateway_folder) as opened:
        standings = site_standings(opened)
        if not as_json:
            _print_head(opened, len(standings))
    for standing in standings:
        if as_json:
            print_json(_members(standing))
        else:
            _print_standing(standing)
    if not as_json:
        waits = any(each.waiting for each in standings)
        tell_next(
            "perdure courier deliver, to go on with what waits" if waits else "perdure courier deliver FILE"
        )


def _print_head(opened: Gateway, sites: int) -> None:
    print_line(f"gateway {opened.folder}: {plural(sites, 'site')}", style="bold")
    print_row("recipient", recipient_text(opened.public_key))


def _print_standing(standing: SiteStanding) -> None:
    print_line(standing.origin.text, style="bold")
    print_row("anchored", f"{plural(standing.anchored, 'record')}, of which {standing.mirrored} are mirrored")
    if standing.waiting:
        print_row("waiting", f"a checkpoint over {plural(standing.waiting, 'record')}")
    if standing.on_its_way:
        print_row("on its way", plural(standing.on_its_way, "transaction"))
    for each in standing.set_aside:
        print_row("set aside", f"the checkpoint over {plural(each.size, 'record')}: {each.reason}")
    print_row("last bundle", time_text(standing.last_bundle_at) or "never")


def _members(standing: SiteStanding) -> dict[str, object]:
    return {
        "ok": True,
        "site": standing.origin.text,
        "anchored": standing.anchored,
        "mirrored": standing.mirrored,
        "waiting": standing.waiting,
        "on_its_way": standing.on_its_way,
        "set_aside": [{"size": each.size, "reason": each.reason} for each in standing.set_aside],
        "last_bundle_at": time_text(standing.last_bundle_at),
    }


@gateway.command(short_help="Write a site's whole log, for its recovery.")
@click.argument("origin", type=OriginType())
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".")
@gateway_option
@json_option
def mirror(origin: Origin, folder: Path, gateway_folder: Path | None, as_json: bool) -> None:
    """Write all that the gateway has of the log of the site ORIGIN into a return bundle in FOLDER.

    It holds every leaf hash and the evidence of every anchor: what `perdure recover` needs when the site has lost its vault.
    """
    from perdure_node.clock import system_clock
    from perdure_node.courier.bundle import Request
    from perdure_node.gateway.answering import answer, known_site

    from perdure_cli.bundle_files import write_to

    with (
        open_named_gateway(gateway_folder) as opened,
        opened.connect(wait=opened.settings.chain.wait) as chain,
    ):
        site = known_site(opened, origin)
        request = Request(anchors_above=0, leaves_from=0)
        head, pieces = answer(opened, chain, site, request, clock=system_clock(), randomness=os.urandom)
        file = write_to(folder, head, pieces)
    if as_json:
        print_json({"ok": True, "file": str(file), "site": origin.text, "leaves": head.leaves.count})
        return
    print_line(f"wrote {file}")
    print_row("leaf hashes", str(head.leaves.count))
    tell_next(f"at the site: perdure recover --bundle {file.name}")


@gateway.command(short_help="Write the proofs that sites signed two histories.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".")
@gateway_option
@json_option
def rivals(folder: Path, gateway_folder: Path | None, as_json: bool) -> None:
    """Write into FOLDER what proves that a site has signed two histories, a file each; none, if none is known.

    Such a file convinces anybody who has the consortium's trust file: `perdure verify FILE`. Show it to the site's partner first: a backup
    that was restored and signed too early does the same as a fraud. The partner can revoke the key, and close the log.
    """
    from perdure_node.gateway.sites import all_sites
    from perdure_node.witness.proofs import kept_proof, kept_proofs

    from perdure_cli.new_files import write_new

    written = []
    with open_named_gateway(gateway_folder) as opened:
        for site in all_sites(opened.database):
            for proof in kept_proofs(opened.database, site):
                raw = kept_proof(opened.database, site, proof.digest)
                assert raw is not None, "the list is of those that are kept"
                file = folder / rivals_name(site.origin, proof.digest)
                if not file.is_file() or file.read_bytes() != raw:
                    write_new(file, raw)
                written.append((site.origin, file, proof))
    for origin, file, proof in written:
        found_at = time_text(proof.found_at)
        if as_json:
            print_json(
                {
                    "ok": True,
                    "site": origin.text,
                    "file": str(file),
                    "found_at": found_at,
                    "shown_by": proof.source,
                }
            )
        else:
            print_line(f"wrote {file}")
            print_row("site", f"{origin.text}, caught at {found_at} by {proof.source}")
    if not written and not as_json:
        print_line("no site is known to have signed two histories")
    if written and not as_json:
        tell_next(f"perdure verify {written[0][1]}")


def rivals_name(origin: Origin, digest: bytes) -> str:
    """The file's name: the site, and the beginning of the proof's SHA-256."""
    return f"{origin.partner}-{origin.name}-{digest.hex()[:_NAME_DIGITS]}{FILE_SUFFIX}"
