"""What a node's answers mean: the documented JSON, and problem details (RFC 9457). Pure; all text is untrusted, and quoted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from perdure_anchor.checkpoint import MAX_TREE_SIZE
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import checksum_address, parse_hex
from perdure_anchor.json_nesting import nests_deeper
from perdure_anchor.trust import TrustFile
from perdure_contracts.rpc_errors import quoted

from perdure_node.by_node.errors import (
    BundleRefusedAsTooLarge,
    NodeBadAnswer,
    NodeBusy,
    NodeDenied,
    NodeRefused,
    OtherConsortium,
)

_MAX_NESTING: Final = 16
_PROBLEM: Final = "urn:perdure:problem:"
# a token that is known, and not for this
_WRONG_SCOPE: Final = "TokenOutOfScope"
_BUSY: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
        HTTPStatus.INSUFFICIENT_STORAGE,
    }
)
_NOT_A_NODE: Final = "is this the URL of a Perdure node?"
# seconds: whoever says more is asked again all the same
LONGEST_RETRY_AFTER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that is whole; ``retry_after`` is the header's text."""

    status: int
    body: bytes
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Sizes of the site's log at the node, by its word: with evidence, mirrored, and waiting (0: nothing); what was set aside."""

    anchored: int
    mirrored: int
    waiting: int
    set_aside: Mapping[int, str]

    def has(self, size: int) -> bool:
        """Whether the checkpoint over so many records is there, and goes on without the site."""
        return self.anchored >= size or self.waiting >= size


def parse_standing(node: object, answered: Answered) -> Standing:
    """What a node says of a site; raises `NodeBadAnswer`."""
    members = _object(node, answered.body)
    aside = members.get("set_aside")
    return Standing(
        _size(node, members, "anchored"),
        _size(node, members, "mirrored"),
        _size(node, members, "waiting"),
        {
            _size(node, each, "size"): quoted(each.get("reason", ""))
            for each in (aside if isinstance(aside, list) else [])
            if isinstance(each, dict)
        },
    )


def check_consortium(node: object, answered: Answered, trust: TrustFile) -> None:
    """Raise `OtherConsortium` if the node says that it works for another registry; one that says nothing is found out later."""
    told = _object(node, answered.body).get("registry")
    if not isinstance(told, dict):
        return
    chain_id, registry = told.get("chain_id"), told.get("address")
    try:
        address = parse_hex(registry, 20, "registry")
    except PerdureError:
        address = b""
    if (chain_id, address) != (trust.chain_id, trust.registry.address):
        raise OtherConsortium(
            f"{node} works for the registry {quoted(registry)} on chain {quoted(chain_id)}, the trust file's is "
            f"{checksum_address(trust.registry.address)} on chain {trust.chain_id}",
            hint="give the URL of a node of this consortium, or the right trust file",
        )


def problem_of(node: object, answered: Answered) -> PerdureError:
    """What an answer that is not a success means."""
    kind, detail, hint = _problem(answered.body)
    says = f"{node} says: {detail}" if detail else f"{node}: http status {answered.status}"
    if answered.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return BundleRefusedAsTooLarge(says, kind=kind, hint=hint)
    if answered.status in _BUSY:
        return NodeBusy(says, retry_after=_seconds(answered.retry_after), hint=hint or "try again later")
    if answered.status == HTTPStatus.UNAUTHORIZED or (
        answered.status == HTTPStatus.FORBIDDEN and kind in ("", _WRONG_SCOPE)
    ):
        return NodeDenied(
            says,
            hint="ask the partner for a token or certificate: the settings node_token_file, node_certificate",
        )
    if kind == "OtherRegistry":
        return OtherConsortium(says, hint="give the URL of a node of this consortium")
    if kind and HTTPStatus.BAD_REQUEST <= answered.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return NodeRefused(says, kind=kind, hint=hint)
    if HTTPStatus.MULTIPLE_CHOICES <= answered.status < HTTPStatus.BAD_REQUEST:
        return NodeBadAnswer(f"{says}: it sends us elsewhere", hint="give the URL that it should be")
    return NodeBadAnswer(says, hint=hint or _NOT_A_NODE)


def _problem(body: bytes) -> tuple[str, str, str | None]:
    """Kind, detail and hint; the kind is empty for what is no problem of a Perdure node's."""
    try:
        members = _members(body)
    except ValueError:
        return "", "", None
    kind, hint = members.get("type"), members.get("hint")
    known = isinstance(kind, str) and kind.startswith(_PROBLEM)
    name = quoted(str(kind).removeprefix(_PROBLEM)) if known else ""
    detail = members.get("detail")
    return (
        name,
        quoted(detail) if isinstance(detail, str) else "",
        quoted(hint) if isinstance(hint, str) else None,
    )


def _object(node: object, body: bytes) -> dict[str, Any]:
    try:
        return _members(body)
    except ValueError as error:
        raise NodeBadAnswer(f"answer of {node}: not what the interface promises", hint=_NOT_A_NODE) from error


def _members(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes; raises `ValueError`."""
    if nests_deeper(body, _MAX_NESTING):
        raise ValueError("nested too deep")
    members = json.loads(body)
    if not isinstance(members, dict):
        raise ValueError("no object")  # noqa: TRY004  # of JSON, not of Python
    return members


def _size(node: object, members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_TREE_SIZE:
        raise NodeBadAnswer(f"answer of {node}: {name}: want a size of a log", hint=_NOT_A_NODE)
    return value


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3); None for a date, or what is no such header."""
    if text is None or not text.isascii() or not text.isdecimal():
        return None
    return min(float(text[:9]), LONGEST_RETRY_AFTER)
