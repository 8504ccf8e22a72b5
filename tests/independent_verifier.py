"""A second verifier, written from the text of anchor/SPEC.md and from nothing else.

It shares no line with `perdure_anchor` and imports nothing of it, so where the two disagree, one of them or the text is wrong.
Each function names its section. Faults go by the names of the text. Not made for speed, nor for people: it prints one line of JSON.

    python independent_verifier.py EVIDENCE TRUST [DOCUMENT] [--require GRADE]
"""

import base64
import datetime as dt
import hashlib
import itertools
import json
import re
import sys
from pathlib import Path

import coincurve
import cryptography.exceptions as crypto_errors
import sha3
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

GRADES = ("recorded", "signed", "anchored", "final")
SLOTS = [
    "document_sha256",
    "document_size",
    "document_name",
    "media_type",
    "document_type",
    "signers",
    "signed_at",
    "signature",
    "recorded_by",
    "recorded_at",
    "confirmation",
    "late",
    "supersedes",
    "after",
    "extra",
]
MAX_INTEGER = 2**53 - 1
MAX_SECONDS = 253402300799
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")


class Refused(Exception):
    """The answer is no; the first argument is the fault's name."""

    @property
    def name(self):
        return self.args[0]


class NoAnswer(Exception):
    """The trust file cannot be used (section 6)."""


def refuse_unless(condition, name, why=""):
    if not condition:
        raise Refused(name, why)


def sha256(octets):
    return hashlib.sha256(octets).digest()


def keccak(octets):
    return sha3.keccak_256(octets).digest()


def word(number):
    return number.to_bytes(32, "big")


# --- 1.3 text forms


def from_hex(text, size):
    fits = isinstance(text, str) and re.fullmatch(r"0x([0-9a-fA-F]{2})*", text, re.ASCII)
    refuse_unless(fits and len(text) == 2 + 2 * size, "HexError")
    return bytes.fromhex(text[2:])


def from_base64(text, exactly=None, at_most=None):
    refuse_unless(isinstance(text, str), "Base64Error")
    try:
        octets = base64.b64decode(text.encode("ascii"))
    except ValueError:
        raise Refused("Base64Error") from None
    refuse_unless(base64.b64encode(octets).decode() == text, "Base64Error", "another spelling")
    refuse_unless(exactly is None or len(octets) == exactly, "Base64Error", "length")
    refuse_unless(at_most is None or len(octets) <= at_most, "Base64Error", "length")
    return octets


# --- 1.4 strict JSON


def from_json(octets, depth=16):
    def members(pairs):
        refuse_unless(len({name for name, _ in pairs}) == len(pairs), "DoubledKey")
        return dict(pairs)

    def integer(digits):
        refuse_unless(len(digits) < 20 and digits != "-0" and abs(int(digits)) <= MAX_INTEGER, "NotInteger")
        return int(digits)

    def no_number(_):
        raise Refused("NotInteger")

    try:
        text = octets.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=members,
            parse_int=integer,
            parse_float=no_number,
            parse_constant=no_number,
        )
    except ValueError:
        raise Refused("JsonError") from None
    except RecursionError:
        raise Refused("TooDeep") from None
    check_json(value, depth)
    return value


def check_json(value, depth, name="TooDeep"):
    """``depth`` is how many lists and objects may still be around a value."""
    refuse_unless(depth >= 0, name)
    if isinstance(value, str):
        refuse_unless(not any("\ud800" <= letter <= "\udfff" for letter in value), "LoneSurrogate")
    elif isinstance(value, list):
        for item in value:
            check_json(item, depth - 1, name)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_json(key, depth)
            check_json(item, depth - 1, name)


def members_of(value, required, optional=()):
    refuse_unless(isinstance(value, dict), "WrongType")
    refuse_unless(set(value) <= {*required, *optional}, "UnknownKey")
    refuse_unless(set(required) <= set(value), "MissingKey")
    return value


def integer_of(value, maximum=MAX_INTEGER):
    refuse_unless(type(value) is int and 0 <= value <= maximum, "WrongType")
    return value


def text_of(value, longest):
    refuse_unless(isinstance(value, str) and len(value) <= longest, "WrongType")
    return value


def list_of(value, longest):
    refuse_unless(isinstance(value, list) and len(value) <= longest, "WrongType")
    return value


# --- 1.5 times


def check_time(text):
    refuse_unless(isinstance(text, str), "TimestampError")
    parts = re.fullmatch(
        r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](\d\d):(\d\d))", text, re.ASCII
    )
    refuse_unless(parts, "TimestampError")
    year, month, day, hour, minute, second, hours, minutes = (int(part or 0) for part in parts.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    in_calendar = year >= 1 and 1 <= month <= 12 and 1 <= day <= days[month - 1]
    in_day = max(hour, hours) <= 23 and max(minute, second, minutes) <= 59
    refuse_unless(in_calendar and in_day, "TimestampError")


# --- 1.6 RLP


def from_rlp(octets):
    item, rest = rlp_item(octets, 0)
    refuse_unless(not rest, "RlpError", "trailing bytes")
    return item


def rlp_item(octets, depth):
    """One item and what follows it."""
    refuse_unless(octets and depth <= 16, "RlpError")
    first, rest = octets[0], octets[1:]
    if first < 0x80:
        return octets[:1], rest
    short, long = (0x80, 0xB7) if first < 0xC0 else (0xC0, 0xF7)
    length = first - short
    if first > long:
        width = first - long
        digits, rest = rest[:width], rest[width:]
        length = int.from_bytes(digits, "big")
        refuse_unless(len(digits) == width and digits[0] != 0 and length > 55, "RlpError")
    payload, rest = rest[:length], rest[length:]
    refuse_unless(len(payload) == length, "RlpError", "truncated")
    if short == 0x80:
        refuse_unless(not (length == 1 and payload[0] < 0x80), "RlpError")
        return payload, rest
    items = []
    while payload:
        item, payload = rlp_item(payload, depth + 1)
        items.append(item)
    return items, rest


def to_rlp(item):
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        payload, short = item, 0x80
    else:
        payload, short = b"".join(to_rlp(part) for part in item), 0xC0
    if len(payload) < 56:
        return bytes([short + len(payload)]) + payload
    digits = minimal(len(payload))
    return bytes([short + 55 + len(digits)]) + digits + payload


def minimal(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def string_of(item, size=None):
    refuse_unless(isinstance(item, bytes) and (size is None or len(item) == size), "RlpError")
    return item


def number_of(item, bits):
    refuse_unless(isinstance(item, bytes) and item[:1] != b"\0", "RlpError")
    number = int.from_bytes(item, "big")
    refuse_unless(number < 2**bits, "RlpError")
    return number


# --- 1.7 signatures


def recover(digest, signature, first_v):
    refuse_unless(len(signature) == 65 and signature[64] - first_v in (0, 1), "SignatureError")
    try:
        key = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - first_v]), digest, hasher=None
        )
    except Exception:  # noqa: BLE001 - coincurve raises bare Exception for r or s that fit no key
        raise Refused("SignatureError") from None
    return keccak(key.format(compressed=False)[1:])[12:]


