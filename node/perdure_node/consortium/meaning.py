"""What a transaction to the consortium's contracts does, in words, from its own bytes and nothing else.

Whoever signs on a machine without network has nothing but these words. So each is read from the calldata, in its canonical encoding;
names stand for hashes only where their keccak256 is the hash; and a call that is not understood has no meaning, so it is not signed.
What a proposal with a number is about is not in the calldata of a vote: that can only be claimed, and is not said here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256, to_hex
from perdure_anchor.timestamp import told_time
from perdure_anchor.trust import TrustFile
from perdure_contracts.abi import AbiValue, contract_abi
from perdure_contracts.artifacts import ContractName, load_artifact
from perdure_contracts.rpc_errors import RpcBadAnswer
from perdure_contracts.unsigned_transaction import ContractCall, created_address

from perdure_node.consortium.step_file import SignedStep, UnsignedStep

_DAY: Final = 86_400

Arguments = Mapping[str, AbiValue]


class NotUnderstood(ConfigError):
    """What the transaction does cannot be said, so nobody should sign it."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One call: a line that says what it does, the details, and what cannot be taken back."""

    title: str
    rows: tuple[tuple[str, str], ...]
    irrevocable: tuple[str, ...]


class Names:
    """Texts by their keccak256: partners, sites and whatever else a file or the user names. A wrong one is never used."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_hash = {keccak256(text.encode()): text for text in texts}

    def shown(self, name: Hash32) -> str:
        """The text, else the hash itself."""
        return self._by_hash.get(name) or f"the unknown {to_hex(name)}"


def names_of(trust: TrustFile | None, texts: Iterable[str] = ()) -> Names:
    """The names in a trust file and these."""
    known = list(texts)
    if trust is not None:
        known += [partner.name for partner in trust.partners]
        known += [site.origin.text for site in trust.sites]
    return Names(known)


def meaning_of(call: ContractCall, trust: TrustFile | None, names: Names) -> Meaning:
    """What a call does to the contracts of the trust file; raises `NotUnderstood`.

    Without a trust file only contracts that are created are understood.
    """
    try:
        if call.to is None:
            return _creation(call.calldata)
        contract = _contract_at(call.to, trust)
        function, arguments = contract_abi(contract).decode_call(call.calldata)
    except RpcBadAnswer as error:
        raise NotUnderstood(f"the transaction cannot be put into words: {error}", hint=_REFUSE) from error
    words = _WORDS.get(function)
    if words is None:
        raise NotUnderstood(f"the transaction calls {function}, which is no step of a partner", hint=_REFUSE)
    return words(arguments, names)


_REFUSE = "do not sign it; ask whoever gave it to you for a new one"


def _contract_at(address: Address, trust: TrustFile | None) -> ContractName:
    pins: dict[Address, ContractName] = (
        {}
        if trust is None
        else {trust.consortium.address: "Consortium", trust.registry.address: "AnchorRegistry"}
    )
    if address not in pins:
        raise NotUnderstood(
            f"the transaction goes to {checksum_address(address)}, which no trust file at hand names",
            hint="give the consortium's trust file with --trust FILE; if it does not name this address, do not sign",
        )
    return pins[address]


def _creation(code: bytes) -> Meaning:
    for name, words in (("Consortium", _found_consortium), ("AnchorRegistry", _found_registry)):
        bytecode = load_artifact(name).bytecode
        if code.startswith(bytecode):
            return words(contract_abi(name).decode_constructor(code[len(bytecode) :]))
    raise NotUnderstood(
        "the transaction creates a contract that is none of Perdure's, or of another version", hint=_REFUSE
    )


def _found_consortium(arguments: Arguments) -> Meaning:
    partners, count = (
        zip(arguments["names"], arguments["accounts"], strict=False),
        len(arguments["names"]),
    )
    return Meaning(
        f"create a consortium of {count} founding partner{'s' * (count != 1)}",
        tuple((f"partner {name}", checksum_address(account)) for name, account in partners),
        (
            "the founders' names and accounts are for ever; more than half of the partners decide from then on who is one",
            "nobody can change, stop or remove the contract",
        ),
    )


def _found_registry(arguments: Arguments) -> Meaning:
    asked = checksum_address(arguments["consortium_"])
    return Meaning(
        "create a registry of checkpoints",
        (("asks consortium", asked),),
        ("whom it asks who the partners are can never be changed, nor can the contract be removed",),
    )


def _admit(arguments: Arguments, _: Names) -> Meaning:
    return Meaning(
        f"propose to admit the partner {arguments['name']}, and vote for it",
        (("partner", arguments["name"]), ("its account", checksum_address(arguments["account"]))),
        (
            "your vote cannot be taken back before the proposal expires, after 14 days",
            "once admitted, it votes on everything; its name and its account are never given to another",
        ),
    )


def _expel(arguments: Arguments, names: Names) -> Meaning:
    return Meaning(
        f"propose to expel the partner {names.shown(arguments['partner'])}, and vote for it",
        (("partner", names.shown(arguments["partner"])),),
        (
            "your vote cannot be taken back before the proposal expires, after 14 days",
            (
                "an expelled partner is never admitted again under its name, and its sites are frozen for ever: none of their waiting "
                "checkpoints can be anchored by anybody"
            ),
        ),
    )


def _approve(arguments: Arguments, _: Names) -> Meaning:
    return Meaning(
        f"vote for proposal {arguments['id']}",
        (("proposal", str(arguments["id"])),),
        (
            "your vote cannot be taken back before the proposal expires",
            "what the proposal is about is not in what you sign, only its number: have the partner who proposed it read it out",
        ),
    )


def _execute(arguments: Arguments, _: Names) -> Meaning:
    return Meaning(
        f"carry out proposal {arguments['id']}, if more than half of the partners approve it",
        (("proposal", str(arguments["id"])),),
        (
            "an admission can only be undone by expelling, an expulsion not at all",
            "what the proposal is about is not in what you sign, only its number",
        ),
    )


def _rotate_account(arguments: Arguments, names: Names) -> Meaning:
    partner = names.shown(arguments["partner"])
    return Meaning(
        f"replace the account of the partner {partner}",
        (("partner", partner), ("new account", checksum_address(arguments["newAccount"]))),
        (
            "the old account never acts for anybody again; whoever has the new account's key is the partner from then on",
            "votes that the old account gave no longer count until the new one gives them again",
        ),
    )


def _register(arguments: Arguments, _: Names) -> Meaning:
    origin = f"{arguments['partner']}/{arguments['localName']}"
    return Meaning(
        f"register the site {origin}",
        (("site", origin), ("its key", checksum_address(arguments["key"]))),
        ("the name is taken for ever; whoever has the key can anchor the site's first checkpoint",),
    )


def _rotate_key(arguments: Arguments, names: Names) -> Meaning:
    site, grace, signature = names.shown(arguments["site"]), arguments["gracePeriod"], arguments["signature"]
    by = "the old key's signed message" if signature else "the partner's word"
    return Meaning(
        f"replace the key of the site {site}",
        (
            ("site", site),
            ("new key", checksum_address(arguments["newKey"])),
            ("old key signs", f"for {duration(grace)} more" if grace else "nothing more"),
            ("by", by),
        ),
        (
            "a key before the old one ends now, and checkpoints that it signed and that are not anchored yet never can be",
            "checkpoints of the old key that are still on their way have to arrive within its time",
        ),
    )


def _revoke_key(arguments: Arguments, names: Names) -> Meaning:
    site = names.shown(arguments["site"])
    return Meaning(
        f"revoke the key of the site {site}",
        (("site", site),),
        (
            (
                "checkpoints that are signed and not anchored yet, on sticks for instance, can never be anchored; their records can be, "
                "by a new key that you set with rotate-key"
            ),
            "what was anchored stays",
        ),
    )


def _mark(arguments: Arguments, names: Names) -> Meaning:
    site, since = names.shown(arguments["site"]), arguments["since"]
    return Meaning(
        f"state that the key of the site {site} may have been in other hands",
        (("site", site), ("since", told_time(since))),
        (
            "the statement is for ever and public; it can only be moved to an earlier time",
            "evidence that was anchored later is named in verdicts under a trust file that says so; anchored before, it stays good",
            "every key that the site had between that time and now is meant",
            "it stops nobody from signing: revoke-key does",
        ),
    )


def _succeed(arguments: Arguments, names: Names) -> Meaning:
    old, new = names.shown(arguments["oldSite"]), names.shown(arguments["newSite"])
    return Meaning(
        f"close the log of the site {old}, which goes on as {new}",
        (("closed", old), ("goes on as", new)),
        (
            f"nothing is ever anchored in {old} again, and its successor cannot be changed",
            "what was anchored stays good",
        ),
    )


_WORDS: Final[Mapping[str, Callable[[Arguments, Names], Meaning]]] = {
    "proposeAdmission": _admit,
    "proposeExpulsion": _expel,
    "approve": _approve,
    "execute": _execute,
    "rotateAccount": _rotate_account,
    "registerSite": _register,
    "rotateKey": _rotate_key,
    "revokeKey": _revoke_key,
    "markCompromised": _mark,
    "succeed": _succeed,
}


def duration(seconds: int) -> str:
    """In days where it is whole days."""
    days, rest = divmod(seconds, _DAY)
    return f"{seconds} s" if rest else f"{days} days" if days != 1 else "1 day"


def meanings_of(step: UnsignedStep | SignedStep, trust: TrustFile | None) -> list[Meaning]:
    """What each transaction of a step does, of which a chain other than the trust file's is no part; raises `NotUnderstood`."""
    chain_id = step.transactions[0].chain_id
    if trust is not None and chain_id != trust.chain_id:
        raise NotUnderstood(
            f"the transaction is for the chain {chain_id}, the trust file is of {trust.chain_id}",
            hint=_REFUSE,
        )
    _check_founded_together(step)
    names = names_of(trust, step.names)
    return [meaning_of(transaction.call, trust, names) for transaction in step.transactions]


def _check_founded_together(step: UnsignedStep | SignedStep) -> None:
    """A registry that is created asks the consortium that the transaction before it creates, not somebody else's."""
    bytecode = load_artifact("AnchorRegistry").bytecode
    for place, transaction in enumerate(step.transactions):
        call = transaction.call
        if call.to is None and call.calldata.startswith(bytecode):
            try:
                asked = contract_abi("AnchorRegistry").decode_constructor(call.calldata[len(bytecode) :])
            except RpcBadAnswer as error:
                raise NotUnderstood(str(error), hint=_REFUSE) from error
            created = created_address(step.account, transaction.nonce - 1)
            if place == 0 or asked["consortium_"] != created:
                raise NotUnderstood(
                    "the registry would ask another consortium than the one created with it", hint=_REFUSE
                )
