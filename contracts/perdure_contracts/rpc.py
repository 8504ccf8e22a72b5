"""JSON-RPC 2.0: the one way from Perdure to a chain.

Source: the JSON-RPC 2.0 specification, and Ethereum's execution API for which methods only read. A call ends in one of four
ways besides an answer: the node refused (`RpcRefused`), could not be reached (`RpcUnreachable`), was too slow (`RpcTimeout`), or
answered nonsense (`RpcBadAnswer`). What an answer means is not here: see `perdure_contracts.chain`.

Requests that only read are repeated, with growing pauses, after a failure to reach the node; so is eth_sendRawTransaction,
since the same bytes can enter a chain only once. Anything else is repeated only if it never left this machine.
"""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from perdure_contracts.access import EndpointAccess
from perdure_contracts.closing import Closing
from perdure_contracts.json_text import Json
from perdure_contracts.rpc_errors import RpcBadAnswer, RpcRefused, RpcTimeout, RpcUnreachable, quoted

__all__ = ["Json", "JsonRpc", "Request", "RpcBadAnswer", "RpcRefused", "RpcTimeout", "RpcUnreachable"]

# all receipts of a full block fit many times over; a node that sends more would only fill our memory
MAX_ANSWER_SIZE = 64 * 1024 * 1024
# geth answers a batch of more than 1,000 with a single error, GoQuorum takes bodies of 5 MiB at most
BATCH_LIMIT = 500

_READING_VERBS = (
    "get",
    "call",
    "block",
    "chain",
    "estimate",
    "gas",
    "fee",
    "max",
    "client",
    "version",
    "sync",
)
_EFFECT_ONCE = frozenset({"eth_sendRawTransaction"})
# a filter's changes are handed out once only
_TAKES_AWAY = "getFilterChanges"