# --- 2 records


def read_disclosure(text, slot):
    value = from_json(text.encode("utf-8"))
    refuse_unless(isinstance(value, list) and len(value) == 3, "DisclosureError")
    salt, name, value = value
    refuse_unless(isinstance(salt, str) and isinstance(name, str), "DisclosureError")
    refuse_unless(re.fullmatch(r"[0-9a-f]{32}", salt, re.ASCII) and name == slot, "DisclosureError")
    try:
        check_json(value, 8)
        if value is not None:
            check_slot(slot, value)
    except Refused as fault:
        raise Refused("SlotValueError", *fault.args) from None
    return value


def check_slot(slot, value):
    """Section 2.2."""
    checks = {
        "document_sha256": check_digest,
        "supersedes": check_digest,
        "document_size": integer_of,
        "signers": check_signers,
        "signed_at": check_time,
        "recorded_at": check_time,
        "signature": check_versioned,
        "confirmation": check_versioned,
        "late": check_versioned,
        "after": lambda text: check_form(text, r"0x[0-9a-f]{64}"),
        "extra": lambda item: refuse_unless(isinstance(item, dict), "SlotValueError"),
    }
    checks.get(slot, lambda text: text_of(text, 1024))(value)


def check_digest(value):
    check_form(value, r"[0-9a-f]{64}")


def check_signers(value):
    for signer in list_of(value, 64):
        members_of(signer, ("name",), ("id", "organization", "certificate_sha256"))
        for key, text in signer.items():
            text_of(text, 1024)
            if key == "certificate_sha256":
                check_digest(text)


def check_versioned(value):
    refuse_unless(isinstance(value, dict) and "v" in value, "SlotValueError")
    integer_of(value["v"])


def check_form(value, form):
    refuse_unless(isinstance(value, str) and re.fullmatch(form, value, re.ASCII), "SlotValueError")


def leaf_of(digests):
    return b"perdure record v1\n" + b"".join(digests)


# --- 3 the log


def leaf_hash(leaf):
    return sha256(b"\0" + leaf)


def node_hash(left, right):
    return sha256(b"\1" + left + right)


def check_inclusion(node, index, size, path, root):
    refuse_unless(0 <= index < size, "IndexOutOfRangeError")
    inner = (index ^ (size - 1)).bit_length()
    refuse_unless(len(path) == inner + (index >> inner).bit_count(), "ProofLengthError")
    for position, sibling in enumerate(path):
        is_right = position >= inner or index >> position & 1
        node = node_hash(sibling, node) if is_right else node_hash(node, sibling)
    refuse_unless(node == root, "RootMismatchError")


def nodes_over(begin, end):
    """Section 3.4: (first leaf, height) of each node over [begin, end)."""
    while begin < end:
        height = max(h for h in range(49) if begin % 2**h == 0 and begin + 2**h <= end)
        yield begin, height
        begin += 2**height


def fold(peaks):
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def peaks_of_append(old, old_root, new, proof):
    """Section 3.4, steps 1 to 3."""
    count = len(list(nodes_over(0, old)))
    further = list(nodes_over(old, new))
    refuse_unless(len(proof) == count + len(further), "AppendProofLengthError")
    peaks = list(proof[:count])
    refuse_unless(old == 0 or fold(peaks) == old_root, "OldRootMismatchError")
    for (start, height), node in zip(further, proof[count:], strict=True):
        while start >> height & 1:
            node, height = node_hash(peaks.pop(), node), height + 1
        peaks.append(node)
    return peaks


# --- 4 checkpoints


def check_origin(text):
    part = r"[a-z0-9][a-z0-9-]{0,31}"
    refuse_unless(isinstance(text, str) and re.fullmatch(f"{part}/{part}", text, re.ASCII), "OriginError")
    return text


def typed_data_digest(chain_id, registry, structure):
    domain = keccak(
        keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak(b"Perdure")
        + keccak(b"1")
        + word(chain_id)
        + bytes(12)
        + registry
    )
    return keccak(b"\x19\x01" + domain + structure)


def checkpoint_digest(chain_id, registry, site, size, root, sealed_at):
    structure = keccak(
        keccak(b"Checkpoint(bytes32 site,uint64 size,bytes32 root,uint64 sealedAt)")
        + site
        + word(size)
        + root
        + word(sealed_at)
    )
    return typed_data_digest(chain_id, registry, structure)


def recover_site_signer(digest, signature):
    refuse_unless(int.from_bytes(signature[32:64], "big") <= HALF_ORDER, "SignatureError")
    return recover(digest, signature, 27)


EVENTS = {
    keccak(b"Anchored(bytes32,uint64,bytes32,uint64,uint64,address,bytes32)"): 4,
    keccak(b"AnchoredBefore(bytes32,uint64,bytes32,uint64,uint64,uint64,address,bytes32)"): 5,
}


