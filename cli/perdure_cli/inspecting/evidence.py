"""Explains evidence, part by part in the order of the argument: registry, record, checkpoint, validators, anchor, lower bound."""

from functools import partial

from perdure_anchor.checkpoint import Origin, RegistryDomain, parse_origin
from perdure_anchor.confirmation import Confirmation
from perdure_anchor.evidence import (
    ANCHOR_KEYS,
    ANCHOR_KEYS_2,
    FORMAT,
    FORMAT_2,
    MAX_EVIDENCE_SIZE,
    MAX_HOPS,
    RECORD_KEYS,
    EvidenceTooLarge,
    NotEvidence,
    parse_evidence,
)
from perdure_anchor.hashes import Address, Hash32, checksum_address, parse_hex, to_hex
from perdure_anchor.strict_json import JsonValue, take_integer, take_list

from perdure_cli.inspecting.checkpoint import CheckpointRead, explain_checkpoint
from perdure_cli.inspecting.confirmation import explain_confirmation
from perdure_cli.inspecting.header_engines import SealBudget
from perdure_cli.inspecting.headers import HeaderList, explain_headers, header_of, listed_text
from perdure_cli.inspecting.json_file import explain_format, explain_members, read_strictly
from perdure_cli.inspecting.json_reading import Reading
from perdure_cli.inspecting.parts import Explanation, Part, take_members
from perdure_cli.inspecting.receipt import explain_receipt
from perdure_cli.inspecting.record import explain_slots

_VERSIONS = {
    FORMAT: "evidence of one record, version 1",
    FORMAT_2: "evidence of one record, version 2, which has headers for its confirmation",
}
# of a header that is cut off, its first fields can be told; of a disclosure, its text
_READ_IN_PART = ("disclosure", "headers", "not_before", "confirmed_not_before", "hops")


def explain_evidence(raw: bytes, reading: Reading) -> Explanation:
    """Evidence from its bytes, and from what could be read of their JSON."""
    explanation, members = explain_members("evidence", raw, reading, _READ_IN_PART, _parts)
    read_strictly(
        explanation, raw, reading, parse_evidence, max_size=MAX_EVIDENCE_SIZE, too_large=EvidenceTooLarge
    )
    anchor_keys = ANCHOR_KEYS_2 if members.get("format") == FORMAT_2 else ANCHOR_KEYS
    explanation.unread = tuple(key for key in RECORD_KEYS + anchor_keys if key not in members)
    return explanation


def _parts(members: dict[str, JsonValue], *, is_whole: bool) -> list[Part]:
    parts: list[Part] = []
    if "format" in members:
        refusal = NotEvidence(f"evidence: does not say that its format is {FORMAT} or {FORMAT_2}")
        parts.append(explain_format(members["format"], _VERSIONS, refusal))
    domain, origin = explain_names(parts, members, is_whole=is_whole)
    leaf: Hash32 | None = None
    confirmation: Confirmation | None = None
    values: dict[str, JsonValue] = {}
    if "slots" in members:
        part, slots = explain_slots(members["slots"], is_whole=is_whole)
        parts.append(part)
        leaf, values = slots.leaf_hash, slots.values
        if values.get("confirmation") is not None:
            part, confirmation = explain_confirmation(
                values["confirmation"], slots.all_digests, domain, origin
            )
            parts.append(part)
    signed, budget = CheckpointRead(), SealBudget()
    if "checkpoint" in members:
        more, signed = explain_checkpoint(members["checkpoint"], origin, domain, leaf, is_whole=is_whole)
        parts += more
    if "hops" in members:
        parts.append(explain_hops(members["hops"], budget, is_whole=is_whole))
    if "anchor" in members:
        parts += explain_anchor(members["anchor"], domain, signed, budget, is_whole=is_whole)
    if "not_before" in members:
        parts.append(
            _explain_not_before(members["not_before"], values.get("after"), budget, is_whole=is_whole)
        )
    if "confirmed_not_before" in members:
        parts.append(
            _explain_confirmed(members["confirmed_not_before"], confirmation, budget, is_whole=is_whole)
        )
    return parts


def explain_names(
    parts: list[Part], members: dict[str, JsonValue], *, is_whole: bool
) -> tuple[RegistryDomain | None, Origin | None]:
    """The parts about registry and site, put behind ``parts``."""
    domain, origin = None, None
    if "registry" in members:
        part = Part(
            "registry",
            "the chain and the registry that the evidence speaks of",
            "nothing by itself: a verifier takes both from the trust file, and compares",
            steps=(1,),
        )
        parts.append(part)
        domain = _explain_registry(part, members["registry"], is_whole=is_whole)
    if "origin" in members:
        part = Part("origin", "the site that keeps the log", "whose log it is said to be", steps=(7,))
        parts.append(part)
        origin = part.read("origin", partial(parse_origin, members["origin"]))
        if origin is not None:
            part.say("origin", f"{origin.text}: the site {origin.name} of the partner {origin.partner}")
            part.say("site id", f"{to_hex(origin.site)} (keccak of the name, as the registry knows it)")
    return domain, origin


