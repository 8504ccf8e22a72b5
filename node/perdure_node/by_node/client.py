"""One node over HTTP: each question once, its answer bounded in size and time. Repeating and fail-over are in `nodes`.

No redirect is followed, no certificate left unverified, and no message shows a token or more of a URL than scheme, host and port.
"""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import httpx
from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.trust import TrustFile
from perdure_contracts.access import EndpointAccess
from perdure_contracts.bounded_http import Deadline, within
from perdure_contracts.closing import Closing
from perdure_contracts.connection import TLS_HINT, ServerConnection, is_tls_failure
from perdure_contracts.rpc_errors import quoted

from perdure_node.by_node.answers import Answered, Standing, check_consortium, parse_standing, problem_of
from perdure_node.by_node.errors import (
    BundleRefusedAsTooLarge,
    NodeBadAnswer,
    NodeRefused,
    NodeTlsFailed,
    NodeUnreachable,
)
from perdure_node.by_node.spool import Spool
from perdure_node.courier.bundle import MAX_HEAD_SIZE, Request
from perdure_node.courier.errors import BundleError
from perdure_node.courier.first_line import MAX_FIRST_LINE, places_of

# seconds of silence
TIMEOUT: Final = 30.0
# what a node says of itself or of a site, and problems: a thousand reasons of a thousand characters
_MAX_JSON: Final = 4 * 1024 * 1024
# what is still slower after the grace period only keeps us busy: bytes a second, and seconds
_SLOWEST: Final = 1024
_GRACE: Final = 60.0
# a site's token need not be for reading: then what the node returns says of which registry it is
_NOT_TOLD: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_HEADERS: Final = {
    "content-type": "application/octet-stream",
    "accept": "application/json, application/problem+json, application/octet-stream",
}


