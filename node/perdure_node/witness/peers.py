"""Other nodes, as far as a witness asks them: a port, and HTTP. What comes from a peer is bounded in size and time, and believed by nobody.

No redirect is followed: a peer names no other hosts.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
from perdure_anchor.errors import ChainError, EncodingError
from perdure_contracts.bounded_http import Deadline, within
from perdure_contracts.connection import ServerConnection

from perdure_node.gateway.access import access_of
from perdure_node.gateway.settings import PeerSettings

# seconds for one answer in all, however slowly it drips
PATIENCE: Final = 15.0
# seconds in which nothing comes
_TIMEOUT: Final = 5.0
_FOUND, _ABSENT = 200, 404


class PeerUnreachable(ChainError):
    """A peer did not answer, or not in time, or that it cannot: nothing is known of what it has."""


class PeerTalksTooLong(EncodingError):
    """A peer's answer is longer than what was asked for can be."""


class Peer(Protocol):
    """Another node; ``name`` tells it apart in alarms and in what is kept."""

    @property
    def name(self) -> str: ...

    def get(self, path: str, at_most: int) -> bytes | None:
        """What stands at a path below ``/v1/logs/``, None if nothing does; at most so many bytes.

        Raises `PeerUnreachable` or `PeerTalksTooLong`.
        """
        ...


class Connection(Protocol):
    """`ServerConnection`, or an `httpx.Client`: it has certificates, token and time-outs, and follows no redirects."""

    def stream(self, method: str, url: str, **options: Any) -> AbstractContextManager[httpx.Response]: ...


@dataclass(frozen=True, slots=True)
class HttpPeer:
    """A peer by the URL of its API, such as ``https://node.globex.example/v1``."""

    name: str
    url: str
    connection: Connection
    patience: float = PATIENCE
    now: Callable[[], float] = time.monotonic

    def get(self, path: str, at_most: int) -> bytes | None:
        deadline = self.now() + self.patience
        url = f"{self.url.rstrip('/')}/logs/{path}"
        try:
            with self.connection.stream("GET", url, **within(Deadline(self.patience))) as response:
                if response.status_code == _ABSENT:
                    return None
                if response.status_code != _FOUND:
                    raise PeerUnreachable(f"{self.name}: answers {response.status_code}")
                return self._read(response, at_most, deadline)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise PeerUnreachable(f"{self.name}: {type(error).__name__}") from error

    def _read(self, response: httpx.Response, at_most: int, deadline: float) -> bytes:
        read = bytearray()
        # raw: what is compressed could unpack to anything
        for piece in response.iter_raw():
            read += piece
            if len(read) > at_most:
                raise PeerTalksTooLong(f"{self.name}: answers with more than {at_most} bytes")
            if self.now() > deadline:
                raise PeerUnreachable(f"{self.name}: no whole answer in {self.patience:.0f} s")
        return bytes(read)


def connect_to_peers(settings: Sequence[PeerSettings], folder: Path, stack: ExitStack) -> list[HttpPeer]:
    """The peers of a node's settings, whose connections ``stack`` closes; files are named from the node's folder.

    Each is called by its address. Raises `ConfigError`s of `perdure_contracts.access`.
    """
    peers = []
    for each in settings:
        connection = stack.enter_context(
            ServerConnection(access_of(folder, each), timeout=_TIMEOUT, headers={}, what="peer url")
        )
        peers.append(HttpPeer(connection.endpoint.origin, f"{each.url.rstrip('/')}/v1", connection))
    return peers
