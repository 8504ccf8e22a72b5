"""A node's folder without a chain, and its HTTP service without workers: for what looks at folder, settings and state only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from perdure_anchor.hashes import keccak256
from perdure_node.api.app import create_app
from perdure_node.api.context import NodeContext
from perdure_node.clock import Clock
from perdure_node.gateway.folder import NewGateway, create_gateway, open_gateway
from perdure_node.gateway.settings import AccessSettings, ListenSettings, NodeSettings, settings_for
from perdure_node.service.endpoints import open_pool
from perdure_node.service.listening import listen, serving, url_of
from perdure_node.service.state import NodeState, new_state
from prometheus_client.parser import text_string_to_metric_families
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes
from tools.story import STORY, TRUST

# nobody listens there
URL = "http://127.0.0.1:1"
RELAY_KEY = keccak256(b"a relay's key in a test")

NOW = 1_800_000_000.0
CLOCK = Clock(lambda: NOW, lambda: 0.0, lambda _: None)


def quiet_folder(
    folder: Path, change: Callable[[NodeSettings], NodeSettings] = lambda settings: settings
) -> Path:
    """A new node's folder, under the trust file of the story."""
    settings = replace(settings_for(URL), listen=ListenSettings(port=0))
    new = NewGateway((STORY / TRUST).read_bytes(), change(settings), PASSPHRASE, RELAY_KEY, CHEAP)
    create_gateway(folder, new, randomness=counted_bytes(b"quiet")).close()
    return folder


@dataclass
class QuietNode:
    """A node's application without its workers."""

    folder: Path
    state: NodeState
    client: httpx.Client

    def scrape(self) -> dict[str, float]:
        """Every sample, by its name and labels as Prometheus writes them."""
        answer = self.client.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        found = {}
        for family in text_string_to_metric_families(answer.text):
            for each in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(each.labels.items()))
                found[each.name + (f"{{{labels}}}" if labels else "")] = each.value
        return found

    def sql(self, statement: str, *rows: tuple[object, ...]) -> None:
        with open_gateway(self.folder) as gateway, gateway.database.transaction():
            gateway.database.execute_each(statement, rows)


@contextmanager
def quiet_node(folder: Path, metrics: bool = True) -> Iterator[QuietNode]:
    quiet_folder(folder, lambda settings: replace(settings, access=AccessSettings(metrics=metrics)))
    with open_gateway(folder) as gateway:
        settings, pool = gateway.settings, open_pool(gateway, CLOCK)
    state = new_state(CLOCK)
    context = NodeContext(folder, settings, state, CLOCK, counted_bytes(b"requests"), lambda _: None, pool)
    with (
        pool,
        listen(settings.listen) as listener,
        serving(create_app(context), listener, settings.listen, folder),
        httpx.Client(base_url=url_of(listener, settings.listen)) as client,
    ):
        yield QuietNode(folder, state, client)
