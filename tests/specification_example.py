"""Makes the worked examples of anchor/SPEC.md and the files in tests/vectors/specification, the same bytes each time.

``python tests/specification_example.py`` rewrites both; a test compares them with what is made here, and another checks what
they say. Everything follows from the labels of `simulated_chain`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from perdure_anchor import qbft
from perdure_anchor.checkpoint import checkpoint_digest
from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    content_digest,
    credential_digest,
    parse_confirmation,
    statement_digest,
)
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import checksum_address, keccak256, to_hex
from perdure_anchor.log import (
    EMPTY_ROOT,
    MemoryLog,
    append_proof,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    peaks_from_append_proof,
)
from perdure_anchor.record import (
    DEFAULT_DISCLOSED,
    SLOTS,
    disclosure_digest,
    disclosures,
    leaf,
    salts_from_seed,
)
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.trie import value_from_trie_proof
from perdure_anchor.trust_file import encode_trust_file, fingerprint
from perdure_anchor.verify import verify
from simulated_chain import DOCUMENT, DOCUMENT_BYTES, DOMAIN, ORIGIN, SEED, SITE_KEY, Story, Told, tell
from tools.accounts import account
from tools.authenticator import eddsa_seed
from tools.confirmed_records import BEN_WITH_PASSKEY, Confirming

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "anchor" / "SPEC.md"
VECTORS = ROOT / "tests" / "vectors" / "specification"

# the fence, its language, the example's name, and the content up to the closing fence
FENCE = re.compile(r"^```(json|hex) example ([a-z-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEX_WIDTH = 96

STORY = Story(
    hidden=frozenset(SLOTS) - DEFAULT_DISCLOSED,
    # beyond ASCII, in a slot that is shown and in one that is hidden
    slots=(("document_type", "Vertrag über Kauf"), ("recorded_by", "Zoë Ångström")),
)
CONFIRMED_STORY = replace(STORY, confirm=Confirming(confirmer=BEN_WITH_PASSKEY))


def examples() -> Mapping[str, object]:
    """Each example by its name: a value for JSON, bytes for hexadecimal, a list of bytes for several in one block."""
    told = tell(STORY)
    assert told.evidence.anchor is not None
    proof = told.evidence.anchor
    return {
        "constants": _constants(),
        "record": _record(told),
        "leaf": leaf(told.record, SEED),
        "log": _log(told),
        "checkpoint": _checkpoint(told),
        "header": proof.headers[0],
        "header-facts": _header(told),
        "receipt": value_from_trie_proof(
            told.anchor_block.header.receipts_root, proof.receipt_index, proof.receipt_nodes
        ),
        "receipt-nodes": list(proof.receipt_nodes),
        "receipt-facts": {
            "index": proof.receipt_index,
            "receipts_root": to_hex(told.anchor_block.header.receipts_root),
            "log_position": proof.log_position,
        },
        "verdict": _verdict(told),
        "confirmation": _confirmation(tell(CONFIRMED_STORY)),
    }


def vector_files() -> Mapping[str, bytes]:
    """The complete example's files by name."""
    told = tell(STORY)
    return {
        "evidence.json": encode_evidence(told.evidence),
        "consortium.json": encode_trust_file(told.trust),
        "document.txt": DOCUMENT_BYTES,
    }


def _constants() -> dict[str, str]:
    typed_data = {
        "Attestation": (
            "Attestation(bytes32 site,bytes32 content,uint8 part,string name,bytes32 operator,bytes32 credential,"
            "uint64 at,bytes32 after,bool sawDocument,bytes32 recorded)"
        ),
        "EIP712Domain": "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
        "Checkpoint": "Checkpoint(bytes32 site,uint64 size,bytes32 root,uint64 sealedAt)",
    }
    hashes = {name: keccak256(text.encode()) for name, text in typed_data.items()}
    return {
        "root of the empty log": to_hex(EMPTY_ROOT),
        **{f"type hash of {name}": to_hex(digest) for name, digest in hashes.items()},
        "topic 0 of Anchored": to_hex(ANCHORED_TOPIC),
        "topic 0 of AnchoredBefore": to_hex(ANCHORED_BEFORE_TOPIC),
        "mixHash of QBFT": to_hex(qbft.MIX_HASH),
    }


def _record(told: Told) -> dict[str, object]:
    texts = disclosures(told.record, SEED)
    return {
        "document": DOCUMENT_BYTES.decode(),
        "seed": SEED.hex(),
        "salts": [salt.hex() for salt in salts_from_seed(SEED)],
        "disclosures": list(texts),
        "digests": [disclosure_digest(text).hex() for text in texts],
        "leaf_hash": leaf_hash(leaf(told.record, SEED)).hex(),
    }


def _log(told: Told) -> dict[str, object]:
    leaves = [b"leaf %d" % number for number in range(7)]
    leaves[3] = leaf(told.record, SEED)
    hashes = [leaf_hash(octets) for octets in leaves]
    log = MemoryLog(hashes)
    from_three = append_proof(log.node_at, 3, 7)
    return {
        "leaf_hashes": _hexes(hashes),
        "root": log.root().hex(),
        "inclusion": {"index": 3, "path": _hexes(inclusion_proof(log.node_at, 3, 7))},
        "consistency": {
            "old": 3,
            "old_root": log.root(3).hex(),
            "proof": _hexes(consistency_proof(log.node_at, 3, 7)),
        },
        "append": [
            {"old": 0, "proof": _hexes(append_proof(log.node_at, 0, 7))},
            {"old": 3, "old_root": log.root(3).hex(), "proof": _hexes(from_three)},
        ],
        "peaks": _hexes(peaks_from_append_proof(3, log.root(3), 7, from_three)),
    }


