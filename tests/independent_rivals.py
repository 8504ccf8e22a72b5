"""A second verifier of proofs of two histories, written from anchor/SPEC.md, section 14, on `independent_verifier`.

Where that text turns the append proof round, this goes down RFC 9162's recursion instead, and takes a node wherever a perfect subtree
lies on one side of the shorter log's end.
"""

from independent_verifier import (
    GRADES,
    Refused,
    Verification,
    check_origin,
    checkpoint_digest,
    follow,
    from_base64,
    from_hex,
    from_json,
    integer_of,
    is_final,
    keccak,
    list_of,
    make_run,
    members_of,
    node_hash,
    read_anchor,
    read_headers,
    read_trust,
    recover_site_signer,
    refuse_unless,
    word,
)


def root_over(nodes, begin, end, split):
    """The root of [begin, end) in RFC 9162's tree, of the next nodes; ``split`` parts those that were given together."""
    leaves = end - begin
    if leaves & leaves - 1 == 0 and (end <= split or begin >= split):
        return nodes.pop(0)
    half = 1 << (leaves - 1).bit_length() - 1
    left = root_over(nodes, begin, begin + half, split)
    return node_hash(left, root_over(nodes, begin + half, end, split))


def has_two_histories(shorter, longer, nodes):
    """Section 14.2, for (size, root) twice; raises `Refused`."""
    (short, short_root), (size, root) = shorter, longer
    if short == size:
        refuse_unless(not nodes, "ProofLengthError")
        refuse_unless(short_root != root, "OneHistory")
        return
    given = list(nodes)
    try:
        whole = root_over(given, 0, size, short)
    except IndexError:
        raise Refused("AppendProofLengthError") from None
    refuse_unless(not given, "AppendProofLengthError")
    refuse_unless(whole == root, "RootMismatchError")
    refuse_unless(root_over(list(nodes), 0, short, short) != short_root, "OneHistory")


def read_rivals(octets):
    refuse_unless(len(octets) <= 4194304, "RivalsTooLarge")
    refuse_unless(sum(octets.count(sign) for sign in (b",", b"[", b"{")) <= 65536, "RivalsTooLarge")
    value = from_json(octets)
    refuse_unless(isinstance(value, dict) and value.get("format") == "perdure-rivals/1", "NotRivals")
    members_of(value, ["format", "registry", "origin", "checkpoints", "nodes", "rotations", "hops"])
    registry = members_of(value["registry"], ["chain_id", "address"])
    read = {
        "chain_id": integer_of(registry["chain_id"]),
        "registry": from_hex(registry["address"], 20),
        "origin": check_origin(value["origin"]),
        "checkpoints": [read_checkpoint(item) for item in list_of(value["checkpoints"], 2)],
        "nodes": [from_base64(item, 32) for item in list_of(value["nodes"], 95)],
        "rotations": [read_rotation(item) for item in list_of(value["rotations"], 16)],
        "hops": [read_headers(hop) for hop in list_of(value["hops"], 16)],
    }
    refuse_unless(len(read["checkpoints"]) == 2, "RivalsError")
    first, second = ((each["size"], each["root"]) for each in read["checkpoints"])
    refuse_unless(first <= second, "RivalsError")
    runs = [each["anchor"]["headers"] for each in read["checkpoints"] if each["anchor"]]
    headers = [header for run in runs + read["hops"] for header in run]
    refuse_unless(sum(map(len, headers)) <= 786432, "EvidenceTooLarge")
    return read


def read_checkpoint(value):
    members_of(value, ["size", "root", "sealed_at", "signature", "anchor"])
    size = integer_of(value["size"], 2**48 - 1)
    refuse_unless(size > 0, "RivalsError")
    return {
        "size": size,
        "root": from_base64(value["root"], 32),
        "sealed_at": integer_of(value["sealed_at"]),
        "signature": from_base64(value["signature"], 65),
        "anchor": None if value["anchor"] is None else read_anchor(value["anchor"]),
    }


