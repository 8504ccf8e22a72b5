"""Trust files and their differences as programs read them; json_schema.json says the same in its own words."""

from collections.abc import Iterable

from perdure_anchor.epoch_words import block_worth
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.trust import ContractPin, Epoch
from perdure_anchor.trust_changes import Change, SuccessorFault

from perdure_cli.trust_store import TrustSource, TrustStore


def whole(source: TrustSource, store: TrustStore) -> dict[str, object]:
    """Everything that the file says."""
    trust = source.trust
    return {
        "ok": True,
        "name": trust.name,
        "version": trust.version,
        "fingerprint": source.fingerprint,
        "pinned": source.pinned,
        "devnet": trust.devnet,
        "chain_id": trust.chain_id,
        "genesis_hash": to_hex(trust.genesis_hash),
        "registry": _contract(trust.registry),
        "consortium": _contract(trust.consortium),
        "partners": [
            {
                "name": partner.name,
                "account": checksum_address(partner.account),
                "legal_name": partner.legal_name,
                "registration_number": partner.registration_number,
                "contact": partner.contact,
            }
            for partner in trust.partners
        ],
        "sites": [
            {"origin": site.origin.text, "keys": [checksum_address(key) for key in site.keys]}
            for site in trust.sites
        ],
        "revocations": [
            {
                "origin": entry.origin.text,
                "key": checksum_address(entry.key),
                "since": format_seconds(entry.since),
                "reason": "compromised" if entry.compromised else "revoked",
            }
            for entry in trust.revocations
        ],
        "epochs": [_epoch(epoch) for epoch in trust.epochs],
        "predecessor": trust.predecessor,
        "predecessor_pinned": store.by_digest(trust.predecessor) is not None,
        "file": str(source.path),
    }


def reference(source: TrustSource) -> dict[str, object]:
    """By what a file is told from others."""
    return {
        "fingerprint": source.fingerprint,
        "pinned": source.pinned,
        "name": source.trust.name,
        "version": source.trust.version,
        "file": str(source.path),
    }


def changes(found: Iterable[Change]) -> list[dict[str, object]]:
    """What changes; null for what was or is not there."""
    return [
        {"what": change.what, "before": change.before, "after": change.after, "caution": change.caution}
        for change in found
    ]


def faults(broken: Iterable[SuccessorFault]) -> list[dict[str, object]]:
    """The rules of succession that are broken."""
    return [{"error": type(fault).__name__, "message": str(fault), "hint": fault.hint} for fault in broken]


def _contract(pin: ContractPin) -> dict[str, object]:
    return {
        "address": checksum_address(pin.address),
        "code_hash": to_hex(pin.code_hash),
        "deployment_block": pin.deployment_block,
    }


def _epoch(epoch: Epoch) -> dict[str, object]:
    worth = block_worth(epoch)
    return {
        "from": epoch.from_block,
        "to": epoch.to_block,
        "client": epoch.client,
        "consensus": epoch.consensus,
        "selection": epoch.selection,
        "quorum": epoch.quorum_rule,
        "wanted_seals": epoch.wanted_seals,
        "can_be_final": epoch.is_final,
        "curve": epoch.curve,
        "validators": [checksum_address(validator) for validator in epoch.validators],
        "lists": worth.lists,
        "coinbases": worth.coinbases,
    }