def read_event(topics, payload):
    """Section 4.4: (site, size, root, sealedAt, signer, digest) as words, each of its form."""
    refuse_unless(len(topics) == 4 and topics[0] in EVENTS, "NotAnchoredEvent")
    count = EVENTS[topics[0]]
    refuse_unless(len(payload) == 32 * count, "NotAnchoredEvent")
    words = [payload[32 * i : 32 * i + 32] for i in range(count)]
    *integers, signer, digest = words
    for integer in (topics[2], *integers):
        refuse_unless(int.from_bytes(integer, "big") < 2**64, "NotAnchoredEvent")
    refuse_unless(not any(signer[:12]), "NotAnchoredEvent")
    return topics[1], topics[2], topics[3], integers[-1], signer[12:], digest


# --- 5 the evidence file


def read_evidence(octets):
    refuse_unless(len(octets) <= 4194304, "EvidenceTooLarge")
    refuse_unless(sum(octets.count(sign) for sign in (b",", b"[", b"{")) <= 65536, "EvidenceTooLarge")
    value = from_json(octets)
    refuse_unless(isinstance(value, dict), "NotEvidence")
    second = value.get("format") == "perdure-evidence/2" and "confirmed_not_before" in value
    refuse_unless(second or value.get("format") == "perdure-evidence/1", "NotEvidence")
    names = ["format", "registry", "origin", "slots", "checkpoint", "anchor", "not_before", "hops"]
    members_of(value, [*names, "confirmed_not_before"] if second else names)
    registry = members_of(value["registry"], ("chain_id", "address"))
    evidence = {
        "chain_id": integer_of(registry["chain_id"]),
        "registry": from_hex(registry["address"], 20),
        "origin": check_origin(value["origin"]),
        "slots": read_slots(value["slots"]),
        "checkpoint": unless_null(read_checkpoint, value["checkpoint"]),
        "anchor": unless_null(read_anchor, value["anchor"]),
        "not_before": unless_null(read_headers, value["not_before"]),
        "confirmed_not_before": read_headers(value["confirmed_not_before"]) if second else None,
        "hops": [read_headers(item) for item in list_of(value["hops"], 16)],
    }
    lists = [evidence["anchor"]["headers"] if evidence["anchor"] else [], evidence["not_before"] or []]
    lists.append(evidence["confirmed_not_before"] or [])
    size = sum(len(header) for headers in lists + evidence["hops"] for header in headers)
    refuse_unless(size <= 786432, "EvidenceTooLarge")
    refuse_unless(evidence["anchor"] is None or evidence["checkpoint"] is not None, "EvidenceError")
    return evidence


def unless_null(read, value):
    return None if value is None else read(value)


def read_slots(value):
    refuse_unless(len(list_of(value, 15)) == 15, "EvidenceError")
    slots = [read_slot(item) for item in value]
    size = sum(len(text.encode()) for text, _ in slots if text is not None)
    refuse_unless(size <= 32768, "EvidenceTooLarge")
    return slots


def read_slot(item):
    """(text or None, digest)."""
    refuse_unless(isinstance(item, dict) and len(item) == 1, "EvidenceError")
    if "disclosure" in item:
        text = text_of(item["disclosure"], 32768)
        return text, sha256(text.encode())
    refuse_unless("digest" in item, "EvidenceError")
    return None, from_base64(item["digest"], 32)


def read_checkpoint(value):
    members_of(value, ("size", "root", "sealed_at", "signature", "index", "path"))
    return {
        "size": integer_of(value["size"], 2**48 - 1),
        "root": from_base64(value["root"], 32),
        "sealed_at": integer_of(value["sealed_at"]),
        "signature": from_base64(value["signature"], 65),
        "index": integer_of(value["index"], 2**48 - 1),
        "path": [from_base64(item, 32) for item in list_of(value["path"], 48)],
    }


def read_anchor(value):
    members_of(value, ("receipt_index", "receipt_nodes", "log_position", "headers"))
    nodes = [from_base64(item, at_most=131072) for item in list_of(value["receipt_nodes"], 7)]
    refuse_unless(sum(map(len, nodes)) <= 147456, "EvidenceTooLarge")
    return {
        "receipt_index": integer_of(value["receipt_index"], 65535),
        "nodes": nodes,
        "log_position": integer_of(value["log_position"], 4095),
        "headers": read_headers(value["headers"]),
    }


def read_headers(value):
    refuse_unless(list_of(value, 64), "EvidenceError")
    return [from_base64(item, at_most=32768) for item in value]


# --- 6 the trust file


def read_trust(octets):
    try:
        return read_trust_file(octets)
    except Refused as fault:
        raise NoAnswer(*fault.args) from None


def read_trust_file(octets):
    refuse_unless(len(octets) <= 4194304, "TrustFileError")
    parsed = from_json(octets)
    revoked = isinstance(parsed, dict) and parsed.get("format") == "perdure-trust/2"
    value = members_of(
        parsed,
        [
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
            *(["revocations"] if revoked else []),
        ],
    )
    refuse_unless(value["format"] == "perdure-trust/1" or revoked, "TrustFileError")
    refuse_unless(isinstance(value["devnet"], bool), "TrustFileError")
    trust_text(value["name"])
    integer_of(value["version"])
    for digest in (value["genesis_hash"], value["predecessor"]):
        if digest is not None:
            from_hex(digest, 32)
    refuse_unless(value["genesis_hash"] is not None, "TrustFileError")
    registry, deployment_block = read_contract(value["registry"])
    read_contract(value["consortium"])
    names = [read_partner(item) for item in list_of(value["partners"], 4096)]
    sites = [read_site(item) for item in list_of(value["sites"], 4096)]
    refuse_unless(len(set(names)) == len(names), "TrustFileError")
    refuse_unless(len(dict(sites)) == len(sites), "TrustFileError")
    return {
        "devnet": value["devnet"],
        "chain_id": integer_of(value["chain_id"]),
        "registry": registry,
        "deployment_block": deployment_block,
        "sites": dict(sites),
        "epochs": read_epochs(value["epochs"], value["devnet"]),
        "revocations": read_revocations(value["revocations"]) if revoked else {},
    }


