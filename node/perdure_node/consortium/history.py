"""What happened in a consortium, from the contracts' events: each with its block and that block's time. The node's word."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.timestamp import told_time
from perdure_anchor.trust import ContractPin, TrustFile
from perdure_contracts.abi import AbiValue, contract_abi
from perdure_contracts.artifacts import ContractName
from perdure_contracts.block_receipts import ChainEvent
from perdure_contracts.chain import ChainClient

from perdure_node.consortium.meaning import Names

# without what each anchor emits
_EVENTS: Final[Mapping[ContractName, tuple[str, ...]]] = {
    "Consortium": (
        "PartnerAdmitted",
        "PartnerExpelled",
        "AccountRotated",
        "Proposed",
        "Approved",
        "Executed",
    ),
    "AnchorRegistry": ("SiteRegistered", "KeyRotated", "KeyRevoked", "MarkedCompromised", "Succeeded"),
}
_ANCHORS: Final = ("Anchored",)


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: its name in the contract, and in words what it says."""

    block_number: int
    block_time: int
    log_index: int
    transaction_hash: Hash32
    event: str
    words: str


def fetch_history(
    client: ChainClient, trust: TrustFile, *, anchors: bool = False, from_block: int | None = None
) -> tuple[Happening, ...]:
    """All that happened, oldest first; ``anchors`` tells of every anchored checkpoint too."""
    head = client.head_number()
    found: list[tuple[ChainEvent, str, Mapping[str, AbiValue]]] = []
    pins: Mapping[ContractName, ContractPin] = {
        "Consortium": trust.consortium,
        "AnchorRegistry": trust.registry,
    }
    for contract, pin in pins.items():
        abi = contract_abi(contract)
        for name in _EVENTS[contract] + (_ANCHORS if anchors and contract == "AnchorRegistry" else ()):
            topics = (abi.event_topic(name),)
            events = client.fetch_events(pin.address, topics, pin.deployment_block, head)
            found += [(event, name, abi.decode_event(name, event.log)) for event in events]
    names = Names(str(values[key]) for _, _, values in found for key in ("name", "origin") if key in values)
    first = 0 if from_block is None else from_block
    chosen = [entry for entry in found if entry[0].block_number >= first]
    times = {
        number: client.fetch_header(number).timestamp
        for number in sorted({event.block_number for event, _, _ in chosen})
    }
    happenings = [
        Happening(
            event.block_number,
            times[event.block_number],
            event.log_index,
            event.transaction_hash,
            name,
            _words(name, values, names),
        )
        for event, name, values in chosen
    ]
    return tuple(sorted(happenings, key=lambda each: (each.block_number, each.log_index)))


def _words(event: str, values: Mapping[str, AbiValue], names: Names) -> str:
    shown = {key: _shown(value, names) for key, value in values.items()}
    match event:
        case "KeyRotated":
            old = "no key" if not any(values["oldKey"]) else shown["oldKey"]
            return (
                f"{shown['site']}: key {old} -> {shown['newKey']}, the old one signs until "
                f"{told_time(values['oldKeyUntil'])}"
            )
        case "Proposed":
            verb = f"admit {values['name']} with {shown['account']}"
            what = verb if any(values["account"]) else f"expel {values['name']}"
            return f"proposal {values['id']}: {what}; open until {told_time(values['expiresAt'])}"
        case "MarkedCompromised":
            return f"{shown['site']}: its key may have been in other hands since {told_time(values['since'])}"
    return _SENTENCES[event].format_map(shown)


_SENTENCES: Final = {
    "PartnerAdmitted": "{name} is a partner, with the account {account}",
    "PartnerExpelled": "{partner} is expelled, its sites are frozen",
    "AccountRotated": "{partner}: account {oldAccount} -> {newAccount}",
    "Approved": "{partner} votes for proposal {id}",
    "Executed": "proposal {id} is carried out",
    "SiteRegistered": "{origin} is registered with the key {key}",
    "KeyRevoked": "{site}: key {key} is revoked",
    "Succeeded": "{oldSite} is closed at size {size} and goes on as {newSite}",
    "Anchored": "{site}: a checkpoint of size {size} is anchored, signed by {signer}",
}


def _shown(value: AbiValue, names: Names) -> str:
    if isinstance(value, bytes):
        return checksum_address(Address(value)) if len(value) == 20 else names.shown(Hash32(value))
    return str(value)
