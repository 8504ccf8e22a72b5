"""anchor/SPEC.md against the library: its examples byte by byte, its names, its bounds, and who refers to its sections."""

import importlib
import json
import pkgutil
import re
from dataclasses import replace
from pathlib import Path

import perdure_anchor
import pytest
from perdure_anchor import evidence as evidence_file
from perdure_anchor import header, qbft, receipt, slot_values, trie, trust_file, webauthn
from perdure_anchor.checkpoint import (
    Checkpoint,
    RegistryDomain,
    checkpoint_digest,
    parse_origin,
    recover_checkpoint_signer,
    sign_checkpoint,
)
from perdure_anchor.confirmation import (
    ATTESTATION_TYPE,
    MAX_NAME,
    RECORDED,
    content_digest,
    credential_digest,
    parse_confirmation,
    statement_digest,
    verify_confirmation,
)
from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256, parse_hex, sha256, to_hex
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.log import (
    EMPTY_ROOT,
    MAX_SIZE,
    MemoryLog,
    append_proof,
    consistency_proof,
    leaf_hash,
    peaks_from_append_proof,
    root_from_peaks,
    verify_consistency,
    verify_inclusion,
)
from perdure_anchor.record import (
    MAX_DISCLOSURES_SIZE,
    SLOTS,
    disclosure_digest,
    leaf_from_digests,
    parse_disclosure,
    salts_from_seed,
)
from perdure_anchor.registry_event import (
    ANCHORED_BEFORE_TOPIC,
    ANCHORED_TOPIC,
    Anchored,
    parse_registry_event,
)
from perdure_anchor.strict_json import encode_compact
from perdure_anchor.timestamp import MAX_SECONDS
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import Document, verify
from simulated_chain import Story, tell
from specification_example import (
    FENCE,
    ROOT,
    SPEC,
    VECTORS,
    fenced,
    parse_hex_block,
    vector_files,
    with_examples,
)

TEXT = SPEC.read_text(encoding="utf-8")
BLOCKS = fenced(TEXT)
PROSE = FENCE.sub("", TEXT)


def example(name: str) -> dict:
    return json.loads(BLOCKS[name])


def hashes(digits: list[str]) -> tuple[Hash32, ...]:
    return tuple(Hash32(bytes.fromhex(text)) for text in digits)


# --- the examples


def test_examples_and_vectors_are_as_the_generator_makes_them():
    assert with_examples(TEXT) == TEXT
    for name, octets in vector_files().items():
        assert (VECTORS / name).read_bytes() == octets


def test_no_vector_lies_about_unnamed():
    assert {path.name for path in VECTORS.iterdir()} == set(vector_files())


def test_constants():
    constants = example("constants")
    assert constants["root of the empty log"] == to_hex(EMPTY_ROOT)
    assert constants["topic 0 of Anchored"] == to_hex(ANCHORED_TOPIC)
    assert constants["topic 0 of AnchoredBefore"] == to_hex(ANCHORED_BEFORE_TOPIC)
    assert constants["mixHash of QBFT"] == to_hex(qbft.MIX_HASH)


def test_record_from_seed_to_leaf_hash():
    record = example("record")
    assert [salt.hex() for salt in salts_from_seed(bytes.fromhex(record["seed"]))] == record["salts"]
    for slot, salt, text in zip(SLOTS, record["salts"], record["disclosures"], strict=True):
        assert encode_compact([salt, slot, parse_disclosure(text, slot)]) == text
    digests = [disclosure_digest(text) for text in record["disclosures"]]
    assert [digest.hex() for digest in digests] == record["digests"]
    [leaf] = parse_hex_block(BLOCKS["leaf"])
    assert leaf_from_digests(digests) == leaf
    assert leaf_hash(leaf).hex() == record["leaf_hash"]
    recorded = parse_disclosure(record["disclosures"][0], "document_sha256")
    assert sha256(record["document"].encode()).hex() == recorded


def test_log_and_its_proofs():
    told = example("log")
    leaves, root = hashes(told["leaf_hashes"]), Hash32(bytes.fromhex(told["root"]))
    assert leaves[3].hex() == example("record")["leaf_hash"]
    assert leaves[0] == leaf_hash(b"leaf 0")
    log = MemoryLog(leaves)
    assert log.root() == root
    index = told["inclusion"]["index"]
    verify_inclusion(leaves[index], index, 7, hashes(told["inclusion"]["path"]), root)
    consistency = told["consistency"]
    old, old_root = consistency["old"], Hash32(bytes.fromhex(consistency["old_root"]))
    assert hashes(consistency["proof"]) == consistency_proof(log.node_at, old, 7)
    verify_consistency(old, old_root, 7, root, hashes(consistency["proof"]))


