"""Events by ranges of blocks, as wide as a node answers: the next ranges are fetched, one after the other, while this one is read.

Nodes limit the blocks or events of an answer, each in its own words, so a refused range is asked for in halves, and grows again where
there is little in it. The two questions of a range (anchors, and what else the contracts say) are asked together.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from perdure_anchor.checkpoint import checkpoint_digests
from perdure_anchor.registry_event import ANCHORED_TOPIC
from perdure_anchor.trust import TrustFile
from perdure_contracts.anchored_logs import AnchoredLogs, block_of, check_asked, logs_of, read_anchored
from perdure_contracts.chain import ChainClient
from perdure_contracts.closing import Closing
from perdure_contracts.rpc import AnswerText, RpcBadAnswer, RpcRefused, RpcTimeout

from perdure_node.follower.errors import EventsNotVerified
from perdure_node.follower.notices import SeenNotice, notice_topics, notices_in

FIRST_WIDTH: Final = 256
WIDEST: Final = 1_000_000
# bytes of an answer, about 2,500 anchors: while they are read and stored, the node writes the next such answer
WANTED_ANSWER: Final = 2 * 1024 * 1024
# answers of that size that wait to be read, at most: so neither the node nor who reads waits for the other's slower moments
AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class EventRange:
    """All wanted events of the blocks ``begin`` to ``end``, both included, in the chain's order."""

    begin: int
    end: int
    anchored: AnchoredLogs
    notices: tuple[SeenNotice, ...]


@dataclass(frozen=True, slots=True)
class _Answers:
    begin: int
    end: int
    anchored: AnswerText
    notices: AnswerText


class EventRanges(Closing):
    """A contract's events through one node; to be closed, or used as a context manager.

    ``ahead`` False fetches nothing before it is asked for: for clients that are used from one thread only. ``widest`` is how many blocks
    one question spans at most.
    """

    def __init__(
        self, client: ChainClient, trust: TrustFile, *, ahead: bool = True, widest: int = WIDEST
    ) -> None:
        self._client, self._trust = client, trust
        self._widest = widest
        self.width = min(FIRST_WIDTH, widest)
        self._growth = 2.0
        self._pool = ThreadPoolExecutor(1, "follower") if ahead else None
        self._coming: deque[tuple[int, Future[_Answers]]] = deque()
        self._depth = 1

    def close(self) -> None:
        """Wait for what is under way, and drop it."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def fetch(self, begin: int, last: int) -> EventRange:
        """The events from ``begin`` on, to ``last`` at most, checked against the pinned domain; the next range is asked for meanwhile.

        Raises `EventsNotVerified`, and what the chain client raises.
        """
        answers = self._answers(begin, last)
        self._grow(answers)
        self._look_ahead(answers.end, last)
        anchored = self._read(answers.anchored)
        check_asked(anchored, answers.begin, answers.end)
        check_digests(anchored, self._trust)
        notices = notices_in(
            self._client.rpc.result_of(answers.notices), self._trust, answers.begin, answers.end
        )
        return EventRange(answers.begin, answers.end, anchored, tuple(notices))

    def fetch_block(self, number: int) -> EventRange:
        """The events of one block."""
        answers = self._ask(number, number)
        anchored = self._read(answers.anchored)
        check_asked(anchored, number, number)
        check_digests(anchored, self._trust)
        notices = notices_in(self._client.rpc.result_of(answers.notices), self._trust, number, number)
        return EventRange(number, number, anchored, tuple(notices))

    def _answers(self, begin: int, last: int) -> _Answers:
        try:
            if self._coming:
                found = self._coming.popleft()[1].result()
                if found.begin == begin and found.end <= last:
                    return found
                self._drop()
        except (RpcRefused, RpcTimeout, RpcBadAnswer):
            self._drop()
            self._narrow(begin, last)
        except BaseException:
            self._drop()
            raise
        while True:
            try:
                return self._ask(begin, min(begin + self.width - 1, last))
            except (RpcRefused, RpcTimeout, RpcBadAnswer):
                # an answer can be too large, too slow, or refused; one block is asked for as it is
                if self.width == 1 or begin == last:
                    raise
                self._narrow(begin, last)

    def _ask(self, begin: int, end: int) -> _Answers:
        client, trust = self._client, self._trust
        registry, consortium = trust.registry.address, trust.consortium.address
        anchored = client.fetch_log_answer([registry], [ANCHORED_TOPIC], begin, end)
        notices = client.fetch_log_answer([registry, consortium], list(notice_topics()), begin, end)
        return _checked_refusals(client, _Answers(begin, end, anchored, notices))

    def _narrow(self, begin: int, last: int) -> None:
        self.width = max(1, min(self.width, last - begin + 1) // 2)
        self._growth = 1.125  # it is near a limit of the node's: not to run into it every other time

    def _grow(self, answers: _Answers) -> None:
        size = max(len(answers.anchored.text), len(answers.notices.text))
        asked = answers.end - answers.begin + 1
        if size > WANTED_ANSWER:
            self.width = max(1, asked * WANTED_ANSWER // size)
        elif size < WANTED_ANSWER // 2 and asked >= self.width:
            self.width = min(self._widest, int(self.width * self._growth) + 1)
        # while the width grows, each range should be as wide as the one before it has shown to be right
        self._depth = AHEAD if size >= WANTED_ANSWER // 2 else 1

    def _look_ahead(self, end: int, last: int) -> None:
        """Ask for what comes after ``end``, beyond what was asked for already."""
        while self._pool is not None and len(self._coming) < self._depth:
            begin = (self._coming[-1][0] if self._coming else end) + 1
            if begin > last:
                return
            until = min(begin + self.width - 1, last)
            self._coming.append((until, self._pool.submit(self._ask, begin, until)))

    def _drop(self) -> None:
        for _, coming in self._coming:
            coming.cancel()
        self._coming.clear()

    def _read(self, answer: AnswerText) -> AnchoredLogs:
        registry = self._trust.registry.address
        at_once = read_anchored(answer.text, answer.request_id, registry)
        return logs_of(self._client.rpc.result_of(answer), registry) if at_once is None else at_once


def _checked_refusals(client: ChainClient, answers: _Answers) -> _Answers:
    """Raise `RpcRefused` if one of the answers is one, as its beginning shows."""
    for answer in (answers.anchored, answers.notices):
        if b'"error"' in answer.text[:256] or len(answer.text) < 1024:
            client.rpc.result_of(answer)
    return answers


def check_digests(anchored: AnchoredLogs, trust: TrustFile) -> None:
    """Raise `EventsNotVerified` unless each digest is that of the checkpoint under the pinned domain."""
    columns = anchored.columns
    digests = checkpoint_digests(
        trust.domain, columns.sites, columns.sizes, columns.roots, columns.sealed_ats
    )
    if b"".join(digests) != b"".join(columns.digests):
        wrong = next(at for at, digest in enumerate(digests) if digest != columns.digests[at])
        raise EventsNotVerified(
            f"the node shows an anchor in block {block_of(columns.places[wrong])} whose digest is not that of its checkpoint "
            "on this chain and registry",
            hint="use another node: this one shows events that the pinned registry cannot have made",
        )
