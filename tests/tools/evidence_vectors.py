"""The evidence files under ``tests/vectors/evidence``: valid ones of several kinds, and one file for each of the usual faults.

``python tests/tools/evidence_vectors.py`` wrote them once. They are kept as they are: a later version of the library has to give
the same answers to the same bytes, however `simulated_chain` changes.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from perdure_anchor.checkpoint import RegistryDomain, sign_checkpoint
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import FILE_SUFFIX, Evidence, encode_evidence, parse_evidence
from perdure_anchor.header import encode_header
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.record import SLOTS
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import encode_trust_file, parse_trust_file
from perdure_anchor.verify import Document, verify
from simulated_chain import (
    DOCUMENT,
    DOCUMENT_BYTES,
    DOMAIN,
    REGISTRY,
    Story,
    account,
    accounts,
    copy_of,
    receipt_of,
    sealed,
    tell,
    with_anchor,
    with_checkpoint,
)
from tools.accounts import high_s_twin

VECTORS = Path(__file__).parent.parent / "vectors" / "evidence"
DOCUMENT_NAME = "document.txt"
EXPECTED_NAME = "expected.json"
CONSORTIUM, GOQUORUM, CONTRACT, ALONE = "consortium.json", "goquorum.json", "contract.json", "alone.json"

PLAIN = Story(field_count=15, pinned=True)
STORIES = {
    CONSORTIUM: PLAIN,
    GOQUORUM: replace(PLAIN, client="goquorum"),
    CONTRACT: replace(PLAIN, selection="contract"),
    ALONE: replace(PLAIN, validators=1),
}


def expected_of(raw: bytes, trust: TrustFile, document: Document) -> dict[str, Any]:
    """What a verifier has to answer to these bytes."""
    try:
        verdict = verify(parse_evidence(raw), trust, document)
    except PerdureError as error:
        return {"answer": "no", "grade": None, "faults": [type(error).__name__]}
    bounds = {
        name: bound
        and {"seconds": bound.seconds, "proposers": len(bound.proposers), "complete": bound.complete}
        for name, bound in (("not_before", verdict.not_before), ("not_after", verdict.not_after))
    }
    return {
        "answer": "yes" if verdict.ok else "no",
        "grade": verdict.grade and verdict.grade.text,
        "faults": [type(error).__name__ for error in verdict.errors],
        **bounds,
    }


def _evidence(story: Story = PLAIN) -> Evidence:
    return tell(story).evidence


def _valid() -> dict[str, tuple[str, Evidence]]:
    anchored = _evidence()
    hidden = _evidence(replace(PLAIN, hidden=frozenset(SLOTS) - {"document_sha256", "after"}))
    block = tell(PLAIN).anchor_block.header
    four = accounts(4)
    copies = (encode_header(sealed(block, four[:2])), encode_header(sealed(block, four[2:])))
    return {
        "final": (CONSORTIUM, anchored),
        "final-prague-header": (CONSORTIUM, _evidence(replace(PLAIN, field_count=21))),
        "final-legacy-receipt": (CONSORTIUM, _evidence(replace(PLAIN, receipt_type=0))),
        "final-anchored-before": (CONSORTIUM, _evidence(replace(PLAIN, anchored_before=True))),
        "final-one-leaf-one-receipt": (
            CONSORTIUM,
            _evidence(replace(PLAIN, size=1, index=0, receipts=1, receipt_index=0, log_position=0)),
        ),
        "final-receipt-130-of-200": (
            CONSORTIUM,
            _evidence(replace(PLAIN, receipts=200, receipt_index=130)),
        ),
        "final-most-slots-hidden": (CONSORTIUM, hidden),
        "final-without-lower-bound": (CONSORTIUM, replace(anchored, not_before=None)),
        "final-by-copies": (CONSORTIUM, with_anchor(anchored, headers=copies)),
        "final-goquorum": (GOQUORUM, _evidence(STORIES[GOQUORUM])),
        "final-contract-selection": (CONTRACT, _evidence(STORIES[CONTRACT])),
        "final-one-validator": (ALONE, _evidence(STORIES[ALONE])),
        "signed": (CONSORTIUM, replace(anchored, anchor=None, not_before=None)),
        "recorded": (CONSORTIUM, replace(anchored, checkpoint=None, anchor=None, not_before=None)),
    }


def _reverted(raw: bytes) -> bytes:
    receipt = parse_receipt(raw)
    return receipt_of(receipt.logs, type=receipt.type, status=0, gas=receipt.cumulative_gas_used)


def _faulty() -> dict[str, Evidence]:
    told, evidence, four = tell(PLAIN), _evidence(), accounts(4)
    assert evidence.anchor is not None
    assert evidence.checkpoint is not None
    assert evidence.not_before is not None
    block, nodes = told.anchor_block, evidence.anchor.receipt_nodes
    by_another = sign_checkpoint(DOMAIN, told.checkpoint, account("other").private_key)

    def headers(*raws: bytes) -> Evidence:
        return with_anchor(evidence, headers=raws)

    return {
        "wrong-chain": replace(evidence, domain=RegistryDomain(1, REGISTRY)),
        "wrong-slot": replace(evidence, slots=(evidence.slots[1], evidence.slots[0], *evidence.slots[2:])),
        "wrong-index": with_checkpoint(evidence, index=2),
        "short-path": with_checkpoint(evidence, path=evidence.checkpoint.path[:-1]),
        "high-s-signature": with_checkpoint(evidence, signature=high_s_twin(evidence.checkpoint.signature)),
        "wrong-signer": with_checkpoint(evidence, signature=by_another),
        "wrong-sealing-time": with_checkpoint(evidence, sealed_at=1),
        "trailing-header-byte": headers(block.raw + b"\0"),
        "doubled-header": headers(block.raw, block.raw),
        "block-left-out": headers(block.raw, told.chain.blocks[6].raw),
        "foreign-seal": headers(encode_header(sealed(block.header, [*four[:3], account("stranger")]))),
        "doubled-seal": headers(encode_header(sealed(block.header, [*four[:3], four[1]]))),
        "too-few-seals": headers(encode_header(sealed(block.header, four[:2]))),
        "seals-of-two-rounds": headers(
            encode_header(sealed(block.header, four[:2])),
            encode_header(copy_of(block.header, four[2:], round=1)),
        ),
        "missing-node": with_anchor(evidence, receipt_nodes=nodes[:-1]),
        "unused-node": with_anchor(evidence, receipt_nodes=(*nodes, nodes[-1])),
        "wrong-receipt-index": with_anchor(evidence, receipt_index=0),
        "wrong-log-position": with_anchor(evidence, log_position=0),
        "reverted-transaction": _evidence(replace(PLAIN, edit_receipt=_reverted)),
        "event-of-another-contract": _evidence(
            replace(PLAIN, edit_log=lambda log: replace(log, address=account("stranger").address))
        ),
        "lower-bound-of-other-blocks": replace(evidence, not_before=(block.raw,)),
    }


def _unreadable(raw: bytes) -> dict[str, bytes]:
    return {
        "truncated": raw[: len(raw) // 2],
        "trailing-garbage": raw + b"{}\n",
        "unknown-key": raw.replace(b'"origin":', b'"validators": [],\n "origin":'),
        "doubled-key": raw.replace(b'"index": 3', b'"index": 3,\n  "index": 3'),
        "float-index": raw.replace(b'"index": 3', b'"index": 3.0'),
        "another-version": raw.replace(b"perdure-evidence/1", b"perdure-evidence/2"),
    }


def vectors() -> tuple[dict[str, bytes], dict[str, dict[str, Any]]]:
    """The files by name, and what is expected of each evidence among them."""
    trusts = {name: encode_trust_file(tell(story).trust) for name, story in STORIES.items()}
    chosen = {name: (trust, encode_evidence(evidence)) for name, (trust, evidence) in _valid().items()}
    chosen |= {name: (CONSORTIUM, encode_evidence(evidence)) for name, evidence in _faulty().items()}
    chosen |= {name: (CONSORTIUM, raw) for name, raw in _unreadable(chosen["final"][1]).items()}
    expected = {
        name: {"trust": trust, **expected_of(raw, parse_trust_file(trusts[trust]), DOCUMENT)}
        for name, (trust, raw) in chosen.items()
    }
    files = {name + FILE_SUFFIX: raw for name, (_, raw) in chosen.items()}
    return {**trusts, DOCUMENT_NAME: DOCUMENT_BYTES, **files}, expected


def main() -> None:
    files, expected = vectors()
    VECTORS.mkdir(exist_ok=True)
    for name, raw in files.items():
        (VECTORS / name).write_bytes(raw)
    (VECTORS / EXPECTED_NAME).write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