@pytest.mark.parametrize("number", [0, 1])
def test_append_proofs(number: int):
    told = example("log")
    log, proof = MemoryLog(hashes(told["leaf_hashes"])), told["append"][number]
    old_root = Hash32(bytes.fromhex(proof.get("old_root", EMPTY_ROOT.hex())))
    peaks = peaks_from_append_proof(proof["old"], old_root, 7, hashes(proof["proof"]))
    assert hashes(proof["proof"]) == append_proof(log.node_at, proof["old"], 7)
    assert [peak.hex() for peak in peaks] == told["peaks"]
    assert root_from_peaks(peaks).hex() == told["root"]


def checkpoint_of(told: dict) -> tuple[RegistryDomain, Checkpoint]:
    domain = RegistryDomain(told["chain_id"], Address(parse_hex(told["registry"], 20, "registry")))
    site, root = (Hash32(parse_hex(told[key], 32, key)) for key in ("site", "root"))
    return domain, Checkpoint(site, told["size"], root, told["sealed_at"])


def test_checkpoint_digest_and_signature():
    told = example("checkpoint")
    domain, checkpoint = checkpoint_of(told)
    assert checkpoint.site == parse_origin(told["origin"]).site
    assert checkpoint.root.hex() == example("log")["root"]
    assert to_hex(checkpoint_digest(domain, checkpoint)) == told["digest"]
    signature = sign_checkpoint(domain, checkpoint, parse_hex(told["private_key"], 32, "private key"))
    assert to_hex(signature) == told["signature"]
    assert checksum_address(recover_checkpoint_signer(domain, checkpoint, signature)) == told["signer"]


def test_confirmation_from_slot_to_leaf_hash():
    told, record = example("confirmation"), example("record")
    place = SLOTS.index("confirmation")
    digests = list(hashes(record["digests"]))
    content = content_digest(digests)
    assert content.hex() == told["content"]
    text = encode_compact([record["salts"][place], "confirmation", told["confirmation"]])
    digests[place] = disclosure_digest(text)
    assert digests[place].hex() == told["confirmation_digest"]
    assert leaf_hash(leaf_from_digests(digests)).hex() == told["leaf_hash"]
    domain, checkpoint = checkpoint_of(example("checkpoint"))
    confirmation = parse_confirmation(told["confirmation"])
    verify_confirmation(confirmation, domain, checkpoint.site, digests)
    recorded = None
    for part, attestation in confirmation.parts:
        named = told["recorded" if part == RECORDED else "confirmed"]
        statement, credential = attestation.statement, attestation.credential
        recorded = statement_digest(domain, checkpoint.site, content, part, statement, credential, recorded)
        assert to_hex(recorded) == named["digest"]
        assert credential_digest(credential).hex() == named["credential"]


def test_what_is_signed_of_a_confirmation_is_as_the_text_says():
    [signature] = re.findall(r'keccak\("(Attestation\([A-Za-z0-9, ]+\))"\)', TEXT)
    assert keccak256(signature.encode()) == ATTESTATION_TYPE


def test_header_hashes_and_seals():
    told = example("header-facts")
    [raw] = parse_hex_block(BLOCKS["header"])
    parsed = parse_header(raw)
    assert encode_header(parsed) == raw
    extra = qbft.parse_extra_data(parsed.extra_data)
    assert (parsed.number, parsed.timestamp, extra.round) == (
        told["number"],
        told["timestamp"],
        told["round"],
    )
    assert to_hex(parsed.parent_hash) == told["parent_hash"]
    assert checksum_address(parsed.coinbase) == told["coinbase"]
    assert [checksum_address(validator) for validator in extra.validators] == told["validators"]
    assert to_hex(qbft.block_hash(parsed)) == told["block_hash"]
    assert to_hex(qbft.commit_hash(parsed)) == told["commit_hash"]
    assert [checksum_address(signer) for signer in qbft.seal_signers(parsed)] == told["sealers"]
    assert len(told["sealers"]) == qbft.quorum(len(told["validators"]))


