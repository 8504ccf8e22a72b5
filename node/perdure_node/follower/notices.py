"""The contracts' events besides anchors: sites registered, their keys replaced or ended, partners admitted and expelled."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32, keccak256, to_hex
from perdure_anchor.receipt import EventLog
from perdure_anchor.trust import TrustFile
from perdure_contracts.abi import AbiValue, contract_abi
from perdure_contracts.anchored_logs import place_of
from perdure_contracts.answers import read_list
from perdure_contracts.artifacts import ContractName
from perdure_contracts.block_receipts import event_from_answer
from perdure_contracts.json_text import Json
from perdure_contracts.rpc_errors import RpcBadAnswer

from perdure_node.follower.errors import EventsNotVerified

# the name of the event's value that says whom it is about
_SUBJECTS: Final[dict[ContractName, dict[str, str]]] = {
    "AnchorRegistry": {
        "SiteRegistered": "site",
        "KeyRotated": "site",
        "KeyRevoked": "site",
        "MarkedCompromised": "site",
        "Succeeded": "oldSite",
    },
    "Consortium": {"PartnerAdmitted": "partner", "PartnerExpelled": "partner", "AccountRotated": "partner"},
}


@dataclass(frozen=True, slots=True)
class Notice:
    """An event at a ``place`` about a site or a partner; ``details`` are its values as JSON, bytes in hexadecimal."""

    place: int
    name: str
    subject: Hash32
    details: str


@dataclass(frozen=True, slots=True)
class SeenNotice:
    """A notice with the log that says it, and the hash of its block."""

    notice: Notice
    log: EventLog
    block_number: int
    block_hash: Hash32


@cache
def notice_topics() -> dict[Hash32, tuple[ContractName, str]]:
    """The topics of the events that are wanted, with contract and name."""
    return {
        contract_abi(contract).event_topic(name): (contract, name)
        for contract, names in _SUBJECTS.items()
        for name in names
    }


def notice_of(log: EventLog, place: int, trust: TrustFile) -> Notice | None:
    """What a log of one of the contracts says; None for an event of another kind. Raises `EventsNotVerified`."""
    contract, name = notice_topics().get(log.topics[0], (None, "")) if log.topics else (None, "")
    pins = {"AnchorRegistry": trust.registry.address, "Consortium": trust.consortium.address}
    if contract is None or pins[contract] != log.address:
        return None
    try:
        values = contract_abi(contract).decode_event(name, log)
    except RpcBadAnswer as error:
        raise EventsNotVerified(f"an event {name} of the node cannot be read: {error}") from error
    subject = Hash32(values[_SUBJECTS[contract][name]])
    _check_named(name, values, subject)
    details = {key: to_hex(value) if isinstance(value, bytes) else value for key, value in values.items()}
    return Notice(place, name, subject, json.dumps(details))


def _check_named(name: str, values: dict[str, AbiValue] | AbiValue, subject: Hash32) -> None:
    """A site's or partner's id follows from its name; who says otherwise did not get it from the contract."""
    try:
        good = {
            "SiteRegistered": lambda: parse_origin(values["origin"]).site == subject,
            "PartnerAdmitted": lambda: keccak256(values["name"].encode()) == subject,
        }.get(name, lambda: True)()
    except (EncodingError, UnicodeEncodeError):
        good = False
    if not good:
        raise EventsNotVerified(f"the node shows an event {name} whose name is not that of its id")


def notices_in(answer: Json, trust: TrustFile, begin: int, end: int) -> list[SeenNotice]:
    """The notices of a parsed result of eth_getLogs for these blocks; raises `RpcBadAnswer` or `EventsNotVerified`."""
    found: Sequence[SeenNotice | None] = [
        _seen(value, trust, begin, end) for value in read_list(answer, "events")
    ]
    notices = sorted((each for each in found if each is not None), key=lambda each: each.notice.place)
    if len({each.notice.place for each in notices}) != len(found):
        raise EventsNotVerified("the node shows two events in one place, or one that was not asked for")
    return notices


def _seen(value: Json, trust: TrustFile, begin: int, end: int) -> SeenNotice | None:
    event = event_from_answer(value)
    if not begin <= event.block_number <= end:
        raise RpcBadAnswer("answer of the node: an event that was not asked for")
    notice = notice_of(event.log, place_of(event.block_number, event.log_index), trust)
    return None if notice is None else SeenNotice(notice, event.log, event.block_number, event.block_hash)