def _hexes(hashes: Iterator[bytes] | list[bytes] | tuple[bytes, ...]) -> list[str]:
    return [digest.hex() for digest in hashes]


def _checkpoint(told: Told) -> dict[str, object]:
    assert told.evidence.checkpoint is not None
    return {
        "origin": ORIGIN.text,
        "site": to_hex(told.checkpoint.site),
        "size": told.checkpoint.size,
        "root": to_hex(told.checkpoint.root),
        "sealed_at": told.checkpoint.sealed_at,
        "chain_id": DOMAIN.chain_id,
        "registry": checksum_address(DOMAIN.registry),
        "digest": to_hex(checkpoint_digest(DOMAIN, told.checkpoint)),
        "private_key": to_hex(SITE_KEY.private_key),
        "signature": to_hex(told.evidence.checkpoint.signature),
        "signer": checksum_address(SITE_KEY.address),
    }


def _header(told: Told) -> dict[str, object]:
    header = told.anchor_block.header
    extra = qbft.parse_extra_data(header.extra_data)
    return {
        "number": header.number,
        "timestamp": header.timestamp,
        "parent_hash": to_hex(header.parent_hash),
        "coinbase": checksum_address(header.coinbase),
        "validators": [checksum_address(validator) for validator in extra.validators],
        "round": extra.round,
        "block_hash": to_hex(qbft.block_hash(header)),
        "commit_hash": to_hex(qbft.commit_hash(header)),
        "sealers": [checksum_address(signer) for signer in qbft.seal_signers(header)],
    }


def _confirmation(told: Told) -> dict[str, object]:
    digests = tuple(slot.digest for slot in told.evidence.slots)
    slot = told.record.value("confirmation")
    confirmation = parse_confirmation(slot)
    assert confirmation is not None
    recorded, confirmed = confirmation.recorded, confirmation.confirmed
    assert recorded is not None
    assert confirmed is not None
    content = content_digest(digests)
    signed = [
        statement_digest(DOMAIN, ORIGIN.site, content, RECORDED, recorded.statement, recorded.credential)
    ]
    signed.append(
        statement_digest(
            DOMAIN, ORIGIN.site, content, CONFIRMED, confirmed.statement, confirmed.credential, signed[0]
        )
    )
    return {
        "confirmation": slot,
        "content": content.hex(),
        "recorded": {
            "private_key": to_hex(account("key of Ada").private_key),
            "credential": credential_digest(recorded.credential).hex(),
            "digest": to_hex(signed[0]),
        },
        "confirmed": {
            "private_key": to_hex(eddsa_seed("of Ben")),
            "credential": credential_digest(confirmed.credential).hex(),
            "digest": to_hex(signed[1]),
        },
        "confirmation_digest": digests[SLOTS.index("confirmation")].hex(),
        "leaf_hash": leaf_hash(leaf(told.record, SEED)).hex(),
    }


def _verdict(told: Told) -> dict[str, object]:
    verdict = verify(told.evidence, told.trust, DOCUMENT)
    assert verdict.grade is not None
    assert verdict.anchor is not None
    assert verdict.leaf_hash is not None
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    return {
        "answer": "yes" if verdict.ok else "no",
        "grade": verdict.grade.text,
        "trust_file": fingerprint(encode_trust_file(told.trust)),
        "origin": verdict.origin.text,
        "leaf_hash": verdict.leaf_hash.hex(),
        "index": verdict.index,
        "size": verdict.size,
        "key": verdict.key.value,
        "document": verdict.document.value,
        "block_number": verdict.anchor.block_number,
        "block_hash": to_hex(verdict.anchor.block_hash),
        "not_before": format_seconds(verdict.not_before.seconds),
        "not_after": format_seconds(verdict.not_after.seconds),
        "proposers_not_before": [checksum_address(account) for account in verdict.not_before.proposers],
        "proposers_not_after": [checksum_address(account) for account in verdict.not_after.proposers],
        "claims": {
            "signed_at": verdict.claims.signed_at,
            "recorded_at": verdict.claims.recorded_at,
            "sealed_at": verdict.claims.sealed_at,
        },
        "hidden": list(verdict.hidden),
        "who_must_have_lied": verdict.who_must_have_lied,
    }


def fenced(text: str) -> dict[str, str]:
    """The content of each example in a specification's text, by name."""
    found = FENCE.findall(text)
    assert len({name for _, name, _ in found}) == len(found), "two examples of one name"
    return {name: content for _, name, content in found}


def committed_example(name: str) -> dict[str, object]:
    """The value of a JSON example as it stands in the specification."""
    value: dict[str, object] = json.loads(fenced(SPEC.read_text(encoding="utf-8"))[name])
    return value


def parse_hex_block(content: str) -> list[bytes]:
    """The byte strings of a hexadecimal example, parted by empty lines."""
    return [bytes.fromhex(part) for part in content.split("\n\n")]


def with_examples(text: str) -> str:
    """The specification with its examples as they are made here."""
    made = examples()
    return FENCE.sub(
        lambda match: f"```{match[1]} example {match[2]}\n{_content(match[1], made[match[2]])}```", text
    )


def _content(language: str, value: object) -> str:
    if language == "json":
        return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    parts = value if isinstance(value, list) else [value]
    return "\n".join("".join(f"{line}\n" for line in _lines(part.hex())) for part in parts)


def _lines(digits: str) -> Iterator[str]:
    for start in range(0, len(digits), HEX_WIDTH):
        yield digits[start : start + HEX_WIDTH]


def main() -> None:
    VECTORS.mkdir(parents=True, exist_ok=True)
    for name, octets in vector_files().items():
        (VECTORS / name).write_bytes(octets)
    SPEC.write_text(with_examples(SPEC.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
