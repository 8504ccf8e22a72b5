"""Nodes that are down, slow, full, wrong, broken or hostile, and sites that are killed: nothing is lost, and nothing is believed."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from perdure_node.by_node.contacts import contacts
from perdure_node.by_node.errors import (
    BundleRefusedAsTooLarge,
    NodeBadAnswer,
    NodeBusy,
    NodeDenied,
    NodeRefused,
    NodeUnreachable,
    NotAnchoredInTime,
    OtherConsortium,
)
from perdure_node.courier.errors import SiteNotRegistered
from tools.site_desk import Site
from tools.site_network import SiteNetwork, counted_bytes
from tools.wire_nodes import WireNode, problem_answer, sync_on_the_wire


@pytest.fixture
def node(network: SiteNetwork, tmp_path: Path) -> Iterator[WireNode]:
    opened = WireNode(network, tmp_path / "node-north", "north.example")
    yield opened
    opened.desk.gateway.close()


@pytest.fixture
def other(network: SiteNetwork, tmp_path: Path) -> Iterator[WireNode]:
    """The second of a pair, with a relay account of its own."""
    key = counted_bytes(b"another relay")(32)
    opened = WireNode(network, tmp_path / "node-south", "south.example", relay_key=key)
    yield opened
    opened.desk.gateway.close()


def sizes(result: object) -> list[int]:
    return [anchor.size for anchor in result.done.anchored]  # type: ignore[attr-defined]


def test_a_site_on_the_wire(site: Site, node: WireNode) -> None:
    site.add(1, 2, 3)
    result = sync_on_the_wire(site, node)
    assert (sizes(result), result.node, result.troubles, result.doubted) == ([3], node.url, (), ())
    site.add(4)
    assert sizes(sync_on_the_wire(site, node)) == [4]
    assert site.is_final(1, 2, 3, 4)


def test_the_next_syncs_bound_the_time_better(site: Site, node: WireNode) -> None:
    site.add(1)
    sync_on_the_wire(site, node)
    for _ in range(5):
        site.network.pass_time(5)
        node.work()
        if not sync_on_the_wire(site, node).done.time_runs_open:
            break
    verdict = site.verdict(1)
    assert verdict.not_after is not None
    assert verdict.not_after.complete


def down(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def silent(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ReadTimeout("timed out", request=request)


def broken(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    ask()
    raise httpx.RemoteProtocolError("peer closed connection", request=request)


def garbage(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    return httpx.Response(200, content=b"\x1b[2J<html>a router's log-in page</html>")


def nested(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    return httpx.Response(200, content=b"[" * 100_000)


def elsewhere(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    return httpx.Response(302, headers={"location": "https://evil.example/"})


def huge(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    def pieces() -> Iterator[bytes]:
        while True:
            yield b"perdure-bundle/1 67108864 16777216\n" + bytes(1 << 20)

    return httpx.Response(200, content=pieces())


def busy(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
    return problem_answer(503, "VaultBusy", "busy \x1b[31m now", retry_after="3")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (down, NodeUnreachable),
        (silent, NodeUnreachable),
        (broken, NodeUnreachable),
        (garbage, NodeBadAnswer),
        (nested, NodeBadAnswer),
        (elsewhere, NodeBadAnswer),
        (huge, NodeBadAnswer),
        (busy, NodeBusy),
    ],
)
def test_a_node_with_a_fault_costs_time_and_no_record(
    site: Site, node: WireNode, fault: Callable[..., httpx.Response], error: type[Exception]
) -> None:
    site.add(1)
    node.fault = fault
    with pytest.raises(error) as told:
        sync_on_the_wire(site, node, wait=10)
    assert str(told.value).isprintable()
    contact = contacts(site.vault.database)[node.url]
    assert contact.failure is not None
    assert contact.failure.isprintable()
    node.fault = None
    assert sizes(sync_on_the_wire(site, node)) == [1]
    assert contacts(site.vault.database)[node.url].failure is None
    assert site.is_final(1)


@pytest.mark.parametrize("fault", [down, silent, garbage, elsewhere, huge, busy])
@pytest.mark.parametrize("path", ["/v1/status", "/v1/bundles", "standing", "return"])
def test_the_other_node_is_used_whatever_fails_at_the_first(
    site: Site, node: WireNode, other: WireNode, fault: Callable[..., httpx.Response], path: str
) -> None:
    site.network.fund(other) if hasattr(site.network, "fund") else None
    site.add(1)

    def sometimes(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        return fault(request, ask) if request.url.path.endswith(path) else ask()

    node.fault = sometimes
    result = sync_on_the_wire(site, node, other)
    assert sizes(result) == [1]
    assert site.is_final(1)


def test_what_one_node_took_another_can_answer(site: Site, node: WireNode, other: WireNode) -> None:
    site.add(1, 2)
    with pytest.raises(NotAnchoredInTime):
        node.works = False
        sync_on_the_wire(site, node, wait=1)
    node.works = True
    node.work()
    site.network.pass_time(5)
    node.work()
    node.fault = down
    site.add(3)
    result = sync_on_the_wire(site, node, other)
    assert (sizes(result)[-1], result.node) == (3, other.url)
    assert [type(trouble) for trouble in result.troubles] == [NodeUnreachable]
    assert site.is_final(1, 2, 3)


def test_a_busy_node_is_asked_again_when_it_wants(site: Site, node: WireNode) -> None:
    times: list[float] = []

    def at_first(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        times.append(site.network.time)
        return problem_answer(429, "TooMany", "slower", retry_after="7") if len(times) < 3 else ask()

    node.fault = at_first
    site.add(1)
    assert sizes(sync_on_the_wire(site, node)) == [1]
    assert [later - earlier for earlier, later in itertools.pairwise(times[:3])] == [7, 7]


def test_a_log_that_is_too_large_for_the_node(site: Site, node: WireNode) -> None:
    def small(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        return httpx.Response(413, content=b"<html>") if request.method == "POST" else ask()

    node.fault = small
    site.add(1)
    with pytest.raises(BundleRefusedAsTooLarge, match="all leaf hashes") as told:
        sync_on_the_wire(site, node)
    assert "courier pack" in (told.value.hint or "")


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "TokenWanted", NodeDenied),
        (403, "TokenOutOfScope", NodeDenied),
        (403, "NotSignedBySite", NodeRefused),
        (422, "OtherRegistry", OtherConsortium),
        (403, "SiteNotRegistered", SiteNotRegistered),
        (507, "VaultStorageFailed", NodeBusy),
    ],
)
def test_what_a_node_says_no_with(
    site: Site, node: WireNode, status: int, kind: str, error: type[Exception]
) -> None:
    def no(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        wanted = request.url.path.endswith(("return", "bundles"))
        return problem_answer(status, kind, "no \x1b[2J") if wanted else ask()

    node.fault = no
    site.add(1)
    with pytest.raises(error) as told:
        sync_on_the_wire(site, node, wait=0)
    assert str(told.value).isprintable()


def test_a_node_of_another_consortium_is_handed_nothing(site: Site, node: WireNode) -> None:
    def other_registry(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path == "/v1/status":
            return httpx.Response(200, json={"registry": {"chain_id": 1, "address": "0x" + "11" * 20}})
        return ask()

    node.fault = other_registry
    site.add(1)
    with pytest.raises(OtherConsortium, match="chain 1"):
        sync_on_the_wire(site, node)
    assert set(node.asked) == {"GET /v1/status"}


def test_the_token_goes_to_the_nodes_of_the_settings_only(
    site: Site, node: WireNode, other: WireNode, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("a-secret-token\n")
    from dataclasses import replace

    site.vault.config = replace(site.vault.config, node_token_file=str(token))
    sync_on_the_wire(site, node)
    assert set(node.tokens) == {"Bearer a-secret-token"}
    from perdure_node.by_node.access import node_access

    access = node_access(site.vault.config, site.vault.folder, other.url)
    assert access.token_file is None
    assert "secret" not in repr(access)
