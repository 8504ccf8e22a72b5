"""The pages in Debian's Chromium: nothing is run or asked for elsewhere, axe finds nothing, and the keyboard reaches everything."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.evidence import encode_evidence
from perdure_devnet.info import TRUST_NAME
from perdure_node.clock import system_clock
from perdure_node.evidence.proving import prove
from perdure_node.gateway.folder import NewGateway, create_gateway
from perdure_node.gateway.settings import settings_for
from perdure_node.selectors import parse_selector
from perdure_node.vault import open_vault
from tools.browser import chromium
from tools.page_samples import (
    History,
    served_pages,
    store_checkpoint_row,
    store_history,
    store_sent,
    troubled,
)
from tools.site_desk import Site, document, keys_of
from tools.site_network import CHEAP, PASSPHRASE, copied, counted_bytes, open_network

SHOTS = os.environ.get("PERDURE_SCREENSHOTS")
WIDTHS = {"desktop": 1280, "mobile": 320}
HOSTILE = "<b onmouseover=alert(1)>\u202eevil"
DAY = 86400

pytestmark = pytest.mark.slow


@dataclass
class Files:
    """What an auditor holds."""

    evidence: Path
    document: Path
    tampered: Path
    garbage: Path


@pytest.fixture(scope="module")
def files(registered: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Final evidence of a record on a devnet, its document, that document with a changed byte, and bytes without any meaning."""
    folder = tmp_path_factory.mktemp("auditor")
    chain = copied(registered / "chain", folder / "chain")
    vault_folder = copied(registered / "site", folder / "site") / ".perdure"
    with open_network(chain) as network, open_vault(vault_folder) as vault:
        site = Site(network, vault)
        site.add(1)
        site.seal()
        site.sync()
        network.pass_time(5)
        site.sync()
        evidence = prove(vault, keys_of(vault), parse_selector(document(1).sha256.hex())).evidence
    found = Files(
        *(folder / name for name in ("1.txt.evidence.json", "1.txt", "tampered.txt", "garbage.json"))
    )
    found.evidence.write_bytes(encode_evidence(evidence))
    found.document.write_bytes(b"document 1")
    found.tampered.write_bytes(b"document 2")
    found.garbage.write_bytes(bytes(range(256)) * 100)
    return found


