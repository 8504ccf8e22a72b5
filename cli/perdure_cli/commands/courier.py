"""`perdure courier`: checkpoints and evidence on sticks, for sites that have no network."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.errors import PerdureError
from perdure_node.clock import system_clock
from perdure_node.courier.bundle_file import Bundle, load_bundle
from perdure_node.courier.receiving import Received, receive
from perdure_node.vault import Vault

from perdure_cli.bundle_files import BACK_SUFFIX, OUT_SUFFIX, named_bundles, write_to
from perdure_cli.exit_codes import batch_exit_code, exit_code
from perdure_cli.gateways import gateway_keys, gateway_option, gateway_passphrase_option, open_named_gateway
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_error, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import key_ring, open_site

if TYPE_CHECKING:
    from perdure_node.anchor_chain import AnchorChain
    from perdure_node.courier.bundle import BundleHead
    from perdure_node.gateway.delivery import Delivered
    from perdure_node.gateway.folder import Gateway
    from perdure_node.sealing import Sealed

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
BUNDLES = click.argument(
    "paths", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True, metavar="PATH..."
)


@click.group(short_help="Carry checkpoints and evidence on sticks.")
def courier() -> None:
    """Anchor without a network: a stick carries checkpoints out of the site, and evidence back in.

    Any number of sticks may be under way, late, twice or out of order; one that gets lost costs time, and no record. What leaves
    says nothing of what was recorded: hashes, numbers, signatures.
    """


@courier.command(short_help="Write what waits into one file.")
@click.argument("folder", type=FOLDER, default=".")
@click.option(
    "--stick", "label", metavar="NAME", help="What you call the stick: `perdure status` says where it is."
)
@click.option(
    "--seal/--no-seal",
    "sealing",
    default=None,
    help="Seal what waits, or seal nothing; by default as the setting seal says.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="With all leaf hashes, also those that the gateway has: for another gateway.",
)
@passphrase_option
@vault_option
@json_option
def pack(
    folder: Path,
    label: str | None,
    sealing: bool | None,
    everything: bool,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Seal what waits, if the setting seal says so, and write all that a gateway needs to anchor it into one file in FOLDER.

    The file holds signed checkpoints, leaf hashes and proofs, and nothing of what was recorded. Pack as often as you like: what
    comes late or twice does no harm.
    """
    from perdure_node.courier.packing import pack as pack_vault
    from perdure_node.reconciliation import open_reconciliation
    from perdure_node.sealing import seal
    from perdure_node.sync_plan import seals_at_sync

    clock = system_clock()
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        due = open_reconciliation(vault.database)
        sealed = None
        if due is None and (seals_at_sync(vault, clock) if sealing is None else sealing):
            sealed = seal(vault, key_ring(vault, passphrase_file), clock, progress)
        packed = pack_vault(
            vault, label, clock=clock, randomness=os.urandom, leaves_from=0 if everything else None
        )
        file = write_to(folder, packed.head, packed.pieces)
    if due is not None:
        tell_warning(
            f"this vault was {due.reason.value}: nothing is sealed before an answer to this bundle has come back"
        )
    if as_json:
        print_json(_packed_members(file, packed.head, sealed))
    else:
        _print_packed(file, packed.head, sealed, label)
        tell_next(f"take it to the gateway: perdure courier deliver {file.name}")


def _print_packed(file: Path, head: "BundleHead", sealed: "Sealed | None", label: str | None) -> None:
    if sealed is not None:
        added = sealed.size - sealed.previous_size
        print_line(f"sealed {plural(added, 'record')}, the log has {sealed.size}")
    print_line(f"packed {file}")
    newest = head.newest
    if newest is None:
        print_row("checkpoints", "none: it only asks for news of what went out before")
    else:
        print_row("checkpoints", f"{len(head.checkpoints)}, the newest over {plural(newest.size, 'record')}")
        print_row("leaf hashes", f"{head.leaves.count}, from index {head.leaves.begin} on")
    if label is not None:
        print_row("stick", label)


