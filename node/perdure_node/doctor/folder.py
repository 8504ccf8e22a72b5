"""The node's folder: who may read it, whether its files are whole, and whether the passphrase opens its keys. Changes nothing."""

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from perdure_anchor.errors import PerdureError
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import TrustFileError, fingerprint, parse_trust_file

from perdure_node.doctor.finding import Finding, fine, found_by_error, warning, wrong
from perdure_node.gateway.folder import (
    DATABASE_FILE,
    GATEWAY,
    IDENTITY_FILE,
    RELAY_KEY_FILE,
    TRUST_FILE,
    identity_in,
    recipient_in,
)
from perdure_node.gateway.settings import NodeSettings
from perdure_node.migrations import check_version, scripts

_SHARED: Final = 0o077
_MIB: Final = 1 << 20
_FAULTS_SHOWN: Final = 3


def read_trust(folder: Path) -> tuple[TrustFile | None, Finding]:
    """The folder's trust file, None if it cannot be used; and what is to be said of it."""
    path = folder / TRUST_FILE
    try:
        raw = path.read_bytes()
        trust = parse_trust_file(raw)
    except OSError as error:
        return None, wrong(
            "trust file", f"{path}: {(error.strerror or 'cannot be read').lower()}", GATEWAY.remedy
        )
    except TrustFileError as error:
        return None, found_by_error("trust file", error)
    return trust, fine("trust file", f"{trust.name}, version {trust.version}: {fingerprint(raw)}")


def missing_files(folder: Path, settings: NodeSettings) -> Iterator[Finding]:
    """Which of the files that a node's folder has are not there."""
    wanted = [TRUST_FILE, IDENTITY_FILE, DATABASE_FILE]
    if not settings.relay.signer_url:
        wanted.append(RELAY_KEY_FILE)
    for name in wanted:
        if not (folder / name).is_file():
            yield wrong(name, f"{folder / name}: no such file", GATEWAY.remedy)


def check_folder(folder: Path, settings: NodeSettings) -> Iterator[Finding]:
    """Permissions, room on the disk, the database."""
    yield from _permissions(folder)
    yield from _disk(folder, settings)
    yield from _database(folder / DATABASE_FILE)


def _permissions(folder: Path) -> Iterator[Finding]:
    paths = [folder, *sorted(each for each in folder.iterdir() if each.is_file())]
    shared = [each for each in paths if stat.S_IMODE(each.stat().st_mode) & _SHARED]
    others = [each for each in paths if each.stat().st_uid != os.geteuid()]
    if not os.access(folder, os.W_OK):
        yield wrong("permissions", f"{folder}: cannot be written to", "use it as the user who runs the node")
    elif shared:
        yield wrong("permissions", f"others on this machine may use {shared[0]}", f"chmod -R go-rwx {folder}")
    elif others and os.geteuid() != 0:
        yield warning("permissions", f"{others[0]} belongs to somebody else", "chown it to who runs the node")
    else:
        yield fine("permissions", f"{folder} is its owner's only")


def _disk(folder: Path, settings: NodeSettings) -> Iterator[Finding]:
    free, wanted = shutil.disk_usage(folder).free, settings.alarms.disk_bytes
    told = f"{free // _MIB} MiB are free, want {wanted // _MIB} MiB"
    if free < wanted:
        yield wrong("disk", told, "make room, or lower disk_bytes in [alarms]")
    else:
        yield fine("disk", told)


def _database(path: Path) -> Iterator[Finding]:
    if not path.is_file():
        yield wrong("database", f"{path}: no such file", GATEWAY.remedy)
        return
    try:
        # not by `Database`, which would bring the tables up to date
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            check_version(connection, path, GATEWAY)
            faults = [row[0] for row in connection.execute(f"PRAGMA quick_check({_FAULTS_SHOWN})")]
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as error:
        yield wrong("database", f"{path}: {error}", f"stop the node, and {GATEWAY.remedy}")
        return
    except PerdureError as error:
        yield found_by_error("database", error)
        return
    if faults != ["ok"]:
        yield wrong(
            "database",
            f"{path}: {'; '.join(faults)[:300]}",
            f"stop the node, and {GATEWAY.remedy}",
        )
        return
    newest = max(scripts(GATEWAY))
    todo = (
        "" if version == newest else f"; the next start brings its tables from version {version} to {newest}"
    )
    yield fine("database", f"{path.name} is whole{todo}")


def check_keys(
    folder: Path, settings: NodeSettings, passphrase: Callable[[], str] | None
) -> Iterator[Finding]:
    """The keys, with a passphrase if there is one at hand."""
    try:
        recipient_in(folder)
    except PerdureError as error:
        yield found_by_error("keys", error)
        return
    if not settings.relay.signer_url and not (folder / RELAY_KEY_FILE).is_file():
        yield wrong(
            "keys",
            f"{folder / RELAY_KEY_FILE}: no such file",
            f"{GATEWAY.remedy}, or set signer_url in [relay]",
        )
        return
    if passphrase is None:
        yield warning(
            "passphrase",
            "not at hand: whether it is the right one, and the relay's account, was not looked at",
            "use --passphrase-file FILE, or set passphrase_file in [relay]",
        )
        return
    try:
        identity_in(folder, passphrase())
    except PerdureError as error:
        yield found_by_error("passphrase", error)
        return
    yield fine("passphrase", "it opens the node's keys")
