"""Steps 1 to 4: another registry, records of the wrong form, another document, a leaf that is not in the checkpoint, bad signatures.

A record's faults are sealed into the log, so that everything after step 2 fits.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perdure_anchor.checkpoint import MAX_TREE_SIZE, Checkpoint, RegistryDomain, sign_checkpoint
from perdure_anchor.evidence import Evidence, encode_evidence
from perdure_anchor.hashes import sha256
from perdure_anchor.log import leaf_hash, root_from_inclusion_proof
from perdure_anchor.record import SLOTS, leaf_from_digests
from simulated_chain import DOCUMENT, DOMAIN, REGISTRY, SITE_KEY, account, with_checkpoint
from tools.accounts import GROUP_ORDER, high_s_twin
from tools.vectors.base import (
    RAW,
    SMALL,
    STORY,
    checkpoint_of,
    disclosing,
    disclosure,
    put,
    raw_of,
    valued,
)
from tools.vectors.form import Case
from tools.vectors.form_cases import deep

SIGNED = replace(SMALL, anchor=None)
DIGEST = DOCUMENT.sha256.hex()


def _registry() -> dict[str, Case]:
    wrong = {
        "wrong-chain": ("of another chain", RegistryDomain(1, REGISTRY)),
        "chain-id-2-to-53-less-1": ("the largest chain id that can be written", RegistryDomain(2**53 - 1, REGISTRY)),
        "wrong-registry": ("of another contract", RegistryDomain(DOMAIN.chain_id, account("copy").address)),
        "registry-zero": ("of the address zero", RegistryDomain(DOMAIN.chain_id, type(REGISTRY)(bytes(20)))),
    }  # fmt: skip
    cases = {
        name: Case(about, encode_evidence(replace(SMALL, domain=domain)), (1, "WrongRegistry"))
        for name, (about, domain) in wrong.items()
    }
    other = RegistryDomain(DOMAIN.chain_id, account("copy").address)
    checkpoint = _checkpoint(SIGNED)
    signature = sign_checkpoint(other, checkpoint, SITE_KEY.private_key)
    replayed = with_checkpoint(replace(SIGNED, domain=other), signature=signature)
    cases["signed-for-a-copy-of-the-registry"] = Case(
        "the site's pinned key signed the checkpoint for a copy of the registry at another address",
        encode_evidence(replayed),
        (1, "WrongRegistry"),
        require="signed",
    )
    return cases


def _checkpoint(evidence: Evidence) -> Checkpoint:
    signed = checkpoint_of(evidence)
    return Checkpoint(evidence.origin.site, signed.size, signed.root, signed.sealed_at)


def _of(name: str, files: Mapping[str, tuple[str, bytes]], step: int = 2, **asked: Any) -> dict[str, Case]:
    """Those of step 2 come without a document, so that they meet no fault at step 3 as well."""
    asked = asked or ({"document": None} if step == 2 else {})
    return {key: Case(about, raw, (step, name), **asked) for key, (about, raw) in files.items()}


def _disclosures() -> dict[str, Case]:
    def texts(slot: str, **named: tuple[str, str]) -> dict[str, tuple[str, bytes]]:
        return {
            f"disclosure-{name.replace('_', '-')}": (about, disclosing(slot, text))
            for name, (about, text) in named.items()
        }

    good = disclosure("media_type", '"text/plain"')
    swapped = raw_of(edit_disclosures=lambda texts: (texts[1], texts[0], *texts[2:]))
    doubled = raw_of(edit_disclosures=lambda texts: (*texts[:4], texts[4], texts[4], *texts[6:]))
    return {
        **_of("JsonError", texts("media_type", empty=("no text", ""), cut=("cut off", good[:-1]), garbage=("garbage behind it", good + "]"))),
        **_of("DoubledKey", texts("extra", doubled_key=("a member twice in the value", disclosure("extra", '{"a":1,"a":2}')))),
        **_of("NotInteger", texts("extra", fraction=("a number with a fraction in the value", disclosure("extra", '{"a":1.5}')), integer_2_to_64=("2^64 in the value", disclosure("extra", '{"a":18446744073709551616}')))),
        **_of("LoneSurrogate", texts("media_type", lone_surrogate=("half of a surrogate pair in the value", disclosure("media_type", '"\\ud800"')))),
        **_of("TooDeep", texts("extra", nested_17_deep=("a value inside 17 lists and objects", disclosure("extra", deep(17))))),
        **_of(
            "DisclosureError",
            {
                **texts(
                    "media_type",
                    an_object=("an object", '{"salt":"","name":"media_type","value":null}'),
                    text_only=("a string", '"media_type"'),
                    of_two=("salt and name only", f'["{"0" * 32}","media_type"]'),
                    of_four=("a fourth item", f'{good[:-1]},null]'),
                    salt_in_capitals=("a salt in capitals", good.replace("0" * 32, "A" * 32)),
                    salt_of_31=("a salt of 31 digits", good.replace("0" * 32, "0" * 31)),
                    salt_of_34=("a salt of 17 bytes", good.replace("0" * 32, "0" * 34)),
                    salt_with_other_digits=("digits beyond ASCII in the salt", good.replace("0" * 32, "٣" * 32)),
                    salt_a_number=("a number as salt", good.replace(f'"{"0" * 32}"', "0")),
                    name_a_number=("a number as name", good.replace('"media_type"', "3")),
                    of_another_slot=("the name of another slot", good.replace("media_type", "document_name")),
                    name_unknown=("a name that no slot has", good.replace("media_type", "mediatype")),
                ),
                "slots-out-of-order": ("the first two slots in each other's places, sealed so", swapped),
                "slot-doubled": ("the fifth slot's disclosure in the sixth place too, sealed so", doubled),
            },
        ),
    }  # fmt: skip


# what each slot cannot hold: name of the vector, slot, what is wrong, JSON text of the value
VALUES: tuple[tuple[str, str, str, str], ...] = (
    ("document-sha256-in-capitals", "document_sha256", "a digest in capitals", json.dumps(DIGEST.upper())),
    ("document-sha256-with-0x", "document_sha256", "a digest with 0x", json.dumps("0x" + DIGEST[2:])),
    ("document-sha256-of-63", "document_sha256", "a digit too few", json.dumps(DIGEST[1:])),
    ("document-size-negative", "document_size", "a negative size", "-1"),
    ("document-size-as-text", "document_size", "a size as text", '"31"'),
    ("document-size-true", "document_size", "a boolean as size", "true"),
    ("document-name-a-number", "document_name", "a number as name", "7"),
    ("document-name-of-1025", "document_name", "a name of 1025 characters", json.dumps("n" * 1025)),
    ("media-type-a-list", "media_type", "a list as media type", '["text/plain"]'),
    ("document-type-an-object", "document_type", "an object as kind", "{}"),
    ("recorded-by-of-1025", "recorded_by", "1025 characters", json.dumps("r" * 1025)),
    ("signers-an-object", "signers", "one signer without a list", '{"name":"Ada"}'),
    ("signers-of-65", "signers", "65 signers", json.dumps([{"name": "Ada"}] * 65)),
    ("signer-a-name", "signers", "a signer as text", '["Ada"]'),
    ("signer-without-name", "signers", "a signer without a name", '[{"id":"ada"}]'),
    ("signer-name-null", "signers", "a signer whose name is null", '[{"name":null}]'),
    ("signer-with-another-member", "signers", "an unknown member", '[{"name":"Ada","role":"CEO"}]'),
    ("signer-certificate-of-63", "signers", "a certificate's digest of 63 digits", json.dumps([{"name": "Ada", "certificate_sha256": "0" * 63}])),
    ("signed-at-without-seconds", "signed_at", "no seconds", '"2026-05-04T10:00Z"'),
    ("signed-at-without-zone", "signed_at", "no zone", '"2026-05-04T10:00:00"'),
    ("signed-at-with-small-t", "signed_at", "a small t", '"2026-05-04t10:00:00Z"'),
    ("signed-at-with-space", "signed_at", "a space in the place of T", '"2026-05-04 10:00:00Z"'),
    ("signed-at-hour-24", "signed_at", "the hour 24", '"2026-05-04T24:00:00Z"'),
    ("signed-at-second-60", "signed_at", "a leap second", '"2026-06-30T23:59:60Z"'),
    ("signed-at-offset-24", "signed_at", "an offset of 24 hours", '"2026-05-04T10:00:00+24:00"'),
    ("signed-at-offset-minute-60", "signed_at", "an offset of 60 minutes", '"2026-05-04T10:00:00+10:60"'),
    ("signed-at-february-29", "signed_at", "a day that the year does not have", '"2026-02-29T10:00:00Z"'),
    ("signed-at-month-13", "signed_at", "the month 13", '"2026-13-01T10:00:00Z"'),
    ("signed-at-day-0", "signed_at", "the day 0", '"2026-05-00T10:00:00Z"'),
    ("signed-at-year-0", "signed_at", "the year 0", '"0000-05-04T10:00:00Z"'),
    ("signed-at-ten-digits", "signed_at", "a fraction of ten digits", '"2026-05-04T10:00:00.0123456789Z"'),
    ("signed-at-empty-fraction", "signed_at", "a fraction of no digits", '"2026-05-04T10:00:00.Z"'),
    ("signed-at-with-line-feed", "signed_at", "a line feed at the end", '"2026-05-04T10:00:00Z\\n"'),
    ("signed-at-other-digits", "signed_at", "digits beyond ASCII", '"٢٠٢٦-05-04T10:00:00Z"'),
    ("recorded-at-a-number", "recorded_at", "seconds", "1767225604"),
    ("signature-as-text", "signature", "text in the place of an object", '"PAdES"'),
    ("confirmation-without-v", "confirmation", "no version", '{"by":"Bob"}'),
    ("late-v-negative", "late", "a negative version", '{"v":-1}'),
    ("late-v-as-text", "late", "a version as text", '{"v":"1"}'),
    ("supersedes-with-0x", "supersedes", "a leaf hash with 0x", json.dumps("0x" + "0" * 62)),
    ("after-without-0x", "after", "a block hash without 0x", json.dumps("0" * 64)),
    ("after-in-capitals", "after", "a block hash in capitals", json.dumps("0x" + "A" * 64)),
    ("extra-a-list", "extra", "a list as extra", "[]"),
    ("extra-nested-9-deep", "extra", "a value inside nine lists and objects of its own", f'{{"x":{deep(8)[:8]}0{deep(8)[8:]}}}'),
)  # fmt: skip


def _values() -> dict[str, Case]:
    return {
        name: Case(f"{slot}: {about}", valued(slot, value), (2, "SlotValueError"), document=None)
        for name, slot, about, value in VALUES
    }


def _documents() -> dict[str, Case]:
    def recorded(**slots: object) -> bytes:
        return raw_of(slots=tuple(slots.items()))

    hidden = raw_of(hidden=STORY.hidden | {"document_sha256"})
    return {
        "another-document": Case("the document has a letter more", RAW, (3, "DocumentMismatch"), document=b"the contract, as it was signed.\n"),
        "empty-document": Case("a document of no bytes", RAW, (3, "DocumentMismatch"), document=b""),
        "another-document-size": Case("the digest fits, the recorded size does not", recorded(document_size=32), (3, "DocumentMismatch")),
        "document-hidden": Case("which document was recorded is hidden", hidden, (3, "DocumentHidden")),
        "document-null": Case("the record is of no document", recorded(document_sha256=None, document_size=None), (3, "DocumentHidden")),
    }  # fmt: skip


def _resigned(**changes: object) -> bytes:
    """Evidence that is not anchored, of a checkpoint with changes, signed by the pinned key."""
    changed = with_checkpoint(SIGNED, **changes)
    signature = sign_checkpoint(DOMAIN, _checkpoint(changed), SITE_KEY.private_key)
    return encode_evidence(with_checkpoint(changed, signature=signature))


def _places() -> dict[str, Case]:
    signed = checkpoint_of(SMALL)
    path, last = signed.path, SMALL.slots[-1]
    altered = (*SMALL.slots[:-1], replace(last, digest=sha256(b"another digest")))

    def sealed(**changes: object) -> bytes:
        return encode_evidence(with_checkpoint(SMALL, **changes))

    other_root = _resigned(root=sha256(b"another root"))
    return {
        **_of("RootMismatchError", {"wrong-root": ("another root, signed so", other_root)}, 4, require="signed"),
        **_of(
            "IndexOutOfRangeError",
            {
                "index-is-size": ("the index is the size", sealed(index=7)),
                "index-far-beyond-size": ("the largest index", sealed(index=MAX_TREE_SIZE)),
            },
            4,
        ),
        **_of("IndexOutOfRangeError", {"size-0": ("a log of no leaves, signed so", _resigned(size=0, index=0, path=()))}, 4, require="signed"),
        **_of(
            "ProofLengthError",
            {
                "short-path": ("the path without its last hash", sealed(path=path[:-1])),
                "long-path": ("a hash more in the path", sealed(path=(*path, path[-1]))),
                "no-path": ("no path in a log of seven", sealed(path=())),
                "path-of-48": ("48 hashes in a log of seven", sealed(path=path[:1] * 48)),
                "index-with-shorter-path": ("an index whose path is shorter", sealed(index=6)),
            },
            4,
        ),
        **_of("ProofLengthError", {"size-with-longer-path": ("a size with a longer path, signed so", _resigned(size=9))}, 4, require="signed"),
        **_of(
            "RootMismatchError",
            {
                "wrong-index": ("the index of the leaf beside it", sealed(index=2)),
                "wrong-sibling": ("another sibling at the bottom", sealed(path=(sha256(b"sibling"), *path[1:]))),
                "path-from-the-root-down": ("the path in the wrong order", sealed(path=path[::-1])),
                "wrong-digest": ("another digest of a hidden slot", encode_evidence(replace(SMALL, slots=altered))),
                "disclosure-respelled": ("a space more in a disclosure", put("slots", 0, value={"disclosure": f"{SMALL.slots[0].disclosure} "})),
                "disclosure-value-changed": ("another value in a disclosure", put("slots", 2, value={"disclosure": (SMALL.slots[2].disclosure or "").replace("contract", "contrast")})),
            },
            4,
        ),
    }  # fmt: skip


def _signatures() -> dict[str, Case]:
    good = checkpoint_of(SMALL).signature
    order = GROUP_ORDER.to_bytes(32, "big")
    wrong = {
        "signature-all-zero": ("65 zero bytes but for v", bytes(64) + b"\x1b"),
        "signature-r-zero": ("r is zero", bytes(32) + good[32:]),
        "signature-s-zero": ("s is zero", good[:32] + bytes(32) + good[64:]),
        "signature-r-the-order": ("r is the group order", order + good[32:]),
        "signature-r-no-point": ("r is no point's x coordinate", (5).to_bytes(32, "big") + good[32:]),
        "signature-high-s": ("the twin with the high s, which the registry refuses", high_s_twin(good)),
        "signature-v-0": ("v as a validator's seal has it", good[:64] + bytes((good[64] - 27,))),
        "signature-v-29": ("recovery id 2", good[:64] + b"\x1d"),
        "signature-v-37": ("v as a transaction has it", good[:64] + b"\x25"),
    }
    return {
        name: Case(about, encode_evidence(with_checkpoint(SMALL, signature=signature)), (4, "SignatureError"))
        for name, (about, signature) in wrong.items()
    }


def signed_by_another(evidence: Evidence) -> Evidence:
    signature = sign_checkpoint(DOMAIN, _checkpoint(evidence), account("another").private_key)
    return with_checkpoint(evidence, signature=signature)


def _grades() -> dict[str, Case]:
    other_time = encode_evidence(with_checkpoint(SIGNED, sealed_at=1))
    recorded = encode_evidence(replace(SIGNED, checkpoint=None))
    return {
        "not-sealed-yet": Case("no checkpoint", recorded, (4, "GradeTooLow")),
        "not-sealed-yet-signed-wanted": Case("no checkpoint, where signed is asked for", recorded, (4, "GradeTooLow"), require="signed"),
        "no-site-key-signed-wanted": Case("signed, but no key of the site is pinned", encode_evidence(SIGNED), (4, "GradeTooLow"), trust="no-site-key", require="signed"),
        "another-key-signed-wanted": Case("signed by another key than the pinned one", encode_evidence(signed_by_another(SIGNED)), (4, "GradeTooLow"), require="signed"),
        "another-sealing-time-signed-wanted": Case("another sealing time under the same signature: its signer is somebody else", other_time, (4, "GradeTooLow"), require="signed"),
        "not-anchored-yet": Case("signed by a pinned key, and not anchored", encode_evidence(SIGNED), (5, "GradeTooLow")),
        "not-anchored-yet-no-site-key": Case("not anchored, and no key is pinned", encode_evidence(SIGNED), (4, "GradeTooLow"), trust="no-site-key"),
    }  # fmt: skip


def largest_log() -> bytes:
    """Leaf 0 of a log of 2^48 - 1 leaves, whose other hashes nobody knows the leaves of; signed by the pinned key."""
    leaf = leaf_hash(leaf_from_digests([slot.digest for slot in SMALL.slots]))
    path = tuple(sha256(b"sibling %d" % level) for level in range(48))
    root = root_from_inclusion_proof(leaf, 0, MAX_TREE_SIZE, path)
    checkpoint = replace(_checkpoint(SIGNED), size=MAX_TREE_SIZE, root=root)
    signature = sign_checkpoint(DOMAIN, checkpoint, SITE_KEY.private_key)
    return encode_evidence(
        with_checkpoint(SIGNED, size=MAX_TREE_SIZE, root=root, index=0, path=path, signature=signature)
    )


def cases() -> dict[str, Case]:
    assert len({slot for _, slot, _, _ in VALUES}) == len(SLOTS)
    return {
        **_registry(),
        **_disclosures(),
        **_values(),
        **_documents(),
        **_places(),
        **_signatures(),
        **_grades(),
    }
