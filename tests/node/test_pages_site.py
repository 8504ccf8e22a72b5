"""A site's page: its log over time as a figure and as a table, what was set aside, and its keys."""

import re
from itertools import pairwise

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_node.database import Database
from perdure_node.gateway.overview import SiteMoment, anchored_moments
from perdure_node.gateway.sites import KnownSite, add_site
from perdure_node.pages.plot import NARROW, WIDE, Shape, date_marks, figure, size_marks
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import sites_of
from tools.node_pages import Page, paged
from tools.page_samples import History, store_history
from tools.site_network import SiteNetwork

DAY = 86400
BEGIN = 1_767_225_600  # 2026-01-01T00:00:00Z
LATEST = 253402300799
ORIGIN = parse_origin("acme/rotterdam")
HOSTILE = "</title></svg><script>alert(1)</script>\u202e"


def with_anchors(database: Database, count: int, *, every: int) -> KnownSite:
    return store_history(database, ORIGIN, History(count, every, BEGIN))


def page_of(network: SiteNetwork, gateway: GatewayDesk, origin: str = ORIGIN.text) -> tuple[str, Page]:
    with paged(gateway.gateway, network.clock) as (client, _):
        answer = client.get(f"/sites/{origin}")
    assert answer.status_code == 200, answer.text
    return answer.text, Page(answer.text)


def test_a_site_with_anchors(network: SiteNetwork, gateway: GatewayDesk) -> None:
    (site,) = sites_of(network, 1)
    for count in (3, 1500):
        site.seal(count)
        assert gateway.deliver_bundles(site.bundle()).unfinished == ()
        network.idle(600)
    text, page = page_of(network, gateway, site.origin.text)
    assert "Records anchored1,503" in page.text
    assert "all 2 anchors" in page.text
    assert "A step line of 2 anchors: from 3 records, anchored on 2026-01-01, to 1,503 records" in page.text
    assert [each["role"] for each in page.named("svg") if "role" in each] == ["img", "img"]
    assert len(page.named("circle")) == 4
    assert "The trust file pins no key of this site" in page.text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for labels in re.findall(r'aria-labelledby="([^"]+)"', text):
        assert set(labels.split()) <= set(ids)


def test_a_site_of_which_nothing_came(network: SiteNetwork, gateway: GatewayDesk) -> None:
    with gateway.gateway.database.transaction():
        add_site(gateway.gateway.database, ORIGIN, BEGIN)
    text, page = page_of(network, gateway)
    assert "No checkpoint of this site is anchored or waits here." in page.text
    assert "<svg" not in text


def test_what_was_set_aside_has_its_reason(network: SiteNetwork, gateway: GatewayDesk) -> None:
    (site,) = sites_of(network, 1)
    site.seal(2)
    gateway.deliver_bundles(site.bundle())
    rival = LightSite(network.trust.domain, site.origin.text, b"a restored backup")
    rival.seal(9)
    gateway.deliver_bundles(rival.bundle())
    database = gateway.gateway.database
    with database.transaction():
        database.execute("UPDATE checkpoint SET reason = reason || ? WHERE state = 'aside'", HOSTILE)
    text, page = page_of(network, gateway, site.origin.text)
    assert "1 set aside" in page.text
    assert "<script>alert(1)</script>\\u202e" in page.text
    assert "<script" not in text


def test_rotations(network: SiteNetwork, gateway: GatewayDesk) -> None:
    database = gateway.gateway.database
    with database.transaction():
        site = add_site(database, ORIGIN, BEGIN)
        for nonce, (state, reason) in enumerate([("done", None), ("waiting", None), ("aside", HOSTILE)]):
            database.execute(
                "INSERT INTO rotation (site, new_key, grace_period, nonce, signature, state, reason) "
                "VALUES (?, zeroblob(20), 0, ?, zeroblob(65), ?, ?)",
                site.number,
                nonce,
                state,
                reason,
            )
    _, page = page_of(network, gateway)
    for words in ("done 0", "waits for the registry 1", "set aside </title>"):
        assert words in page.text


