"""Watching for sticks: whoever plugs one in need not type anything.

A stick is a folder: the one that is watched, or each one in it, where systems mount them. At a site, what came back is received and what
waits is packed; at a gateway, what is not answered on the stick yet is delivered and answered. Each look does what is left to do, so
a stick that is pulled out too early, or plugged in twice, needs no memory.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_node.courier.bundle import BundleHead
from perdure_node.courier.bundle_file import load_bundle
from perdure_node.courier.bundle_head import bundle_id
from perdure_node.courier.receiving import Received
from perdure_node.courier.settled import is_settled
from perdure_node.encryption.hybrid import PrivateKey, PublicKey
from perdure_node.gateway.folder import Gateway, GatewayKeys
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.reconciliation import open_reconciliation
from perdure_node.records import anchored_size
from perdure_node.vault import Vault

from perdure_cli.bundle_files import BACK_SUFFIX, OUT_SUFFIX, bundles_in
from perdure_cli.couriers.delivering import deliver_files
from perdure_cli.couriers.packing import pack_stick
from perdure_cli.couriers.receiving import receive_files
from perdure_cli.exit_codes import COULD_NOT_FIND_OUT, batch_exit_code, exit_code
from perdure_cli.output import tell, tell_error

ReadKey = Callable[[], PrivateKey]
"""The reader's key, for what is encrypted: asked for only then."""


@dataclass
class Seen:
    """Files that were looked at as they are now; one that changes is looked at again."""

    _states: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def new(self, files: Sequence[Path]) -> list[Path]:
        """Those that were not seen in this state, which are seen from now on."""
        found = []
        for file in files:
            try:
                status = file.stat()
            except OSError:
                continue  # pulled out meanwhile
            state = (status.st_size, status.st_mtime_ns)
            if self._states.get(file) != state:
                self._states[file] = state
                found.append(file)
        return found

    def forget(self, files: Sequence[Path]) -> None:
        """Look at them again the next time."""
        for file in files:
            self._states.pop(file, None)


def mounted_in(folder: Path) -> list[Path]:
    """The folders in a folder; none if it cannot be read now."""
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())
    except OSError:
        return []


class SiteWatch:
    """What a site does with sticks."""

    def __init__(
        self,
        open_vault: Callable[[], tuple[Vault, KeyRing]],
        recipients: Sequence[PublicKey] = (),
        *,
        tidy: bool,
        as_json: bool,
    ) -> None:
        self._open_vault, self._recipients = open_vault, recipients
        self._tidy, self._as_json = tidy, as_json
        self._seen = Seen()

    def look(self, stick: Path) -> Sequence[int]:
        """Receive what is new on a stick, and pack it if something should leave; the exit codes of what was done."""
        backs = self._seen.new(bundles_in(stick, BACK_SUFFIX))
        vault, keys = self._open_vault()
        with vault:
            read = keys.private_key
            mine = [file for file, head in _heads(backs, read) if head is None or head.origin == vault.origin]
            received, codes = receive_files(vault, keys, mine, self._as_json, named=False)
            if self._tidy:
                self._tidy_up(vault, stick, received, read)
            if _should_pack(vault, stick, read):
                pack_stick(vault, keys, stick, stick.name, recipients=self._recipients, as_json=self._as_json)
                tell(f"{stick}: can be taken out now")
            elif received:
                tell(f"{stick}: received; nothing has to leave")
        return codes

    def _tidy_up(
        self, vault: Vault, stick: Path, received: Sequence[tuple[Path, Received]], read: ReadKey
    ) -> None:
        """Take answers off the stick that are at home as a whole, and this site's bundles that have been answered."""
        for file, brought in received:
            if not brought.doubted and not brought.is_rival:
                file.unlink(missing_ok=True)
        for file, head in _heads(bundles_in(stick, OUT_SUFFIX), read):
            if head is not None and head.origin == vault.origin and _is_answered(vault, bundle_id(head)):
                file.unlink(missing_ok=True)


def _is_answered(vault: Vault, identifier: bytes) -> bool:
    row = vault.database.row("SELECT 1 FROM bundle_out WHERE id = ? AND returned_at IS NOT NULL", identifier)
    return row is not None


class GatewayWatch:
    """What a gateway does with sticks."""

    def __init__(
        self, open_gateway: Callable[[], tuple[Gateway, GatewayKeys]], *, wait: float | None, as_json: bool
    ) -> None:
        self._open_gateway, self._wait, self._as_json = open_gateway, wait, as_json
        self._seen = Seen()

    def look(self, stick: Path) -> Sequence[int]:
        """Deliver what is not answered on a stick yet, and answer it there; the exit codes of what was done.

        What still waits for the chain is not answered: the next look goes on with it.
        """
        gateway, keys = self._open_gateway()
        with gateway, keys:
            files = self._seen.new(_unanswered(stick, keys.identity))
            if not files:
                return ()
            wait = gateway.settings.chain.wait if self._wait is None else self._wait
            try:
                done = deliver_files(
                    gateway, keys, files, wait=wait, as_json=self._as_json, only_settled=True
                )
            except PerdureError:
                self._seen.forget(files)
                raise
            if COULD_NOT_FIND_OUT in done.codes:
                self._seen.forget(files)
        if done.returns and COULD_NOT_FIND_OUT not in done.codes:
            tell(f"{stick}: can be taken out now")
        return done.codes


def _unanswered(stick: Path, read: ReadKey) -> list[Path]:
    """The bundles on a stick to which no answer on it belongs, and those that are not whole."""
    backs = list(_heads(bundles_in(stick, BACK_SUFFIX), read))
    answers = [head.answer for _, head in backs if head is not None and head.answer is not None]
    return [
        file
        for file, head in _heads(bundles_in(stick, OUT_SUFFIX), read)
        if head is None
        or not any(bundle_id(head) in each.taken_in and is_settled(head, each) for each in answers)
    ]


def look_at_all(sticks: Sequence[Path], watch: SiteWatch | GatewayWatch) -> int:
    """Look at every stick once; the exit code. What goes wrong at one is told, and the others go on."""
    codes: list[int] = []
    for stick in sticks:
        try:
            codes += watch.look(stick)
        except (PerdureError, OSError) as error:
            hint = error.hint if isinstance(error, PerdureError) else None
            tell_error(f"{stick}: {error}", hint)
            codes.append(exit_code(error))
    return batch_exit_code(codes)


def _heads(files: Sequence[Path], read: ReadKey) -> Iterator[tuple[Path, BundleHead | None]]:
    """Each file with the head of its bundle, None for one that cannot be read: whoever takes it in says why."""
    for file in files:
        try:
            yield file, load_bundle(file, lambda: [read()]).head
        except PerdureError:
            yield file, None


def _should_pack(vault: Vault, stick: Path, read: ReadKey) -> bool:
    """Whether something has to leave that is not on the stick."""
    due = open_reconciliation(vault.database)
    waiting = 0 if due is not None else vault.database.number("SELECT count(*) FROM queue")
    there = [
        head
        for _, head in _heads(bundles_in(stick, OUT_SUFFIX), read)
        if head is not None and head.origin == vault.origin
    ]
    if due is not None and not any(
        head.request is not None and head.request.challenge == due.challenge for head in there
    ):
        return True
    if waiting:
        return True
    size = vault.log_size
    return size > anchored_size(vault.database) and not any(
        head.newest is not None and head.newest.size >= size for head in there
    )
