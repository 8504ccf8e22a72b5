"""Packing a stick at a site."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perdure_node.clock import system_clock
from perdure_node.encryption.hybrid import PublicKey
from perdure_node.keys.data_keys import identity_recipient
from perdure_node.keys.keyring import KeyRing
from perdure_node.vault import Vault

from perdure_cli.bundle_files import write_to
from perdure_cli.output import print_json, print_line, print_row, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural

if TYPE_CHECKING:
    from perdure_node.courier.bundle import BundleHead
    from perdure_node.courier.packing import Packed
    from perdure_node.log.sealing import Sealed


def pack_stick(
    vault: Vault,
    keys: KeyRing,
    folder: Path,
    label: str | None,
    *,
    sealing: bool | None = None,
    everything: bool = False,
    recipients: Sequence[PublicKey] = (),
    as_json: bool = False,
) -> Path:
    """Seal what waits, if it may be, and write a bundle into the folder; returns its file.

    ``sealing`` None does as the site's policy says for a sync. With ``recipients`` it is encrypted to them, and to this vault, which
    the answer is to be encrypted to as well.
    """
    from perdure_node.courier.packing import pack
    from perdure_node.log.reconciliation import open_reconciliation
    from perdure_node.log.sealing import seal
    from perdure_node.syncing.plan import seals_at_sync

    clock = system_clock()
    due = open_reconciliation(vault.database)
    with TerminalProgress() as progress:
        seals = due is None and (seals_at_sync(vault, clock) if sealing is None else sealing)
        sealed = seal(vault, keys, clock, progress) if seals else None
        own = identity_recipient(vault.database) if recipients else None
        packed = pack(
            vault,
            label,
            clock=clock,
            randomness=os.urandom,
            leaves_from=0 if everything else None,
            answer_to=own,
            keys=keys,
        )
        readers = recipients if own is None else (*recipients, own)
        file = write_to(folder, packed.head, packed.pieces, readers)
    if due is not None:
        tell_warning(
            f"this vault was {due.reason.value}: nothing is sealed before an answer to this bundle has come back"
        )
    if as_json:
        print_json(_packed_members(file, packed, sealed))
    else:
        _print_packed(file, packed.head, sealed, label)
    return file


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


def _packed_members(file: Path, packed: "Packed", sealed: "Sealed | None") -> dict[str, object]:
    head = packed.head
    return {
        "ok": True,
        "file": str(file),
        "id": packed.id.hex(),
        "sealed": 0 if sealed is None else sealed.size - sealed.previous_size,
        "size": 0 if head.newest is None else head.newest.size,
        "checkpoints": len(head.checkpoints),
        "leaves_from": head.leaves.begin,
        "leaves": head.leaves.count,
    }