@pytest.mark.parametrize(
    ("count", "every"), [(1, 1), (100, 3600), (101, 3600), (5000, 1), (20_000, 7200), (300, 0)]
)
def test_many_anchors_become_few(gateway: GatewayDesk, count: int, every: int) -> None:
    database = gateway.gateway.database
    site = with_anchors(database, count, every=every)
    moments = anchored_moments(database, site, 100)
    sizes = [each.size for each in moments]
    assert len(moments) <= 100
    assert count > 100 or len(moments) == count
    assert every == 0 or count < 200 or len(moments) >= 50
    assert sizes == sorted(sizes)
    assert sizes[-1] == 10 * count
    assert every == 0 or sizes[0] == 10
    # what is shown is what was there, each figure of one and the same anchor
    assert all(each.block == 100 + each.size // 10 - 1 for each in moments)
    assert all(each.block_time == each.taken_at + 10 == each.sealed_at + 30 for each in moments)


def test_the_page_of_many_anchors_is_bounded_and_says_so(network: SiteNetwork, gateway: GatewayDesk) -> None:
    with_anchors(gateway.gateway.database, 20_000, every=1800)
    text, page = page_of(network, gateway)
    assert len(text) < 150_000
    assert "of 20,000 anchors the last of each equal span of time" in page.text
    assert "A step line of 20,000 anchors" in page.text
    assert page.named("circle") == []


def moment(time: int, size: int, taken: int | None = None) -> SiteMoment:
    return SiteMoment(size, time, time if taken is None else taken, 1, time)


SPANS = (
    [moment(BEGIN, 1)],
    [moment(BEGIN, 1), moment(BEGIN + 1, 2)],
    [moment(BEGIN + day * DAY, 10**day) for day in range(12)],
    [moment(0, 1), moment(1 << 63, (1 << 48) - 1)],
    [moment(LATEST, 5)],
    [SiteMoment(7, 0, BEGIN, None, None)],
    [moment(BEGIN, 5, taken=BEGIN + DAY), moment(BEGIN + 60, 6, taken=BEGIN - DAY)],
)


@pytest.mark.parametrize("shape", [WIDE, NARROW])
@pytest.mark.parametrize("moments", SPANS)
@pytest.mark.parametrize("now", [0.0, BEGIN + 100.5, 4e11])
def test_everything_is_within_the_figure(moments: list[SiteMoment], now: float, shape: Shape) -> None:
    drawn = figure(moments, now, shape)
    for path in (drawn.anchored, drawn.taken):
        across = [float(each) for each in re.findall(r"[MH]([\d.e+-]+)", path)]
        down = [float(each) for each in re.findall(r"(?:M\S+ |V)([\d.e+-]+)", path)]
        assert across == sorted(across), "time goes on"
        assert down == sorted(down, reverse=True), "a log grows"
        assert all(shape.left <= each <= shape.width - shape.right for each in across)
        assert all(shape.top <= each <= shape.height - shape.bottom for each in down)
    assert 1 <= len(drawn.dates) <= shape.most_dates
    assert 2 <= len(drawn.sizes) <= shape.most_sizes + 2
    assert all(shape.left <= mark.place <= shape.width - shape.right for mark in drawn.dates)


@pytest.mark.parametrize("largest", [1, 2, 3, 7, 99, 100, 101, 12_345, (1 << 48) - 1])
def test_sizes_are_round(largest: int) -> None:
    marks = size_marks(largest, 5)
    assert marks[0] == 0
    assert marks[-1] >= largest > marks[-2]
    assert len({after - before for before, after in pairwise(marks)}) == 1
    assert re.fullmatch(r"[125]0*", str(marks[1]))


@pytest.mark.parametrize(
    ("seconds", "first"),
    [
        (5, ("00:00:00", "2026-01-01")),
        (3600, ("00:00", "2026-01-01")),
        (40 * DAY, ("2026-01-01",)),
        (4000 * DAY, ("2026-01-01",)),
    ],
)
def test_dates_are_round(seconds: int, first: tuple[str, ...]) -> None:
    marks = date_marks(BEGIN, BEGIN + seconds, 6)
    assert marks[0] == (BEGIN, first)
    assert 2 <= len(marks) <= 6


def test_the_day_is_said_where_it_changes() -> None:
    labels = [lines for _, lines in date_marks(BEGIN, BEGIN + DAY + 3600, 6)]
    assert [lines[1] for lines in labels if len(lines) == 2] == ["2026-01-01", "2026-01-02"]
