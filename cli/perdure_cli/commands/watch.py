"""`perdure watch`: record each new file in a folder, until somebody ends it; a record is durable when its line is printed."""

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError
from perdure_node.clock import Clock, system_clock
from perdure_node.clock_doubts import Kind
from perdure_node.errors import FolderUnreadable, NotReconciled, VaultBusy
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.sealing import Sealed
from perdure_node.places import is_vault
from perdure_node.signatures.looking import Asked
from perdure_node.vault import Vault
from perdure_node.watch.listing import Selection
from perdure_node.watch.policy_sealer import PolicySealer
from perdure_node.watch.watcher import DEFAULT_SETTLE, Recorded, Refused, Watcher, WatchOptions

from perdure_cli.acting import as_option, recording_as
from perdure_cli.clock_doubt import warn_of_clock
from perdure_cli.commands.detail_options import common_detail_options, details_of
from perdure_cli.exit_codes import DONE, batch_exit_code, exit_code
from perdure_cli.looking_texts import look_members, print_look
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, tell, tell_detail, tell_error, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural, sealed_line, sealed_members
from perdure_cli.signals import Terminated
from perdure_cli.site import ENVIRONMENT_VARIABLE, key_ring, open_site

DEFAULT_INTERVAL = 2.0
# a look at a large folder or a slow share must not be all that a machine does
_LOOKING_SHARE = 10
# looks after which `--once` leaves what is still being written to
_ROUNDS_LEFT = 3
# seconds: a machine's clock is looked at, and what cannot be done now is tried again
_PATIENCE = 60.0


class NotWatchable(ConfigError):
    """A folder that somebody wants to be watched is none, or is a vault."""


@click.command(short_help="Record each new file in a folder.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@common_detail_options
@click.option(
    "--include", multiple=True, metavar="PATTERN", help="Only files of such names: '*.pdf'; repeatable."
)
@click.option("--ignore", multiple=True, metavar="PATTERN", help="No files of such names; repeatable.")
@click.option(
    "--settle",
    type=click.FloatRange(0, 86_400),
    default=DEFAULT_SETTLE,
    show_default=True,
    metavar="S",
    help="For how many seconds a file must look the same before it is taken for whole.",
)
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 86_400),
    default=DEFAULT_INTERVAL,
    show_default=True,
    metavar="S",
    help="How many seconds to wait between two looks.",
)
@click.option(
    "--wait-for-details", is_flag=True, help="Leave documents without a file of details until it comes."
)
@click.option(
    "--move-to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Move files there once they are recorded; without it nothing is moved.",
)
@click.option("--no-signatures", is_flag=True, help="Do not look for signatures.")
@click.option("--once", is_flag=True, help="Record what is there, and end: fit for cron.")
@as_option
@passphrase_option
@vault_option
@json_option
def watch(
    folder: Path,
    include: tuple[str, ...],
    ignore: tuple[str, ...],
    settle: float,
    interval: float,
    wait_for_details: bool,
    move_to: Path | None,
    no_signatures: bool,
    once: bool,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
    **said: object,
) -> int:
    """Record each new file in DIR and below it, such as the output of a scanner or a signing tool, until Ctrl-C or SIGTERM.

    A file is taken once it looks the same for a while and nobody has it open to write. A JSON file beside a document (scan.json or
    scan.pdf.json beside scan.pdf) says what a line of an imported list can say of it; no JSON file is recorded itself. Hidden and
    unfinished files (.part, .tmp, ~$), empty ones, links, evidence and vaults are left out. A document that has a record already is
    passed over. Signatures are looked for as by `perdure add`; a detached one (scan.pdf.p7s) should be there before its document.
    What is refused is tried again after it has changed, or when the watch is started again.

    With --as each record is signed by who records it. Recording without it needs no passphrase. With --passphrase-file, or PERDURE_PASSPHRASE, what waits is sealed as the setting seal says.
    """
    details = details_of(**said)  # type: ignore[arg-type]  # click gives what detail_options ask for
    if is_vault(folder) or is_vault(folder.absolute().parent):
        raise NotWatchable(f"{folder}: is of a vault", hint="name the folder into which documents come")
    clock = system_clock()
    left_out = () if move_to is None else (move_to,)
    selection = Selection(include, ignore, left_out)
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        recorder = recording_as(vault, who, passphrase_file, many=True)
        asked = Asked(skip=no_signatures)
        options = WatchOptions(details, selection, settle, wait_for_details, move_to, recorder, asked)
        report = _Report(as_json, progress)
        # an operator's passphrase seals nothing
        sealer = None if recorder is not None else _sealer(vault, passphrase_file, clock)
        watcher = Watcher(vault, folder, options, clock=clock, randomness=os.urandom, progress=progress)
        if not once:
            watcher.try_refused_again()
            tell(f"watching {folder}, every {interval:g} s; Ctrl-C ends it, and nothing is lost")
        with _ended_by_signal(report):
            rounds = _Rounds(vault, watcher, sealer, clock, report, interval)
            rounds.run(until=clock.monotonic() + settle + _ROUNDS_LEFT * interval if once else None)
        report.end(folder)
    return batch_exit_code(report.codes) if once else DONE


