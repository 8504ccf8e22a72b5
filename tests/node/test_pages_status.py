"""The status page: what is known of sites, queue, chain, workers and alarms, for people and for screen readers."""

import re

import httpx
import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.trust_file import fingerprint
from perdure_node.follower.following_chain import Doing, Follower
from perdure_node.gateway.sites import add_site
from perdure_node.pages.rendering import POLICY
from perdure_node.pages.views import SITES_A_PAGE
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import WorkerView
from tools.gateway_desk import GatewayDesk
from tools.many_sites import sites_of
from tools.node_pages import BROWSER, Page, paged
from tools.site_network import SiteNetwork, unreachable

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script>&amp;\"' onload=x \u202edrawkcab \x1b[2J"


def read(client: httpx.Client, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def test_a_node_that_begins(network: SiteNetwork, gateway: GatewayDesk) -> None:
    with paged(gateway.gateway, network.clock) as (client, _):
        page = read(client, "/")
    assert "No site has handed anything in yet." in page.text
    assert "Nothing is wrong that this node knows of." in page.text
    assert "none was reached yet" in page.text
    assert fingerprint(network.trust_raw) in page.text
    assert "This is a devnet." in page.text
    assert page.text.count("0x") >= len(network.trust.epochs[-1].validators)


def test_sites_with_their_lag(network: SiteNetwork, gateway: GatewayDesk) -> None:
    home, waiting = sites_of(network, 2)
    for site in (home, waiting):
        site.seal(1234)
    assert gateway.deliver_bundles(home.bundle(), waiting.bundle()).unfinished == ()
    network.idle(7200)
    waiting.seal(5)
    network.faults["eth_sendRawTransaction"] = unreachable
    gateway.deliver_bundles(waiting.bundle(), wait=1)
    with paged(gateway.gateway, network.clock) as (client, _):
        page = read(client, "/")
    assert f"{home.origin.text} all anchored 1,234 1,234 2 hours ago" in page.text
    assert f"{waiting.origin.text} 5 records waiting 1,234 1,234 2 hours ago" in page.text
    assert "1 checkpoint of 1 site waits for the registry." in page.text
    assert "a checkpoint over 1,239 records" in page.text


def test_what_the_workers_know(network: SiteNetwork, gateway: GatewayDesk) -> None:
    with paged(gateway.gateway, network.clock) as (client, context):
        now = int(network.clock.now())
        context.state.saw_chain(
            endpoint="https://chain.example", head=98765, head_time=now - 61, seen_at=now - 2
        )
        context.state.note_worker(WorkerView("relay", now - 3.0))
        context.state.note_worker(WorkerView("follower", None, 4, "no connection"))
        context.state.alarms.raise_(
            AlarmName.LAG, "300 blocks behind", "acme/rotterdam", "look at the follower"
        )
        page = read(client, "/")
    assert "98,765" in page.text
    assert "https://chain.example" in page.text
    assert "1 minute ago" in page.text
    assert "relay works 3 seconds ago" in page.text
    assert "follower failed 4 times No connection. never" in page.text
    assert "Alarm Lag: acme/rotterdam 300 blocks behind. What to do: Look at the follower." in page.text
    assert "docs/runbooks.md, section lag" in page.text
    assert "1 alarm, status" in page.text


def test_who_proposed_lately(network: SiteNetwork, gateway: GatewayDesk) -> None:
    network.pass_time(10)
    with network.anchor_chain() as chain, Follower(gateway.gateway, chain, network.clock) as follower:
        while follower.step().doing is not Doing.WAITING:
            pass
    with paged(gateway.gateway, network.clock) as (client, _):
        page = read(client, "/")
    assert re.search(r"0x[0-9a-fA-F]{40} block \d+", page.text)


def test_many_sites_are_on_many_pages(network: SiteNetwork, gateway: GatewayDesk) -> None:
    names = [f"acme/s{number:03}" for number in range(2 * SITES_A_PAGE + 3)]
    database = gateway.gateway.database
    with database.transaction():
        for name in names:
            add_site(database, parse_origin(name), 0)
    found: list[str] = []
    path: str | None = "/"
    with paged(gateway.gateway, network.clock) as (client, _):
        for _page in range(3):
            assert path is not None
            page = read(client, path)
            links = [attributes["href"] or "" for attributes in page.named("a")]
            found += [link.removeprefix("/sites/") for link in links if link.startswith("/sites/")]
            nexts = [attributes["href"] for attributes in page.named("a") if attributes.get("rel") == "next"]
            path = nexts[0] if nexts else None
    assert found == names
    assert path is None


@pytest.mark.parametrize("path", ["/", "/verify", "/sites/acme/rotterdam"])
def test_hostile_texts_are_no_markup(network: SiteNetwork, gateway: GatewayDesk, path: str) -> None:
    database = gateway.gateway.database
    with database.transaction():
        add_site(database, parse_origin("acme/rotterdam"), 0)
    with paged(gateway.gateway, network.clock) as (client, context):
        plain = {tag for tag, _ in read(client, path).elements}
        context.state.alarms.raise_(AlarmName.DISK, HOSTILE, "acme/rotterdam", HOSTILE)
        context.state.alarms.raise_(AlarmName.LAG, HOSTILE, HOSTILE)
        context.state.note_worker(WorkerView(HOSTILE, None, 1, HOSTILE))
        context.state.saw_chain(endpoint=HOSTILE, head=1, head_time=1 << 62)
        page = read(client, path)
    assert "script" not in {tag for tag, _ in page.elements} | plain
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert "\u202e" not in page.text
    assert "\x1b" not in page.text
    assert path == "/verify" or "<script>alert(1)</script>" in page.text


@pytest.mark.parametrize("path", ["/", "/verify", "/nowhere", "/sites/acme/nobody"])
def test_nothing_else_gets_into_a_page(network: SiteNetwork, gateway: GatewayDesk, path: str) -> None:
    with paged(gateway.gateway, network.clock) as (client, _):
        answer = client.get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert "script-src" not in POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = Page(answer.text)
    loaded = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action")
    ]
    assert all(value is not None and (value == "" or value[0] in "/#") for value in loaded)
    assert "http-equiv" not in answer.text


