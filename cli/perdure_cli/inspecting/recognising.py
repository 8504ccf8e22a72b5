"""What a file is, found out from its bytes: evidence, a proof of two histories, a statement, a trust file, a header or a bundle, in JSON or not, broken or not."""

from dataclasses import dataclass
from typing import Final

from perdure_anchor.audit_report import FORMAT as AUDIT_FORMAT
from perdure_anchor.errors import ConfigError
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE
from perdure_anchor.statement import MAX_STATEMENT_SIZE
from perdure_anchor.strict_json import JsonValue

from perdure_cli.inspecting.encodings import Octets, read_octets, recognise_octets
from perdure_cli.inspecting.json_reading import Reading, read_json

EVIDENCE, RIVALS, TRUST, HEADER, BUNDLE = "evidence", "rivals", "trust", "header", "bundle"
STATEMENT: Final = "statement"
KINDS: Final = (EVIDENCE, RIVALS, STATEMENT, TRUST, HEADER)
# of each but bundles; what is longer is read so far, and its reader says that it is too long
MAX_SIZE: Final = MAX_STATEMENT_SIZE
# where a statement says in its first bytes that it is one
_STATEMENT_BEGINNING: Final = 256
# how bundles begin, and how long one can be with what encryption adds: written here too, so that evidence and trust files are
# explained where nothing of a site is installed
AGE_MAGIC: Final = b"age-encryption.org/v1\n"
BUNDLE_NAME: Final = b"perdure-bundle/"
MAX_BUNDLE_SIZE: Final = 64 * 1024 * 1024 + (1 << 24) * 33

_WHAT: Final = {
    EVIDENCE: "evidence",
    RIVALS: "rivals",
    STATEMENT: "statement",
    TRUST: "trust file",
    HEADER: "header",
}
_ANY: Final = "file"
_FORMATS: Final = {
    "perdure-evidence": EVIDENCE,
    "perdure-rivals": RIVALS,
    "perdure-statement": STATEMENT,
    "perdure-trust": TRUST,
}
# members that only one of the kinds has, for files that do not say what they are
_MEMBERS: Final = {
    RIVALS: ("checkpoints", "nodes"),
    STATEMENT: ("leaves", "before", "behind"),
    EVIDENCE: ("slots", "checkpoint", "origin", "not_before"),
    TRUST: ("epochs", "genesis_hash", "partners"),
    HEADER: ("parentHash", "extraData", "result"),
}


class UnknownKind(ConfigError):
    """Nothing in the file says what it is."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file of a ``kind`` that is no bundle: either JSON, or the bytes of a header."""

    kind: str
    content: Reading | Octets


def is_bundle(beginning: bytes) -> bool:
    """Whether a file with these first bytes is a bundle, encrypted or not; of any version."""
    return beginning.startswith((BUNDLE_NAME, AGE_MAGIC))


def most_of(raw: bytes, kind: str | None) -> bytes:
    """As much of a file that is no bundle as is looked at: only a statement can be so long."""
    is_statement = kind == STATEMENT or (kind is None and b"perdure-statement/" in raw[:_STATEMENT_BEGINNING])
    return raw[: MAX_STATEMENT_SIZE if is_statement else MAX_EVIDENCE_SIZE]


def recognise(raw: bytes, kind: str | None) -> Recognised:
    """What the file is; ``kind`` if the user says so. Raises `UnknownKind`."""
    if _looks_like_json(raw):
        return _recognise_json(raw, kind)
    if kind in (EVIDENCE, RIVALS, STATEMENT, TRUST):
        return Recognised(kind, read_json(raw, _WHAT[kind]))
    octets = read_octets(raw) if kind == HEADER else recognise_octets(raw)
    if octets is None:
        raise _unknown("neither JSON, nor bytes of a header, nor hexadecimal or base64 text")
    return Recognised(HEADER, octets)


def _looks_like_json(raw: bytes) -> bool:
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[", b'"')


def _recognise_json(raw: bytes, kind: str | None) -> Recognised:
    reading = read_json(raw, _ANY)
    found = kind or _kind_of(reading.value)
    if found is None and isinstance(reading.value, dict) and reading.value.get("format") == AUDIT_FORMAT:
        raise UnknownKind(
            "a report of an audit", hint="`perdure verify` shows who signed it, and all that it says"
        )
    if found is None:
        raise _unknown(
            "JSON, but with no member by which evidence, proofs of two histories, statements, trust files or headers are known"
        )
    return Recognised(found, _renamed(reading, _WHAT[found]))


def _renamed(reading: Reading, what: str) -> Reading:
    """The reading with a fault that says what is at fault: a large file is not read a second time for that."""
    if reading.fault is None:
        return reading
    return Reading(reading.value, type(reading.fault)(what + str(reading.fault).removeprefix(_ANY)))


def _kind_of(value: JsonValue) -> str | None:
    if isinstance(value, str):
        return HEADER if value.startswith(("0x", "0X")) else None
    if not isinstance(value, dict):
        return None
    said = value.get("format")
    if isinstance(said, str) and (kind := _FORMATS.get(said.partition("/")[0])):
        return kind
    if said == AUDIT_FORMAT:
        return None
    return next((kind for kind, names in _MEMBERS.items() if any(name in value for name in names)), None)


def _unknown(what_it_is: str) -> UnknownKind:
    return UnknownKind(
        f"cannot tell what the file is: it is {what_it_is}",
        hint="say what it should be: --as evidence, --as rivals, --as statement, --as trust, --as header or --as bundle",
    )