def _packed_members(file: Path, head: "BundleHead", sealed: "Sealed | None") -> dict[str, object]:
    return {
        "ok": True,
        "file": str(file),
        "id": head.id.hex(),
        "sealed": 0 if sealed is None else sealed.size - sealed.previous_size,
        "size": 0 if head.newest is None else head.newest.size,
        "checkpoints": len(head.checkpoints),
        "leaves_from": head.leaves.begin,
        "leaves": head.leaves.count,
    }


@courier.command(short_help="At the gateway: anchor what bundles bring.")
@click.argument("paths", type=click.Path(path_type=Path, exists=True), nargs=-1, metavar="[PATH]...")
@click.option(
    "--output",
    "output_folder",
    type=FOLDER,
    metavar="DIR",
    help="Where to write the return bundles; by default beside what was delivered.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="S",
    help="How many seconds to wait for the chain; by default as gateway.toml says, 120 at first.",
)
@click.option("--rpc", "rpc_url", metavar="URL", help="Ask this endpoint, not the one in gateway.toml.")
@gateway_option
@gateway_passphrase_option
@json_option
def deliver(
    paths: tuple[Path, ...],
    output_folder: Path | None,
    wait: float | None,
    rpc_url: str | None,
    gateway_folder: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> int:
    """Take in the bundles PATH (files, or folders of them), anchor what they bring, and write what goes back to each site.

    Without PATH, it goes on with what was taken in before. Whatever stops it, nothing is lost: deliver the same again.
    """
    from perdure_node.gateway.delivery import deliver as deliver_bundles

    files = named_bundles(paths, OUT_SUFFIX)
    loaded, codes = _loaded(files, as_json)
    with open_named_gateway(gateway_folder) as gateway:
        patience = gateway.settings.wait if wait is None else wait
        with gateway.connect(rpc_url=rpc_url, wait=patience) as chain, TerminalProgress() as progress:
            delivered = deliver_bundles(
                gateway,
                chain,
                gateway_keys(gateway, passphrase_file),
                [bundle for _, bundle in loaded],
                clock=system_clock(),
                wait=patience,
                progress=progress,
            )
            codes += _tell_delivered(delivered, loaded, as_json)
            refused = {position for position, _ in delivered.refused}
            taken = [each for position, each in enumerate(loaded) if position not in refused]
            returns = [
                _write_return(gateway, chain, file, bundle, output_folder, as_json) for file, bundle in taken
            ]
    if returns and not as_json:
        tell_next("take it back to the site: perdure courier receive FILE")
    return batch_exit_code(codes)


def _loaded(files: list[Path], as_json: bool) -> tuple[list[tuple[Path, Bundle]], list[int]]:
    """The bundles that are whole, each with its file, and the exit codes of the others."""
    loaded, codes = [], []
    for file in files:
        try:
            loaded.append((file, load_bundle(file)))
        except PerdureError as error:
            codes.append(_tell_refused(file, error, as_json))
    return loaded, codes


def _tell_refused(file: Path, error: PerdureError, as_json: bool) -> int:
    if as_json:
        fault = {"error": type(error).__name__, "message": str(error), "hint": error.hint}
        print_json({"ok": False, "file": str(file), "errors": [fault]})
    tell_error(f"{file.name}: {error}", error.hint)
    return exit_code(error)


def _tell_delivered(delivered: "Delivered", loaded: list[tuple[Path, Bundle]], as_json: bool) -> list[int]:
    codes = [_tell_refused(loaded[position][0], error, as_json) for position, error in delivered.refused]
    for error in delivered.unfinished:
        tell_error(str(error), error.hint)
        codes.append(exit_code(error))
    return codes


def _write_return(
    gateway: "Gateway", chain: "AnchorChain", file: Path, bundle: Bundle, folder: Path | None, as_json: bool
) -> Path:
    from perdure_node.gateway.answering import answer, known_site, leaves_for_rivals

    head = bundle.head
    assert head.request is not None, "what was taken in goes out"
    site = known_site(gateway, head.origin)
    told, pieces = answer(
        gateway,
        chain,
        site,
        head.request,
        leaves_from=leaves_for_rivals(gateway.database, site, head),
        clock=system_clock(),
        randomness=os.urandom,
    )
    written = write_to(folder or file.parent, told, pieces)
    assert told.answer is not None, "what returns has an answer"
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "site": head.origin.text,
                "return": str(written),
                "anchored": told.answer.head_size,
                "anchors": [each.size for each in told.answer.anchors],
                "set_aside": [{"size": each.size, "reason": each.reason} for each in told.answer.set_aside],
            }
        )
        return written
    print_line(f"{head.origin.text}: the registry has {plural(told.answer.head_size, 'record')}")
    for each in told.answer.set_aside:
        print_row("set aside", f"the checkpoint over {plural(each.size, 'record')}: {each.reason}")
    print_row("evidence", f"of {plural(len(told.answer.anchors), 'anchor')}")
    print_row("goes back", str(written))
    return written