def read_revocations(value):
    found = {}
    for item in list_of(value, 4096):
        members = members_of(item, ["origin", "key", "since", "reason"])
        name = (check_origin(members["origin"]), address_of(members["key"]))
        refuse_unless(name not in found, "TrustFileError")
        refuse_unless(members["reason"] in ("compromised", "revoked"), "TrustFileError")
        refuse_unless(integer_of(members["since"]) <= 253402300799, "TrustFileError")
        found[name] = members["since"]
    refuse_unless(found, "TrustFileError")
    return found


def trust_text(value):
    refuse_unless(re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]*", text_of(value, 256)), "TrustFileError")
    return value


def address_of(value):
    address = from_hex(value, 20)
    refuse_unless(any(address), "TrustFileError")
    return address


def read_contract(value):
    members_of(value, ("address", "code_hash", "deployment_block"))
    from_hex(value["code_hash"], 32)
    return address_of(value["address"]), integer_of(value["deployment_block"])


def read_partner(value):
    texts = ("legal_name", "registration_number", "contact")
    members_of(value, ("name", "account"), texts)
    address_of(value["account"])
    for key in texts:
        trust_text(value.get(key, ""))
    check_origin(f"{trust_text(value['name'])}/x")
    return value["name"]


def read_site(value):
    members_of(value, ("origin", "keys"))
    return check_origin(value["origin"]), [address_of(key) for key in list_of(value["keys"], 64)]


def read_epochs(value, devnet):
    epochs = [read_epoch(item, devnet) for item in list_of(value, 4096)]
    refuse_unless(epochs, "TrustFileError")
    for earlier, later in itertools.pairwise(epochs):
        refuse_unless(earlier["to"] is not None and later["from"] > earlier["to"], "TrustFileError")
    return epochs


def read_epoch(value, devnet):
    members_of(value, ["from", "to", "client", "consensus", "selection", "quorum", "curve", "validators"])
    by_engine = {
        "qbft": (("besu", "goquorum", "devnet"), ("header", "contract"), ("ceil(2n/3)", "2f+1")),
        "ibft2": (("besu",), ("header",), ("ceil(2n/3)",)),
        "clique": (("geth",), ("header",), ("floor(n/2)+1",)),
    }
    refuse_unless(value["consensus"] in ("qbft", "ibft2", "clique"), "TrustFileError")
    refuse_unless(value["curve"] == "secp256k1", "TrustFileError")
    for key, values in zip(("client", "selection", "quorum"), by_engine[value["consensus"]], strict=True):
        refuse_unless(value[key] in values, "TrustFileError")
    refuse_unless(devnet or value["client"] != "devnet", "TrustFileError")
    first, last = integer_of(value["from"]), value["to"]
    refuse_unless(last is None or integer_of(last) >= first, "TrustFileError")
    validators = [address_of(item) for item in list_of(value["validators"], 256)]
    refuse_unless(validators and validators == sorted(set(validators)), "TrustFileError")
    return {
        "from": first,
        "to": last,
        "engine": value["consensus"],
        "rule": value["quorum"],
        "client": value["client"],
        "list_counts": value["client"] != "goquorum" and value["selection"] == "header",
        "coinbase_counts": value["client"] != "goquorum" and value["consensus"] == "qbft",
        **with_validators(validators, value["consensus"], value["quorum"]),
    }


