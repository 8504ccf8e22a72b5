"""A connection of the HTTP server: bounded headers that have to come in time, and refusals as problems, before there is a request."""

import asyncio
import json
import resource
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# of the request line and all headers together
MAX_HEADER_SIZE: Final = 16 * 1024
# seconds for the headers, from the first byte or the connection on
HEADER_PATIENCE: Final = 15.0
_MOST: Final = 4096
_SPARE: Final = 64

_NAMES: Final = {400: "MalformedRequest", 431: "HeadersTooLarge", 501: "NotImplemented"}


class BoundedConnection(H11Protocol):
    """Closes connections over which no request comes in time, and those over what the process may have open."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > most_connections():
            self.transport.abort()
            return
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            if self._waiting is None:
                self._wait_for_headers()
        else:
            self._stop_waiting()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's text
        """Refuse what is no request, as a problem."""
        state = self.conn.our_state
        if state not in (h11.IDLE, h11.SEND_RESPONSE):
            # an answer is on its way: nothing can be said any more
            self.transport.close()
            return
        status = 431 if self._is_too_large() else 400
        members = {
            "type": f"urn:perdure:problem:{_NAMES[status]}",
            "title": "Request Header Fields Too Large" if status == 431 else "Bad Request",
            "status": status,
            "detail": "the headers are too large" if status == 431 else "this is no HTTP request",
        }
        body = json.dumps(members).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _is_too_large(self) -> bool:
        octets, _ = self.conn.trailing_data
        return len(octets) > MAX_HEADER_SIZE

    def _wait_for_headers(self) -> None:
        self._waiting = self.loop.call_later(HEADER_PATIENCE, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()


def most_connections() -> int:
    """How many connections there may be: half of what the process may open, as each can need a file."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_SPARE, min(_MOST, soft // 2 if soft > 0 else _MOST))