@pytest.fixture(scope="module")
def node(registered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The url of a node with sites, trouble and a long history."""
    folder = tmp_path_factory.mktemp("pages") / "node"
    trust = (registered / "chain" / TRUST_NAME).read_bytes()
    new = NewGateway(trust, settings_for("http://127.0.0.1:1"), PASSPHRASE, b"\x01" * 32, CHEAP)
    now = int(system_clock().now())
    with create_gateway(folder, new, randomness=counted_bytes(b"pages")) as gateway:
        database = gateway.database
        store_history(
            database, parse_origin("acme/rotterdam"), History(9, 6 * 3600, now - 2 * DAY - 900, 137)
        )
        store_history(database, parse_origin("acme/archive"), History(2000, DAY // 2, now - 1000 * DAY, 20))
        late = store_history(database, parse_origin("globex/lagos"), History(4, 3 * DAY, now - 20 * DAY, 301))
        digest = store_checkpoint_row(database, late, 1300, "waiting", now - 3600)
        store_checkpoint_row(
            database, late, 1204, "aside", now - 5000, f"its log is not the registry's continued {HOSTILE}"
        )
        store_sent(database, digest, 41, now - 600)
        store_history(
            database, parse_origin("initech/ship-of-the-northern-line-0001"), History(1, 1, now - 60, 3)
        )
        with served_pages(gateway) as (url, state):
            troubled(state, now)
            yield url


@pytest.fixture(scope="module", name="browser")
def opened_browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@dataclass
class Watched:
    """A page of the browser, and what it asked for and complained of."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def opened(browser: Any, node: str) -> Iterator[Callable[..., Watched]]:
    """Opens a page of the node: as wide as wanted, in one of the schemes."""
    contexts = []

    def open_page(path: str, width: int = 1280, scheme: str = "light") -> Watched:
        # axe is put into the page by the browser's own door, which a strict policy shuts to everybody else
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        watched.page.on("console", lambda message: watched.complaints.append(message.text))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("dialog", lambda dialog: watched.complaints.append(dialog.message))
        watched.page.goto(node + path)
        return watched

    yield open_page
    for context in contexts:
        context.close()


def send(watched: Watched, evidence: Path, document: Path | None = None) -> None:
    page = watched.page
    page.get_by_label("Evidence file").set_input_files(evidence)
    if document is not None:
        page.get_by_label("Document").set_input_files(document)
    page.get_by_role("button", name="Verify").click()
    page.wait_for_load_state()


def assert_clean(watched: Watched, node: str, width: int) -> None:
    assert watched.complaints == []
    assert all(url.startswith(node) for url in watched.requests)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width, "wider than the window"


def assert_accessible(watched: Watched) -> None:
    results = Axe().run(watched.page)
    assert results.violations_count == 0, results.generate_report()


def shoot(watched: Watched, name: str) -> None:
    if SHOTS:
        watched.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


PAGES = {
    "status": "/",
    "site": "/sites/acme/rotterdam",
    "site-in-trouble": "/sites/globex/lagos",
    "site-of-years": "/sites/acme/archive",
    "verify": "/verify",
    "problem": "/sites/acme/nobody",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_each_page(opened: Callable[..., Watched], node: str, name: str, size: str, scheme: str) -> None:
    watched = opened(PAGES[name], WIDTHS[size], scheme)
    shoot(watched, f"{name}-{size}-{scheme}")
    if name == "problem":
        # a browser tells of every answer above 399
        watched.complaints = [text for text in watched.complaints if "404 (Not Found)" not in text]
    assert_clean(watched, node, WIDTHS[size])
    assert_accessible(watched)


ANSWERS = {
    "yes": ("evidence", "document", "Yes: the evidence holds"),
    "yes-without-document": ("evidence", None, "Yes: the evidence holds"),
    "no-tampered": ("evidence", "tampered", "No: the evidence does not hold"),
    "no-garbage": ("garbage", "document", "No: the evidence does not hold"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("name", ANSWERS)
def test_what_an_auditor_sends(
    opened: Callable[..., Watched], node: str, files: Files, name: str, size: str, scheme: str
) -> None:
    evidence, given, headline = ANSWERS[name]
    watched = opened("/verify", WIDTHS[size], scheme)
    send(watched, getattr(files, evidence), getattr(files, given) if given else None)
    shoot(watched, f"answer-{name}-{size}-{scheme}")
    assert watched.page.get_by_role("heading", level=1).inner_text() == headline
    assert_clean(watched, node, WIDTHS[size])
    assert_accessible(watched)


def test_without_evidence_the_browser_asks_for_it(opened: Callable[..., Watched], node: str) -> None:
    watched = opened("/verify")
    watched.page.get_by_role("button", name="Verify").click()
    assert watched.page.evaluate("document.activeElement.id") == "evidence"
    assert watched.page.url == f"{node}/verify"


def focused(page: Any) -> str:
    """What has the focus, and whether that can be seen."""
    return str(
        page.evaluate(
            """() => {
              const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
              const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0
                && box.bottom > 0 && box.top < innerHeight;
              return at === document.body ? "body" : `${at.tagName} ${at.getAttribute("href") ?? at.id} ${seen}`;
            }"""
        )
    )


def walk(page: Any) -> list[str]:
    """Everything that Tab reaches, in its order."""
    found: list[str] = []
    for _ in range(100):
        page.keyboard.press("Tab")
        page.wait_for_timeout(130)
        now = focused(page)
        if now == "body" or now in found[:1]:
            return found
        found.append(now)
    raise AssertionError("the keyboard does not get out of the page")


@pytest.mark.parametrize("path", ["/", "/verify", "/sites/globex/lagos"])
def test_the_keyboard_reaches_everything_in_its_order(opened: Callable[..., Watched], path: str) -> None:
    page = opened(path).page
    found = walk(page)
    wanted = page.evaluate(
        """() => [...document.querySelectorAll("a, input, select, button, summary")]
          .map(each => `${each.tagName} ${each.getAttribute("href") ?? each.id} true`)"""
    )
    # what is a link twice (a site in two tables) is walked over twice
    assert found == wanted


def test_the_skip_link_leads_to_the_content(opened: Callable[..., Watched]) -> None:
    page = opened("/").page
    page.keyboard.press("Tab")
    assert focused(page).startswith("A #main")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.parametrize("path", PAGES.values())
def test_structure(opened: Callable[..., Watched], path: str) -> None:
    """One main heading, levels without a gap, landmarks, a language, a caption for each table."""
    page = opened(path).page
    levels = [
        int(each)
        for each in page.evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4')].map(each => each.tagName[1])"
        )
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert [page.locator(each).count() for each in ("header", "main", "footer")] == [1, 1, 1]
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("table").count() == page.locator("table > caption").count()
    assert page.locator("script").count() == 0
    assert re.fullmatch(r".+ · Perdure node", page.title())


def test_a_figure_tells_its_title_and_its_description(opened: Callable[..., Watched]) -> None:
    for width in WIDTHS.values():
        page = opened("/sites/acme/rotterdam", width).page
        (image,) = [each for each in page.get_by_role("img").all() if each.is_visible()]
        assert image.evaluate("each => each.querySelector('title').textContent").startswith(
            "Size of the log of acme/rotterdam"
        )
        assert "9 anchors" in image.evaluate("each => each.querySelector('desc').textContent")


def test_it_can_be_printed(opened: Callable[..., Watched], files: Files) -> None:
    watched = opened("/verify")
    send(watched, files.evidence, files.document)
    watched.page.emulate_media(media="print")
    assert not watched.page.get_by_role("navigation").is_visible()
    assert watched.page.get_by_text("This answer is this node’s word").is_visible()
    pdf = watched.page.pdf(prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 3