def read_rotation(value):
    members_of(value, ["new_key", "grace_period", "nonce", "signature"])
    return {
        "new_key": from_hex(value["new_key"], 20),
        "grace_period": integer_of(value["grace_period"], 31622400),
        "nonce": integer_of(value["nonce"]),
        "signature": from_base64(value["signature"], 65),
    }


class Anchor(Verification):
    """Steps 5 to 9 of section 9.2 for one checkpoint."""

    def __init__(self, rivals, checkpoint, trust, signer, digest):
        evidence = {"origin": rivals["origin"], "checkpoint": checkpoint, "anchor": checkpoint["anchor"]}
        super().__init__(evidence, trust, None, 1)
        self.hops, self.site = rivals["hops"], keccak(rivals["origin"].encode())
        self.signer, self.digest = signer, digest

    def steps(self):
        self.trust, self.changes = follow(self.hops, self.trust)
        self.epoch, self.run, _ = make_run(self.evidence["anchor"]["headers"], self.trust)
        refuse_unless(all(self.run[0]["number"] >= number for number in self.changes), "HopBeyondAnchor")
        self.check_anchor()
        if not is_final(self.epoch, self.run, 0):
            return
        if self.epoch["strong"]:
            self.grade = "final"
        self.attempt(self.find_not_after)


def rotation_digest(rivals, rotation):
    domain = keccak(
        keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak(b"Perdure")
        + keccak(b"1")
        + word(rivals["chain_id"])
        + rivals["registry"].rjust(32, b"\0")
    )
    structure = keccak(
        keccak(b"KeyRotation(bytes32 site,address newKey,uint64 gracePeriod,uint64 nonce)")
        + keccak(rivals["origin"].encode())
        + rotation["new_key"].rjust(32, b"\0")
        + word(rotation["grace_period"])
        + word(rotation["nonce"])
    )
    return keccak(b"\x19\x01" + domain + structure)


def judge_rivals(octets, trust, require="final"):
    """Section 14.3: {"ok", "faults", "keys"}."""
    trusted = read_trust(trust)
    found = {"faults": [], "keys": ["unknown", "unknown"]}
    try:
        _steps(read_rivals(octets), trusted, max(require, "anchored", key=GRADES.index), found)
    except Refused as fault:
        found["faults"].append(fault.name)
    return {"ok": not found["faults"], **found}


def _steps(rivals, trust, require, found):
    same = (rivals["chain_id"], rivals["registry"]) == (trust["chain_id"], trust["registry"])
    refuse_unless(same, "WrongRegistry")
    site = keccak(rivals["origin"].encode())
    signers, anchors = [], []
    for each in rivals["checkpoints"]:
        digest = checkpoint_digest(
            trust["chain_id"], trust["registry"], site, each["size"], each["root"], each["sealed_at"]
        )
        signers.append(recover_site_signer(digest, each["signature"]))
        anchors.append(Anchor(rivals, each, trust, signers[-1], digest))
    has_two_histories(*((each["size"], each["root"]) for each in rivals["checkpoints"]), rivals["nodes"])
    vouched = dict.fromkeys(trust["sites"].get(rivals["origin"], []), "pinned")
    for anchor, signer, each in zip(anchors, signers, rivals["checkpoints"], strict=True):
        if each["anchor"] is None:
            continue
        anchor.attempt(anchor.steps)
        found["faults"] += [name for _, name in anchor.faults]
        reached = -1 if anchor.grade is None else GRADES.index(anchor.grade)
        if not anchor.faults and reached >= GRADES.index(require):
            vouched.setdefault(signer, "by registry")
    for rotation in rivals["rotations"]:
        signer = recover_site_signer(rotation_digest(rivals, rotation), rotation["signature"])
        refuse_unless(signer in vouched, "RotationNotVouched")
        vouched.setdefault(rotation["new_key"], "by rotation")
    found["keys"] = [vouched.get(signer, "unknown") for signer in signers]
    found["faults"] += ["KeyNotVouched" for key in found["keys"] if key == "unknown"]
