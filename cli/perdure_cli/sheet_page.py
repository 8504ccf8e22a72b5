"""The recovery sheet for paper: one HTML page that needs nothing else, and the same as plain text.

There are no scripts and nothing is loaded: the page's own policy forbids both. What people may have to type is text; the codes
hold the same rows.
"""

import base64
from collections.abc import Iterator
from html import escape
from typing import Final

from perdure_anchor.hashes import checksum_address, sha256, to_hex
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.visible_text import visible
from perdure_node.recovery_sheet.rows import code_texts, encode_rows, printed_row
from perdure_node.recovery_sheet.sheet import NoKey, Sheet, ToRecoveryKey, encode_sheet

from perdure_cli.qr_codes import drawn_code
from perdure_cli.record_texts import plural

_STYLE: Final = """
@page { size: A4; margin: 12mm 14mm }
body { font: 9pt/1.35 sans-serif; color: #000; background: #fff; max-width: 182mm; margin: 0 auto; overflow-wrap: anywhere }
h1 { font-size: 15pt; line-height: 1.2; margin: 0 0 1mm }
p { margin: 0 0 1.5mm }
.warn { border: 0.6mm solid #000; padding: 1mm 2mm }
.codes { display: flex; flex-wrap: wrap; gap: 2.5mm; margin: 2mm 0; break-inside: avoid }
.codes figure { margin: 0; width: 43mm }
.codes svg { width: 43mm; height: 43mm }
.codes figcaption { text-align: center; font-size: 8pt; color: #444 }
dl { display: grid; grid-template-columns: 26mm 1fr; gap: 0.5mm 3mm; margin: 1mm 0 }
dt { color: #444 }
dd { margin: 0 }
code { font-family: monospace; font-size: 8.5pt }
pre { font: 8pt/1.3 monospace; margin: 1mm 0; columns: 1 }
"""


def sheet_rows(sheet: Sheet) -> tuple[str, ...]:
    """The rows of the sheet's bytes."""
    return encode_rows(encode_sheet(sheet))


def sheet_text(sheet: Sheet) -> bytes:
    """The sheet as plain text, to be printed or kept where text is kept; `perdure recover --sheet` reads it."""
    facts = "\n".join(f"  {label:<14} {value}" for label, value in _facts(sheet))
    rows = "\n".join(map(printed_row, sheet_rows(sheet)))
    return visible_lines(
        f"Recovery sheet of {sheet.state.origin.text}\n\n{_opening(sheet)}\n\n{facts}\n\n{rows}\n\n{_HOW}\n"
    ).encode()


def visible_lines(text: str) -> str:
    """Each line made harmless."""
    return "\n".join(map(visible, text.split("\n")))


def sheet_page(sheet: Sheet) -> bytes:
    """The sheet as a page with its codes."""
    rows = sheet_rows(sheet)
    texts = code_texts(rows)
    style_hash = base64.b64encode(sha256(_STYLE.encode())).decode()
    origin = _text(sheet.state.origin.text)
    codes = "".join(
        f"<figure>{drawn_code(text, f'QR code {number} of {len(texts)}')}<figcaption>code {number} of {len(texts)}</figcaption></figure>"
        for number, text in enumerate(texts, 1)
    )
    facts = "".join(f"<dt>{_text(label)}</dt><dd>{_text(value)}</dd>\n" for label, value in _facts(sheet))
    printed = _text("\n".join(map(printed_row, rows)), lines=True)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{style_hash}'">
<title>Recovery sheet of {origin}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Recovery sheet of {origin}</h1>
<p class="warn">{_text(_opening(sheet))}</p>
<dl>
{facts}</dl>
<div class="codes">
{codes}
</div>
<p>{_text(_HOW)}</p>
<pre>{printed}</pre>
</body>
</html>
""".encode()


_HOW: Final = (
    "When all else is lost: install Perdure, get the consortium's trust file and compare its fingerprint with the one above, scan all "
    "codes (or type all rows) into one text file, and run: perdure recover --sheet FILE --trust TRUSTFILE --rpc URL --relay-keystore "
    "KEYSTORE. The site's log then goes on. What the records said is not on this page: backups have it. Print the page anew after "
    "each change of the site's key or passphrase, and now and then; an old one still works where the chain can be asked."
)


def _opening(sheet: Sheet) -> str:
    match sheet.lock:
        case NoKey():
            how = (
                "It holds no key: whoever finds it can do nothing with it, and the partner has to give the site a new key "
                "(rotateKey) before the log goes on."
            )
        case ToRecoveryKey():
            how = "It holds the site's key, which the vault's recovery key opens: keep the two apart. Whoever has both signs for the site."
        case _:
            how = (
                "It holds the site's key under the passphrase that the vault had when this was printed. Whoever has a picture of "
                "this page and guesses the passphrase signs for the site."
            )
    return f"{how} Keep it where the vault is not. If it is lost or was seen, change the site's key."


def _facts(sheet: Sheet) -> Iterator[tuple[str, str]]:
    state = sheet.state
    yield "printed", format_seconds(state.made_at)
    yield "registry", f"{checksum_address(state.domain.registry)} on chain {state.domain.chain_id}"
    digits = state.fingerprint.hex()
    yield "trust file", " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
    if state.size:
        yield "anchored log", f"{plural(state.size, 'record')}, root {to_hex(state.root)}"
    else:
        yield "anchored log", "nothing was anchored yet"
    yield "site key", checksum_address(state.key)


def _text(untrusted: str, *, lines: bool = False) -> str:
    """Text for the body of an element: no markup, nothing that reorders or hides."""
    return escape(visible_lines(untrusted) if lines else visible(untrusted))
