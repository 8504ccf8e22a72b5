"""Evidence that is not in its form (step 0; SPEC.md, sections 1 and 5): each file is valid evidence but for one thing."""

from collections.abc import Mapping

from perdure_anchor.base64_text import encode_base64
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE, encode_evidence
from tools.vectors.base import RAW, SMALL, added, anchor_of, disclosing, edited, put, spelled, without
from tools.vectors.form import Case

CHAIN_ID, ORIGIN, ADDRESS = "20260", "acme/rotterdam", SMALL.domain.registry.hex()
ZERO32 = encode_base64(bytes(32))


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


def _cases(name: str, files: Mapping[str, tuple[str, bytes]]) -> dict[str, Case]:
    return {key: Case(about, raw, (0, name)) for key, (about, raw) in files.items()}


def _json() -> dict[str, Case]:
    return {
        **_cases(
            "JsonError",
            {
                "empty-file": ("no bytes at all", b""),
                "white-space-only": ("white space and no value", b" \n"),
                "truncated": ("the first half of the file", RAW[: len(RAW) // 2]),
                "trailing-garbage": ("an object behind the value", RAW + b"{}\n"),
                "trailing-nul": ("a byte 0x00 behind the value", RAW + b"\0"),
                "trailing-comma": ("a comma behind the last member", RAW.rstrip(b"}\n") + b",}\n"),
                "comment": ("a comment, as JavaScript has them", spelled("{", "{/* evidence */")),
                "single-quotes": ("a name in single quotes", spelled('"origin"', "'origin'")),
                "byte-order-mark": ("a byte order mark before the value", b"\xef\xbb\xbf" + RAW),
                "utf-16": ("the text in UTF-16", RAW.decode().encode("utf-16")),
                "not-utf-8": ("a byte that is not UTF-8 in a string", spelled(ORIGIN, b"acme/\xff")),
                "overlong-utf-8": ("a slash in two bytes", spelled(ORIGIN, b"acme\xc0\xafrotterdam")),
                "surrogate-in-utf-8": (
                    "half of a surrogate pair in UTF-8",
                    spelled(ORIGIN, b"acme/\xed\xa0\x80"),
                ),
                "line-feed-in-string": (
                    "a control character in a string",
                    spelled(ORIGIN, "acme\n/rotterdam"),
                ),
                "bad-escape": ("an escape that JSON does not have", spelled(ORIGIN, "acme/\\rotterd\\x61m")),
                "vertical-tab-as-space": (
                    "white space that JSON does not have",
                    spelled('"origin":', '"origin":\v'),
                ),
                "leading-zero": ("a number with a leading zero", spelled(CHAIN_ID, "020260")),
                "plus-sign": ("a number with a plus sign", spelled(CHAIN_ID, "+20260")),
                "hexadecimal-number": ("a number in hexadecimal", spelled(CHAIN_ID, "0x4f24")),
                "capital-null": (
                    "null as Python writes it",
                    spelled('"not_before": null', '"not_before": None'),
                ),
            },
        ),
        **_cases(
            "DoubledKey",
            {
                "doubled-key": (
                    "a member twice, with the same value",
                    spelled('"index": 3', '"index": 3,"index": 3'),
                ),
                "doubled-key-by-escape": (
                    "a member twice, the second time with an escape in its name",
                    spelled('"origin"', '"\\u006frigin": 1, "origin"'),
                ),
                "doubled-unknown-key": (
                    "a member twice that the format does not name",
                    spelled('"origin"', '"x": 1, "x": 1, "origin"'),
                ),
            },
        ),
        **_cases(
            "NotInteger",
            {
                "fraction": ("an integer written as 3.0", spelled('"index": 3', '"index": 3.0')),
                "exponent": ("an integer written with an exponent", spelled(CHAIN_ID, "2026e1")),
                "negative-zero": ("-0", spelled('"log_position": 1', '"log_position": -0')),
                "nan": ("NaN", spelled(CHAIN_ID, "NaN")),
                "infinity": ("-Infinity", spelled(CHAIN_ID, "-Infinity")),
                "integer-2-to-53": ("2^53", spelled(CHAIN_ID, str(2**53))),
                "integer-minus-2-to-53": ("-2^53", spelled(CHAIN_ID, str(-(2**53)))),
                "integer-2-to-64": ("2^64", spelled(CHAIN_ID, str(2**64))),
                "integer-wraps-at-64-bits": ("20260 + 2^64", spelled(CHAIN_ID, str(20_260 + 2**64))),
                "huge-number": ("a number of 5000 digits", spelled(CHAIN_ID, "9" * 5000)),
                "huge-exponent": ("1e400", spelled(CHAIN_ID, "1e400")),
            },
        ),
        **_cases(
            "LoneSurrogate",
            {
                "lone-high-surrogate": ("an escape \\ud800 alone", spelled(ORIGIN, "acme/\\ud800")),
                "lone-low-surrogate": ("an escape \\udc00 alone", spelled(ORIGIN, "acme/\\udc00")),
                "reversed-surrogates": ("a pair in the wrong order", spelled(ORIGIN, "acme/\\udc00\\ud800")),
                "lone-surrogate-in-a-name": (
                    "in a member's name",
                    spelled('"origin"', '"\\ud800": 1, "origin"'),
                ),
            },
        ),
        **_cases(
            "TooDeep",
            {
                "nested-17-deep": ("a value inside 17 lists and objects", spelled(CHAIN_ID, deep(16))),
                "nested-3000-deep": ("three thousand lists in each other", spelled(CHAIN_ID, deep(3000))),
            },
        ),
    }


def _members() -> dict[str, Case]:
    tops = ("registry", "origin", "slots", "checkpoint", "anchor", "not_before", "hops")
    places = {
        "registry": ("chain_id", "address"),
        "checkpoint": ("size", "root", "sealed_at", "signature", "index", "path"),
        "anchor": ("receipt_index", "receipt_nodes", "log_position", "headers"),
    }
    missing = {f"without-{top}": (f"without the member {top}", without(top)) for top in tops}
    for top, keys in places.items():
        for key in keys:
            name = f"without-{top}-{key}".replace("_", "-")
            missing[name] = (f"{top} without the member {key}", without(top, key))
    missing = {name.replace("_", "-"): each for name, each in missing.items()}
    return {
        **_cases("MissingKey", missing),
        **_cases(
            "UnknownKey",
            {
                "unknown-member": ("a member that the format does not name", added()),
                "unknown-member-of-registry": ("one of registry", added("registry")),
                "unknown-member-of-checkpoint": ("one of checkpoint", added("checkpoint")),
                "unknown-member-of-anchor": ("one of anchor", added("anchor")),
                "member-in-capitals": (
                    "a member's name in capitals beside it",
                    edited(lambda top: top.update(ORIGIN=1)),
                ),
            },
        ),
        **_cases(
            "NotEvidence",
            {
                "without-format": ("without the member format", without("format")),
                "later-version": ("format perdure-evidence/2", put("format", value="perdure-evidence/2")),
                "format-of-many-records": (
                    "the format that is reserved for many records in one file",
                    edited(lambda top: top.update(format="perdure-evidence-set/1", shared={}, records=[])),
                ),
                "trust-file-as-evidence": (
                    "the format of a trust file",
                    put("format", value="perdure-trust/1"),
                ),
                "a-list": ("a list", b"[]\n"),
                "a-string": ("a string", b'"perdure-evidence/1"\n'),
                "null": ("null", b"null\n"),
            },
        ),
    }


def _types() -> dict[str, Case]:
    header = encode_base64(anchor_of(SMALL).headers[0])
    return _cases(
        "WrongType",
        {
            "nested-16-deep": ("a list inside 16 lists and objects, which JSON may have, in the place of an integer", spelled(CHAIN_ID, deep(15))),
            "chain-id-as-text": ("an integer as text", put("registry", "chain_id", value=CHAIN_ID)),
            "chain-id-true": ("a boolean as integer", put("registry", "chain_id", value=True)),
            "chain-id-null": ("null as integer", put("registry", "chain_id", value=None)),
            "chain-id-negative": ("-1", put("registry", "chain_id", value=-1)),
            "registry-a-list": ("registry as a list", put("registry", value=[20_260, "0x"])),
            "slots-an-object": ("slots as an object", put("slots", value={})),
            "16-slots": ("a slot more", edited(lambda top: top["slots"].append({"digest": ZERO32}))),
            "disclosure-not-text": ("a disclosure as a list", put("slots", 3, value={"disclosure": ["00", "media_type", None]})),
            "disclosure-of-32769-characters": ("one disclosure over the bound", put("slots", 3, value={"disclosure": "x" * 32769})),
            "checkpoint-a-list": ("checkpoint as a list", put("checkpoint", value=[])),
            "size-2-to-48": ("2^48 leaves", put("checkpoint", "size", value=2**48)),
            "size-negative": ("-1 leaves", put("checkpoint", "size", value=-1)),
            "index-2-to-48": ("the index 2^48", put("checkpoint", "index", value=2**48)),
            "index-negative": ("the index -1", put("checkpoint", "index", value=-1)),
            "sealed-at-negative": ("sealed before 1970", put("checkpoint", "sealed_at", value=-1)),
            "path-an-object": ("the path as an object", put("checkpoint", "path", value={})),
            "path-of-49": ("a path of 49 hashes", put("checkpoint", "path", value=[ZERO32] * 49)),
            "anchor-a-list": ("anchor as a list", put("anchor", value=[])),
            "receipt-index-65536": ("the receipt index 2^16", put("anchor", "receipt_index", value=65536)),
            "receipt-index-negative": ("the receipt index -1", put("anchor", "receipt_index", value=-1)),
            "log-position-4096": ("the log position 4096", put("anchor", "log_position", value=4096)),
            "8-receipt-nodes": ("8 nodes", put("anchor", "receipt_nodes", value=["AA=="] * 8)),
            "65-headers": ("65 headers in one list", put("anchor", "headers", value=[header, *["AA=="] * 64])),
            "not-before-of-65": ("65 headers in not_before", put("not_before", value=["AA=="] * 65)),
            "headers-an-object": ("a list of headers as an object", put("anchor", "headers", value={})),
            "17-hops": ("17 hops", put("hops", value=[["AA=="]] * 17)),
            "hops-null": ("null in the place of no hops", put("hops", value=None)),
            "hop-of-65": ("65 headers in one hop", put("hops", value=[["AA=="] * 65])),
            "hop-not-a-list": ("hops as one list of headers", put("hops", value=[header])),
        },
    )  # fmt: skip


def _texts() -> dict[str, Case]:
    root = encode_base64(SMALL.checkpoint.root) if SMALL.checkpoint else ""
    short, stray = encode_base64(bytes(31)), root[:-2] + chr(ord(root[-2]) + 1) + "="
    address = f"0x{ADDRESS}"
    return {
        **_cases(
            "HexError",
            {
                "address-of-19-bytes": ("an address of 19 bytes", put("registry", "address", value=address[:-2])),
                "address-of-21-bytes": ("an address of 21 bytes", put("registry", "address", value=address + "00")),
                "address-without-0x": ("an address without 0x", put("registry", "address", value=ADDRESS)),
                "address-with-capital-x": ("an address with 0X", put("registry", "address", value="0X" + ADDRESS)),
                "address-of-odd-length": ("half a byte too few", put("registry", "address", value=address[:-1])),
                "address-not-hexadecimal": ("a letter g", put("registry", "address", value=address[:-1] + "g")),
                "address-with-space": ("a space at the end", put("registry", "address", value=address + " ")),
                "address-a-number": ("an address as a number", put("registry", "address", value=0)),
            },
        ),
        **_cases(
            "Base64Error",
            {
                "base64-without-padding": ("no padding", put("checkpoint", "root", value=root[:-1])),
                "base64-with-stray-bits": ("bits beyond the last byte", put("checkpoint", "root", value=stray)),
                "base64-of-urls": ("an alphabet for addresses of pages", put("checkpoint", "root", value="_" * 43 + "=")),
                "base64-with-space": ("white space", put("checkpoint", "root", value=" " + root)),
                "base64-with-line-break": ("a line break", put("checkpoint", "root", value=root[:20] + "\n" + root[20:])),
                "base64-not-ascii": ("a letter beyond ASCII", put("checkpoint", "root", value="é" + root[1:])),
                "base64-not-text": ("a number in the place of base64", put("checkpoint", "root", value=0)),
                "root-of-31-bytes": ("a root of 31 bytes", put("checkpoint", "root", value=short)),
                "path-hash-of-31-bytes": ("a hash of 31 bytes in the path", put("checkpoint", "path", 0, value=short)),
                "digest-of-31-bytes": ("a slot's digest of 31 bytes", put("slots", 7, value={"digest": short})),
                "digest-a-number": ("a slot's digest as a number", put("slots", 7, value={"digest": 7})),
                "signature-of-64-bytes": ("a signature without its last byte", put("checkpoint", "signature", value=encode_base64(bytes(64)))),
                "header-of-32769-bytes": ("a header over the bound", put("anchor", "headers", value=[encode_base64(bytes(32769))])),
                "header-not-text": ("a header as null", put("anchor", "headers", value=[None])),
            },
        ),
        **_cases(
            "OriginError",
            {
                "origin-in-capitals": ("a capital", put("origin", value="Acme/rotterdam")),
                "origin-with-leading-hyphen": ("a local name with a hyphen first", put("origin", value="acme/-rotterdam")),
                "origin-without-slash": ("a partner's name only", put("origin", value="acme")),
                "origin-of-three-parts": ("two slashes", put("origin", value="acme/rotterdam/desk")),
                "origin-with-empty-part": ("no local name", put("origin", value="acme/")),
                "origin-part-of-33": ("a part of 33 characters", put("origin", value="acme/" + "r" * 33)),
                "origin-with-line-feed": ("a line feed at the end", put("origin", value="acme/rotterdam\n")),
                "origin-with-other-digits": ("digits beyond ASCII", put("origin", value="acme/rotterdam٣")),
                "origin-as-path": ("dots, as a path has them", put("origin", value="../rotterdam")),
                "origin-null": ("null", put("origin", value=None)),
            },
        ),
    }  # fmt: skip


def _shapes() -> dict[str, Case]:
    one_digest, one_disclosure = {"digest": ZERO32}, SMALL.slots[0].disclosure
    padded = SMALL.slots[0].disclosure or ""
    return {
        **_cases(
            "EvidenceError",
            {
                "14-slots": ("a slot fewer", edited(lambda top: top["slots"].pop())),
                "no-slots": ("no slots", put("slots", value=[])),
                "slot-with-both": ("a slot with disclosure and digest", put("slots", 0, value={**one_digest, "disclosure": one_disclosure})),
                "slot-with-neither": ("an empty object as a slot", put("slots", 0, value={})),
                "slot-null": ("null as a slot", put("slots", 0, value=None)),
                "slot-with-another-member": ("a slot with a salt only", put("slots", 0, value={"salt": "00"})),
                "no-headers": ("an empty list of headers", put("anchor", "headers", value=[])),
                "empty-not-before": ("an empty list in not_before", put("not_before", value=[])),
                "empty-hop": ("a hop without headers", put("hops", value=[[]])),
                "anchor-without-checkpoint": ("an anchor whose checkpoint is null", put("checkpoint", value=None)),
            },
        ),
        "evidence-one-byte-too-large": Case(
            "4194305 bytes, by spaces behind the value",
            encode_evidence(SMALL),
            (0, "EvidenceTooLarge"),
            spaces=MAX_EVIDENCE_SIZE + 1 - len(encode_evidence(SMALL)),
        ),
        "disclosures-one-byte-too-large": Case(
            "disclosures of 32769 bytes together, by white space in one",
            disclosing("document_sha256", padded + " " * (32769 - _disclosed_size())),
            (0, "EvidenceTooLarge"),
        ),
    }  # fmt: skip


def _disclosed_size() -> int:
    return sum(len(slot.disclosure.encode()) for slot in SMALL.slots if slot.disclosure is not None)


def cases() -> dict[str, Case]:
    return {**_json(), **_members(), **_types(), **_texts(), **_shapes()}
