"""A process that delivers bundles at a gateway until it kills itself: some at a time, in any order, some twice.

That is a moment after some request to the node, whichever: so kills fall everywhere, however fast the machine is.
"""

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

from perdure_anchor.errors import PerdureError
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock
from perdure_node.courier.bundle_file import load_bundle
from perdure_node.gateway.delivery import deliver
from perdure_node.gateway.folder import Gateway, GatewayKeys, open_gateway
from tools.site_network import PASSPHRASE
from tools.site_worker import HASTY_CLOCK

# how far behind the newest bundle of a site a stick may be
LATEST = 3


# requests, and seconds after the last of them
LONGEST_LIFE, LONGEST_MOMENT = 150, 0.05


class Doomed(JsonRpc):
    """Kills the process a moment after so many round trips."""

    def __init__(self, url: str, trips: list[int], moment: float) -> None:
        super().__init__(url)
        # `exchange` goes through it as well
        exchange = self._transport.exchange_text

        def counted(document: Any, *, repeatable: bool) -> bytes:
            trips[0] -= 1
            if not trips[0]:
                threading.Timer(moment, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return exchange(document, repeatable=repeatable)

        self._transport.exchange_text = counted  # type: ignore[method-assign]


def chain_of(gateway: Gateway, url: str) -> AnchorChain:
    return AnchorChain(ChainClient(JsonRpc(url)), gateway.trust)


def work(folder: Path, url: str, sticks: Path, seed: int) -> None:
    """Deliver until killed; a fault of any kind ends with exit code 1, which no test expects.

    Sticks are named SITE-NUMBER.bundle; which numbers are out is what other processes have delivered, and some more.
    """
    chance = random.Random(seed)
    sites = sorted({path.name.partition("-")[0] for path in sticks.iterdir()})
    last = max(int(path.stem.partition("-")[2]) for path in sticks.iterdir())
    try:
        with open_gateway(folder) as gateway:
            keys = GatewayKeys(gateway, lambda: PASSPHRASE)
            trips, moment = [chance.randint(1, LONGEST_LIFE)], chance.uniform(0, LONGEST_MOMENT)
            while True:
                done = gateway.database.number("SELECT count(DISTINCT id) FROM bundle") // len(sites)
                some = chance.sample(sites, chance.randint(1, len(sites)))
                numbers = [max(0, min(last, done + chance.randint(-LATEST, LATEST))) for _ in some]
                bundles = [
                    load_bundle(sticks / f"{site}-{n}.bundle") for site, n in zip(some, numbers, strict=True)
                ]
                doomed = ChainClient(Doomed(url, trips, moment))
                with AnchorChain(doomed, gateway.trust) as chain:
                    deliver(gateway, chain, keys, bundles, clock=HASTY_CLOCK, wait=60)
    except PerdureError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)


def work_late(folder: Path, url: str, trips: int, seconds: float) -> None:
    """A process that delivers some time later, until it kills itself a moment after so many round trips."""
    with open_gateway(folder) as gateway:
        keys = GatewayKeys(gateway, lambda: PASSPHRASE)
        clock = Clock(lambda: time.time() + seconds, time.monotonic, time.sleep)
        with AnchorChain(ChainClient(Doomed(url, [trips], 0.0)), gateway.trust) as chain:
            deliver(gateway, chain, keys, [], clock=clock, wait=60)
