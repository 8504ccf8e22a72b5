"""Making blocks as time goes on: at a period, or on demand, and never ahead of the clock.

A header's time is in whole seconds and must grow, so there is one block a second at most; a block made sooner would have to
claim a second that has not come yet, and the evidence's times would lie.
"""

import logging
import threading
from collections.abc import Callable

from perdure_anchor.errors import PerdureError

from perdure_devnet.chain import Chain
from perdure_devnet.committee import Committee

_log = logging.getLogger(__name__)

ON_DEMAND = 0
# the longest sleep: a clock that was set is noticed within it
_LONGEST_WAIT = 1.0


class Producer:
    """A thread that makes blocks until it is stopped.

    ``committee`` gives the keys that are here now, before each block: a candidate's may have come since. ``period``: seconds
    between blocks, empty ones included, or `ON_DEMAND` for blocks only when a transaction or a vote waits.
    """

    def __init__(self, chain: Chain, committee: Callable[[], Committee], period: int) -> None:
        self._chain = chain
        self._committee = committee
        self._period = period
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="block producer", daemon=True)
        chain.on_submit(self._wake)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the block in the making, and make no more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def seconds_to_wait(self) -> float | None:
        """How long until the next block is due, 0 if it is due, None while none is wanted."""
        if self._period == ON_DEMAND and not self._is_block_wanted():
            return None
        due = self._chain.head.header.timestamp + max(self._period, 1)
        return max(0.0, due - self._chain.clock())

    def _is_block_wanted(self) -> bool:
        return self._chain.has_ready_transaction() or self._chain.has_vote_to_cast(self._committee())

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopping:
                    return
                wait = self.seconds_to_wait()
                if wait is None or wait > 0:
                    self._changed.wait(_LONGEST_WAIT if wait is None else min(wait, _LONGEST_WAIT))
                    continue
            self._produce()

    def _produce(self) -> None:
        try:
            self._chain.produce(self._committee())
        except PerdureError as error:
            _log.warning("no block was made: %s", error)
            self._pause()
        except Exception:  # noqa: BLE001 - a full disk must not end the thread: the next attempt may succeed
            _log.exception("no block was made")
            self._pause()

    def _pause(self) -> None:
        with self._changed:
            if not self._stopping:
                self._changed.wait(_LONGEST_WAIT)
