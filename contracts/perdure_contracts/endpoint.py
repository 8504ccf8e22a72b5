"""The URL of a node's JSON-RPC service, and what of it may be shown.

User name, password, path and query of such a URL often are credentials (hosted nodes put the API key into the path), so
only scheme, host and port ever reach a message.
"""

import ipaddress
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from perdure_anchor.errors import ConfigError

# shorter parts of a URL, such as "v1" or "rpc", are words that a node's message may hold by chance
_SHORTEST_SECRET = 6


class EndpointError(ConfigError):
    """The text is not the URL of a JSON-RPC service over HTTP."""


@dataclass(frozen=True, slots=True)
class RpcEndpoint:
    """``str(endpoint)`` is what may be shown: ``http://host:port``. ``url`` may hold credentials."""

    url: str = field(repr=False)
    origin: str
    is_loopback: bool
    secrets: tuple[str, ...] = field(repr=False)
    has_user: bool = False

    def __str__(self) -> str:
        return self.origin

    def without_secrets(self, text: str) -> str:
        """Text from the node or from a library, with every part of the URL that may be a credential masked."""
        return masked(text, self.secrets)


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with stars in each secret's place."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def parse_endpoint(url: str, what: str = "rpc url") -> RpcEndpoint:
    """An endpoint from its URL, which messages call ``what``; raises `EndpointError`, which does not repeat the URL."""
    hint = "give it as http://HOST:PORT or https://HOST"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise EndpointError(f"{what}: cannot be read", hint=hint) from error
    if parts.scheme not in ("http", "https"):
        raise EndpointError(f"{what}: want the scheme http or https", hint=hint)
    if not host or not _is_host(host) or any(character.isspace() for character in url):
        raise EndpointError(f"{what}: no usable host name in it", hint=hint)
    shown_host = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown_host}" + (f":{port}" if port is not None else "")
    return RpcEndpoint(url, origin, _is_loopback(host), _secrets(parts), bool(parts.username))


def _is_host(host: str) -> bool:
    """Whether a resolver can be asked for it: no control characters, and labels of 1 to 63 bytes (RFC 1035, 2.3.4)."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return host.isprintable()


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secrets(parts: SplitResult) -> tuple[str, ...]:
    query_values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    username, password = parts.username or "", parts.password or ""
    # as a header of the request has them (RFC 7617), with escapes resolved
    basic = b64encode(f"{unquote(username)}:{unquote(password)}".encode()).decode() if username else ""
    pieces = [username, password, basic, *parts.path.split("/"), parts.query, *query_values]
    candidates = set(pieces) | {unquote(piece) for piece in pieces}
    # longest first, so that no secret's rest stays visible because a part of it was masked before
    return tuple(
        sorted((secret for secret in candidates if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)
    )
