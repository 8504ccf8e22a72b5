"""Nodes that are down, slow, full, wrong, broken or hostile, and sites that are killed: nothing is lost, and nothing is believed."""

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from perdure_node.by_node.access import node_access
from perdure_node.by_node.contacts import contacts
from perdure_node.by_node.errors import (
    BundleRefusedAsTooLarge,
    CheckpointSetAside,
    NodeBadAnswer,
    NodeBusy,
    NodeDenied,
    NodeRefused,
    NodeUnreachable,
    NotAnchoredInTime,
    OtherConsortium,
)
from perdure_node.chain.errors import RivalLog
from perdure_node.courier.errors import SiteNotRegistered
from perdure_node.gateway.folder import relay_address
from perdure_node.log.reconciliation import Reason, open_reconciliation, require_reconciliation
from perdure_node.vault import open_vault
from tools.bundles import changed_head, parted, sealed_file
from tools.site_desk import Site, copy_of
from tools.site_network import PASSPHRASE, SiteNetwork, counted_bytes
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


@pytest.mark.parametrize("fault", [down, garbage, huge])
@pytest.mark.parametrize("path", ["/v1/status", "/v1/bundles", "standing", "return"])
def test_the_other_node_is_used_whatever_fails_at_the_first(
    site: Site, node: WireNode, other: WireNode, fault: Callable[..., httpx.Response], path: str
) -> None:
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
    site.vault.config = replace(site.vault.config, node_token_file=str(token))
    sync_on_the_wire(site, node)
    assert set(node.tokens) == {"Bearer a-secret-token"}
    access = node_access(site.vault.config, site.vault.folder, other.url)
    assert access.token_file is None
    assert "secret" not in repr(access)