def test_receipt_proof_and_event():
    told, header_facts = example("receipt-facts"), example("header-facts")
    root = Hash32(parse_hex(told["receipts_root"], 32, "receipts root"))
    [raw_header] = parse_hex_block(BLOCKS["header"])
    assert parse_header(raw_header).receipts_root == root
    assert header_facts["number"] == example("verdict")["block_number"]
    nodes = parse_hex_block(BLOCKS["receipt-nodes"])
    [raw] = parse_hex_block(BLOCKS["receipt"])
    assert trie.value_from_trie_proof(root, told["index"], nodes) == raw
    domain, checkpoint = checkpoint_of(example("checkpoint"))
    log = receipt.parse_receipt(raw).logs[told["log_position"]]
    assert log.address == domain.registry
    event = parse_registry_event(log)
    assert isinstance(event, Anchored)
    assert (event.site, event.size, event.root) == (checkpoint.site, checkpoint.size, checkpoint.root)
    assert event.digest == checkpoint_digest(domain, checkpoint)
    assert checksum_address(event.signer) == example("checkpoint")["signer"]


def test_complete_example_gives_the_verdict():
    told = example("verdict")
    raw_trust = (VECTORS / "consortium.json").read_bytes()
    document = (VECTORS / "document.txt").read_bytes()
    evidence = evidence_file.parse_evidence((VECTORS / "evidence.json").read_bytes())
    trust = trust_file.parse_trust_file(raw_trust)
    verdict = verify(evidence, trust, Document(sha256(document), len(document)))
    assert verdict.ok
    assert told["answer"] == "yes"
    assert verdict.grade.text == told["grade"]
    assert trust_file.fingerprint(raw_trust) == told["trust_file"]
    assert verdict.leaf_hash.hex() == told["leaf_hash"] == example("record")["leaf_hash"]
    assert (verdict.index, verdict.size) == (told["index"], told["size"])
    assert to_hex(verdict.anchor.block_hash) == told["block_hash"] == example("header-facts")["block_hash"]
    assert list(verdict.hidden) == told["hidden"]
    [raw_header] = parse_hex_block(BLOCKS["header"])
    assert evidence.anchor.headers[0] == raw_header


# --- the text


def headings() -> set[str]:
    return set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", PROSE, re.MULTILINE))


def test_sections_are_numbered_without_a_gap():
    expected, chapter, section = [], 0, 0
    found = re.findall(r"^(##|###) (\d+(?:\.\d+)?)\.? ", PROSE, re.MULTILINE)
    for level, _ in found:
        chapter, section = (chapter + 1, 0) if level == "##" else (chapter, section + 1)
        expected.append(str(chapter) if level == "##" else f"{chapter}.{section}")
    assert [number for _, number in found] == expected


SOURCES = sorted(
    path
    for folder in ("anchor", "contracts", "node", "devnet", "cli", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".sol", ".md"}
    and not any(part == "node_modules" or part.startswith(".") for part in path.relative_to(ROOT).parts)
    and path != SPEC
)


def referred_sections(path: Path) -> list[str]:
    """Sections named behind ``SPEC.md``; a reference may be broken over two lines."""
    flat = " ".join(path.read_text(encoding="utf-8").split())
    named = re.findall(r"SPEC\.md`*,? \(?sections? ((?:\d+(?:\.\d+)?(?:, | and |\b))+)", flat)
    return [number for group in named for number in re.findall(r"\d+(?:\.\d+)?", group)]


def test_every_section_that_is_referred_to_exists():
    referred = {(path, number) for path in SOURCES for number in referred_sections(path)}
    assert ("trust_file.py", "6.3") in {(path.name, number) for path, number in referred}
    assert {(path, number) for path, number in referred if number not in headings()} == set()


def test_every_section_that_the_text_refers_to_exists():
    for number in re.findall(
        r"(?<!RFC 9162, )(?<!RFC 4648, )\bsection (\d+(?:\.\d+)?)", " ".join(PROSE.split())
    ):
        assert number in headings()


# Faults of writers and of a site's own storage, and classes that only group others: no verifier meets them.
NOT_IN_A_VERIFIER = {
    "AppendHashLengthError",
    "AppendProofError",
    "AppendSizeError",
    "HashLengthError",
    "LogProofError",
    "PrivateKeyMalformed",
    "RangeGapError",
    "RecordError",
    "SizeOutOfRangeError",
    "TileLengthError",
    "UnknownLeaves",
    "TrieProofError",
}


def error_classes() -> set[str]:
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(perdure_anchor.__path__, "perdure_anchor.")
    ]
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, (EncodingError, VerificationError, trust_file.TrustFileError))
        and value not in (EncodingError, VerificationError)
    }


def test_every_fault_has_its_name_in_the_text():
    named = set(re.findall(r"`([A-Z]\w+)`", PROSE))
    assert error_classes() - named == NOT_IN_A_VERIFIER


