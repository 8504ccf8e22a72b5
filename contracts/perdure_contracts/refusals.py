"""What the registry and the consortium say when they refuse, in words.

Their custom errors carry the facts (contracts/src); the sentences here put them before a person, with the remedy where
there is one. An error that is in neither contract is shown as its bytes.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from perdure_anchor.errors import Refused
from perdure_anchor.hashes import Address, checksum_address, to_hex

from perdure_contracts.abi import SELECTOR_SIZE, AbiEntry, AbiValue, contract_abi, decode_arguments
from perdure_contracts.artifacts import CONTRACT_NAMES
from perdure_contracts.refused import ExecutionReverted
from perdure_contracts.rpc_errors import RpcBadAnswer, quoted

_ADDRESS_SIZE = 20
# what Solidity itself reverts with
_BUILT_IN = (
    AbiEntry("Error", ("reason",), ("string",), (False,), ()),
    AbiEntry("Panic", ("code",), ("uint256",), (False,), ()),
)

_ASK_PARTNER = "let the site's partner see to it"
_CATCH_UP = "read the site's head from the chain and build the proof anew"
_WRONG_ACCOUNT = "use the account that the consortium has for this partner"

# error -> what is wrong (with the error's own values), what to do about it
SENTENCES: Mapping[str, tuple[str, str | None]] = {
    "AccountTaken": (
        "the account {account} stands, or stood, for the partner {partner}",
        "use a new account",
    ),
    "AlreadyApproved": (
        "the partner {partner} approves proposal {id} already",
        "let the other partners approve it: `perdure consortium show` says how many votes are missing",
    ),
    "AlreadyExecuted": (
        "proposal {id} is carried out already",
        "nothing is left to be done; `perdure consortium trust-file` publishes what it changed",
    ),
    "AppendProofTooLong": ("the append proof has {length} nodes, of which {used} are needed", _CATCH_UP),
    "AppendProofTooShort": (
        "the append proof ends after {length} nodes, before the new size is reached",
        _CATCH_UP,
    ),
    "BadCompromiseTime": (
        "the time {since} cannot be marked: want one before the block's, {blockTime}, and any earlier mark, {marked}",
        None,
    ),
    "BadName": ("{name} is not a name", "use 1 to 32 of a-z, 0-9 and -, not starting with -"),
    "BadSuccessor": (
        "the site {newSite} cannot continue {oldSite}",
        "name another open site of the same partner",
    ),
    "Error": ("{reason}", None),
    "FounderCountMismatch": ("{names} founding names do not fit {accounts} accounts", None),
    "GracePeriodTooLong": ("a grace period of {gracePeriod} s is over the longest of {longest} s", None),
    "LastPartner": ("{partner} is the last partner, and cannot be expelled", None),
    "MalformedSignature": ("the signature for the site {site} is not one that any key makes", None),
    "NameTaken": ("the name {name} is, or was, a partner's", "choose another name"),
    "NewRootMismatch": (
        "the append proof to size {newSize} gives the root {computed}, the checkpoint says {claimed}",
        _CATCH_UP,
    ),
    "NoKey": ("the key of the site {site} was revoked", _ASK_PARTNER),
    "NoMajority": ("proposal {id} has {votes} votes of {partners} partners", "let more than half approve it"),
    "NoPartners": ("a consortium needs a founding partner", None),
    "NotAContract": ("there is no contract at {consortium}", None),
    "NotAPartner": ("the account {caller} is not that of a current partner", _WRONG_ACCOUNT),
    "NotPartnersAccount": ("the account {caller} is not that of the partner {partner}", _WRONG_ACCOUNT),
    "OldRootMismatch": (
        "the log does not extend the anchored one: at size {oldSize} it has the root {computed}, the registry {anchored}",
        "another copy of this site may have anchored: adopt the waiting records into the anchored log",
    ),
    "Panic": ("the contract failed with code {code}", None),
    "PartnerNotInConsortium": ("the site {site} is frozen: its partner {partner} was expelled", None),
    "ProposalExpired": ("proposal {id} expired at {expiresAt}", "propose it again"),
    "SameKey": ("the site {site} has the key {key} already", None),
    "Sha256Unavailable": ("the chain does not offer SHA-256", None),
    "SiteClosed": (
        "the log of the site {site} is closed and goes on as {successor}",
        "anchor in its successor",
    ),
    "SiteExists": (
        "the site {site} is registered already",
        "choose another name, or ask its partner for its key",
    ),
    "SizeNotAboveHead": (
        "the checkpoint of size {size} is not above the anchored one of size {headSize}",
        "a newer checkpoint covers it: nothing has to be sent",
    ),
    "SizeTooLarge": ("no log of size {size} can be anchored", None),
    "UnknownPartner": ("the consortium has no partner {partner}", None),
    "UnknownProposal": ("there is no proposal {id}", None),
    "UnknownSite": ("the site {site} is not registered", "let its partner register it"),
    "WrongSigner": (
        "the checkpoint is signed by {signer}, which is not a key of the site {site}",
        _ASK_PARTNER,
    ),
    "ZeroAccount": ("the zero account is nobody's", None),
    "ZeroKey": ("the zero key of the site {site} is nobody's", None),
}


class RegistryRefusal(Refused):
    """The registry, or the consortium, refuses a call; ``name`` and ``arguments`` are the custom error's.

    ``name`` is empty if the contract gave no error that we know.
    """

    def __init__(
        self, message: str, *, name: str, arguments: Mapping[str, AbiValue], hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.arguments = arguments


def explained(reverted: ExecutionReverted) -> RegistryRefusal:
    """The refusal behind a revert."""
    payload = reverted.revert_payload
    entry = _errors_by_selector().get(payload[:SELECTOR_SIZE])
    if entry is not None:
        try:
            return refusal(entry.name, decode_arguments(entry, payload[SELECTOR_SIZE:]))
        except RpcBadAnswer:
            pass  # the selector of one of ours by chance, before another contract's bytes
    said = quoted(to_hex(payload)) if payload else "no reason given"
    return RegistryRefusal(f"the contract refuses: {said}", name="", arguments={})


def with_names(refused: RegistryRefusal, names: Mapping[bytes, str]) -> RegistryRefusal:
    """The same refusal, with the names of the partners and sites whose hashes are in it."""
    return refusal(refused.name, refused.arguments, names) if refused.name else refused


def refusal(
    name: str, arguments: Mapping[str, AbiValue], names: Mapping[bytes, str] = MappingProxyType({})
) -> RegistryRefusal:
    """The refusal by a custom error of this name; ``names`` are those of partners and sites, by their hash."""
    sentence, hint = SENTENCES[name]
    shown = {
        key: names[value] if isinstance(value, bytes) and value in names else _shown(value)
        for key, value in arguments.items()
    }
    return RegistryRefusal(
        f"the contract refuses: {sentence.format_map(shown)}", name=name, arguments=arguments, hint=hint
    )


@cache
def _errors_by_selector() -> Mapping[bytes, AbiEntry]:
    entries = [
        *_BUILT_IN,
        *(entry for name in CONTRACT_NAMES for entry in contract_abi(name).errors.values()),
    ]
    return {entry.selector: entry for entry in entries}


def _shown(value: AbiValue) -> str:
    if isinstance(value, bytes):
        return checksum_address(Address(value)) if len(value) == _ADDRESS_SIZE else to_hex(value)
    return quoted(value) if isinstance(value, str) else str(value)
