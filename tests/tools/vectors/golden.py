"""The golden files: the bytes of each frozen format, made of plain values written here, so that nothing but a writer can change them.

``PYTHONPATH=tests python -m tools.vectors.golden`` writes those that are missing and leaves the others as they are. A format that
was released never changes: what writes other bytes for the same values is wrong, or belongs to a new version's name.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perdure_anchor.audit_report import (
    AuditReport,
    ReportedCheck,
    ReportedFinding,
    encode_report,
    sign_report,
)
from perdure_anchor.checkpoint import (
    Checkpoint,
    Origin,
    RegistryDomain,
    checkpoint_digest,
    recover_checkpoint_signer,
    sign_checkpoint,
)
from perdure_anchor.confirmation import (
    Attestation,
    Confirmation,
    KeyCredential,
    Statement,
    content_digest,
    credential_digest,
    encode_confirmation,
    statement_digest,
)
from perdure_anchor.evidence import AnchorProof, Evidence, SignedCheckpoint, Slot, encode_evidence
from perdure_anchor.hashes import Address, Hash32, to_hex
from perdure_anchor.key_rotation import KeyRotation, SignedRotation, sign_key_rotation
from perdure_anchor.log import MemoryLog, leaf_hash
from perdure_anchor.record import SLOTS, disclosure_digest, disclosures, leaf, make_record, salts_from_seed
from perdure_anchor.rivals import RivalCheckpoint, encode_rivals, make_rivals
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.statement import StatedCheckpoint, encode_statement
from perdure_anchor.statement import Statement as StatedRange
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.trust import ContractPin, Epoch, Partner, PinnedSite, TrustFile
from perdure_anchor.trust_file import encode_trust_file
from perdure_anchor.typed_data import sign_digest
from perdure_anchor.webauthn import PasskeyCredential
from tools.vectors.form import ROOT
from tools.vectors.golden_bundles import outgoing, pieces_of, returning

GOLDEN = ROOT / "golden"
SEED = bytes(range(32))
PRIVATE_KEY = bytes(range(1, 33))
DOMAIN = RegistryDomain(20_260, Address(bytes(range(0xA0, 0xB4))))
ORIGIN = Origin("acme", "rotterdam")
ROOT_HASH = Hash32(bytes(range(0x40, 0x60)))
CHECKPOINT = Checkpoint(ORIGIN.site, 7, ROOT_HASH, 1_767_225_605)

VALUES: dict[str, JsonValue] = {
    "document_sha256": "51c82f17a3b5bf530017f174983942a0fba44bf06b19c6651438d3af51fc13bf",
    "document_size": 31,
    "document_name": 'Vertrag "Kauf" \\ Entwurf.pdf',
    "media_type": "application/pdf",
    "document_type": "Vertrag über Kauf",
    "signers": [
        {"name": "Zoë Ångström", "id": "zoe@acme.example", "certificate_sha256": "0f" * 32},
        {"name": "Ada\u2028Example 𝔸", "organization": "Acme B.V."},
    ],
    "signed_at": "2026-01-01T01:00:01.5+01:00",
    "signature": {"v": 1, "format": "PAdES", "valid": True, "chain": ["ab" * 32], "as_of": None},
    "recorded_by": "tab\tand line\nfeed",
    "recorded_at": "2026-01-01T00:00:04Z",
    "confirmation": {"v": 2, "by": "Bob"},
    "late": {"v": 1, "reason": "storm", "documents": []},
    "supersedes": "fe" * 32,
    "after": "0x" + "cd" * 32,
    "extra": {
        "case": 9_007_199_254_740_991,
        "below": -1,
        "flags": [True, False, None, {}],
        "": "<b>\x7f</b>",
    },
}


def _record(values: Mapping[str, JsonValue]) -> dict[str, Any]:
    record = make_record(values)
    texts = disclosures(record, SEED)
    return {
        "values": dict(values),
        "seed": SEED.hex(),
        "salts": [salt.hex() for salt in salts_from_seed(SEED)],
        "disclosures": list(texts),
        "digests": [disclosure_digest(text).hex() for text in texts],
        "leaf": leaf(record, SEED).hex(),
        "leaf_hash": leaf_hash(leaf(record, SEED)).hex(),
    }


def _checkpoint() -> dict[str, Any]:
    signature = sign_checkpoint(DOMAIN, CHECKPOINT, PRIVATE_KEY)
    return {
        "chain_id": DOMAIN.chain_id,
        "registry": to_hex(DOMAIN.registry),
        "origin": ORIGIN.text,
        "site": to_hex(CHECKPOINT.site),
        "size": CHECKPOINT.size,
        "root": to_hex(CHECKPOINT.root),
        "sealed_at": CHECKPOINT.sealed_at,
        "digest": to_hex(checkpoint_digest(DOMAIN, CHECKPOINT)),
        "private_key": to_hex(PRIVATE_KEY),
        "signature": to_hex(signature),
        "signer": to_hex(recover_checkpoint_signer(DOMAIN, CHECKPOINT, signature)),
    }


def _slots(shown: frozenset[str]) -> tuple[Slot, ...]:
    texts = disclosures(make_record(VALUES), SEED)
    return tuple(
        Slot(text if name in shown else None, disclosure_digest(text))
        for name, text in zip(SLOTS, texts, strict=True)
    )


def _confirmation() -> dict[str, Any]:
    """What two people sign of a record, each with a key; the second one after he saw no document, and knew no block."""
    digests = [disclosure_digest(text) for text in disclosures(make_record(VALUES), SEED)]
    content, parts, recorded = content_digest(digests), [], None
    for number, name, after in ((1, "Zoë Ångström", ROOT_HASH), (2, "Ada\u2028Example 𝔸", None)):
        private_key = bytes((number,)) * 32
        credential = KeyCredential(address_from_private_key(private_key))
        statement = Statement(
            name, Hash32(bytes((0x50 + number,)) * 32), 1_767_225_600 + number, after, after is not None
        )
        recorded = statement_digest(DOMAIN, ORIGIN.site, content, number, statement, credential, recorded)
        parts.append((Attestation(statement, credential, sign_digest(recorded, private_key)), recorded))
    (first, first_digest), (second, second_digest) = parts
    passkey = PasskeyCredential(bytes(range(0x30, 0x60)), "rotterdam.acme.example")
    return {
        "digests": [digest.hex() for digest in digests],
        "content": content.hex(),
        "recorded": to_hex(first_digest),
        "confirmed": to_hex(second_digest),
        "passkey": passkey.members(),
        "passkey_digest": credential_digest(passkey).hex(),
        "slot": encode_confirmation(Confirmation(first, second)),
    }


def _evidence(shown: frozenset[str], parts: int) -> bytes:
    """Of a record; with 1 part more its checkpoint, with 2 the anchor, with 3 everything of version 1, with 4 of version 2. Headers and
    nodes are any bytes."""
    signed = SignedCheckpoint(
        CHECKPOINT.size,
        CHECKPOINT.root,
        CHECKPOINT.sealed_at,
        sign_checkpoint(DOMAIN, CHECKPOINT, PRIVATE_KEY),
        3,
        tuple(Hash32(bytes((number,)) * 32) for number in range(3)),
    )
    anchor = AnchorProof(1, (b"root node", b"", b"\xff" * 40), 2, (b"header 5", b"header 6 and more"))
    return encode_evidence(
        Evidence(
            DOMAIN,
            ORIGIN,
            _slots(shown),
            signed if parts >= 1 else None,
            anchor if parts >= 2 else None,
            (b"header 3", b"header 4") if parts >= 3 else None,
            ((b"hop 1", b"hop 1, next"), (b"hop 2",)) if parts >= 3 else (),
            (b"header 4", b"header 4 again") if parts >= 4 else None,
        )
    )


def _rivals() -> bytes:
    """Of a log of 5 and one of 7 leaves; the longer one has an anchor. Headers and nodes of the chain are any bytes."""
    anchor = AnchorProof(1, (b"root node", b"", b"\xff" * 40), 2, (b"header 5", b"header 6 and more"))
    shorter, longer = (
        MemoryLog(map(leaf_hash, (b"%s %d" % (name, at) for at in range(size))))
        for name, size in ((b"a", 5), (b"b", 7))
    )
    rotation = KeyRotation(ORIGIN.site, Address(bytes(20)), 3600, 1)
    return encode_rivals(
        make_rivals(
            DOMAIN,
            ORIGIN,
            (_rival(shorter, None), _rival(longer, anchor)),
            longer.node_at,
            rotations=(SignedRotation(rotation, sign_key_rotation(DOMAIN, rotation, PRIVATE_KEY)),),
            hops=((b"hop 1", b"hop 1, next"), (b"hop 2",)),
        )
    )


def _rival(log: MemoryLog, anchor: AnchorProof | None) -> RivalCheckpoint:
    checkpoint = Checkpoint(ORIGIN.site, log.size, log.root(), 1_767_225_600 + log.size)
    signature = sign_checkpoint(DOMAIN, checkpoint, PRIVATE_KEY)
    return RivalCheckpoint(checkpoint.size, checkpoint.root, checkpoint.sealed_at, signature, anchor)


def _statement() -> bytes:
    """Of two leaves of seven, the second of which discloses nothing. The hashes around them, headers and nodes of the chain are any bytes."""
    return encode_statement(
        StatedRange(
            DOMAIN,
            ORIGIN,
            3,
            5,
            (_slots(frozenset(SLOTS) - {"extra"}), _slots(frozenset())),
            (Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)),
            (Hash32(b"\x03" * 32),),
            _stated(),
            AnchorProof(1, (b"root node", b"", b"\xff" * 40), 2, (b"header 5", b"header 6 and more")),
            ((b"hop 1", b"hop 1, next"), (b"hop 2",)),
        )
    )


def _stated() -> StatedCheckpoint:
    signature = sign_checkpoint(DOMAIN, CHECKPOINT, PRIVATE_KEY)
    return StatedCheckpoint(CHECKPOINT.size, CHECKPOINT.root, CHECKPOINT.sealed_at, signature)


def _audit() -> bytes:
    """Of everything that a report can hold; the anchor is any bytes."""
    report = AuditReport(
        DOMAIN,
        ORIGIN,
        "2026-06-30T12:00:00Z",
        "perdure 1",
        "Zoë",
        (("records", 7), ("anchors", 0)),
        (ReportedCheck("log", "done", 7), ReportedCheck("registry", "could not", 0, 'no "route" \\ \u2028')),
        (ReportedFinding("log_damaged", "error", 2, "means", "do", ("leaf 1", "tab\tand \x7f")),),
        _stated(),
        AnchorProof(1, (b"root node",), 2, (b"header 5",)),
        ((b"hop 1",),),
    )
    return encode_report(replace(report, signature=sign_report(report, PRIVATE_KEY)))


def _trust() -> bytes:
    def address(number: int) -> Address:
        return Address(bytes((number,)) * 20)

    def epoch(first: int, last: int | None, **others: Any) -> Epoch:
        rules = {"client": "besu", "consensus": "qbft", "selection": "header", "quorum_rule": "ceil(2n/3)"}
        return Epoch(first, last, **(rules | others), curve="secp256k1", validators=(address(1), address(2)))

    clique = {"client": "geth", "consensus": "clique", "quorum_rule": "floor(n/2)+1"}
    return encode_trust_file(
        TrustFile(
            name="Konsortium „Æsir“",
            version=3,
            predecessor="0a" * 32,
            devnet=False,
            chain_id=20_260,
            genesis_hash=Hash32(b"\x11" * 32),
            registry=ContractPin(DOMAIN.registry, Hash32(b"\x22" * 32), 12),
            consortium=ContractPin(address(9), Hash32(b"\x33" * 32), 11),
            partners=(
                Partner("acme", address(7), "Acme B.V.", "NL 1", "office@acme.example"),
                Partner("b-1", address(8)),
            ),
            sites=(PinnedSite(ORIGIN, (address(5), address(6))), PinnedSite(Origin("b-1", "x"), ())),
            epochs=(
                epoch(0, 9, **clique),
                epoch(10, 19, consensus="ibft2"),
                epoch(20, 29, client="goquorum", quorum_rule="2f+1"),
                epoch(31, 39, selection="contract"),
                epoch(40, None),
            ),
        )
    )


def golden_files() -> Mapping[str, bytes]:
    """What the library writes now, by the golden file's name."""
    everything = frozenset(SLOTS)
    values = {
        "record.json": _record(VALUES),
        "empty-record.json": _record({}),
        "checkpoint.json": _checkpoint(),
        "confirmation.json": _confirmation(),
    }
    return {
        **{name: (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode() for name, value in values.items()},
        "recorded.evidence.json": _evidence(frozenset(), 0),
        "signed.evidence.json": _evidence(frozenset({"document_sha256", "after"}), 1),
        "anchored.evidence.json": _evidence(everything - {"extra"}, 2),
        "whole.evidence.json": _evidence(everything, 3),
        "confirmed.evidence.json": _evidence(everything, 4),
        "consortium.json": _trust(),
        "two-histories.rivals.json": _rivals(),
        "stretch.statement.json": _statement(),
        "june.audit.json": _audit(),
        "outgoing.bundle": pieces_of(outgoing()),
        "return.bundle": pieces_of(returning()),
    }  # fmt: skip


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, raw in golden_files().items():
        if not (GOLDEN / name).exists():
            (GOLDEN / name).write_bytes(raw)


if __name__ == "__main__":
    main()