@dataclass
class _Report:
    """What is told, and counted for the end."""

    as_json: bool
    progress: TerminalProgress
    recorded: int = 0
    known: int = 0
    sealed: int = 0
    codes: list[int] = field(default_factory=list)

    def tell_event(self, event: Recorded | Refused) -> None:
        self.progress.close()
        if isinstance(event, Refused):
            self.codes.append(exit_code(event.error))
            self._tell_refused(event)
        elif event.added is None:
            self.known += 1
            tell_detail(f"has a record already: {event.path}")
        else:
            self.recorded += 1
            self._tell_recorded(event, event.added.leaf_hash.hex(), event.added.sequence)
        if isinstance(event, Recorded) and event.not_moved is not None:
            tell_warning(str(event.not_moved))

    def _tell_recorded(self, event: Recorded, leaf_hash: str, sequence: int) -> None:
        if self.as_json:
            print_json(
                {
                    "ok": True,
                    "file": str(event.path),
                    "document_sha256": event.document.sha256.hex(),
                    "leaf_hash": leaf_hash,
                    "sequence": sequence,
                    "moved_to": None if event.moved_to is None else str(event.moved_to),
                    "signature": look_members(event.look, event.differences),
                }
            )
        else:
            print_line(f"recorded: {event.path}, leaf hash {leaf_hash}")
            print_look(event.path, event.look, event.differences)

    def _tell_refused(self, event: Refused) -> None:
        error = event.error
        if self.as_json:
            fault = {"error": type(error).__name__, "message": str(error), "hint": error.hint}
            print_json({"ok": False, "file": str(event.path), "errors": [fault]})
        named = str(error).startswith(f"{event.path}: ")
        tell_error(str(error) if named else f"{event.path}: {error}", error.hint)

    def tell_sealed(self, sealed: Sealed) -> None:
        self.progress.close()
        self.sealed += 1
        if self.as_json:
            print_json({"ok": True, "sealed": sealed_members(sealed)})
        else:
            print_line(sealed_line(sealed))

    def end(self, folder: Path) -> None:
        """The summary."""
        if self.as_json:
            print_json(
                {
                    "ok": not self.codes,
                    "folder": str(folder),
                    "recorded": self.recorded,
                    "known": self.known,
                    "refused": len(self.codes),
                    "seals": self.sealed,
                }
            )
            return
        facts = [f"recorded {plural(self.recorded, 'document')}"]
        facts += [f"{self.known} had a record already"] if self.known else []
        facts += [f"refused {len(self.codes)}"] if self.codes else []
        facts += [f"sealed {plural(self.sealed, 'time')}"] if self.sealed else []
        print_line(f"{folder}: {', '.join(facts)}")
        tell_next("perdure status")


@dataclass
class _Rounds:
    """One look after the other, each followed by a seal if one is due."""

    vault: Vault
    watcher: Watcher
    sealer: PolicySealer | None
    clock: Clock
    report: _Report
    interval: float
    told: Set[Kind] = frozenset()
    clock_looked_at: float | None = None
    seal_again_at: float = 0.0
    is_gone: bool = False

    def run(self, *, until: float | None) -> None:
        """Without end; or until all is whole and taken, but not much longer than ``until``, by the steady clock."""
        while True:
            began = self.clock.monotonic()
            self._look_at_clock(began)
            more = self._look(once=until is not None)
            self._seal(began)
            now = self.clock.monotonic()
            if until is not None and (not more or now >= until):
                self._tell_left()
                return
            self.clock.sleep(max(self.interval, _LOOKING_SHARE * (now - began)))

    def _tell_left(self) -> None:
        if left := self.watcher.unsettled:
            tell(f"left {plural(left, 'file')} for the next time: not whole yet, or open to be written to")

    def _look(self, *, once: bool) -> bool:
        """Take what is whole; whether there is more to come."""
        try:
            for event in self.watcher.round():
                self.report.tell_event(event)
        except VaultBusy as error:
            tell_warning(f"{error}; tried again in a while")
            return True
        except FolderUnreadable as error:
            if once:
                raise
            self._tell_gone(error)
            return True
        self.is_gone = False
        return self.watcher.unsettled > 0

    def _tell_gone(self, error: FolderUnreadable) -> None:
        if not self.is_gone:
            tell_warning(f"{error}; looked for again every {self.interval:g} s")
        self.is_gone = True

    def _look_at_clock(self, now: float) -> None:
        if self.clock_looked_at is None or now - self.clock_looked_at >= _PATIENCE:
            self.clock_looked_at = now
            self.told = warn_of_clock(self.vault, self.clock, self.told)

    def _seal(self, now: float) -> None:
        if self.sealer is None or now < self.seal_again_at:
            return
        try:
            sealed = self.sealer.seal(self.report.progress)
        except (VaultBusy, NotReconciled) as error:
            self.seal_again_at = now + _PATIENCE
            tell_warning(f"not sealed now: {error}")
            return
        if sealed is not None:
            self.report.tell_sealed(sealed)


def _sealer(vault: Vault, passphrase_file: Path | None, clock: Clock) -> PolicySealer | None:
    """Who seals by the policy; None where it has no occasion without a sync, or there is no passphrase at hand."""
    if not vault.config.seal.acts_alone:
        return None
    if passphrase_file is None and ENVIRONMENT_VARIABLE not in os.environ:
        tell(
            "nothing is sealed here, since no passphrase is at hand: give --passphrase-file, or run `perdure seal --if-due`"
        )
        return None
    keys: KeyRing = key_ring(vault, passphrase_file)
    # a wrong passphrase shall be told of now, not when the first seal is due
    keys.site_key()
    return PolicySealer(vault, keys, clock)


@contextmanager
def _ended_by_signal(report: _Report) -> Iterator[None]:
    """Ctrl-C and SIGTERM are how a watch ends: what was begun is undone or done, and the summary follows."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        report.progress.close()
        tell("ended")