def returned(change: Callable[[bytes], bytes]) -> Callable[..., httpx.Response]:
    """A node that changes what it returns."""

    def fault(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        answer = ask()
        if answer.status_code == 200 and request.url.path.endswith("return"):
            return httpx.Response(200, content=change(answer.content))
        return answer

    return fault


def without_last_byte(octets: bytes) -> bytes:
    return octets[:-1]


def with_one_bit(octets: bytes) -> bytes:
    return octets[:200] + bytes((octets[200] ^ 1,)) + octets[201:]


def of_another_site(octets: bytes) -> bytes:
    return changed_head(octets, lambda head: head.update(site="acme/antwerp"))


def of_another_registry(octets: bytes) -> bytes:
    return changed_head(octets, lambda head: head["registry"].update(chain_id=1))


def outgoing(octets: bytes) -> bytes:
    return changed_head(octets, lambda head: head.update(kind="outgoing"))


def without_anchors(octets: bytes) -> bytes:
    def change(head: dict) -> None:  # type: ignore[type-arg]
        head["answer"]["anchors"] = []

    return changed_head(octets, change)


def with_a_header_changed(octets: bytes) -> bytes:
    """Evidence of an anchor in a block that nobody sealed."""

    def change(head: dict) -> None:  # type: ignore[type-arg]
        for anchor in head["answer"]["anchors"]:
            headers = anchor["proof"]["headers"] if "proof" in anchor else anchor["anchor"]["headers"]
            first = base64.b64decode(headers[0])
            headers[0] = base64.b64encode(first[:80] + bytes((first[80] ^ 1,)) + first[81:]).decode()

    return changed_head(octets, change)


@pytest.mark.parametrize(
    "change",
    [
        *(without_last_byte, with_one_bit, of_another_site, of_another_registry, outgoing),
        *(without_anchors, with_a_header_changed),
    ],
)
def test_nothing_is_taken_from_a_node_that_lies(
    site: Site, node: WireNode, other: WireNode, change: Callable[[bytes], bytes]
) -> None:
    site.add(1)
    node.fault = returned(change)
    with pytest.raises((NodeBadAnswer, OtherConsortium)) as told:
        sync_on_the_wire(site, node, wait=20)
    assert str(told.value).isprintable()
    assert site.sizes == []
    # beside an honest one it does no harm
    assert sizes(sync_on_the_wire(site, node, other)) == [1]
    assert site.is_final(1)


def test_a_restored_vault_seals_once_the_node_has_answered_its_challenge(
    site: Site, node: WireNode, tmp_path: Path
) -> None:
    site.add(1, 2)
    sync_on_the_wire(site, node)
    old = copy_of(site, tmp_path / "restored")
    with old.vault.database.transaction():
        require_reconciliation(
            old.vault.database, Reason.RESTORED, int(site.network.time), counted_bytes(b"c")
        )
    site.add(3)
    sync_on_the_wire(site, node)
    old.add(4)
    result = sync_on_the_wire(old, node)
    assert result.adopted is not None
    assert result.reconciled
    assert open_reconciliation(old.vault.database) is None
    assert sizes(result)[-1] == 4
    assert old.is_final(1, 2, 4)
    old.vault.close()


def test_an_old_copy_signs_no_rival_log(site: Site, node: WireNode, tmp_path: Path) -> None:
    """It was not said to be restored: the node's word that there is a longer log is enough to seal nothing before that is here."""
    site.add(1)
    sync_on_the_wire(site, node)
    old = copy_of(site, tmp_path / "copied")
    site.add(2)
    sync_on_the_wire(site, node)
    old.add(3)
    node.fault = returned(without_leaves)
    with pytest.raises((RivalLog, NodeBadAnswer)):
        sync_on_the_wire(old, node)
    assert old.vault.log_size == 1
    node.fault = None
    assert sizes(sync_on_the_wire(old, node))[-1] == 3
    assert old.is_final(1, 3)
    old.vault.close()


def without_leaves(octets: bytes) -> bytes:
    head, _ = parted(octets)
    members = json.loads(head)
    members["leaves"] = {"begin": 0, "count": 0, "peaks": []}
    return sealed_file(json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode() + b"\n", b"")


def test_what_a_node_sets_aside_is_told(site: Site, node: WireNode) -> None:
    """Its relay has given the checkpoint up, for a reason that it says."""
    site.add(1)
    node.works = False
    with pytest.raises(NotAnchoredInTime):
        sync_on_the_wire(site, node, wait=0)

    def aside(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        database = node.desk.gateway.database
        with database.transaction():
            database.execute("UPDATE checkpoint SET state = 'aside', reason = 'the registry \x1b[2J refuses'")
        return ask()

    node.fault = aside
    with pytest.raises(CheckpointSetAside, match="refuses") as told:
        sync_on_the_wire(site, node)
    assert str(told.value).isprintable()
    node.fault, node.works = None, True
    assert sizes(sync_on_the_wire(site, node)) == [1]


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


def killed_at(left: int, *, late: bool) -> Callable[..., httpx.Response]:
    """The site's process ends at its so-many-th request, before the node has got it or after."""
    count = [left]

    def fault(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        count[0] -= 1
        if count[0]:
            return ask()
        if late:
            ask()
        raise Killed

    return fault


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
def test_a_sync_can_be_killed_at_every_request(site: Site, node: WireNode, late: bool) -> None:
    """The next sync goes on, and each checkpoint is anchored once."""
    for number in range(1, 30):
        site.add(number)
        node.fault = killed_at(number, late=late)
        try:
            sync_on_the_wire(site, node)
            break
        except Killed:
            site.vault.close()
            site = Site(site.network, open_vault(site.vault.folder))
        finally:
            node.fault = None
        sync_on_the_wire(site, node)
        assert site.sizes[-1] == number
    assert number > 5
    assert site.vault.log_size == number
    assert site.is_final(*range(1, number + 1))
    sent = site.network.client().transaction_count(relay_address(node.desk.gateway.folder, PASSPHRASE))
    assert sent == len(site.sizes) == number
    site.vault.close()
