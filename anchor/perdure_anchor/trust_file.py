"""The trust file's bytes: read strictly, written once, compared by fingerprint (SPEC.md, section 6)."""

import re
from typing import Final

from perdure_anchor.checkpoint import is_partner_name, parse_origin
from perdure_anchor.errors import ConfigError, EncodingError
from perdure_anchor.hashes import ZERO_ADDRESS, Address, Hash32, checksum_address, parse_hex, sha256, to_hex
from perdure_anchor.strict_json import (
    MAX_INTEGER,
    JsonValue,
    encode_pretty,
    parse_json,
    take_integer,
    take_list,
    take_object,
    take_text,
)
from perdure_anchor.timestamp import MAX_SECONDS
from perdure_anchor.trust import ContractPin, Epoch, Partner, PinnedSite, Revocation, TrustFile

FORMAT: Final = "perdure-trust/1"
# the same with revocations, of which it has one at least: what says the same is written in one way only
FORMAT_WITH_REVOCATIONS: Final = "perdure-trust/2"
# a hundred epochs of a hundred validators are about 500 kB
MAX_TRUST_FILE_SIZE = 4 * 1024 * 1024
MAX_VALIDATORS = 256
_MAX_ENTRIES = 4096

# who wrote the blocks' lists and coinbases, and so what they are worth (SPEC.md, section 6.3); with the engines that each runs
CLIENTS: Final = {
    "besu": ("qbft", "ibft2"),
    "goquorum": ("qbft",),
    "geth": ("clique",),
    "devnet": ("qbft",),
}
CONSENSUS = ("qbft", "ibft2", "clique")
# how validators are selected, and how many of them have to seal, in each engine
SELECTIONS: Final = {"qbft": ("header", "contract"), "ibft2": ("header",), "clique": ("header",)}
QUORUM_RULES: Final = {
    "qbft": ("ceil(2n/3)", "2f+1"),
    "ibft2": ("ceil(2n/3)",),
    "clique": ("floor(n/2)+1",),
}
CURVES = ("secp256k1",)
# NIST P-256, which Besu offers as ecCurve
UNSUPPORTED_CURVE = "secp256r1"

_FINGERPRINT_GROUP = 4
_TEXT_WITHOUT_CONTROL = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")


class TrustFileError(ConfigError):
    """The file is not a trust file; the answer to any question about evidence would be worthless."""


class UnsupportedCurve(TrustFileError):
    """The chain's keys are of a curve whose seals this library does not recover."""


def fingerprint(raw: bytes) -> str:
    """SHA-256 of the trust file's bytes, in groups of four hexadecimal digits."""
    digits = sha256(raw).hex()
    return " ".join(
        digits[start : start + _FINGERPRINT_GROUP] for start in range(0, len(digits), _FINGERPRINT_GROUP)
    )


def parse_trust_file(raw: bytes) -> TrustFile:
    """The trust file in ``raw``; raises `TrustFileError` for anything that is not exactly one."""
    if len(raw) > MAX_TRUST_FILE_SIZE:
        raise TrustFileError(f"trust file: got {len(raw)} bytes, want at most {MAX_TRUST_FILE_SIZE}")
    try:
        trust = _parse(parse_json(raw, "trust file"))
    except EncodingError as error:
        raise TrustFileError(
            str(error), hint="ask whoever gave it to you for the file as it was published"
        ) from None
    _check_names(trust)
    _check_epochs(trust)
    return trust


_KEYS = (
    "format",
    "name",
    "version",
    "predecessor",
    "devnet",
    "chain_id",
    "genesis_hash",
    "registry",
    "consortium",
    "partners",
    "sites",
    "epochs",
)


def _parse(value: JsonValue) -> TrustFile:
    has_revocations = isinstance(value, dict) and value.get("format") == FORMAT_WITH_REVOCATIONS
    top = take_object(value, "trust file", (*_KEYS, "revocations") if has_revocations else _KEYS)
    _one_of(top["format"], "format", (FORMAT, FORMAT_WITH_REVOCATIONS))
    if not isinstance(top["devnet"], bool):
        raise TrustFileError("devnet: want true or false")
    predecessor = top["predecessor"]
    return TrustFile(
        name=_text(top["name"], "name"),
        version=take_integer(top["version"], "version"),
        predecessor=None if predecessor is None else parse_hex(predecessor, 32, "predecessor").hex(),
        devnet=top["devnet"],
        chain_id=take_integer(top["chain_id"], "chain_id"),
        genesis_hash=Hash32(parse_hex(top["genesis_hash"], 32, "genesis_hash")),
        registry=_parse_contract(top["registry"], "registry"),
        consortium=_parse_contract(top["consortium"], "consortium"),
        partners=tuple(map(_parse_partner, take_list(top["partners"], "partners", _MAX_ENTRIES))),
        sites=tuple(map(_parse_site, take_list(top["sites"], "sites", _MAX_ENTRIES))),
        epochs=tuple(map(_parse_epoch, take_list(top["epochs"], "epochs", _MAX_ENTRIES))),
        revocations=_parse_revocations(top["revocations"]) if has_revocations else (),
    )


