"""How a server lets us in: its URL, a bearer token, the certificates that vouch for it, and our own.

One way for every server that Perdure is a client of: chains' nodes and Web3Signers. Tokens are those of RFC 6750, section 2.1; the
files of certificates are PEM. A server's certificate is always verified: there is no switch for that, only a file of authorities.
Whatever could be read by others than its owner and group is refused, as ssh does. Nothing is sent here: see
`perdure_contracts.connection`.
"""

import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from perdure_anchor.errors import ConfigError

from perdure_contracts.endpoint import EndpointError, RpcEndpoint, parse_endpoint

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
_MAX_TOKEN_SIZE: Final = 8192
_READ_BY_OTHERS: Final = 0o004


class TokenFileError(ConfigError):
    """A file does not give a bearer token."""


class CertificateFileError(ConfigError):
    """A file of certificates, or of a certificate with its key, cannot be used."""


class SecretExposed(ConfigError):
    """A file with a secret can be read by every user of this machine."""


class TokenInClear(ConfigError):
    """A token, or certificates, are given for a URL without TLS: the secret would be anybody's on the way, the server unproven."""


@dataclass(frozen=True, slots=True)
class EndpointAccess:
    """Where a server is and how it lets us in; ``url`` may hold credentials.

    ``token_file`` holds a bearer token in its first line. ``authorities`` is a file of the certificates that vouch for the server
    (None: the system's), ``client_certificate`` one of our own certificate with its key behind it: both in PEM.
    """

    url: str = field(repr=False)
    token_file: Path | None = None
    authorities: Path | None = None
    client_certificate: Path | None = None

    def endpoint(self, what: str = "rpc url") -> RpcEndpoint:
        """What of it may be shown; raises `EndpointError` or `TokenInClear`, with ``what`` for the URL's name. Reads no file."""
        endpoint = parse_endpoint(self.url, what)
        is_tls = endpoint.origin.startswith("https://")
        if self.token_file is not None and endpoint.has_user:
            raise EndpointError(f"{what}: it has a user name, and there is a token", hint="want one of them")
        if self.token_file is not None and not is_tls and not endpoint.is_loopback:
            raise TokenInClear(
                f"{what}: a bearer token would go to {endpoint} in clear", hint="want https://, or no token"
            )
        if (self.authorities or self.client_certificate) and not is_tls:
            raise TokenInClear(
                f"{what}: there are certificates, and {endpoint} is without TLS", hint="want https://"
            )
        return endpoint


def read_token(path: Path) -> str:
    """The bearer token in a file's first line; raises `TokenFileError` or `SecretExposed`, neither of which shows it."""
    try:
        with path.open("rb") as stream:
            _check_private(path, stream.fileno(), "token")
            token = stream.readline(_MAX_TOKEN_SIZE).decode("ascii").strip()
    except OSError as error:
        raise TokenFileError(f"token file {path}: {_reason(error)}") from error
    except UnicodeDecodeError:
        token = ""
    if not _TOKEN.fullmatch(token):
        raise TokenFileError(f"token file {path}: want a bearer token in its first line")
    return token


def tls_context(access: EndpointAccess) -> ssl.SSLContext:
    """What verifies the server and shows our certificate; raises `CertificateFileError` or `SecretExposed`."""
    if not access.url.lower().startswith("https:"):
        # vouches for nobody: without TLS it is not asked, and never lets anything through if it should be
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = _verifying(access.authorities)
    if access.client_certificate is not None:
        _show_certificate(context, access.client_certificate)
    return context


def _verifying(authorities: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise CertificateFileError(
            f"certificate authorities {authorities}: {_reason(error)}",
            hint="want a PEM file of the certificates that vouch for the server",
        ) from error


def _show_certificate(context: ssl.SSLContext, path: Path) -> None:
    try:
        with path.open("rb") as stream:
            _check_private(path, stream.fileno(), "key")
        # without an answer: an encrypted key would be asked for on the terminal, in the middle of anything
        context.load_cert_chain(path, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise CertificateFileError(
            f"client certificate {path}: {_reason(error)}",
            hint="want a PEM file of our certificate with its key, the key not encrypted",
        ) from error


def _check_private(path: Path, descriptor: int, what: str) -> None:
    if os.name == "posix" and os.fstat(descriptor).st_mode & _READ_BY_OTHERS:
        raise SecretExposed(
            f"{path}: every user of this machine can read the {what} in it", hint=f"chmod 600 {path}"
        )


def _reason(error: OSError | ValueError) -> str:
    """Why, in a few words; OpenSSL's own are a riddle."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror:
        return error.strerror.lower()
    return "cannot be used"