def test_every_fault_in_the_text_exists():
    steps = PROSE[PROSE.index("### 9.2") : PROSE.index("### 9.3")]
    named = set(re.findall(r"`([A-Z][a-z]\w+)`", steps)) - {"Anchored", "AnchoredBefore"}
    assert named - error_classes() == set()


def test_the_table_of_slots_is_the_librarys():
    assert tuple(re.findall(r"^\| \d+ \| `(\w+)` \|", PROSE, re.MULTILINE)) == SLOTS


@pytest.mark.parametrize(
    ("phrase", "number"),
    [
        ("at most {} bytes (`EvidenceTooLarge`", evidence_file.MAX_EVIDENCE_SIZE),
        ("wherever they stand, are together at most {} (", evidence_file.MAX_SIGNS),
        ("together at most {} bytes (`EvidenceTooLarge`) |", evidence_file.MAX_NODES_SIZE),
        ("those of hops included, are together at most {} bytes", evidence_file.MAX_HEADERS_SIZE),
        ("in the file are together at most {} bytes", MAX_DISCLOSURES_SIZE),
        ("| list of at most {}, each base64 of 32 bytes", evidence_file.MAX_PATH),
        ("integer, 0 to {}: the transaction's position", evidence_file.MAX_RECEIPT_INDEX),
        ("| list of at most {}, each base64 of at most 131072", trie.MAX_PROOF_NODES),
        ("each base64 of at most {} bytes: the proof", evidence_file.MAX_NODE_SIZE),
        ("integer, 0 to {}: the event's position", evidence_file.MAX_LOG_POSITION),
        ("has 1 to {} items", evidence_file.MAX_RUN),
        ("each base64 of at most {} bytes: a header's RLP", header.MAX_HEADER_SIZE),
        ("At most {} bytes of strict JSON: an object", trust_file.MAX_TRUST_FILE_SIZE),
        ("list of 1 to {} addresses, strictly ascending", trust_file.MAX_VALIDATORS),
        ("a list of at most {} objects: `name`", slot_values.MAX_SIGNERS),
        ("inside more than {} lists and objects of its own", slot_values.MAX_VALUE_DEPTH),
        ("Seconds beyond {} (", MAX_SECONDS),
        ("string of at most {} characters: his name", MAX_NAME),
        ("base64 of at most {} bytes; `rp_id`", webauthn.MAX_PUBLIC_KEY),
        ("`rp_id`, string of at most {} characters", webauthn.MAX_RP_ID),
        ("`authenticator_data`, base64 of at most {} bytes", webauthn.MAX_AUTHENTICATOR_DATA),
        ("`client_data`, base64 of at most {};", webauthn.MAX_CLIENT_DATA),
        ("`signature`, base64 of at most {} |", webauthn.MAX_SIGNATURE),
    ],
)
def test_bounds_are_the_librarys(phrase: str, number: int):
    assert phrase.format(number) in " ".join(PROSE.split())


def test_largest_log_is_the_librarys():
    assert MAX_SIZE == 2**48 - 1
    assert "1 to 2^48 - 1 leaves" in PROSE


def test_event_signatures_hash_to_the_topics():
    signatures = re.findall(r'keccak\("(Anchored\w*\([a-z0-9,]+\))"\)', PROSE)
    assert [keccak256(text.encode()) for text in signatures] == [ANCHORED_TOPIC, ANCHORED_BEFORE_TOPIC]


# --- rules that writing the text brought up


@pytest.mark.parametrize("doubled", ["partners", "sites"])
def test_no_partner_and_no_site_stands_twice(doubled: str):
    trust = tell(Story(pinned=True)).trust
    twice = replace(trust, **{doubled: getattr(trust, doubled) * 2})
    with pytest.raises(trust_file.TrustFileError, match="stands twice"):
        trust_file.parse_trust_file(trust_file.encode_trust_file(twice))


def test_an_anchor_below_a_quorum_names_its_own_coalition():
    told = tell(Story(validators=6, quorum_rule="2f+1"))
    verdict = verify(told.evidence, told.trust, require=Grade.ANCHORED)
    assert verdict.ok
    assert verdict.who_must_have_lied.endswith("by the chain's own rule: 3 of 6, or whoever has their keys")
    assert any("the lower bound rests on a block whose epoch wants less" in note for note in verdict.notes)


def test_an_anchor_without_enough_seals_rests_on_its_supplier():
    told = tell(Story(sealers=lambda number, members: members[:1]))
    verdict = verify(told.evidence, told.trust, require=Grade.ANCHORED)
    assert verdict.who_must_have_lied == "whoever supplied the block's header"
