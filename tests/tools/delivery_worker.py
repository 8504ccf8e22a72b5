"""A process that delivers bundles at a gateway without end, to be killed: some at a time, in any order, some twice."""

import os
import random
from multiprocessing.synchronize import Event
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_node.anchor_chain import AnchorChain
from perdure_node.courier.bundle_file import load_bundle
from perdure_node.gateway.delivery import deliver
from perdure_node.gateway.folder import Gateway, GatewayKeys, open_gateway
from tools.site_network import PASSPHRASE
from tools.site_worker import HASTY_CLOCK

# how far behind the newest bundle of a site a stick may be
LATEST = 3


def chain_of(gateway: Gateway, url: str) -> AnchorChain:
    return AnchorChain(ChainClient(JsonRpc(url)), gateway.trust)


def work(folder: Path, url: str, sticks: Path, seed: int, begun: Event) -> None:
    """Deliver until killed; a fault of any kind ends with exit code 1, which no test expects.

    Sticks are named SITE-NUMBER.bundle; which numbers are out is what other processes have delivered, and some more.
    """
    chance = random.Random(seed)
    sites = sorted({path.name.partition("-")[0] for path in sticks.iterdir()})
    last = max(int(path.stem.partition("-")[2]) for path in sticks.iterdir())
    try:
        with open_gateway(folder) as gateway:
            keys = GatewayKeys(gateway, lambda: PASSPHRASE)
            keys.relay()
            begun.set()
            while True:
                done = gateway.database.number("SELECT count(DISTINCT id) FROM bundle") // len(sites)
                some = chance.sample(sites, chance.randint(1, len(sites)))
                numbers = [max(0, min(last, done + chance.randint(-LATEST, LATEST))) for _ in some]
                bundles = [
                    load_bundle(sticks / f"{site}-{n}.bundle") for site, n in zip(some, numbers, strict=True)
                ]
                with chain_of(gateway, url) as chain:
                    deliver(gateway, chain, keys, bundles, clock=HASTY_CLOCK, wait=60)
    except PerdureError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