def with_validators(validators, engine, rule):
    """Section 6.2: what follows from the number of validators."""
    n = len(validators)
    f = (n - 1) // 3
    two_thirds = (2 * n + 2) // 3
    wanted = {"ceil(2n/3)": two_thirds, "2f+1": 2 * f + 1, "floor(n/2)+1": n // 2 + 1}[rule]
    return {
        "validators": validators,
        "wanted": wanted,
        "strong": engine != "clique" and wanted >= two_thirds,
        "need": max(2, f + 1),
    }


def covers(epoch, number):
    return epoch["from"] <= number and (epoch["to"] is None or number <= epoch["to"])


# --- 7 headers, seals, finality


STRINGS = {0: 32, 1: 32, 2: 20, 3: 32, 4: 32, 5: 32, 6: 256, 12: None, 13: 32, 14: 8, 16: 32, 19: 32, 20: 32}
INTEGERS = {7: 256, 8: 64, 9: 64, 10: 64, 11: 64, 15: 256, 17: 64, 18: 64}


class Header:
    """Sections 7.1 to 7.4."""

    def __init__(self, octets):
        refuse_unless(len(octets) <= 32768, "HeaderError")
        fields = from_rlp(octets)
        refuse_unless(isinstance(fields, list), "RlpError")
        refuse_unless(len(fields) in (15, 16, 17, 20, 21), "HeaderError")
        for position, field in enumerate(fields):
            if position in STRINGS:
                string_of(field, STRINGS[position])
            else:
                number_of(field, INTEGERS[position])
        self.octets, self.fields = octets, fields
        self.parent_hash, self.coinbase, self.receipts_root = fields[0], fields[2], fields[5]
        self.number, self.timestamp = number_of(fields[8], 64), number_of(fields[11], 64)

    def judge_by(self, engine):
        """Sections 7.2 and 7.3: block hash, commit hash, list or None, round, seals."""
        self.listed, self.round, self.seals = None, 0, []
        if engine == "clique":
            self.read_clique()
        else:
            constants = (MIX_HASH, b"\1", bytes(8))
            refuse_unless((self.fields[13], self.fields[7], self.fields[14]) == constants, "WrongEngine")
            if self.number != 0:
                self.read_bft(engine)
        if self.number == 0:
            self.name = keccak(self.octets)

    def read_clique(self):
        if self.number == 0:
            return
        fits = self.fields[13] == bytes(32) and self.fields[1] == keccak(b"\xc0")
        fits = fits and self.fields[7] in (b"\1", b"\2") and self.fields[14] in (bytes(8), b"\xff" * 8)
        refuse_unless(fits, "WrongEngine")
        extra = self.fields[12]
        refuse_unless(len(extra) >= 97 and (len(extra) - 97) % 20 == 0, "ExtraDataError")
        signers = extra[32:-65]
        if signers:
            self.listed = [signers[i : i + 20] for i in range(0, len(signers), 20)]
        self.seals = [extra[-65:]]
        self.name, self.digest = keccak(self.octets), self.hash_with(extra[:-65])

    def read_bft(self, engine):
        items = from_rlp(self.fields[12])
        refuse_unless(isinstance(items, list), "RlpError")
        refuse_unless(len(items) == 5, "ExtraDataError")
        vanity, validators, vote, round_number, seals = items
        string_of(vanity, 32)
        refuse_unless(isinstance(validators, list), "ExtraDataError")
        for validator in validators:
            string_of(validator, 20)
        no_vote, drop = ([], b"") if engine == "qbft" else (b"", b"\0")
        if vote != no_vote:
            refuse_unless(isinstance(vote, list) and len(vote) == 2, "ExtraDataError")
            refuse_unless(isinstance(vote[0], bytes) and len(vote[0]) == 20, "ExtraDataError")
            refuse_unless(vote[1] in (b"\xff", drop), "ExtraDataError")
        if engine == "qbft":
            self.round = number_of(round_number, 32)
        else:
            self.round = int.from_bytes(string_of(round_number, 4), "big")
        refuse_unless(isinstance(seals, list), "ExtraDataError")
        for seal in seals:
            string_of(seal, 65)
        self.listed, self.seals = validators, seals
        without = (b"", []) if engine == "qbft" else ()
        self.name = self.hash_with(to_rlp([*items[:3], *without]))
        self.digest = self.hash_with(to_rlp([*items[:4], *without[1:]]))

    def hash_with(self, extra):
        return keccak(to_rlp([*self.fields[:12], extra, *self.fields[13:]]))


def engine_at(trust, number):
    """Section 7.2."""
    before = [epoch for epoch in trust["epochs"] if epoch["from"] <= number]
    return (before[-1] if before else trust["epochs"][0])["engine"]


def make_run(octets_list, trust, pivot_hash=None):
    """Section 7.6: the epoch, the run's blocks, and the pivot's position among them."""
    headers = [Header(octets) for octets in octets_list]
    for header in headers:
        header.judge_by(engine_at(trust, header.number))
    blocks = link(headers)
    hashes = [block["hash"] for block in blocks]
    refuse_unless(pivot_hash is None or pivot_hash in hashes, "BlockNotInRun")
    pivot = 0 if pivot_hash is None else hashes.index(pivot_hash)
    number = blocks[pivot]["number"]
    epoch = next((epoch for epoch in trust["epochs"] if covers(epoch, number)), None)
    refuse_unless(epoch is not None and number != 0, "NoEpoch")
    refuse_unless(has_list(blocks[pivot], epoch), "ValidatorListMismatch")

    def belongs(block):
        return block["number"] != 0 and covers(epoch, block["number"]) and has_list(block, epoch)

    first, last = pivot, pivot
    while first > 0 and belongs(blocks[first - 1]):
        first -= 1
    while last + 1 < len(blocks) and belongs(blocks[last + 1]):
        last += 1
    run = blocks[first : last + 1]
    for block in run:
        block["rounds"] = {}
        for header in block["copies"]:
            block["rounds"].setdefault(header.round, set()).update(sealers_of(header, epoch))
    return epoch, run, pivot - first


def link(headers):
    blocks = []
    for header in headers:
        if blocks and blocks[-1]["hash"] == header.name:
            blocks[-1]["copies"].append(header)
        else:
            blocks.append(
                {"hash": header.name, "number": header.number, "copies": [header], "header": header}
            )
        copies = [copy.octets for copy in blocks[-1]["copies"]]
        refuse_unless(len(set(copies)) == len(copies), "DoubledHeader")
        if len(blocks) > 1 and len(copies) == 1:
            refuse_unless(header.number == blocks[-2]["number"] + 1, "BrokenRun")
            refuse_unless(header.parent_hash == blocks[-2]["hash"], "BrokenRun")
    return blocks


def has_list(block, epoch):
    return not epoch["list_counts"] or block["header"].listed in (None, epoch["validators"])


def sealers_of(header, epoch):
    refuse_unless(len(header.seals) <= len(epoch["validators"]), "TooManySeals")
    sealers = []
    accounts = [recover(header.digest, seal, 0) for seal in header.seals]
    for account in accounts:
        refuse_unless(account in epoch["validators"], "ForeignSeal")
        refuse_unless(account not in sealers, "DoubledSeal")
        sealers.append(account)
    return sealers


def is_final(epoch, run, position):
    """Section 7.7."""
    later = set().union(*(sealers for block in run[position + 1 :] for sealers in block["rounds"].values()))
    return any(len(sealers | later) >= epoch["wanted"] for sealers in run[position]["rounds"].values())


# --- 7.9 validator changes


def follow(hops, trust):
    """The trust file with what the hops add, and the first numbers of the epochs that they add."""
    firsts = [Header(hop[0]) for hop in hops]
    for earlier, later in itertools.pairwise(firsts):
        refuse_unless(earlier.number < later.number, "HopsNotAscending")
    changes = []
    for hop, first in zip(hops, firsts, strict=True):
        *earlier, known = trust["epochs"]
        if first.number <= (known["from"] if known["to"] is None else known["to"]):
            continue
        first.judge_by(engine_at(trust, first.number))
        new_set = first.listed or []
        if new_set == known["validators"]:
            continue
        refuse_unless(known["list_counts"] and known["strong"], "HopNotAllowed")
        refuse_unless(new_set and new_set == sorted(set(new_set)), "HopListMalformed")
        ended = known if known["to"] is not None else {**known, "to": first.number - 1}
        added = {**known, "from": first.number, "to": None}
        added |= with_validators(new_set, known["engine"], known["rule"])
        trust = {**trust, "epochs": [*earlier, ended, added]}
        epoch, run, _ = make_run(hop, trust)
        refuse_unless(run[-1]["number"] == Header(hop[-1]).number, "HopListMalformed")
        refuse_unless(is_final(epoch, run, 0), "HopNotFinal")
        sealers = set().union(*(each for block in run for each in block["rounds"].values()))
        refuse_unless(len(sealers & set(known["validators"])) >= known["wanted"], "HopNotVouched")
        changes.append(first.number)
    return trust, changes


# --- 7.8 receipts


def read_receipt(octets):
    """(status, [(address, topics, payload)])."""
    refuse_unless(octets, "ReceiptError")
    if octets[0] < 0x80:
        refuse_unless(octets[0] in (1, 2, 3, 4), "ReceiptError")
        octets = octets[1:]
    fields = from_rlp(octets)
    refuse_unless(isinstance(fields, list), "RlpError")
    refuse_unless(len(fields) == 4 and isinstance(fields[3], list), "ReceiptError")
    status = number_of(fields[0], 1)
    number_of(fields[1], 64)
    string_of(fields[2], 256)
    for log in fields[3]:
        refuse_unless(isinstance(log, list) and len(log) == 3, "ReceiptError")
        address, topics, payload = log
        refuse_unless(isinstance(topics, list) and len(topics) <= 4, "ReceiptError")
        refuse_unless(isinstance(address, bytes) and isinstance(payload, bytes), "ReceiptError")
        string_of(address, 20)
        for topic in topics:
            string_of(topic, 32)
    return status, fields[3]


def nibbles_of(octets):
    return [nibble for octet in octets for nibble in divmod(octet, 16)]


def value_in_trie(root, index, nodes):
    key, wanted = nibbles_of(to_rlp(minimal(index))), root
    refuse_unless(len(nodes) <= 7, "TrieNodeUnused")
    for position, octets in enumerate(nodes):
        refuse_unless(keccak(octets) == wanted, "TrieNodeMismatch")
        item, key, is_value = trie_step(octets, key)
        if is_value:
            refuse_unless(isinstance(item, bytes) and item, "TrieKeyAbsent")
            refuse_unless(position == len(nodes) - 1, "TrieNodeUnused")
            return item
        refuse_unless(item != b"", "TrieKeyAbsent")
        refuse_unless(isinstance(item, bytes) and len(item) == 32, "TrieNodeMalformed")
        wanted = item
    raise Refused("TrieNodeMissing")


def trie_step(octets, key):
    """(item, rest of the key, whether the item is the value)."""
    node = from_rlp(octets)
    refuse_unless(isinstance(node, list), "RlpError")
    if len(node) == 17 and isinstance(node[16], bytes):
        return (node[key[0]], key[1:], False) if key else (node[16], key, True)
    refuse_unless(len(node) == 2 and isinstance(node[0], bytes), "TrieNodeMalformed")
    prefix = nibbles_of(node[0])
    refuse_unless(prefix and prefix[0] <= 3, "TrieNodeMalformed")
    odd, is_leaf = prefix[0] % 2, prefix[0] >= 2
    refuse_unless(odd or prefix[1] == 0, "TrieNodeMalformed")
    path = prefix[1:] if odd else prefix[2:]
    refuse_unless(path or is_leaf, "TrieNodeMalformed")
    fits = key == path if is_leaf else key[: len(path)] == path
    refuse_unless(fits, "TrieKeyAbsent")
    return node[1], key[len(path) :], is_leaf


# --- 8 time


def bound(epoch, run, positions, choose, shift):
    """Sections 8.1 to 8.3: seconds, whether enough proposers appeared, and which."""
    blocks = run[positions[0] : positions[0] + 1]
    complete, named = False, []
    if epoch["coinbase_counts"]:
        named = [blocks[0]["header"].coinbase]
        gone, proposers = [], []
        for position in positions:
            if not is_final(epoch, run, position):
                break
            coinbase = run[position]["header"].coinbase
            refuse_unless(coinbase in epoch["validators"], "ForeignProposer")
            gone.append(run[position])
            if coinbase not in proposers:
                proposers.append(coinbase)
            if len(proposers) == epoch["need"]:
                blocks, complete, named = gone, True, proposers
                break
    seconds = max(0, choose(block["header"].timestamp for block in blocks) + shift)
    refuse_unless(seconds <= MAX_SECONDS, "TimestampError")
    return {
        "seconds": seconds,
        "complete": complete,
        "proposers": ["0x" + account.hex() for account in named],
    }


# --- 16 confirmations


def read_confirmation(value):
    """Section 16.3."""
    members_of(value, ("v", "recorded", "confirmed"))
    parts = [unless_null(read_part, value[key]) for key in ("recorded", "confirmed")]
    refuse_unless(any(parts), "ConfirmationError")
    return parts


def read_part(value):
    members_of(value, ("name", "operator", "at", "after", "saw_document", "credential", "signature"))
    operator = text_of(value["operator"], 64)
    refuse_unless(re.fullmatch("[0-9a-f]{64}", operator, re.ASCII), "ConfirmationError")
    refuse_unless(isinstance(value["saw_document"], bool), "WrongType")
    kind, credential, signature = (
        read_credential(value["credential"]),
        value["credential"],
        value["signature"],
    )
    if kind == "key":
        signature = from_base64(signature, 65)
    else:
        members_of(signature, ("authenticator_data", "client_data", "signature"))
        longest = {"authenticator_data": 512, "client_data": 2048, "signature": 768}
        signature = {key: from_base64(signature[key], at_most=size) for key, size in longest.items()}
        refuse_unless(len(signature["authenticator_data"]) >= 37, "PasskeyUnusable")
    return {
        "name": text_of(value["name"], 256).encode(),
        "operator": bytes.fromhex(operator),
        "at": seconds_of(value["at"]),
        "after": None if value["after"] is None else from_hex(value["after"], 32),
        "saw": value["saw_document"],
        "kind": kind,
        "key": from_hex(credential["address"], 20)
        if kind == "key"
        else from_base64(credential["public_key"]),
        "rp_id": credential.get("rp_id", "").encode(),
        "signature": signature,
    }


def read_credential(value):
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "key":
        members_of(value, ("kind", "address"))
        from_hex(value["address"], 20)
    else:
        refuse_unless(kind == "passkey", "ConfirmationError")
        members_of(value, ("kind", "public_key", "rp_id"))
        from_base64(value["public_key"], at_most=768)
        text_of(value["rp_id"], 253)
    return kind


def seconds_of(text):
    check_time(text)
    refuse_unless(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII), "TimestampError")
    elapsed = dt.datetime.fromisoformat(text) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    refuse_unless(elapsed >= dt.timedelta(0), "TimestampError")
    return elapsed // dt.timedelta(seconds=1)