def test_the_stylesheet_is_sent_once(network: SiteNetwork, gateway: GatewayDesk) -> None:
    with paged(gateway.gateway, network.clock) as (client, _):
        first = client.get("/assets/style.css")
        again = client.get("/assets/style.css", headers={"if-none-match": first.headers["etag"]})
        other = client.get("/assets/style.css", headers={"if-none-match": '"another"'})
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert first.headers["content-type"].startswith("text/css")
    assert again.content == b""
    assert not re.findall(r"url\(|@import|https?:", first.text)


def test_monitors_may_ask_for_the_head_only(network: SiteNetwork, gateway: GatewayDesk) -> None:
    with paged(gateway.gateway, network.clock) as (client, _):
        assert client.head("/").status_code == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (BROWSER, "text/html"),
        ("text/html;q=0.5, application/json", "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("application/json", "application/problem+json"),
        ("text/html;q=none", "application/problem+json"),
    ],
)
def test_errors_are_pages_for_people(
    network: SiteNetwork, gateway: GatewayDesk, accept: str, kind: str
) -> None:
    with paged(gateway.gateway, network.clock) as (client, _):
        for path in ("/nowhere", "/sites/acme/nobody", "/sites/Acme/x", f"/?after={'x' * 99}"):
            answer = client.get(path, headers={"accept": accept})
            assert answer.status_code == (422 if "after" in path else 404)
            assert answer.headers["content-type"].startswith(kind)
            assert int(answer.headers["content-length"]) == len(answer.content)
        assert (
            client.get("/v1/sites/acme/nobody/standing", headers={"accept": accept}).json()["status"] == 404
        )
        refused = client.post("/", headers={"accept": accept})
        assert refused.status_code == 405
        assert refused.headers["allow"] == "GET"