class NodeClient(Closing):
    """Connections to one node, to be closed; ``timeout`` is how many seconds it may be silent. Raises `ConfigError` for the access."""

    def __init__(
        self,
        access: EndpointAccess,
        *,
        timeout: float = TIMEOUT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = ServerConnection(access, timeout=timeout, headers=_HEADERS, what="node url")
        self._timeout = timeout
        self._monotonic = monotonic

    def __str__(self) -> str:
        """What may be shown of its URL, which is its name."""
        return str(self._server.endpoint)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def check_consortium(self, trust: TrustFile) -> None:
        """Raise `OtherConsortium` if it works for another registry."""
        answered = self._exchange("GET", "/v1/status", limit=_MAX_JSON)
        if answered.status == HTTPStatus.OK:
            check_consortium(self, answered, trust)
        elif answered.status not in _NOT_TOLD:
            raise problem_of(self, answered)

    def is_ready(self) -> bool:
        """Whether it says that it can do its work now."""
        return self._exchange("GET", "/ready", limit=_MAX_JSON).status == HTTPStatus.OK

    def standing(self, origin: Origin) -> Standing | None:
        """How the site stands there; None if it has never seen a bundle of the site's."""
        answered = self._exchange("GET", f"/v1/sites/{origin.text}/standing", limit=_MAX_JSON)
        if answered.status == HTTPStatus.OK:
            return parse_standing(self, answered)
        error = problem_of(self, answered)
        if isinstance(error, NodeRefused) and error.kind == "SiteUnknown":
            return None
        raise error

    def hand_in(self, bundle: Spool) -> None:
        """Hand a bundle in; when this returns, the node has said that it keeps it. A second time does no harm."""
        begun, tell = self._monotonic(), bundle.told
        deadline = Deadline(_GRACE + self._timeout)

        def told(sent: int) -> None:
            tell(sent)
            deadline.move(self._check_speed(begun, sent, "takes what it is sent") + self._timeout)

        bundle.told = told
        try:
            self._hand_in(bundle, deadline)
        finally:
            bundle.told = tell

    def _hand_in(self, bundle: Spool, deadline: Deadline) -> None:
        answered = self._exchange("POST", "/v1/bundles", limit=_MAX_JSON, content=bundle, deadline=deadline)
        if answered.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            return
        error = problem_of(self, answered)
        if isinstance(error, BundleRefusedAsTooLarge):
            raise BundleRefusedAsTooLarge(
                f"{self} does not take {bundle.size} bytes at once: a log that it does not know yet comes with all leaf hashes",
                kind=error.kind,
                hint="let its operator raise the limit for bundles, or take it there on a stick: `perdure courier pack`",
            )
        raise error

    def fetch_return(self, origin: Origin, request: Request) -> bytes:
        """The return bundle, as bytes that were not looked at yet, but for how many leaf hashes they say to have."""
        asked = {
            "anchors_above": str(request.anchors_above),
            **({} if request.leaves_from is None else {"leaves_from": str(request.leaves_from)}),
            **({} if request.challenge is None else {"challenge": request.challenge.hex()}),
        }
        answered = self._exchange(
            "GET",
            f"/v1/sites/{origin.text}/return",
            limit=self._bundle_limit(with_leaves=request.leaves_from is not None),
            params=asked,
        )
        if answered.status != HTTPStatus.OK:
            raise problem_of(self, answered)
        return answered.body

    def _bundle_limit(self, *, with_leaves: bool) -> Callable[[bytes], int]:
        """How long a bundle may be, by its first bytes: leaf hashes only where they were asked for."""

        def limit(beginning: bytes) -> int:
            try:
                places = places_of(beginning)
            except BundleError:
                return _MAX_JSON
            return places.file_size if with_leaves else min(places.file_size, MAX_HEAD_SIZE + 4096)

        return limit

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        limit: int | Callable[[bytes], int],
        content: Spool | None = None,
        params: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
    ) -> Answered:
        """``deadline`` is for what we send, and for the answer to begin; None: the timeout."""
        deadline = deadline or Deadline(self._timeout)
        options: dict[str, object] = within(deadline)
        if content is not None:
            options["content"] = content
        if params is not None:
            options["params"] = params
        try:
            with self._server.stream(method, path, **options) as response:
                body = self._read(response, limit, deadline)
                return Answered(response.status_code, body, response.headers.get("retry-after"))
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except httpx.DecodingError as error:
            raise NodeBadAnswer(f"answer of {self}: its compression cannot be undone") from error

    def _read(
        self, response: httpx.Response, limit: int | Callable[[bytes], int], deadline: Deadline
    ) -> bytes:
        begun = self._monotonic()
        deadline.move(_GRACE)
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            most = limit if isinstance(limit, int) else limit(bytes(body[:MAX_FIRST_LINE]))
            if len(body) > most:
                raise NodeBadAnswer(f"answer of {self}: longer than the {most} bytes that it may have")
            deadline.move(self._check_speed(begun, len(body), "answers"))
        return bytes(body)

    def _check_speed(self, begun: float, size: int, does: str) -> float:
        """How many seconds are left until it counts as too slow."""
        left = begun + _GRACE + size / _SLOWEST - self._monotonic()
        if left < 0:
            raise NodeUnreachable(f"{self} {does} too slowly", hint="try again later, or ask another node")
        return left

    def _unreachable(self, error: httpx.TransportError) -> PerdureError:
        reason = quoted(self._server.shown(str(error)))
        if is_tls_failure(error):
            return NodeTlsFailed(f"no secure connection to {self}: {reason}", hint=TLS_HINT)
        hint = "is there a network, and is the node's URL right?"
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            return NodeUnreachable(f"no connection to {self}: {reason}", hint=hint)
        if isinstance(error, httpx.TimeoutException):
            return NodeUnreachable(
                f"no answer from {self} within {round(self._timeout, 1):g} s", hint="try again later"
            )
        return NodeUnreachable(f"the connection to {self} broke before the answer was whole", hint=hint)