def _text(value: JsonValue, what: str) -> str:
    text = take_text(value, what, 256)
    if not _TEXT_WITHOUT_CONTROL.fullmatch(text):
        raise TrustFileError(f"{what}: has control characters")
    return text


def _one_of(value: JsonValue, what: str, allowed: tuple[str, ...]) -> str:
    text = take_text(value, what, 64)
    if text not in allowed:
        raise TrustFileError(f"{what}: got {text!a}, want one of {', '.join(allowed)}")
    return text


def _parse_address(value: JsonValue, what: str) -> Address:
    address = Address(parse_hex(value, 20, what))
    if address == ZERO_ADDRESS:
        raise TrustFileError(f"{what}: the zero address")
    return address


def _parse_contract(value: JsonValue, what: str) -> ContractPin:
    members = take_object(value, what, ("address", "code_hash", "deployment_block"))
    return ContractPin(
        _parse_address(members["address"], f"{what} address"),
        Hash32(parse_hex(members["code_hash"], 32, f"{what} code_hash")),
        take_integer(members["deployment_block"], f"{what} deployment_block"),
    )


def _parse_partner(value: JsonValue) -> Partner:
    texts = ("legal_name", "registration_number", "contact")
    members = take_object(value, "partner", ("name", "account"), texts)
    name = _text(members["name"], "partner name")
    if not is_partner_name(name):
        raise TrustFileError(f"partner name: got {name!a}, want 1 to 32 of a-z, 0-9 and -")
    account = _parse_address(members["account"], f"account of {name}")
    return Partner(name, account, *(_text(members.get(key, ""), f"{key} of {name}") for key in texts))


def _parse_site(value: JsonValue) -> PinnedSite:
    members = take_object(value, "site", ("origin", "keys"))
    origin = parse_origin(members["origin"])
    keys = take_list(members["keys"], f"keys of {origin.text}", 64)
    return PinnedSite(origin, tuple(_parse_address(key, f"key of {origin.text}") for key in keys))


def _parse_revocations(value: JsonValue) -> tuple[Revocation, ...]:
    """One at least, each site's key once, so that no reader has to choose between two entries."""
    found = tuple(map(_parse_revocation, take_list(value, "revocations", _MAX_ENTRIES)))
    if not found:
        raise TrustFileError(f"revocations: want one at least; without any the format is {FORMAT}")
    if len({(entry.origin.text, entry.key) for entry in found}) < len(found):
        raise TrustFileError("revocations: a key of a site stands twice")
    return found


def _parse_revocation(value: JsonValue) -> Revocation:
    members = take_object(value, "revocation", ("origin", "key", "since", "reason"))
    origin = parse_origin(members["origin"])
    return Revocation(
        origin,
        _parse_address(members["key"], f"revoked key of {origin.text}"),
        take_integer(members["since"], f"since of {origin.text}", MAX_SECONDS),
        _one_of(members["reason"], f"reason of {origin.text}", ("compromised", "revoked")) == "compromised",
    )


_EPOCH_KEYS = ("from", "to", "client", "consensus", "selection", "quorum", "curve", "validators")


def _parse_epoch(value: JsonValue) -> Epoch:
    members = take_object(value, "epoch", _EPOCH_KEYS)
    last = members["to"]
    accounts = take_list(members["validators"], "validators", MAX_VALIDATORS)
    consensus = _one_of(members["consensus"], "epoch consensus", CONSENSUS)
    return Epoch(
        from_block=take_integer(members["from"], "epoch from"),
        to_block=None if last is None else take_integer(last, "epoch to"),
        client=_parse_client(members["client"], consensus),
        consensus=consensus,
        selection=_one_of(members["selection"], f"epoch selection of {consensus}", SELECTIONS[consensus]),
        quorum_rule=_one_of(members["quorum"], f"epoch quorum of {consensus}", QUORUM_RULES[consensus]),
        curve=_parse_curve(members["curve"]),
        validators=tuple(_parse_address(account, "validator") for account in accounts),
    )


