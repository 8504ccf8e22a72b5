"""HTTP POST of a JSON document, answered by a JSON document: bounded in size and time, repeated where that is safe.

Between an answer and no answer lie many half answers (cut off, endless, HTML of a gateway): each becomes an error of its class
here, and none of them shows the URL. What the documents mean is not here: see `perdure_contracts.rpc`.
"""

import json
import math
import time
from collections.abc import Callable
from typing import NoReturn

import httpx
from perdure_anchor.json_nesting import nests_deeper

from perdure_contracts.access import EndpointAccess
from perdure_contracts.bounded_http import WHOLE_ANSWER_TIMEOUTS, Deadline, within
from perdure_contracts.connection import DENIED, TLS_HINT, ServerConnection, is_tls_failure
from perdure_contracts.json_text import MAX_NESTING, Json
from perdure_contracts.rpc_errors import (
    RpcBadAnswer,
    RpcDenied,
    RpcTimeout,
    RpcTlsFailed,
    RpcUnreachable,
    quoted,
)

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0
# seconds; a repetition that has less time left would only lengthen the wait for the same failure
SHORTEST_REPETITION = 0.5

_TEMPORARY_STATUS = frozenset({429, 502, 503, 504})
_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_TOO_SLOW = "try again later, or ask another node of the chain"
_NOT_JSON_RPC = "is this the JSON-RPC url of a chain's node?"


class HttpTransport:
    """Connections to one endpoint, reused between exchanges.

    ``timeout`` is how many seconds the node has until its answer begins, ``attempts`` how often a repeatable document is sent at most, and
    ``patience`` how many seconds a node that stays silent can hold up one exchange, repetitions included.
    """

    def __init__(
        self,
        access: EndpointAccess,
        *,
        timeout: float,
        attempts: int,
        patience: float = math.inf,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        max_answer_size: int,
    ) -> None:
        self._timeout = min(timeout, patience)
        self._attempts = attempts
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._max_answer_size = max_answer_size
        self._server = ServerConnection(access, timeout=self._timeout, headers=_HEADERS)
        self.endpoint = self._server.endpoint

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def shown(self, text: str) -> str:
        """Text from the node or from a library, without our credentials."""
        return self._server.shown(text)

    def exchange(self, document: Json, *, repeatable: bool) -> Json:
        """The answer to a document; after a failure it is sent again if it is repeatable, or never left.

        Raises `RpcUnreachable`, `RpcTimeout` or `RpcBadAnswer`.
        """
        return self.parse(self.exchange_text(document, repeatable=repeatable))

    def exchange_text(self, document: Json, *, repeatable: bool) -> bytes:
        """As `exchange`, for who reads the answer's text himself: of a status that answers have, and not judged otherwise."""
        body = json.dumps(document, separators=(",", ":")).encode()
        begun, pause, timeout = self._clock(), FIRST_PAUSE, self._timeout
        for _ in range(self._attempts - 1):
            try:
                return self._taken(*self._post(body, timeout))
            except RpcTlsFailed:
                raise  # the same certificates would be shown again
            except (RpcUnreachable, RpcTimeout) as error:
                never_left = isinstance(error, RpcUnreachable) and not error.sent
                timeout = min(self._timeout, begun + self._patience - self._clock() - pause)
                if not (repeatable or never_left) or timeout < SHORTEST_REPETITION:
                    raise
            self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return self._taken(*self._post(body, timeout))

    def _post(self, body: bytes, timeout: float) -> tuple[int, bytes]:
        """HTTP status and body of the answer."""
        deadline, began = Deadline(timeout), False
        try:
            with self._server.stream(
                "POST", self._server.url, content=body, timeout=timeout, **within(deadline)
            ) as response:
                began = True
                return response.status_code, self._read(response, deadline)
        except httpx.TimeoutException as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise self._unreachable(error) from error
            if began and deadline.left() <= 0:
                raise self._endless() from error
            message = f"no answer from {self.endpoint} within {round(timeout, 1):g} s"
            raise RpcTimeout(message, hint=_TOO_SLOW) from error
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except httpx.DecodingError as error:
            raise RpcBadAnswer(f"answer of {self.endpoint}: its compression cannot be undone") from error

    def _unreachable(self, error: httpx.TransportError) -> RpcUnreachable:
        reason = quoted(self.shown(str(error)))
        never_left = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
        if is_tls_failure(error):
            return RpcTlsFailed(
                f"no secure connection to {self.endpoint}: {reason}", sent=not never_left, hint=TLS_HINT
            )
        hint = "is the node running, and is the url right?"
        if never_left:
            return RpcUnreachable(f"no connection to {self.endpoint}: {reason}", sent=False, hint=hint)
        return RpcUnreachable(
            f"the connection to {self.endpoint} broke before the answer was whole", hint=hint
        )

    def _read(self, response: httpx.Response, deadline: Deadline) -> bytes:
        whole = WHOLE_ANSWER_TIMEOUTS * self._timeout
        deadline.move(whole)
        until = self._clock() + whole
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > self._max_answer_size:
                raise RpcBadAnswer(
                    f"answer of {self.endpoint}: longer than {self._max_answer_size} bytes",
                    hint="ask for less at once",
                )
            if self._clock() > until:
                raise self._endless()
            pieces.append(piece)
        return b"".join(pieces)

    def _endless(self) -> RpcTimeout:
        return RpcTimeout(f"the answer of {self.endpoint} did not end in time", hint=_TOO_SLOW)

    def _taken(self, status: int, body: bytes) -> bytes:
        """The body of an answer; raises for a status that says there is none."""
        if status in _TEMPORARY_STATUS:
            raise RpcUnreachable(
                f"{self.endpoint} is not available now: http status {status}", hint="try again later"
            )
        if status == httpx.codes.OK:
            return body
        # some nodes send their error objects with status 400 or 500: those are answers
        try:
            answer = self.parse(body)
        except RpcBadAnswer as error:
            raise self._bad_status(status) from error
        if not (isinstance(answer, dict) and isinstance(answer.get("error"), dict)):
            raise self._bad_status(status)
        return body

    def parse(self, body: bytes) -> Json:
        """The JSON of an answer's text; raises `RpcBadAnswer`."""
        if nests_deeper(body, MAX_NESTING):
            raise RpcBadAnswer(f"answer of {self.endpoint}: nested too deep", hint=_NOT_JSON_RPC)
        try:
            answer: Json = json.loads(body, parse_constant=_refuse_constant)
        except ValueError as error:
            raise RpcBadAnswer(f"answer of {self.endpoint}: not JSON", hint=_NOT_JSON_RPC) from error
        return answer

    def _bad_status(self, status: int) -> RpcBadAnswer:
        message = f"answer of {self.endpoint}: http status {status}"
        if status in DENIED:
            return RpcDenied(message, hint="check the token, our certificate, or the credentials in the url")
        return RpcBadAnswer(message, hint=_NOT_JSON_RPC)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
