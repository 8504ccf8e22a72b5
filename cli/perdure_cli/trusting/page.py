"""A page to print with a trust file's fingerprint, as digits and as a QR code: one HTML file that needs nothing else.

There are no scripts and nothing is loaded: the page's own policy forbids both. Every text of the trust file is escaped, since a
file that is not pinned yet is anybody's. The QR code (ISO/IEC 18004, by segno) holds the 64 digits of the fingerprint and
nothing else, so that no scanner takes it for an address to open.
"""

import base64
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from perdure_anchor.epoch_words import epoch_headline
from perdure_anchor.hashes import checksum_address, sha256
from perdure_anchor.trust import TrustFile
from perdure_anchor.visible_text import visible

from perdure_cli.qr_codes import drawn_code
from perdure_cli.trust_store import TrustSource
from perdure_cli.trusting.as_text import fingerprint_rows

# a page, not a list: whoever wants all of them has the file
_MOST_PARTNERS: Final = 40
_MOST_EPOCHS: Final = 12

_STYLE: Final = """
@page { size: A4; margin: 18mm }
body { font: 11pt/1.45 sans-serif; color: #000; background: #fff; max-width: 174mm; margin: 8mm auto; overflow-wrap: anywhere }
h1 { font-size: 18pt; line-height: 1.2; margin: 0 0 1mm }
h2 { font-size: 12pt; margin: 7mm 0 2mm }
p { margin: 0 0 2mm }
.devnet { border: 1mm solid #000; padding: 2mm 3mm; font-weight: bold }
.compare { display: flex; gap: 9mm; align-items: center; margin: 6mm 0; break-inside: avoid }
.compare svg { width: 52mm; height: 52mm; flex: none }
.rows { border-collapse: collapse; font: bold 17pt/1.7 monospace; white-space: nowrap }
.rows th { font: 9pt sans-serif; padding-right: 4mm; color: #444 }
.rows td { padding-right: 4mm }
dl { display: grid; grid-template-columns: 34mm 1fr; gap: 1mm 3mm; margin: 0 }
dt { color: #444 }
dd { margin: 0 }
code { font-family: monospace; font-size: 10pt }
.signed td { border-bottom: 0.3mm solid #000; height: 10mm; width: 58mm; vertical-align: bottom }
.signed th { font-weight: normal; font-size: 9pt; text-align: left; color: #444 }
"""


def fingerprint_page(source: TrustSource) -> bytes:
    """The page's bytes: always the same for the same trust file."""
    return _document(source).encode("utf-8")


def _document(source: TrustSource) -> str:
    style_hash = base64.b64encode(sha256(_STYLE.encode())).decode()
    name = _text(source.trust.name)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{style_hash}'">
<title>Fingerprint of {name}, version {source.trust.version}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{name}</h1>
<p>Trust file of Perdure, version {source.trust.version}. Its fingerprint is SHA-256 over the file's bytes:</p>
{_devnet_warning(source.trust)}<div class="compare">
{drawn_code(source.digest, "QR code of the fingerprint")}
<table class="rows">
{"".join(_rows(source))}</table>
</div>
<h2>How to compare</h2>
<p>Get this page, or these digits, from at least two partners, in ways that have nothing to do with how the file came. Then run
<code>perdure trust fingerprint FILE</code> and compare all sixteen groups, row by row, or scan the code: it holds the same 64 digits
and nothing else. One digit that differs makes it another file: do not use it, and ask.</p>
<p><code>perdure trust pin FILE --fingerprint "{source.fingerprint}"</code> compares them itself, and believes the file from then on.</p>
<h2>What the file says</h2>
<dl>
{"".join(_facts(source.trust))}</dl>
<h2>Compared by</h2>
<table class="signed">
<tr><td></td><td></td><td></td></tr>
<tr><th>name</th><th>date</th><th>signature</th></tr>
</table>
</body>
</html>
"""


def _devnet_warning(trust: TrustFile) -> str:
    if not trust.devnet:
        return ""
    return '<p class="devnet">A devnet: one process held all keys, and evidence under this file proves nothing.</p>\n'


def _rows(source: TrustSource) -> Iterator[str]:
    for number, row in enumerate(fingerprint_rows(source), 1):
        cells = "".join(f"<td>{group}</td>" for group in row.split(" "))
        yield f"<tr><th>row {number}</th>{cells}</tr>\n"


def _facts(trust: TrustFile) -> Iterator[str]:
    yield _fact("chain id", str(trust.chain_id))
    yield _fact("registry", checksum_address(trust.registry.address))
    yield _fact("consortium", checksum_address(trust.consortium.address))
    yield _fact("predecessor", trust.predecessor or "none")
    partners = (", ".join(filter(None, (each.name, each.legal_name))) for each in trust.partners)
    yield from _facts_of("partner", list(partners), _MOST_PARTNERS)
    yield from _facts_of("epoch", [epoch_headline(epoch) for epoch in reversed(trust.epochs)], _MOST_EPOCHS)


def _facts_of(label: str, texts: list[str], most: int) -> Iterable[str]:
    shown = [_fact(label, text) for text in texts[:most]]
    if len(texts) > most:
        shown.append(_fact(label, f"and {len(texts) - most} more in the file"))
    return shown


def _fact(label: str, text: str) -> str:
    return f"<dt>{label}</dt><dd>{_text(text)}</dd>\n"


def _text(untrusted: str) -> str:
    """Text for the body of an element: no markup, nothing that reorders or hides."""
    return escape(visible(untrusted))
