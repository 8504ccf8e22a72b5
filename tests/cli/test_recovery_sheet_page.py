"""The printed recovery sheet: its codes are read again by somebody else's decoder, from the page and from a photograph of it."""

import io
import re

import pytest
import zxingcpp
from perdure_anchor.checkpoint import RegistryDomain, parse_origin
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_cli.sheet_page import sheet_page, sheet_rows, sheet_text
from perdure_node.encryption.hybrid import PrivateKey, public_key_of
from perdure_node.recovery_sheet.locking import lock_to_recovery_key, lock_under_passphrase
from perdure_node.recovery_sheet.rows import parse_rows
from perdure_node.recovery_sheet.sheet import NoKey, Sheet, SheetState, encode_sheet, parse_sheet
from PIL import Image, ImageFilter
from tools.browser import chromium
from tools.site_network import CHEAP, counted_bytes

KEY = bytes(range(1, 33))


def sheet(size: int = 1_000_000, kind: str = "passphrase") -> Sheet:
    state = SheetState(
        parse_origin("acme/rotterdam"),
        RegistryDomain(1337, Address(b"\x11" * 20)),
        Hash32(b"\x22" * 32),
        1_767_225_600,
        size,
        1_767_225_601,
        tuple(Hash32(bytes((number + 1,)) * 32) for number in range(size.bit_count())),
        address_from_private_key(KEY),
        3,
    )
    if kind == "none":
        return Sheet(state, NoKey(bytes(65)))
    if kind == "recovery":
        return Sheet(state, lock_to_recovery_key(state, KEY, public_key_of(PrivateKey(bytes(range(32))))))
    return Sheet(state, lock_under_passphrase(state, KEY, "correct horse", counted_bytes(), CHEAP))


def decoded(image: Image.Image) -> list[str]:
    return [barcode.text for barcode in zxingcpp.read_barcodes(image)]


def drawings(page: str) -> list[Image.Image]:
    """The codes as the page's paths draw them, four dots a module."""
    found = []
    for size, path in re.findall(r'viewBox="0 0 (\d+) \d+".*?<path d="([^"]*)"/></svg>', page):
        image = Image.new("L", (int(size), int(size)), 255)
        for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path):
            image.putpixel((int(x), int(y)), 0)
        found.append(image.resize((4 * int(size), 4 * int(size)), Image.Resampling.NEAREST))
    return found


@pytest.mark.parametrize("size", [0, 1, 1_000_000, 2**20 - 1])
def test_the_codes_hold_the_sheet(size: int) -> None:
    wanted = sheet(size)
    texts = [text for image in drawings(sheet_page(wanted).decode()) for text in decoded(image)]
    assert parse_sheet(parse_rows("\n".join(texts))) == wanted


def photographed(image: Image.Image) -> Image.Image:
    """A code as a telephone sees it: not quite straight, not quite sharp, in bad light."""
    turned = image.rotate(4, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)
    width, height = turned.size
    tilted = turned.transform(
        (width, height),
        Image.Transform.QUAD,
        (0, 0, int(width * 0.03), height, int(width * 0.98), int(height * 0.97), width, int(height * 0.02)),
        resample=Image.Resampling.BICUBIC,
        fillcolor=255,
    )
    return tilted.filter(ImageFilter.GaussianBlur(1.0)).point(lambda value: 60 + value // 2)


def test_the_codes_are_read_from_a_photograph() -> None:
    wanted = sheet()
    texts = [text for image in drawings(sheet_page(wanted).decode()) for text in decoded(photographed(image))]
    assert parse_sheet(parse_rows("\n".join(texts))) == wanted


@pytest.mark.parametrize("kind", ["passphrase", "recovery", "none"])
def test_the_text_and_the_page_say_the_same(kind: str) -> None:
    wanted = sheet(kind=kind)
    text, page = sheet_text(wanted).decode(), sheet_page(wanted).decode()
    assert parse_sheet(parse_rows(text)) == wanted
    (printed,) = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert parse_sheet(parse_rows(printed)) == wanted
    assert KEY.hex() not in text + page
    assert {"none": "holds no key", "recovery": "recovery key opens", "passphrase": "under the passphrase"}[
        kind
    ] in text


def test_half_of_it_typed_and_half_scanned() -> None:
    wanted = sheet()
    codes = [text for image in drawings(sheet_page(wanted).decode()) for text in decoded(image)]
    lines = [line for line in sheet_text(wanted).decode().split("\n") if re.match(r"\d\d: ", line)]
    assert len(lines) == len(sheet_rows(wanted))
    assert parse_sheet(parse_rows("\n".join([codes[0].lower(), *lines[12:]]))) == wanted


def test_nothing_is_loaded() -> None:
    page = sheet_page(sheet()).decode()
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page
    assert not re.findall(r"<(?:script|img|link|iframe|a)\b", page)


def test_it_is_small() -> None:
    assert len(encode_sheet(sheet())) < 700


def test_one_page_of_paper_in_a_browser() -> None:
    wanted = sheet(2**20 - 1)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 900, "height": 1200}, device_scale_factor=2)
        page.set_content(sheet_page(wanted).decode())
        shot = Image.open(io.BytesIO(page.screenshot(full_page=True)))
        pdf = page.pdf(prefer_css_page_size=True)
    assert parse_sheet(parse_rows("\n".join(decoded(shot)))) == wanted
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
