"""The sites of a soak: each goes on signing checkpoints and hands them to one of the nodes, until one takes them."""

import random
import threading
import time
from dataclasses import dataclass, field

import httpx
from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest
from perdure_anchor.hashes import Hash32
from perdure_contracts.registry import RegistryContract
from perdure_node.courier.bundle_file import encode_bundle
from tools.light_site import LightSite, register_all
from tools.processes import wait_until
from tools.soak.chains import SoakChain
from tools.soak.nodes import NodeProcess

PAUSE = (1.0, 6.0)
# so many checkpoints go with each bundle: the registry may have stopped at an earlier one
CARRIED = 20


@dataclass
class SoakSite:
    """``acknowledged`` are the checkpoints that some node has taken, by digest."""

    site: LightSite
    acknowledged: dict[Hash32, Checkpoint] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unreachable: int = 0

    def sign(self, dice: random.Random) -> None:
        self.site.seal(dice.randint(1, 3))
        del self.site.checkpoints[:-CARRIED]

    def hand_in(self, node: NodeProcess, client: httpx.Client) -> bool:
        head = self.site.head()
        leaves = [self.site.log.node_at(0, index) for index in range(head.leaves.begin, head.leaves.end)]
        body = b"".join(encode_bundle(head, leaves))
        newest = self.site.checkpoints[-1].checkpoint
        try:
            answer = client.post(
                f"{node.url}/v1/bundles", content=body, headers={"content-type": "application/octet-stream"}
            )
        except httpx.HTTPError:
            self.unreachable += 1
            return False
        if answer.status_code != httpx.codes.ACCEPTED:
            self.refused.append(f"{answer.status_code} {answer.text[:200]}")
            return False
        self.acknowledged[checkpoint_digest(self.site.domain, newest)] = newest
        return True


def registered_sites(chain: SoakChain, count: int) -> list[SoakSite]:
    """Sites of the partner that the registry knows."""
    sites = [LightSite(chain.trust.domain, f"acme/site-{number}") for number in range(count)]
    client = chain.client()
    registry = RegistryContract(client, chain.trust.registry.address)
    register_all(client, registry, chain.partner, chain.trust.chain_id, sites)
    names = [site.origin.site for site in sites]
    wait_until(lambda: None not in registry.sites(names), "the sites are registered")
    client.rpc.close()
    return [SoakSite(site) for site in sites]


class Drivers:
    """Threads in which the sites work; each has its own few."""

    def __init__(self, sites: list[SoakSite], nodes: list[NodeProcess], seed: int, threads: int = 6) -> None:
        self._nodes = nodes
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._drive, args=(sites[number::threads], seed + number), daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _drive(self, sites: list[SoakSite], seed: int) -> None:
        dice = random.Random(seed)
        due = {id(site): time.monotonic() + dice.uniform(*PAUSE) for site in sites}
        with httpx.Client(timeout=20) as client:
            while not self._stopping.wait(0.05):
                for site in sites:
                    if time.monotonic() >= due[id(site)] and not self._stopping.is_set():
                        site.sign(dice)
                        # a site is at home with one node, and goes to another where that does not answer
                        home = site.site.origin.site[-1] % len(self._nodes)
                        for turn in range(len(self._nodes)):
                            if site.hand_in(self._nodes[(home + turn) % len(self._nodes)], client):
                                break
                        due[id(site)] = time.monotonic() + dice.uniform(*PAUSE)
