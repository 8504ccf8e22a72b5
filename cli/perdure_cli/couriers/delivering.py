"""Delivering what sites have packed, at a gateway."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure_node.anchor_chain import AnchorChain
from perdure_node.clock import system_clock
from perdure_node.courier.bundle_file import Bundle
from perdure_node.encryption.hybrid import PublicKey
from perdure_node.gateway.answering import answer, known_site, leaves_for_rivals
from perdure_node.gateway.delivery import Delivered, deliver
from perdure_node.gateway.folder import Gateway, GatewayKeys

from perdure_cli.bundle_files import write_to
from perdure_cli.couriers.loading import load_bundles, tell_refused
from perdure_cli.exit_codes import exit_code
from perdure_cli.output import print_json, print_line, print_row, tell_error
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What a delivery wrote, and the exit codes of its parts."""

    returns: tuple[Path, ...]
    codes: tuple[int, ...]


def deliver_files(
    gateway: Gateway,
    keys: GatewayKeys,
    files: Sequence[Path],
    *,
    wait: float,
    rpc_url: str | None = None,
    output_folder: Path | None = None,
    as_json: bool = False,
) -> Deliveries:
    """Take the bundles in, relay all that waits, and write a return for each, beside it unless a folder is named."""
    loaded, codes = load_bundles(files, keys.identity, as_json)
    with gateway.connect(rpc_url=rpc_url, wait=wait) as chain, TerminalProgress() as progress:
        delivered = deliver(
            gateway,
            chain,
            keys,
            [bundle for _, bundle in loaded],
            clock=system_clock(),
            wait=wait,
            progress=progress,
        )
        codes += _tell_delivered(delivered, loaded, as_json)
        refused = {position for position, _ in delivered.refused}
        taken = [each for position, each in enumerate(loaded) if position not in refused]
        returns = [
            _write_return(gateway, chain, file, bundle, output_folder, as_json) for file, bundle in taken
        ]
    return Deliveries(tuple(returns), tuple(codes))


def _tell_delivered(delivered: Delivered, loaded: Sequence[tuple[Path, Bundle]], as_json: bool) -> list[int]:
    codes = [tell_refused(loaded[position][0], error, as_json) for position, error in delivered.refused]
    for error in delivered.unfinished:
        tell_error(str(error), error.hint)
        codes.append(exit_code(error))
    return codes


def _write_return(
    gateway: Gateway, chain: AnchorChain, file: Path, bundle: Bundle, folder: Path | None, as_json: bool
) -> Path:
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
    answer_to: tuple[PublicKey, ...] = ()
    if head.request.answer_to is not None:
        # and to the gateway, which so sees on the stick what it has answered
        answer_to = (head.request.answer_to, gateway.public_key)
    written = write_to(folder or file.parent, told, pieces, answer_to)
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
