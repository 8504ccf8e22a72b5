r"""Lists of SHA-256 digests as sha256sum prints them, also with --tag (BSD's form): a line is a document known by digest and name.

``HASH  NAME``, ``HASH *NAME`` and ``SHA256 (NAME) = HASH``; a line that begins with a backslash has line feeds, carriage returns
and backslashes of the name escaped. Of a name with folders the last part is recorded: the rest says where it lay, not what it
is; on request all is. Folders are parted by ``/``, and by ``\`` where the name is one of Windows: in a line without escapes,
since sha256sum would have escaped it, or behind a drive's letter. Blank lines are skipped. Digests of other algorithms are
told by their length or their tag, and refused.
"""

import re
from dataclasses import dataclass

from perdure_anchor.strict_json import JsonValue

from perdure_node.documents import media_type_of
from perdure_node.errors import ImportRefused
from perdure_node.lists.rows import ListRow

_PLAIN = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)", re.ASCII)
_TAGGED = re.compile(r"SHA256 \((.+)\) = ([0-9a-fA-F]{64})", re.ASCII)
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:\\", re.ASCII)
# what md5sum, shasum, b2sum and others print
_OTHER_PLAIN = re.compile(r"([0-9a-fA-F]+) [ *?^U].+", re.ASCII)
_OTHER_TAGGED = re.compile(r"([A-Z][A-Za-z0-9/-]{1,15}) \(.+\) = [0-9a-fA-F]{32,128}", re.ASCII)
_ALGORITHMS = {32: "MD5", 40: "SHA-1", 56: "SHA-224", 96: "SHA-384", 128: "SHA-512 or BLAKE2b"}


@dataclass(frozen=True, slots=True)
class DigestInterpreter:
    """Reads lines as sha256sum prints them."""

    keep_paths: bool = False

    def slots(self, row: ListRow) -> dict[str, JsonValue]:
        """The slots of a line; raises `ImportRefused`."""
        line = row.cells
        assert isinstance(line, str), "a row of a list of digests is a line"
        # nearly all lines are of this form
        if match := _PLAIN.fullmatch(line):
            digest, path = match.groups()
            escaped = False
        else:
            digest, path, escaped = _parsed(line, row.number)
        name = base_name(path, escaped=escaped)
        return {
            "document_sha256": digest.lower(),
            "document_name": path if self.keep_paths else name,
            "media_type": media_type_of(name),
        }


def is_digest_line(line: str) -> bool:
    """Whether a line is of a list of digests, of whichever algorithm."""
    body = line.removeprefix("\\")
    return bool(_PLAIN.fullmatch(body) or _TAGGED.fullmatch(body)) or _other_algorithm(body) is not None


def base_name(path: str, *, escaped: bool) -> str:
    """The last part of a path; ``escaped`` says that its backslashes were escaped, so they are meant."""
    if "\\" in path and (not escaped or _DRIVE.match(path)):
        path = path.replace("\\", "/")
    if "/" not in path:
        return path
    return path.rstrip("/").rpartition("/")[2] or path


def _parsed(line: str, number: int) -> tuple[str, str, bool]:
    """Digest, path, and whether the path was escaped."""
    body = line.removeprefix("\\")
    if match := _PLAIN.fullmatch(body):
        digest, path = match.groups()
    elif match := _TAGGED.fullmatch(body):
        path, digest = match.groups()
    else:
        raise _refusal(body, number)
    if body is line or body == line:
        return digest, path, False
    return digest, _ESCAPE.sub(lambda found: _ESCAPES.get(found[0], found[0]), path), True


def _refusal(body: str, number: int) -> ImportRefused:
    algorithm = _other_algorithm(body)
    if algorithm is None:
        return ImportRefused(
            number, None, "not a SHA-256 digest and a name as sha256sum prints them", hint="HASH  NAME"
        )
    return ImportRefused(
        number,
        None,
        f"a digest of {algorithm}, want SHA-256",
        hint="make the list with sha256sum, or with shasum -a 256",
    )


def _other_algorithm(body: str) -> str | None:
    if match := _OTHER_TAGGED.fullmatch(body):
        return None if match[1] == "SHA256" else match[1]
    if match := _OTHER_PLAIN.fullmatch(body):
        return _ALGORITHMS.get(len(match[1]))
    return None
