"""Other nodes, as far as a witness asks them: a port, and HTTP. What comes from a peer is bounded in size and time, and believed by nobody.

No redirect is followed: a peer names no other hosts.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import httpx
from perdure_anchor.errors import ChainError, EncodingError

# seconds for one answer in all, however slowly it drips
PATIENCE: Final = 30.0
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


@dataclass(frozen=True, slots=True)
class HttpPeer:
    """A peer by the URL of its API, such as ``https://node.globex.example/v1``; ``client`` has its certificates and time-outs."""

    name: str
    url: str
    client: httpx.Client
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    patience: float = PATIENCE
    now: Callable[[], float] = time.monotonic

    def get(self, path: str, at_most: int) -> bytes | None:
        deadline = self.now() + self.patience
        url = f"{self.url.rstrip('/')}/logs/{path}"
        try:
            with self.client.stream(
                "GET", url, headers={**self.headers, "Accept-Encoding": "identity"}, follow_redirects=False
            ) as response:
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