@dataclass(frozen=True, slots=True)
class Request:
    """One method call of a batch."""

    method: str
    params: tuple[Json, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Whether a second arrival at the node changes nothing that the first did not."""
        if self.method in _EFFECT_ONCE:
            return True
        verb = self.method.partition("_")[2]
        return verb.startswith(_READING_VERBS) and verb != _TAKES_AWAY

    def message(self, request_id: int) -> dict[str, Json]:
        """The request object (JSON-RPC 2.0, section 4)."""
        return {"jsonrpc": "2.0", "id": request_id, "method": self.method, "params": list(self.params)}


@dataclass(frozen=True, slots=True)
class AnswerText:
    """An answer as it came, not read yet, to the request of this id."""

    text: bytes
    request_id: int
    request: Request


class JsonRpc(Closing):
    """One node's methods, over connections that are reused; to be closed, or used as a context manager.

    ``node`` is its URL, or that with a token or certificates. Raises `EndpointError`, and what `perdure_contracts.access` does.
    ``timeout`` is how many seconds the node may be silent, ``attempts`` how often a repeatable request is sent at most,
    ``patience`` how many seconds a node that stays silent can hold up one call or round trip, repetitions included.
    """

    def __init__(
        self,
        node: str | EndpointAccess,
        *,
        timeout: float = 10.0,
        attempts: int = 3,
        patience: float = math.inf,
        sleep: Callable[[float], None] = time.sleep,
        max_answer_size: int = MAX_ANSWER_SIZE,
        batch_limit: int = BATCH_LIMIT,
    ) -> None:
        # httpx takes a fifth of a second to load: who never asks a node need not wait for it
        from perdure_contracts.transport import HttpTransport

        access = EndpointAccess(node) if isinstance(node, str) else node
        self.endpoint = access.endpoint()
        self._batch_limit = batch_limit
        self._ids = itertools.count(1)
        self._transport = HttpTransport(
            access,
            timeout=timeout,
            attempts=attempts,
            patience=patience,
            sleep=sleep,
            max_answer_size=max_answer_size,
        )

    def __repr__(self) -> str:
        return f"JsonRpc({self.endpoint})"

    def close(self) -> None:
        """Close the connections; the object cannot be used afterwards."""
        self._transport.close()

    def call(self, method: str, *params: Json) -> Json:
        """The method's result, as JSON; raises `RpcRefused` if the node says no."""
        request = Request(method, params)
        request_id = next(self._ids)
        answer = self._transport.exchange(request.message(request_id), repeatable=request.repeatable)
        outcome = self._outcome(answer, request_id, request)
        if isinstance(outcome, RpcRefused):
            raise outcome
        return outcome

    def call_text(self, method: str, *params: Json) -> "AnswerText":
        """As `call`, with the answer as it came: for large ones, of which the caller reads the usual form himself."""
        request = Request(method, params)
        request_id = next(self._ids)
        text = self._transport.exchange_text(request.message(request_id), repeatable=request.repeatable)
        return AnswerText(text, request_id, request)

    def result_of(self, answer: "AnswerText") -> Json:
        """What `call` would have returned, or raised, for the same answer."""
        outcome = self._outcome(self._transport.parse(answer.text), answer.request_id, answer.request)
        if isinstance(outcome, RpcRefused):
            raise outcome
        return outcome

    def batch(self, requests: Sequence[Request]) -> list[Json | RpcRefused]:
        """One outcome for each request, in their order, in as few round trips as the limit allows.

        A refusal of a single request stands in its place; raises `RpcRefused` if the node refuses a batch as a whole.
        """
        outcomes: list[Json | RpcRefused] = []
        for begin in range(0, len(requests), self._batch_limit):
            outcomes += self._batch(requests[begin : begin + self._batch_limit])
        return outcomes

    def _batch(self, requests: Sequence[Request]) -> list[Json | RpcRefused]:
        open_requests = {next(self._ids): request for request in requests}
        messages: list[Json] = [request.message(request_id) for request_id, request in open_requests.items()]
        repeatable = all(request.repeatable for request in requests)
        answers = self._batch_answers(
            self._transport.exchange(messages, repeatable=repeatable), open_requests
        )
        return [self._outcome(answers[number], number, request) for number, request in open_requests.items()]

    def _batch_answers(self, answers: Json, open_requests: dict[int, Request]) -> dict[int, Json]:
        """The answers by id, exactly one for each open request."""
        what = f"a batch of {len(open_requests)} requests"
        if isinstance(answers, list) and len(answers) == 1 < len(open_requests):
            answers = answers[0]
        if isinstance(answers, dict) and isinstance(answers.get("error"), dict):
            raise self._refusal(answers["error"], what)
        if not isinstance(answers, list) or len(answers) != len(open_requests):
            self._raise_nonsense(f"{what} has got another number of answers")
        found: dict[int, Json] = {}
        for answer in answers:
            answer_id = answer.get("id") if isinstance(answer, dict) else None
            if type(answer_id) is not int or answer_id not in open_requests or answer_id in found:
                self._raise_nonsense(
                    f"in {what}, the id {quoted(answer_id)} was not asked for, or came twice"
                )
            found[answer_id] = answer
        return found

    def _outcome(self, answer: Json, request_id: int, request: Request) -> Json | RpcRefused:
        if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
            self._raise_nonsense(f"{request.method}: not a JSON-RPC 2.0 object")
        answer_id, error = answer.get("id"), answer.get("error")
        # an error may come without id, where the node could not read the request (specification, section 5)
        if not (type(answer_id) is int and answer_id == request_id) and not (
            answer_id is None and error is not None
        ):
            self._raise_nonsense(f"{request.method}: got the id {quoted(answer_id)}, want {request_id}")
        if error is not None:
            return self._refusal(error, request.method)
        if "result" not in answer:
            self._raise_nonsense(f"{request.method}: neither result nor error")
        return answer["result"]

    def _refusal(self, error: Json, what: str) -> RpcRefused:
        code = error.get("code") if isinstance(error, dict) else None
        reason = error.get("message") if isinstance(error, dict) else None
        if not isinstance(error, dict) or type(code) is not int or not isinstance(reason, str):
            self._raise_nonsense(f"{what}: an error without code and message")
        shown = quoted(self._transport.shown(reason))
        message = f"{what} refused by {self.endpoint}: {shown} (code {code})"
        return RpcRefused(message, code=code, reason=shown, error_payload=error.get("data"))

    def _raise_nonsense(self, what: str) -> NoReturn:
        hint = "is this the JSON-RPC url of a chain's node?"
        raise RpcBadAnswer(f"answer of {self.endpoint}: {what}", hint=hint)
