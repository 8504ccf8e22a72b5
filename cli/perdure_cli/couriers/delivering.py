"""Delivering what sites have packed, at a gateway."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import system_clock
from perdure_node.courier.bundle import BundleHead
from perdure_node.courier.bundle_file import Bundle
from perdure_node.courier.settled import is_set_aside, is_settled
from perdure_node.gateway.answering import answer, known_site, leaves_for_rivals
from perdure_node.gateway.delivery import Delivered, deliver
from perdure_node.gateway.folder import Gateway, GatewayKeys

from perdure_cli.bundle_files import write_to
from perdure_cli.couriers.loading import load_bundles, tell_refused
from perdure_cli.exit_codes import ANSWER_IS_NO, exit_code
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
    only_settled: bool = False,
) -> Deliveries:
    """Take the bundles in, relay all that waits, and write a return for each, beside it unless a folder is named.

    ``only_settled`` writes none while something of its bundle still waits here.
    """
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
        returns = []
        for file, bundle in taken:
            told, pieces = _answer(gateway, chain, bundle)
            assert told.answer is not None, "what returns has an answer"
            if only_settled and not is_settled(bundle.head, told.answer):
                continue
            written = _write_return(gateway, bundle, told, pieces, output_folder or file.parent)
            _tell_return(file, told, written, as_json)
            returns.append(written)
            if is_set_aside(bundle.head, told.answer):
                codes.append(ANSWER_IS_NO)
    return Deliveries(tuple(returns), tuple(codes))


def _tell_delivered(delivered: Delivered, loaded: Sequence[tuple[Path, Bundle]], as_json: bool) -> list[int]:
    codes = [tell_refused(loaded[position][0], error, as_json) for position, error in delivered.refused]
    for error in delivered.unfinished:
        tell_error(str(error), error.hint)
        codes.append(exit_code(error))
    return codes


def _answer(gateway: Gateway, chain: AnchorChain, bundle: Bundle) -> tuple[BundleHead, Iterator[bytes]]:
    head = bundle.head
    assert head.request is not None, "what was taken in goes out"
    site = known_site(gateway, head.origin)
    return answer(
        gateway,
        chain,
        site,
        head.request,
        leaves_from=leaves_for_rivals(gateway.database, site, head),
        clock=system_clock(),
        randomness=os.urandom,
    )


def _write_return(
    gateway: Gateway, bundle: Bundle, told: BundleHead, pieces: Iterator[bytes], folder: Path
) -> Path:
    request = bundle.head.request
    if request is None or request.answer_to is None:
        return write_to(folder, told, pieces)
    # to the gateway too, which so sees on the stick what it has answered
    return write_to(folder, told, pieces, (request.answer_to, gateway.public_key))


def _tell_return(file: Path, told: BundleHead, written: Path, as_json: bool) -> None:
    said = told.answer
    assert said is not None, "what returns has an answer"
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "site": told.origin.text,
                "return": str(written),
                "anchored": said.head_size,
                "anchors": [each.size for each in said.anchors],
                "set_aside": [{"size": each.size, "reason": each.reason} for each in said.set_aside],
            }
        )
        return
    print_line(f"{told.origin.text}: the registry has {plural(said.head_size, 'record')}")
    for each in said.set_aside:
        print_row("set aside", f"the checkpoint over {plural(each.size, 'record')}: {each.reason}")
    print_row("evidence", f"of {plural(len(said.anchors), 'anchor')}")
    print_row("goes back", str(written))
