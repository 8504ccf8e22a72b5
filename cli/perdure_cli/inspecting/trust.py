"""Explains a trust file: what a verifier believes who pins it."""

from functools import partial

from perdure_anchor.epoch_words import block_worth, epoch_end, epoch_headline, epoch_weakness
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, parse_hex
from perdure_anchor.strict_json import JsonValue, WrongType, take_integer, take_list, take_text
from perdure_anchor.trust import Epoch
from perdure_anchor.trust_file import MAX_VALIDATORS, QUORUM_RULES, fingerprint, parse_trust_file

from perdure_cli.inspecting.json_reading import Reading, drop_cut_text
from perdure_cli.inspecting.parts import Break, Explanation, Part, value_text

_TOP = ("format", "name", "version", "predecessor", "devnet")
_CHAIN = ("chain_id", "genesis_hash")
_CONTRACTS = ("registry", "consortium")
_LISTS = ("partners", "sites", "epochs", "revocations")
_KEYS = (*_TOP, *_CHAIN, *_CONTRACTS, *_LISTS)
# as many as a trust file may have
_MAX_ENTRIES = 4096
_DEVNET = "true: one process held all keys of the chain, so evidence under this file proves nothing"


def explain_trust(raw: bytes, reading: Reading) -> Explanation:
    """A trust file from its bytes, and from what could be read of their JSON."""
    explanation = Explanation("trust", "JSON", len(raw))
    drop_cut_text(reading.value, ())
    members = reading.value if isinstance(reading.value, dict) else {}
    explanation.parts = [_explain_top(raw, members), *_explain_chain(members)]
    for key in _LISTS:
        if key in members:
            explanation.parts.append(_explain_list(key, members[key]))
    if reading.fault is not None:
        explanation.breaks.append(Break("JSON", reading.fault))
    else:
        _add_fault(explanation, raw)
    explanation.unread = tuple(key for key in _KEYS if key not in members)
    return explanation


def _add_fault(explanation: Explanation, raw: bytes) -> None:
    """What the strict reader says, unless a part breaks there already."""
    try:
        parse_trust_file(raw)
    except PerdureError as error:
        if not any(list(part.all_breaks()) for part in explanation.parts):
            explanation.breaks.append(Break("trust file", error))


def _explain_top(raw: bytes, members: dict[str, JsonValue]) -> Part:
    part = Part(
        "trust file",
        "what a verifier believes who pins this file",
        "nothing by itself: whoever pins it believes what it says, so its fingerprint is compared with the consortium's first",
    )
    part.say("fingerprint", fingerprint(raw))
    for key in _TOP:
        if key in members:
            part.say(key, _DEVNET if key == "devnet" and members[key] is True else _text(members[key]))
    return part


def _text(value: JsonValue) -> str:
    return "none" if value is None else value_text(value)


def _explain_chain(members: dict[str, JsonValue]) -> list[Part]:
    part = Part(
        "chain",
        "the chain, and its two contracts",
        "that a block is of this chain is shown by its validators' seals alone; the code hashes and the genesis hash are for "
        "whoever has a node to ask",
    )
    for key in _CHAIN:
        if key in members:
            part.say(key, _text(members[key]))
    for key in _CONTRACTS:
        contract = members.get(key)
        if isinstance(contract, dict):
            for name, value in contract.items():
                part.say(f"{key} {name}", _text(value))
    return [part] if part.facts else []


def _explain_list(key: str, value: JsonValue) -> Part:
    titles = {
        "partners": "the members of the consortium",
        "sites": "keys of sites, known from elsewhere than the chain",
        "epochs": "who the validators were, from block to block",
        "revocations": "keys of sites that are not believed from a time on, in seconds since 1970",
    }
    meanings = {
        "sites": "evidence signed by such a key reaches the grade signed without the registry's word",
        "epochs": "whose seals count, and how many of them are wanted",
        "revocations": "what such a key signed and what was anchored before stays good, the rest is named in verdicts",
    }
    part = Part(key, titles[key], meanings.get(key, ""))
    if not isinstance(value, list):
        part.refuse(key, WrongType(f"{key}: want a list"))
        return part
    part.say("number", str(len(value)))
    if len(value) > _MAX_ENTRIES:
        part.refuse(key, WrongType(f"{key}: got {len(value)} elements, want at most {_MAX_ENTRIES}"))
    for number, entry in enumerate(value[:_MAX_ENTRIES]):
        if not isinstance(entry, dict):
            part.refuse(f"{key}[{number}]", WrongType(f"{key}: want objects"))
        elif key == "epochs":
            part.parts.append(_explain_epoch(f"{key}[{number}]", entry, is_last=number == len(value) - 1))
        else:
            part.say(key.removesuffix("s"), _entry_text(entry))
    return part


def _entry_text(entry: dict[str, JsonValue]) -> str:
    """A partner or a site in a line."""
    return ", ".join(
        f"{name} {', '.join(map(value_text, value)) if isinstance(value, list) else value_text(value)}"
        for name, value in entry.items()
        if value != ""
    )


def _explain_epoch(where: str, entry: dict[str, JsonValue], *, is_last: bool) -> Part:
    part = Part(where, "an epoch")
    for name, value in entry.items():
        if name == "validators" and isinstance(value, list):
            part.say("validators", *map(value_text, value))
        elif name != "to" or value is not None:
            part.say(name, value_text(value))
        else:
            part.say("to", "open: the set is taken as still in force")
    epoch = _epoch(part, where, entry)
    if epoch is not None:
        _say_worth(part, epoch, is_last=is_last)
    return part


def _epoch(part: Part, where: str, entry: dict[str, JsonValue]) -> Epoch | None:
    """The epoch, if all that counting needs is there."""
    wanted = ("from", "to", "client", "consensus", "selection", "quorum", "curve", "validators")
    rules = QUORUM_RULES.get(str(entry.get("consensus")), ())
    if any(key not in entry for key in wanted) or entry["quorum"] not in rules:
        return None
    return part.read(where, partial(_taken, entry))


def _taken(entry: dict[str, JsonValue]) -> Epoch:
    def text(key: str) -> str:
        return take_text(entry[key], f"epoch {key}", 64)

    accounts, last = take_list(entry["validators"], "validators", MAX_VALIDATORS), entry["to"]
    return Epoch(
        from_block=take_integer(entry["from"], "epoch from"),
        to_block=None if last is None else take_integer(last, "epoch to"),
        client=text("client"),
        consensus=text("consensus"),
        selection=text("selection"),
        quorum_rule=text("quorum"),
        curve=text("curve"),
        validators=tuple(Address(parse_hex(account, 20, "validator")) for account in accounts),
    )


def _say_worth(part: Part, epoch: Epoch, *, is_last: bool) -> None:
    """What follows from the epoch, in the words that `perdure trust show` has too."""
    part.title = epoch_headline(epoch)
    worth = block_worth(epoch)
    part.say("seals wanted", f"{epoch.wanted_seals} of {len(epoch.validators)}")
    part.say("so", epoch_end(epoch, is_last=is_last), *filter(None, [epoch_weakness(epoch)]))
    part.say("lists", worth.lists)
    part.say("coinbases", worth.coinbases)
