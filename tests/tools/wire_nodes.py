"""Nodes in a test's network whose HTTP is a function call: gateways that answer as the API does, with faults put before them.

The site's clock makes the chain's blocks, and the nodes work while it sleeps. What the real server does is tested in
test_node_story.py and test_node_sync.py.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import httpx
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import checksum_address
from perdure_node.api.problems import problem, status_of
from perdure_node.by_node.access import open_nodes
from perdure_node.by_node.syncing import NodeSyncResult, sync_by_node
from perdure_node.chain.waiting import wait_for
from perdure_node.clock import Clock
from perdure_node.courier.bundle import Request
from perdure_node.courier.bundle_file import read_bundle
from perdure_node.gateway.answering import answer, known_site
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.intake import take_in
from perdure_node.gateway.sites import KnownSite
from perdure_node.gateway.standing import site_standing
from tools.gateway_desk import GatewayDesk
from tools.site_desk import Site
from tools.site_network import SiteNetwork, counted_bytes

Fault = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]
"""From a request and the way to the node to the answer that the site gets instead."""


class WireNode:
    """A node by its host's name; ``works`` False: it takes in, and relays nothing."""

    def __init__(
        self, network: SiteNetwork, folder: Path, host: str, *, relay_key: bytes | None = None
    ) -> None:
        self.desk = GatewayDesk(network, folder, relay_key=relay_key)
        self.network, self.host = network, host
        self.fault: Fault | None = None
        self.works = True
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        self._randomness = counted_bytes(host.encode())

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def work(self) -> None:
        if self.works:
            self.desk.deliver_bundles(wait=0)

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        self.asked.append(f"{request.method} {request.url.path}")
        self.tokens.append(request.headers.get("authorization"))

        def ask() -> httpx.Response:
            return self._answered(request, body)

        return ask() if self.fault is None else self.fault(request, ask)

    def _answered(self, request: httpx.Request, body: bytes) -> httpx.Response:
        try:
            return self._routed(request, body)
        except PerdureError as error:
            told = problem(status_of(error), type(error).__name__, str(error), error.hint)
            return httpx.Response(told.status_code, content=bytes(told.body))

    def _routed(self, request: httpx.Request, body: bytes) -> httpx.Response:
        gateway, path = self.desk.gateway, request.url.path
        if path == "/v1/status":
            return httpx.Response(200, json=status_of_trust(self.network))
        if path == "/ready":
            return httpx.Response(200, json={"ok": True})
        with self.network.anchor_chain() as chain:
            if path == "/v1/bundles":
                taken = take_in(gateway, chain, read_bundle(body), self.network.clock)
                return httpx.Response(202, json={"size": taken.size})
            *_, partner, name, what = path.split("/")
            site = known_site(gateway, parse_origin(f"{partner}/{name}"))
            if what == "standing":
                return httpx.Response(200, json=standing_members(gateway, site))
            _, pieces = answer(
                gateway,
                chain,
                site,
                _request(request.url.params),
                clock=self.network.clock,
                randomness=self._randomness,
            )
            return httpx.Response(200, content=b"".join(pieces))


def status_of_trust(network: SiteNetwork) -> dict[str, object]:
    trust = network.trust
    return {"registry": {"chain_id": trust.chain_id, "address": checksum_address(trust.registry.address)}}


def standing_members(gateway: Gateway, site: KnownSite) -> dict[str, object]:
    standing = site_standing(gateway, site)
    return {
        "anchored": standing.anchored,
        "mirrored": standing.mirrored,
        "waiting": standing.waiting,
        "set_aside": [{"size": each.size, "reason": each.reason} for each in standing.set_aside],
    }


def _request(params: httpx.QueryParams) -> Request:
    leaves, challenge = params.get("leaves_from"), params.get("challenge")
    return Request(
        int(params["anchors_above"]),
        None if leaves is None else int(leaves),
        None if challenge is None else bytes.fromhex(challenge),
    )


@contextmanager
def on_the_wire(*nodes: WireNode) -> Iterator[None]:
    """Whoever connects to a node's host gets to it; to all others there is no way."""
    by_host = {node.host: node for node in nodes}
    connect = httpx.Client

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.host not in by_host:
            raise httpx.ConnectError("no route to host", request=request)
        return by_host[request.url.host].handle(request)

    def client(**options: object) -> httpx.Client:
        kept = {name: options[name] for name in ("base_url", "headers", "timeout", "follow_redirects")}
        return connect(**kept, transport=httpx.MockTransport(handle))  # type: ignore[arg-type]

    with patch("perdure_contracts.connection.httpx.Client", client):
        yield


def site_clock(network: SiteNetwork, nodes: tuple[WireNode, ...]) -> Clock:
    """While the site sleeps, blocks are made and nodes work."""

    def sleep(seconds: float) -> None:
        network.pass_time(seconds)
        for node in nodes:
            node.work()

    return replace(network.clock, sleep=sleep)


def sync_on_the_wire(
    site: Site, *nodes: WireNode, wait: float = 60.0, sealing: bool | None = None, urls: tuple[str, ...] = ()
) -> NodeSyncResult:
    """Sync by these nodes, in their order."""
    clock = site_clock(site.network, nodes)
    configured = urls or tuple(node.url for node in nodes)
    site.vault.config = replace(site.vault.config, node_urls=configured)
    with on_the_wire(*nodes), open_nodes(site.vault, wait_for(clock, wait)) as opened:
        return sync_by_node(
            site.vault,
            opened,
            site.keys,
            randomness=counted_bytes(b"%d" % site.vault.log_size),
            sealing=sealing,
        )


def problem_answer(status: int, kind: str, detail: str, **headers: str) -> httpx.Response:
    members = {"type": f"urn:perdure:problem:{kind}", "title": "x", "status": status, "detail": detail}
    return httpx.Response(
        status,
        content=json.dumps(members).encode(),
        headers={name.replace("_", "-"): text for name, text in headers.items()},
    )