def _parse_client(value: JsonValue, consensus: str) -> str:
    client = _one_of(value, "epoch client", tuple(CLIENTS))
    if consensus not in CLIENTS[client]:
        raise TrustFileError(f"epoch client: {client} does not run {consensus}")
    return client


def _parse_curve(value: JsonValue) -> str:
    if value == UNSUPPORTED_CURVE:
        raise UnsupportedCurve(
            f"epoch curve: the chain's ecCurve is {UNSUPPORTED_CURVE}, whose seals cannot be judged here: accounts, seals and "
            "transactions of other chains and tools are all of secp256k1",
            hint="run the consortium's chain with Besu's default curve, secp256k1",
        )
    return _one_of(value, "epoch curve", CURVES)


def _check_names(trust: TrustFile) -> None:
    """Each partner and each site stands once, so that no reader has to choose between two entries."""
    seen: set[str] = set()
    for name in (*(partner.name for partner in trust.partners), *(site.origin.text for site in trust.sites)):
        if name in seen:
            raise TrustFileError(f"trust file: {name} stands twice")
        seen.add(name)


def _check_epochs(trust: TrustFile) -> None:
    """Epochs follow each other without overlap, each with validators that ascend; only the last may be open."""
    if not trust.epochs:
        raise TrustFileError("trust file: has no epoch, so no block could be judged")
    free_from = 0
    for epoch in trust.epochs:
        last = MAX_INTEGER if epoch.to_block is None else epoch.to_block
        if epoch.from_block < free_from or last < epoch.from_block:
            raise TrustFileError(
                f"epoch from block {epoch.from_block}: overlaps another, or ends before it begins"
            )
        if not epoch.validators or list(epoch.validators) != sorted(set(epoch.validators)):
            raise TrustFileError(
                f"epoch from block {epoch.from_block}: validators are not strictly ascending"
            )
        if epoch.client == "devnet" and not trust.devnet:
            raise TrustFileError('the client "devnet" is for files that are marked "devnet": true')
        free_from = last + 1


def encode_trust_file(trust: TrustFile) -> bytes:
    """The file's bytes, which `parse_trust_file` reads back; written once and then compared by fingerprint."""
    return encode_pretty(
        {
            "format": FORMAT_WITH_REVOCATIONS if trust.revocations else FORMAT,
            "name": trust.name,
            "version": trust.version,
            "predecessor": None if trust.predecessor is None else "0x" + trust.predecessor,
            "devnet": trust.devnet,
            "chain_id": trust.chain_id,
            "genesis_hash": to_hex(trust.genesis_hash),
            "registry": _encode_contract(trust.registry),
            "consortium": _encode_contract(trust.consortium),
            "partners": [_encode_partner(partner) for partner in trust.partners],
            "sites": [
                {"origin": site.origin.text, "keys": [checksum_address(key) for key in site.keys]}
                for site in trust.sites
            ],
            "epochs": [_encode_epoch(epoch) for epoch in trust.epochs],
            **(
                {"revocations": list(map(_encode_revocation, trust.revocations))} if trust.revocations else {}
            ),
        }
    )


def _encode_contract(pin: ContractPin) -> dict[str, JsonValue]:
    return {
        "address": checksum_address(pin.address),
        "code_hash": to_hex(pin.code_hash),
        "deployment_block": pin.deployment_block,
    }


def _encode_partner(partner: Partner) -> dict[str, JsonValue]:
    return {
        "name": partner.name,
        "account": checksum_address(partner.account),
        "legal_name": partner.legal_name,
        "registration_number": partner.registration_number,
        "contact": partner.contact,
    }


def _encode_revocation(revocation: Revocation) -> dict[str, JsonValue]:
    return {
        "origin": revocation.origin.text,
        "key": checksum_address(revocation.key),
        "since": revocation.since,
        "reason": "compromised" if revocation.compromised else "revoked",
    }


def _encode_epoch(epoch: Epoch) -> dict[str, JsonValue]:
    return {
        "from": epoch.from_block,
        "to": epoch.to_block,
        "client": epoch.client,
        "consensus": epoch.consensus,
        "selection": epoch.selection,
        "quorum": epoch.quorum_rule,
        "curve": epoch.curve,
        "validators": [checksum_address(validator) for validator in epoch.validators],
    }
