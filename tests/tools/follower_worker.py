"""A process that follows a chain until it kills itself, a moment after some round trip, whichever."""

import os
import random
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_anchor.trust import TrustFile
from perdure_contracts.chain import ChainClient
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import system_clock
from perdure_node.follower import following_chain, ranges
from perdure_node.follower.following_chain import Doing, Follower
from tools.anchored_story import home_in
from tools.delivery_worker import Doomed

LONGEST_LIFE, LONGEST_MOMENT = 70, 0.02


def work(folder: Path, url: str, trust: TrustFile, seed: int) -> None:
    """Follow until killed, or until there is nothing left: exit code 0; a fault of any kind ends with 1, which no test expects."""
    chance = random.Random(seed)
    # small pieces, so that kills fall between and within them
    ranges.WIDEST = 20  # type: ignore[misc]
    following_chain.RANGES_A_STEP = 3  # type: ignore[misc]
    trips, moment = [chance.randint(1, LONGEST_LIFE)], chance.uniform(0, LONGEST_MOMENT)
    home = home_in(folder, trust)
    try:
        with (
            AnchorChain(ChainClient(Doomed(url, trips, moment)), trust) as chain,
            Follower(home, chain, system_clock()) as follower,
        ):
            while follower.step().doing is not Doing.WAITING:
                pass
    except PerdureError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
    os._exit(0)