def attestation_digest(trust, site, digests, number, part, recorded):
    """Section 16.4."""
    content = sha256(
        b"perdure content v1\n"
        + b"".join(d for d, name in zip(digests, SLOTS, strict=True) if name != "confirmation")
    )
    if part["kind"] == "key":
        credential = b"key\n" + part["key"]
    else:
        credential = b"passkey\n" + sha256(part["rp_id"]) + part["key"]
    structure = keccak(
        keccak(
            b"Attestation(bytes32 site,bytes32 content,uint8 part,string name,bytes32 operator,bytes32 credential,"
            b"uint64 at,bytes32 after,bool sawDocument,bytes32 recorded)"
        )
        + site
        + content
        + word(number)
        + keccak(part["name"])
        + part["operator"]
        + sha256(b"perdure credential v1\n" + credential)
        + word(part["at"])
        + (part["after"] or bytes(32))
        + word(int(part["saw"]))
        + recorded
    )
    return typed_data_digest(trust["chain_id"], trust["registry"], structure)


def check_confirmation(parts, trust, site, digests):
    recorded = bytes(32)
    for number, part in enumerate(parts, 1):
        if part is not None:
            digest = attestation_digest(trust, site, digests, number, part, recorded)
            if part["kind"] == "key":
                signer = recover_site_signer(digest, part["signature"])
                refuse_unless(signer == part["key"], "ConfirmationNotSigned")
            else:
                check_passkey(part, digest)
            recorded = digest
    if all(parts):
        for what in ("key", "operator", "name"):
            refuse_unless(parts[0][what] != parts[1][what], "OnePersonTwice")