def _explain_registry(part: Part, value: JsonValue, *, is_whole: bool) -> RegistryDomain | None:
    members = take_members(part, value, ("chain_id", "address"), is_whole=is_whole)
    chain_id, address = None, None
    if "chain_id" in members:
        chain_id = part.read(
            "registry.chain_id", partial(take_integer, members["chain_id"], "registry chain_id")
        )
    if "address" in members:
        address = part.read(
            "registry.address", partial(parse_hex, members["address"], 20, "registry address")
        )
    if chain_id is not None:
        part.say("chain id", str(chain_id))
    if address is not None:
        part.say("address", checksum_address(Address(address)))
    return None if chain_id is None or address is None else RegistryDomain(chain_id, Address(address))


def explain_hops(value: JsonValue, budget: SealBudget, *, is_whole: bool) -> Part:
    """The part about changes of the validators."""
    part = Part(
        "hops",
        "changes of the validators",
        "which validators followed those of the trust file, one change a hop",
        steps=(5,),
    )
    hops = part.read("hops", partial(take_list, value, "hops", MAX_HOPS))
    if hops is None:
        return part
    if not hops:
        part.steps = ()
        part.say("hops", "none: the evidence shows no change of validators")
    for number, hop in enumerate(hops):
        inner = Part(f"hops[{number}]", "a change of the validators")
        part.parts.append(inner)
        read = explain_headers(inner, hop, budget, is_whole=is_whole)
        first = header_of(read)
        if first is not None:
            inner.title = f"a change of the validators, known at block {first.number}"
            inner.say("new set", *(listed_text(read) or ["none is listed"]))
            inner.say("sealed by", *_all_sealers(inner))
    return part


def _all_sealers(headers: Part) -> list[str]:
    """Everybody whose seal is on one of the headers, each once."""
    found = {fact.text: None for header in headers.parts for fact in header.facts if fact.name == "sealed by"}
    return list(found) or ["nobody"]


_ANCHOR_KEYS = ("receipt_index", "receipt_nodes", "log_position", "headers")


def explain_anchor(
    value: JsonValue,
    domain: RegistryDomain | None,
    signed: CheckpointRead,
    budget: SealBudget,
    *,
    is_whole: bool,
) -> list[Part]:
    """The parts about an anchor: its headers, and the registry's event."""
    headers = Part(
        "anchor.headers",
        "the anchor's block, and those after it",
        "that the validators sealed the block that holds the registry's event, and when it can have come to be at the latest",
        steps=(6, 8, 9),
    )
    if value is None:
        headers.steps = ()
        headers.say(
            "anchor", "none: the checkpoint is not anchored yet, or the evidence was given out before"
        )
        return [headers]
    holder = Part("anchor", "")
    members = take_members(holder, value, _ANCHOR_KEYS, is_whole=is_whole)
    headers.breaks += holder.breaks
    root = None
    if "headers" in members:
        first = header_of(explain_headers(headers, members["headers"], budget, is_whole=is_whole))
        root = None if first is None else first.receipts_root
    return [headers, *explain_receipt(members, root, None if domain is None else domain.registry, signed)]


def _explain_not_before(value: JsonValue, after: JsonValue, budget: SealBudget, *, is_whole: bool) -> Part:
    part = Part(
        "not_before",
        "the block that the record names, and those around it",
        "that the record was composed after the block whose hash is in its slot after, and so when at the earliest",
        steps=(10,),
    )
    if value is None:
        part.steps = ()
        part.say("not before", "none: the evidence shows no lower bound in time")
        return part
    read = explain_headers(part, value, budget, is_whole=is_whole)
    part.say("the slot after", _after_text(read, after))
    return part


def _explain_confirmed(
    value: JsonValue, confirmation: Confirmation | None, budget: SealBudget, *, is_whole: bool
) -> Part:
    part = Part(
        "confirmed_not_before",
        "the block that the confirmation names, and those around it",
        "that the record was confirmed after that block, and so when at the earliest",
        steps=(12,),
    )
    read = explain_headers(part, value, budget, is_whole=is_whole)
    confirmed = None if confirmation is None else confirmation.confirmed
    after = None if confirmed is None else confirmed.statement.after
    part.say("the confirmation", _after_text(read, None if after is None else to_hex(after)))
    return part


def _after_text(read: HeaderList, after: JsonValue) -> str:
    if not isinstance(after, str):
        return "is hidden or empty, so it names none of these blocks"
    position = read.position_of(Hash32(bytes.fromhex(after.removeprefix("0x"))))
    if position is None:
        return f"names {after}, which is NONE of these blocks"
    return f"names {after}, header {position} of these"
