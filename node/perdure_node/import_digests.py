"""Lists of SHA-256 digests as sha256sum prints them, also with --tag (BSD's form): a line is a document known by digest and name.

``HASH  NAME``, ``HASH *NAME`` and ``SHA256 (NAME) = HASH``; a line that begins with a backslash has line feeds, carriage returns
and backslashes of the name escaped. Of a name with folders the last part is recorded: the rest says where it lay, not what it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from perdure_anchor.strict_json import JsonValue

from perdure_node.documents import media_type_of
from perdure_node.errors import ImportRefused
from perdure_node.import_lines import ImportRow

_PLAIN = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)", re.ASCII)
_TAGGED = re.compile(r"SHA256 \((.+)\) = ([0-9a-fA-F]{64})", re.ASCII)
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\.", re.DOTALL)


def read_digests(lines: Iterator[str], _folder: Path) -> Iterator[ImportRow]:
    """The rows of a list of digests; blank lines are skipped. Raises `ImportRefused`."""
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        parsed = parse_digest_line(text)
        if parsed is None:
            raise ImportRefused(
                number, None, "not a SHA-256 digest and a name as sha256sum prints them", hint="HASH  NAME"
            )
        digest, name = parsed
        slots: dict[str, JsonValue] = {
            "document_sha256": digest,
            "document_name": name,
            "media_type": media_type_of(name),
        }
        yield ImportRow(number, slots)


def parse_digest_line(text: str) -> tuple[str, str] | None:
    """The digest in lower case and the file's own name, or None if the line is no such line."""
    escaped = text.startswith("\\")
    body = text.removeprefix("\\")
    if match := _PLAIN.fullmatch(body):
        digest, path = match[1], match[2]
    elif match := _TAGGED.fullmatch(body):
        digest, path = match[2], match[1]
    else:
        return None
    if escaped:
        path = _ESCAPE.sub(lambda found: _ESCAPES.get(found[0], found[0]), path)
    return digest.lower(), PurePosixPath(path).name or path
