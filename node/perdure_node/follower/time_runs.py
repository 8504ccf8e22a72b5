"""Which headers after an anchor's block evidence needs: as many as bound its time, and make it final (SPEC.md, section 8).

One run serves all: the one that begins at the newest block with anchors. A longer one, from an older block, is complete when this is.
"""

from perdure_anchor.evidence import MAX_RUN
from perdure_anchor.finality import Block, Run
from perdure_anchor.time_bounds import not_after
from perdure_anchor.trust import Epoch


class OpenRun:
    """The run from the newest block with anchors on, until it is complete; blocks come in order."""

    def __init__(self) -> None:
        self._run: Run | None = None

    def takes(self, block: Block, epoch: Epoch, *, has_anchors: bool) -> bool:
        """Whether the next block's header is needed: it has anchors, or the run before it is not complete."""
        run = self._run
        if has_anchors:
            self._run = Run(epoch, (block,))
        elif run is None:
            return False
        elif run.epoch.validators != epoch.validators:
            self._run = None  # under other validators no run goes on
            return False
        else:
            self._run = Run(epoch, (*run.blocks, block))
        if is_complete(self._run):
            self._run = None
        return True


def is_complete(run: Run | None) -> bool:
    """Whether more headers would show nothing more: the first block is final, and its time bounded as well as it can be."""
    if run is None or len(run.blocks) >= MAX_RUN:
        return True
    if not run.is_final(0):
        return False
    bound = not_after(run, 0)
    can_improve = run.epoch.coinbase_is_proposer and len(run.epoch.validators) >= bound.wanted
    return bound.complete or not can_improve