@courier.command("receive", short_help="At the site: take in what came back.")
@BUNDLES
@vault_option
@json_option
def receive_command(paths: tuple[Path, ...], vault_folder: Path | None, as_json: bool) -> int:
    """Take in the return bundles PATH (files, or folders of them): evidence, newer blocks, and how the registry stands.

    Evidence is verified here, under the pinned trust file; the gateway is believed nothing. Needs no passphrase. Once more, late, or
    out of order changes nothing.
    """
    files = named_bundles(paths, BACK_SUFFIX)
    loaded, codes = _loaded(files, as_json)
    last = None
    with open_site(vault_folder) as vault:
        for file, bundle in loaded:
            try:
                last = receive(vault, bundle, clock=system_clock())
            except PerdureError as error:
                codes.append(_tell_refused(file, error, as_json))
                continue
            codes.append(_tell_received(vault, file, last, as_json))
    if last is not None and not as_json:
        tell_next("perdure prove FILE" if last.anchored else "perdure status")
    return batch_exit_code(codes)


def _tell_received(vault: Vault, file: Path, received: Received, as_json: bool) -> int:
    for doubt in received.doubted:
        tell_warning(f"{file.name}: a part was not believed: {doubt}")
    if as_json:
        print_json(_received_members(file, received))
    else:
        _print_received(received)
    if received.is_rival:
        tell_error(
            f"the registry has another log of {vault.origin.text}, over "
            f"{plural(received.answer.head_size, 'record')}, as the gateway says",
            f"`perdure recover --bundle {file.name}` takes it over, and seals this vault's own records again at its end",
        )
        return 1
    return 1 if received.doubted else 0


def _print_received(received: Received) -> None:
    answer = received.answer
    for size in received.anchored:
        print_line(f"anchored {plural(size, 'record')}, evidence is at home")
    if not received.anchored:
        print_line("no new evidence")
    if received.reconciled:
        print_row("reconciled", "this vault's log was compared with the registry: it seals again")
    if received.known_block is not None:
        print_row("known block", f"{received.known_block}: new records are bound to be after it")
    print_row(
        "registry",
        f"{plural(answer.head_size, 'record')} at block {answer.block_number}, as the gateway says",
    )
    for each in answer.set_aside:
        print_row("set aside", f"the checkpoint over {plural(each.size, 'record')}: {each.reason}")
    if received.returned:
        tell(f"it answers {plural(received.returned, 'bundle')} of those that were out")


def _received_members(file: Path, received: Received) -> dict[str, object]:
    answer = received.answer
    return {
        "ok": not received.is_rival and not received.doubted,
        "file": str(file),
        "anchored": list(received.anchored),
        "known_block": received.known_block,
        "registry_size": answer.head_size,
        "block_number": answer.block_number,
        "mirrored": answer.mirrored,
        "bundles_answered": received.returned,
        "reconciled": received.reconciled,
        "rival": received.is_rival,
        "set_aside": [{"size": each.size, "reason": each.reason} for each in answer.set_aside],
        "errors": [
            {"error": type(each).__name__, "message": str(each), "hint": each.hint}
            for each in received.doubted
        ],
    }
