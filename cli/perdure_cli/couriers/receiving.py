"""Receiving at a site what a gateway returned."""

from collections.abc import Sequence
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_node.adopting.adoption import Adopted
from perdure_node.clock import system_clock
from perdure_node.courier.errors import OtherSite
from perdure_node.courier.receiving import Received, receive
from perdure_node.keys.keyring import KeyRing
from perdure_node.vault import Vault

from perdure_cli.couriers.loading import load_bundles, tell_refused
from perdure_cli.output import print_json, print_line, print_row, tell, tell_error, tell_warning
from perdure_cli.record_texts import plural


def receive_files(
    vault: Vault, keys: KeyRing, files: Sequence[Path], as_json: bool = False, *, named: bool = True
) -> tuple[list[tuple[Path, Received]], list[int]]:
    """Take in the returns; what each file brought, and the exit codes of all. Only one that is encrypted needs the passphrase.

    Where files were not ``named`` but found in a folder, those of other sites are left to them.
    """
    loaded, codes = load_bundles(files, keys.private_key, as_json)
    received = []
    for file, bundle in loaded:
        try:
            brought = receive(vault, bundle, clock=system_clock())
        except OtherSite as error:
            if named:
                codes.append(tell_refused(file, error, as_json))
            else:
                tell(f"{file.name}: left for {bundle.head.origin.text}")
            continue
        except PerdureError as error:
            codes.append(tell_refused(file, error, as_json))
            continue
        received.append((file, brought))
        codes.append(_tell_received(vault, file, brought, as_json))
    return received, codes


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
            "`perdure courier pack` asks for its leaf hashes; what then comes back lets this vault go on at its end",
        )
        return 1
    return 1 if received.doubted else 0


def _print_received(received: Received) -> None:
    answer = received.answer
    if received.adopted is not None:
        _print_adopted(received.adopted)
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
    for each in received.set_aside:
        print_row("set aside", f"the checkpoint over {plural(each.size, 'record')}: {each.reason}")
    if received.returned:
        tell(f"it answers {plural(received.returned, 'bundle')} of those that were out")


def _print_adopted(adopted: Adopted) -> None:
    """What became of a vault's log that was not the registry's."""
    print_line(f"took over the registry's log of {plural(adopted.size, 'record')}")
    print_row("in common", plural(adopted.prefix, "record"))
    if adopted.queued:
        print_row("wait again", f"{plural(adopted.queued, 'record')} of this vault, for the log's end")
    if adopted.without_record:
        print_row(
            "known by hash", f"{plural(adopted.without_record, 'leaf', 'leaves')} without a record here"
        )


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
        "adopted": None
        if received.adopted is None
        else {
            "size": received.adopted.size,
            "common_prefix": received.adopted.prefix,
            "queued": received.adopted.queued,
            "known_by_hash": received.adopted.without_record,
        },
        "set_aside": [{"size": each.size, "reason": each.reason} for each in received.set_aside],
        "errors": [
            {"error": type(each).__name__, "message": str(each), "hint": each.hint}
            for each in received.doubted
        ],
    }
