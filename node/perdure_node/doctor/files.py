"""The files that node.toml names: whether they are there, who may read them, and whether TLS takes them."""

import datetime as dt
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure_node.clock import Clock
from perdure_node.doctor.finding import Finding, fine, warning, wrong

_DAY: Final = 86400
# most that issue certificates renew them a month before their end
_SOON: Final = 21 * _DAY
_LARGEST: Final = 1 << 20
# as `perdure_contracts.access` has it: a group may be the one that secrets are shared with
_OTHERS: Final = 0o007


def file_in(folder: Path, name: str) -> Path:
    """A file as the settings name it: from the folder, unless it is named from the root."""
    return folder / name


def secret_file(about: str, folder: Path, name: str) -> Iterator[Finding]:
    """A file that holds a token, a passphrase or a key."""
    path = file_in(folder, name)
    try:
        found = path.stat()
        text = path.read_bytes()[:_LARGEST] if stat.S_ISREG(found.st_mode) else None
    except OSError as error:
        yield wrong(
            about,
            f"{path}: {(error.strerror or 'cannot be read').lower()}",
            "make the file, or mend the path",
        )
        return
    if text is None:
        yield wrong(about, f"{path}: is no file")
    elif not text.strip():
        yield wrong(about, f"{path}: is empty")
    elif stat.S_IMODE(found.st_mode) & _OTHERS:
        yield wrong(about, f"{path}: every user of this machine may use it", f"chmod o-rwx {path}")
    else:
        yield fine(about, f"{path} is there, and not for everybody")


def authorities(about: str, folder: Path, name: str) -> Iterator[Finding]:
    """Certificates that vouch for others."""
    path = file_in(folder, name)
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        yield wrong(about, f"{path}: {_reason(error)}", "want certificates in PEM")
    else:
        yield fine(about, f"{path} has certificates")


def key_pair(about: str, folder: Path, certificate: str, key: str, clock: Clock) -> Iterator[Finding]:
    """A certificate of ours with its key, behind it (``key`` the same name) or apart."""
    certificate_path, key_path = file_in(folder, certificate), file_in(folder, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # without a password of its own OpenSSL would ask on the terminal for one
        context.load_cert_chain(certificate_path, key_path, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        yield wrong(
            about,
            f"{certificate_path}: {_reason(error)}",
            "want a certificate and its key, not encrypted, in PEM",
        )
        return
    yield from secret_file(about, folder, key)
    yield from _expiry(about, certificate_path, clock)


def _expiry(about: str, path: Path, clock: Clock) -> Iterator[Finding]:
    from cryptography import x509

    try:
        first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError):
        yield wrong(about, f"{path}: no certificate can be read from it")
        return
    left = (first.not_valid_after_utc - dt.datetime.fromtimestamp(clock.now(), dt.UTC)).total_seconds()
    end = f"{first.not_valid_after_utc:%Y-%m-%d}"
    if left < 0:
        yield wrong(
            about, f"{path}: the certificate has expired on {end}", "have it renewed, and restart the node"
        )
    elif left < _SOON:
        yield warning(
            about, f"{path}: the certificate expires on {end}", "have it renewed, and restart the node"
        )
    else:
        yield fine(about, f"{path}: the certificate is valid until {end}")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"cannot be used for TLS ({error.reason or 'not PEM'})".lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "cannot be used"