def check_passkey(part, digest):
    """Section 16.5."""
    given = part["signature"]
    try:
        client = from_json(given["client_data"])
    except Refused:
        client = None
    wanted = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    refuse_unless(isinstance(client, dict) and client.get("type") == "webauthn.get", "AssertionNotValid")
    refuse_unless(client.get("challenge") == wanted, "AssertionNotValid")
    data = given["authenticator_data"]
    refuse_unless(data[:32] == sha256(part["rp_id"]), "AssertionNotValid")
    refuse_unless(data[32] & 1, "AssertionNotValid")
    key = passkey_of(part["key"])
    refuse_unless(key is not None, "PasskeyUnusable")
    signed = data + sha256(given["client_data"])
    refuse_unless(is_signed(key, given["signature"], signed), "AssertionNotValid")


def passkey_of(octets):
    """None if it is none that section 16.5 takes."""
    try:
        key = serialization.load_der_public_key(octets)
    except (ValueError, crypto_errors.UnsupportedAlgorithm):
        return None
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_bytes(serialization.Encoding.DER, spki) != octets:
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return key if key.key_size >= 2048 and key.public_numbers().e >= 3 else None
    on_p256 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    return key if on_p256 or isinstance(key, ed25519.Ed25519PublicKey) else None


def is_signed(key, signature, signed):
    by_kind = []
    if isinstance(key, ec.EllipticCurvePublicKey):
        by_kind = [ec.ECDSA(hashes.SHA256())]
    elif isinstance(key, rsa.RSAPublicKey):
        by_kind = [padding.PKCS1v15(), hashes.SHA256()]
    try:
        key.verify(signature, signed, *by_kind)
    except crypto_errors.InvalidSignature:
        return False
    return True


# --- 9 verification


