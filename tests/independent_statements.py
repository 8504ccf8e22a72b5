"""A second verifier of statements, written from anchor/SPEC.md, section 17, on `independent_verifier`.

Where that text folds compact ranges, this goes down RFC 9162's recursion from the root, takes a given hash wherever a subtree has no
leaf of the range, and splits every subtree that has one.
"""

import json

from independent_rivals import Anchor
from independent_verifier import (
    GRADES,
    SLOTS,
    Refused,
    check_origin,
    checkpoint_digest,
    from_base64,
    from_hex,
    from_json,
    integer_of,
    keccak,
    leaf_hash,
    leaf_of,
    list_of,
    members_of,
    node_hash,
    read_anchor,
    read_disclosure,
    read_headers,
    read_slots,
    read_trust,
    recover_site_signer,
    refuse_unless,
    sha256,
    word,
)


def fold(first, last, statement, leaves):
    """The root over [first, last) of RFC 9162's tree; ``statement`` has "begin", "end", and lists "before" and "behind" to eat up."""
    begin, end = statement["begin"], statement["end"]
    size = last - first
    outside = last <= begin or first >= end
    if outside and size & size - 1 == 0:
        given = statement["before" if last <= begin else "behind"]
        refuse_unless(given, "RangeProofLength")
        return given.pop(0)
    if size == 1:
        return leaves[first - begin]
    half = 1 << (size - 1).bit_length() - 1
    left = fold(first, first + half, statement, leaves)
    return node_hash(left, fold(first + half, last, statement, leaves))


def check_complete(statement, leaves):
    """Section 17.2; raises `Refused`."""
    eaten = {**statement, "before": list(statement["before"]), "behind": list(statement["behind"])}
    root = fold(0, statement["checkpoint"]["size"], eaten, leaves)
    refuse_unless(not eaten["before"] and not eaten["behind"], "RangeProofLength")
    refuse_unless(root == statement["checkpoint"]["root"], "RootMismatchError")


def read_statement(octets):
    refuse_unless(len(octets) <= 16777216, "StatementTooLarge")
    refuse_unless(sum(octets.count(sign) for sign in (b",", b"[", b"{")) <= 1048576, "StatementTooLarge")
    value = from_json(octets)
    refuse_unless(isinstance(value, dict) and value.get("format") == "perdure-statement/1", "NotStatement")
    members_of(
        value,
        [
            "format",
            "registry",
            "origin",
            "begin",
            "end",
            "leaves",
            "before",
            "behind",
            "checkpoint",
            "anchor",
            "hops",
        ],
    )
    registry = members_of(value["registry"], ["chain_id", "address"])
    checkpoint = members_of(value["checkpoint"], ["size", "root", "sealed_at", "signature"])
    read = {
        "chain_id": integer_of(registry["chain_id"]),
        "registry": from_hex(registry["address"], 20),
        "origin": check_origin(value["origin"]),
        "checkpoint": {
            "size": integer_of(checkpoint["size"], 2**48 - 1),
            "root": from_base64(checkpoint["root"], 32),
            "sealed_at": integer_of(checkpoint["sealed_at"]),
            "signature": from_base64(checkpoint["signature"], 65),
        },
        "begin": integer_of(value["begin"], 2**48 - 1),
        "end": integer_of(value["end"], 2**48 - 1),
    }
    count = read["end"] - read["begin"]
    refuse_unless(count > 0 and read["end"] <= read["checkpoint"]["size"], "StatementError")
    refuse_unless(count <= 4096, "StatementTooLarge")
    read["leaves"] = [read_slots(item) for item in list_of(value["leaves"], 4096)]
    refuse_unless(len(read["leaves"]) == count, "StatementError")
    read["anchor"] = None if value["anchor"] is None else read_anchor(value["anchor"])
    read["hops"] = [read_headers(hop) for hop in list_of(value["hops"], 16)]
    runs = [read["anchor"]["headers"]] if read["anchor"] else []
    refuse_unless(sum(len(each) for run in runs + read["hops"] for each in run) <= 786432, "EvidenceTooLarge")
    for name in ("before", "behind"):
        read[name] = [from_base64(item, 32) for item in list_of(value[name], 96)]
    return read


def judge_statement(octets, trust, require="final"):
    """Section 17.3: {"ok", "faults", "grade", "complete", "leaves"}."""
    trusted = read_trust(trust)
    found = {"faults": [], "grade": None, "complete": False, "leaves": []}
    try:
        _steps(read_statement(octets), trusted, found)
    except Refused as fault:
        found["faults"].append(fault.name)
    reached = -1 if found["grade"] is None else GRADES.index(found["grade"])
    found["ok"] = not found["faults"] and found["complete"] and reached >= GRADES.index(require)
    return found


def _steps(statement, trust, found):
    same = (statement["chain_id"], statement["registry"]) == (trust["chain_id"], trust["registry"])
    refuse_unless(same, "WrongRegistry")
    leaves, told = [], []
    for slots in statement["leaves"]:
        disclosed = {
            name: read_disclosure(text, name)
            for name, (text, _) in zip(SLOTS, slots, strict=True)
            if text is not None
        }
        refuse_unless(not disclosed or "supersedes" in disclosed, "SupersedesHidden")
        leaves.append(leaf_hash(leaf_of([digest for _, digest in slots])))
        told.append(disclosed)
    found["leaves"], found["grade"] = list(zip(leaves, told, strict=True)), "recorded"
    check_complete(statement, leaves)
    found["complete"] = True
    checkpoint = statement["checkpoint"]
    site = keccak(statement["origin"].encode())
    digest = checkpoint_digest(
        trust["chain_id"],
        trust["registry"],
        site,
        checkpoint["size"],
        checkpoint["root"],
        checkpoint["sealed_at"],
    )
    signer = recover_site_signer(digest, checkpoint["signature"])
    if signer in trust["sites"].get(statement["origin"], []):
        found["grade"] = "signed"
    if statement["anchor"] is None:
        return
    anchor = Anchor(statement, {**checkpoint, "anchor": statement["anchor"]}, trust, signer, digest)
    anchor.attempt(anchor.steps)
    found["faults"] += [name for _, name in anchor.faults]
    found["grade"] = anchor.grade or found["grade"]


def report_digest(octets):
    """Section 17.6: the signature of a report, and what it signs."""
    value = from_json(octets)
    registry = value["registry"]
    signature = from_base64(value.pop("signature"), 65)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    domain = keccak(
        keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak(b"Perdure")
        + keccak(b"1")
        + word(registry["chain_id"])
        + from_hex(registry["address"], 20).rjust(32, b"\0")
    )
    structure = keccak(
        keccak(b"AuditReport(bytes32 site,bytes32 report)")
        + keccak(value["origin"].encode())
        + sha256(text.encode())
    )
    return signature, keccak(b"\x19\x01" + domain + structure)
