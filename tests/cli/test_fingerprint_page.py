"""The page with a fingerprint: its code is read again by somebody else's decoder, on the page and as a browser shows it."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from perdure_anchor.hashes import sha256
from perdure_cli.trust_store import TrustStore, named_source
from perdure_cli.trusting.page import fingerprint_page
from PIL import Image
from tools.browser import chromium
from tools.commands import Run, RunJson
from tools.story import STORY, TRUST

# markup, an entity, an attribute's end, a text turned round, a letter from the edge of Unicode
HOSTILE = "<script>alert(1)</script>&amp;\"' onload=x \u202edrawkcab \U0010ffff"


def page_of(path: Path) -> str:
    return fingerprint_page(named_source(path, TrustStore(path.parent / "none"))).decode()


@pytest.fixture
def hostile(own_user: Path) -> Path:
    """A trust file whose texts are markup."""
    members = json.loads((STORY / TRUST).read_text())
    members["name"] = HOSTILE
    members["partners"][0] |= {"legal_name": HOSTILE, "contact": HOSTILE}
    path = own_user / "hostile.json"
    path.write_text(json.dumps(members))
    return path


def decoded(image: Image.Image) -> list[str]:
    return [barcode.text for barcode in zxingcpp.read_barcodes(image)]


def drawing(page: str) -> Image.Image:
    """The code as the page's path draws it, eight dots a module."""
    size = int(re.findall(r'viewBox="0 0 (\d+) \1"', page)[0])
    image = Image.new("L", (size, size), 255)
    for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", page):
        image.putpixel((int(x), int(y)), 0)
    return image.resize((8 * size, 8 * size), Image.Resampling.NEAREST)


def test_the_code_is_the_fingerprint() -> None:
    digest = sha256((STORY / TRUST).read_bytes()).hex()
    assert decoded(drawing(page_of(STORY / TRUST))) == [digest]


def test_the_digits_are_the_fingerprint() -> None:
    page = page_of(STORY / TRUST)
    assert "".join(re.findall(r"<td>([0-9a-f]{4})</td>", page)) == sha256((STORY / TRUST).read_bytes()).hex()
    assert page == page_of(STORY / TRUST)


class Tags(HTMLParser):
    """Every element with its attributes, and the text between."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_untrusted_text_is_no_markup(hostile: Path) -> None:
    plain, read = Tags(), Tags()
    plain.feed(page_of(STORY / TRUST))
    read.feed(page_of(hostile))
    known = {tag for tag, _ in plain.found}
    assert {tag for tag, _ in read.found} == known
    assert not known & {"script", "img", "link", "iframe", "object", "a"}
    names = {name for _, attributes in read.found for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "href", "style")]
    assert '<script>alert(1)</script>&amp;"' in read.text
    assert "\u202e" not in read.text


def test_nothing_is_loaded() -> None:
    page = page_of(STORY / TRUST)
    assert re.findall(r"https?://[^\"' ]+", page) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_many_partners_and_epochs_leave_a_page(own_user: Path) -> None:
    members = json.loads((STORY / TRUST).read_text())
    partner, epoch = members["partners"][0], members["epochs"][0]
    members["partners"] = [partner | {"name": f"partner{number}"} for number in range(100)]
    members["epochs"] = [epoch | {"from": 10 * number, "to": 10 * number + 9} for number in range(100)]
    path = own_user / "many.json"
    path.write_text(json.dumps(members))
    page = page_of(path)
    assert "and 60 more in the file" in page
    assert "blocks 990 to 999" in page
    assert "and 88 more in the file" in page


def test_without_the_extra(own_user: Path) -> None:
    """The error names the extra, and no file is left."""
    program = "import sys; sys.modules['segno'] = None; from perdure_cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = ["trust", "fingerprint", str(STORY / TRUST), "--page", "page.html"]
    ran = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, cwd=own_user
    )
    assert ran.returncode == 2
    assert "this needs the package segno" in ran.stderr
    assert "pip install 'perdure[qr]'" in ran.stderr
    assert list(own_user.iterdir()) == []


@pytest.fixture(scope="module", name="browser")
def opened_browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(browser, hostile: Path, run_json: RunJson, own_user: Path, scheme: str) -> None:
    """What a printer or a telephone's camera would see; nothing is asked for, nothing is run, the policy blocks nothing."""
    (line,) = run_json("trust", "fingerprint", str(hostile), "--page", "page.html")[1]
    context = browser.new_context(viewport={"width": 820, "height": 1160}, color_scheme=scheme)
    page = context.new_page()
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    page.goto((own_user / "page.html").as_uri())
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    width = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert decoded(shot) == ["".join(line["rows"]).replace(" ", "")]
    assert (len(requests), messages) == (1, [])
    assert width <= 820, "the page is wider than its paper"


def test_it_fits_one_sheet_of_paper(browser, run: Run, own_user: Path) -> None:
    run("trust", "fingerprint", str(STORY / TRUST), "--page", "page.html")
    page = browser.new_page()
    page.goto((own_user / "page.html").as_uri())
    pdf = page.pdf(prefer_css_page_size=True)
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