class Verification:
    """Section 9.2; the answer is made by `judge`."""

    def __init__(self, evidence, trust, document, allowance):
        self.evidence, self.trust, self.document, self.allowance = evidence, trust, document, allowance
        self.grade, self.faults, self.step, self.shortfall = None, [], 0, None
        self.disclosed, self.key, self.matched, self.changes = {}, "unknown", "not checked", []
        self.not_before = self.not_after = self.block = self.signer = None
        self.parts, self.confirmed_not_before = None, None

    def attempt(self, step):
        try:
            step()
        except Refused as fault:
            self.faults.append((self.step, fault.name))

    def fall_short(self, step, name="GradeTooLow"):
        self.shortfall = (step, name)

    def steps(self):
        evidence, trust = self.evidence, self.trust
        self.step = 1
        same = (evidence["chain_id"], evidence["registry"]) == (trust["chain_id"], trust["registry"])
        refuse_unless(same, "WrongRegistry")  # 1
        self.step = 2
        self.read_record()
        self.step = 3
        self.attempt(self.compare_document)
        self.step = 11
        self.attempt(self.judge_confirmation)
        self.step = 4
        if evidence["checkpoint"] is None:
            return self.fall_short(4)
        self.check_checkpoint()
        self.step = 5
        if evidence["anchor"] is None:
            return None if self.shortfall else self.fall_short(5)
        self.trust, self.changes = follow(evidence["hops"], trust)
        self.step = 6
        self.epoch, self.run, _ = make_run(evidence["anchor"]["headers"], self.trust)
        refuse_unless(all(self.run[0]["number"] >= number for number in self.changes), "HopBeyondAnchor")
        self.step = 7
        self.check_anchor()
        self.step = 8
        if not is_final(self.epoch, self.run, 0):
            return self.fall_short(8, "TooFewSeals")
        if self.epoch["strong"]:
            self.grade = "final"
        else:
            self.fall_short(8)
        self.step = 9
        self.attempt(self.find_not_after)
        self.step = 10
        self.attempt(self.find_not_before)
        self.step = 12
        self.attempt(self.find_confirmed_not_before)
        return None

    def read_record(self):
        for slot, (text, _) in zip(SLOTS, self.evidence["slots"], strict=True):
            if text is not None:
                self.disclosed[slot] = read_disclosure(text, slot)
        self.leaf_hash = leaf_hash(leaf_of(digest for _, digest in self.evidence["slots"]))
        self.grade = "recorded"

    def compare_document(self):
        if self.document is None:
            return
        recorded = self.disclosed.get("document_sha256")
        refuse_unless(recorded is not None, "DocumentHidden")
        self.matched = "different"
        size = self.disclosed.get("document_size")
        refuse_unless(recorded == sha256(self.document).hex(), "DocumentMismatch")
        refuse_unless(size is None or size == len(self.document), "DocumentMismatch")
        self.matched = "matched"

    def check_checkpoint(self):
        given, trust = self.evidence["checkpoint"], self.trust
        check_inclusion(self.leaf_hash, given["index"], given["size"], given["path"], given["root"])
        self.site = keccak(self.evidence["origin"].encode())
        self.digest = checkpoint_digest(
            trust["chain_id"], trust["registry"], self.site, given["size"], given["root"], given["sealed_at"]
        )
        self.signer = recover_site_signer(self.digest, given["signature"])
        if self.signer in trust["sites"].get(self.evidence["origin"], []):
            self.grade, self.key = "signed", "pinned"
        else:
            self.fall_short(4)

    def check_anchor(self):
        given, checkpoint = self.evidence["anchor"], self.evidence["checkpoint"]
        header = self.run[0]["header"]
        refuse_unless(header.number >= self.trust["deployment_block"], "BeforeDeployment")
        octets = value_in_trie(header.receipts_root, given["receipt_index"], given["nodes"])
        status, logs = read_receipt(octets)
        refuse_unless(status == 1, "FailedTransaction")
        refuse_unless(given["log_position"] < len(logs), "EventMissing")
        address, topics, payload = logs[given["log_position"]]
        refuse_unless(address == self.trust["registry"], "EventMissing")
        size, sealed_at = word(checkpoint["size"]), word(checkpoint["sealed_at"])
        wanted = (self.site, size, checkpoint["root"], sealed_at, self.signer, self.digest)
        refuse_unless(read_event(topics, payload) == wanted, "EventMismatch")
        self.grade, self.block, self.shortfall = "anchored", self.run[0], None
        self.key = "pinned" if self.key == "pinned" else "by registry"

    def find_not_after(self):
        self.not_after = bound(self.epoch, self.run, range(len(self.run)), max, 1 + self.allowance)

    def find_not_before(self):
        if self.evidence["not_before"] is None:
            return
        name = self.disclosed.get("after")
        refuse_unless(name is not None, "AfterHidden")
        self.not_before = self.lower_bound(self.evidence["not_before"], from_hex(name, 32))

    def lower_bound(self, headers, name):
        epoch, run, pivot = make_run(headers, self.trust, name)
        refuse_unless(run[pivot]["number"] < self.block["number"], "AfterNotBefore")
        refuse_unless(is_final(epoch, run, pivot), "TooFewSeals")
        return bound(epoch, run, range(pivot, -1, -1), min, -1 - self.allowance)

    def judge_confirmation(self):
        value = self.disclosed.get("confirmation")
        if value is None or value["v"] != 1:
            return
        parts = read_confirmation(value)
        site = keccak(self.evidence["origin"].encode())
        check_confirmation(parts, self.trust, site, [digest for _, digest in self.evidence["slots"]])
        self.parts = parts

    def find_confirmed_not_before(self):
        name = self.parts and self.parts[1] and self.parts[1]["after"]
        headers, after = self.evidence["confirmed_not_before"], self.disclosed.get("after")
        if headers is not None:
            refuse_unless(name, "AfterHidden")
            self.confirmed_not_before = self.lower_bound(headers, name)
        elif name and after == "0x" + name.hex():
            self.confirmed_not_before = self.not_before


def judge(evidence, trust, document=None, require="final", allowance=1):
    """The verdict on bytes (section 9.1); raises `NoAnswer`."""
    trusted = read_trust(trust)
    try:
        read = read_evidence(evidence)
    except Refused as fault:
        return {"ok": False, "grade": None, "faults": [fault.name], "steps": [0]}
    found = Verification(read, trusted, document, allowance)
    found.attempt(found.steps)
    reached = -1 if found.grade is None else GRADES.index(found.grade)
    if not found.faults and reached < GRADES.index(require):
        found.faults.append(found.shortfall)  # none comes up without one: nothing is above `final`
    return {
        "ok": not found.faults,
        "grade": found.grade,
        "faults": [name for _, name in found.faults],
        "steps": [step for step, _ in found.faults],
        "key": found.key,
        "document": found.matched,
        "leaf_hash": found.leaf_hash.hex() if found.grade else None,
        "block_number": found.block and found.block["number"],
        "block_hash": found.block and found.block["hash"].hex(),
        "validator_changes": found.changes,
        "not_before": found.not_before,
        "not_after": found.not_after,
        "confirmed_not_before": found.confirmed_not_before,
        "confirmation": found.parts
        and [part and [part["name"].decode(), part["key"].hex()] for part in found.parts],
        "disclosed": found.disclosed,
        "doubted": is_doubted(found),
    }


def is_doubted(found):
    """Section 6.5: whether the key that signed is revoked, and no bound shows an anchor before."""
    since = found.trust["revocations"].get((found.evidence["origin"], found.signer))
    return since is not None and (found.not_after is None or found.not_after["seconds"] >= since)


def main(arguments):
    require = "final"
    if "--require" in arguments:
        place = arguments.index("--require")
        require = arguments[place + 1]
        arguments = arguments[:place] + arguments[place + 2 :]
    evidence, trust, *document = (Path(name).read_bytes() for name in arguments)
    try:
        verdict = judge(evidence, trust, *document, require=require)
    except NoAnswer as error:
        print(json.dumps({"ok": None, "faults": ["TrustFileError", *error.args]}))
        return 2
    print(json.dumps(verdict))
    return 0 if verdict["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
