"""`perdure audit` of a site that anchors by a Perdure node: what that would return is looked at, and not taken in."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from perdure_node.audit.auditing import Audited
from perdure_node.audit.node_answers import by_node
from perdure_node.audit.registry_answers import Ask
from perdure_node.by_node.access import node_access
from perdure_node.by_node.client import NodeClient
from perdure_node.courier.out import registry_view
from tools.audits import audited, check_of, examples, kinds
from tools.bundles import changed_head
from tools.site_desk import Site, copy_of
from tools.wire_nodes import WireNode, on_the_wire, problem_answer, sync_on_the_wire

Change = Callable[[bytes], bytes]


@pytest.fixture
def wire(site: Site, tmp_path: Path) -> Iterator[WireNode]:
    node = WireNode(site.network, tmp_path / "node", "node.example")
    yield node
    node.desk.gateway.close()


@pytest.fixture
def anchored(site: Site, wire: WireNode) -> Site:
    """Records 1 and 2 are anchored, by the node."""
    site.add(1, 2)
    sync_on_the_wire(site, wire)
    return site


@pytest.fixture
def older(anchored: Site, wire: WireNode, tmp_path: Path) -> Iterator[Site]:
    """A backup with two records; the other vault has gone on to four."""
    copy = copy_of(anchored, tmp_path / "older")
    anchored.add(3, 4)
    sync_on_the_wire(anchored, wire)
    yield copy
    copy.vault.close()


def asked(site: Site, *nodes: WireNode, needed: bool = False) -> Audited:
    with on_the_wire(*nodes):
        return audited(site, nodes=[_ask(site, "https://node.example")], need_registry=needed)


def _ask(site: Site, url: str) -> Ask:
    return by_node(lambda: NodeClient(node_access(site.vault.config, site.vault.folder, url), timeout=10))


def test_a_node_that_agrees(anchored: Site, wire: WireNode) -> None:
    done = asked(anchored, wire, needed=True)
    assert (kinds(done.report), done.could_not) == (set(), False)
    state, why = check_of(done.report, "registry")
    assert state == "done"
    assert (why or "").startswith("https://node.example at block ")
    assert "that 2 records are anchored is shown by the seals of block" in (why or "")
    # it was asked, and nothing else
    assert {each.split()[0] for each in wire.asked[-2:]} == {"GET"}


def test_the_registry_is_ahead_of_an_old_backup_and_nothing_is_taken_in(older: Site, wire: WireNode) -> None:
    before = registry_view(older.vault.database)
    report = asked(older, wire).report
    assert kinds(report) == {"registry_ahead"}
    assert examples(report, "registry_ahead")[0].startswith(
        "the registry has a log of 4 records, this vault's has 2"
    )
    assert registry_view(older.vault.database) == before
    assert older.vault.log_size == 2
    assert older.sizes == [2]


def test_an_old_backup_that_went_on_is_a_rival(older: Site, wire: WireNode) -> None:
    older.add(11, 12, 13)
    older.seal()
    report = asked(older, wire).report
    assert kinds(report) == {"registry_rival", "not_anchored"}
    assert "the first 4 records have the root" in examples(report, "registry_rival")[0]


def without_anchors(members: dict[str, Any]) -> None:
    members["answer"]["anchors"] = []


def with_another_block(members: dict[str, Any]) -> None:
    """Sealed headers, but of a block in which the registry said nothing."""
    for each in members["answer"]["anchors"]:
        each["anchor"]["headers"] = members["answer"]["known_block"]


@pytest.mark.parametrize("change", [without_anchors, with_another_block])
def test_a_log_that_the_node_does_not_prove_is_its_word(
    older: Site, wire: WireNode, change: Callable[[dict[str, Any]], None]
) -> None:
    wire.fault = changed(lambda raw: changed_head(raw, change))
    done = asked(older, wire)
    assert kinds(done.report) == {"registry_doubted"}
    assert (
        "has a log of 4 records, this vault's has 2; not shown: "
        in examples(done.report, "registry_doubted")[0]
    )
    assert done.could_not


def test_a_head_that_was_made_up_is_doubted(anchored: Site, wire: WireNode) -> None:
    def lie(members: dict[str, Any]) -> None:
        members["answer"]["head_root"] = base64.b64encode(b"\xab" * 32).decode()

    wire.fault = changed(lambda raw: changed_head(raw, lie))
    done = asked(anchored, wire)
    assert kinds(done.report) == {"registry_doubted"}
    assert f"the first 2 records have the root {'ab' * 32}" in examples(done.report, "registry_doubted")[0]
    assert (done.report.count_of("error"), done.could_not) == (0, True)


def changed(change: Change) -> Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]:
    """What the node returns, with other bytes."""

    def fault(request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        response = ask()
        if not request.url.path.endswith("/return"):
            return response
        return httpx.Response(200, content=change(response.content))

    return fault


def test_a_registry_that_is_said_to_be_empty_is_doubted(anchored: Site, wire: WireNode) -> None:
    def lie(members: dict[str, Any]) -> None:
        members["answer"] |= {"head_size": 0, "head_root": base64.b64encode(bytes(32)).decode()}

    wire.fault = changed(lambda raw: changed_head(raw, lie))
    done = asked(anchored, wire)
    assert (kinds(done.report), done.could_not) == ({"registry_doubted"}, True)


def test_a_node_that_is_down(anchored: Site) -> None:
    done = asked(anchored)
    assert (kinds(done.report), done.could_not) == ({"registry_not_asked"}, False)
    assert "no connection to https://node.example" in (check_of(done.report, "registry")[1] or "")
    assert asked(anchored, needed=True).could_not


def test_a_node_that_does_not_know_the_site(anchored: Site, wire: WireNode) -> None:
    wire.fault = lambda _request, _ask: problem_answer(404, "SiteUnknown", "no such site")
    done = asked(anchored, wire)
    assert kinds(done.report) == {"registry_not_asked"}


def test_a_node_that_returns_anything(anchored: Site, wire: WireNode) -> None:
    for content in (b"", b"\0" * 100, b"perdure-bundle/1 99999999999 9\n", b'{"a":1}'):
        wire.fault = changed(lambda _, content=content: content)  # type: ignore[misc]
        done = asked(anchored, wire)
        assert kinds(done.report) == {"registry_not_asked"}
        assert done.report.count_of("error") == 0
