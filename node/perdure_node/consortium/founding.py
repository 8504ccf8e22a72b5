"""Founding: both contracts on a chain, and the trust file that says what everybody is to believe of them.

The registry's constructor takes the consortium's address, which follows from the founder's account and nonce: so both transactions
can be signed before either is sent. The trust file's one epoch begins with the block that created the consortium, and names the
validators of that block; it is written once enough of them sealed the registry's block.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.checkpoint import is_partner_name
from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import ChainError, ConfigError, EncodingError, PerdureError, VerificationError
from perdure_anchor.hashes import ZERO_ADDRESS, Address, parse_hex
from perdure_anchor.header import BlockHeader
from perdure_anchor.trust import ContractPin, Epoch, Partner, TrustFile
from perdure_anchor.trust_file import CLIENTS, QUORUM_RULES
from perdure_contracts.abi import AbiValue, contract_abi
from perdure_contracts.artifacts import ContractName, load_artifact
from perdure_contracts.chain import ChainClient
from perdure_contracts.deploy import DeployedContract, check_code
from perdure_contracts.registry import RegistryContract
from perdure_contracts.transactions import Patience, prepare_unsigned
from perdure_contracts.unsigned_transaction import ContractCall, UnsignedTransaction, created_address
from perdure_contracts.validator_sets import NoValidatorMethod, fetch_validators

from perdure_node.chain.header_source import HeaderSource
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.trust_check.engines import client_of
from perdure_node.trust_extend.standing import check_sealed

# what creating the registry takes, and half as much again; it cannot be estimated before the consortium is there
REGISTRY_GAS = 4_000_000
MAX_FOUNDING_FILE_SIZE = 1024 * 1024


class FoundingError(ConfigError):
    """The founding partners are not given in a form that a consortium can be founded with."""


class EngineUnknown(ConfigError):
    """What kind of chain it is cannot be told from its node."""


class NotFinalYet(ChainError):
    """Too few validators have sealed the block of the contracts so far, or on the node that was asked."""


@dataclass(frozen=True, slots=True)
class Founding:
    """The consortium's name, and who founds it."""

    name: str
    partners: tuple[Partner, ...]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What the founder says of the chain; None is found out."""

    client: str | None = None
    consensus: str | None = None
    quorum_rule: str | None = None


@dataclass(frozen=True, slots=True)
class Deployed:
    """Where both contracts stand."""

    consortium: DeployedContract
    registry: DeployedContract


_PARTNER_KEYS = {"name", "account", "legal_name", "registration_number", "contact"}


def parse_founding(raw: bytes) -> Founding:
    """The founding file, TOML: ``name``, and a ``[[partner]]`` each with name, account and texts. Raises `FoundingError`."""
    try:
        members = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FoundingError(f"founding file: {error}") from None
    partners = members.get("partner")
    if set(members) != {"name", "partner"} or not isinstance(partners, list):
        raise FoundingError("founding file: want name, and one [[partner]] or more, and nothing else")
    return checked_founding(members["name"], [_partner(entry) for entry in partners])


def _partner(entry: object) -> Partner:
    if not isinstance(entry, dict) or not {"name", "account"} <= set(entry) <= _PARTNER_KEYS:
        raise FoundingError(
            "founding file: each [[partner]] has name and account, and maybe legal_name, registration_number, contact"
        )
    if not all(isinstance(value, str) for value in entry.values()):
        raise FoundingError("founding file: the values of a [[partner]] are texts")
    texts = (entry.get(key, "") for key in ("legal_name", "registration_number", "contact"))
    return Partner(entry["name"], _account(entry["account"], entry["name"]), *texts)


def _account(text: str, name: str) -> Address:
    try:
        return Address(parse_hex(text, 20, f"account of {name}"))
    except PerdureError as error:
        raise FoundingError(str(error)) from None


def checked_founding(name: object, partners: Sequence[Partner]) -> Founding:
    """A founding that the contract would take; raises `FoundingError`."""
    if not isinstance(name, str) or not name or len(name) > 256 or not name.isprintable():
        raise FoundingError("the consortium's name: want 1 to 256 printable characters")
    for partner in partners:
        if not is_partner_name(partner.name):
            raise FoundingError(f"partner: got {partner.name!a}, want 1 to 32 of a-z, 0-9 and -")
        if partner.account == ZERO_ADDRESS:
            raise FoundingError(f"account of {partner.name}: the zero address")
    for what in ([each.name for each in partners], [each.account for each in partners]):
        if len(set(what)) < len(what):
            raise FoundingError("founding partners: a name or an account stands twice")
    if not partners:
        raise FoundingError("founding partners: want one at least")
    return Founding(name, tuple(partners))


def founding_transactions(
    client: ChainClient, account: Address, founding: Founding, *, chain_id: int, nonce: int | None = None
) -> tuple[UnsignedTransaction, UnsignedTransaction]:
    """What creates both contracts, to be signed by ``account``; raises what `prepare_unsigned` does."""
    names = [partner.name for partner in founding.partners]
    accounts = [partner.account for partner in founding.partners]
    first = prepare_unsigned(
        client, account, _creation("Consortium", names, accounts), chain_id=chain_id, nonce=nonce
    )
    consortium = created_address(account, first.nonce)
    second = prepare_unsigned(
        client,
        account,
        _creation("AnchorRegistry", consortium),
        chain_id=chain_id,
        nonce=first.nonce + 1,
        fee=first.fee,
        gas=min(REGISTRY_GAS, client.block_gas_limit()),
    )
    return first, second


def _creation(name: ContractName, *arguments: AbiValue) -> ContractCall:
    return ContractCall(
        None, load_artifact(name).bytecode + contract_abi(name).encode_constructor(*arguments)
    )


def check_deployed(client: ChainClient, contracts: Sequence[DeployedContract]) -> Deployed:
    """Two contracts that were created, consortium first; raises `NoContract`, `CodeMismatch` or `FoundingError`."""
    if len(contracts) != 2:
        raise FoundingError("these transactions do not found a consortium: want two that create contracts")
    consortium, registry = contracts
    check_code(client, consortium.address, load_artifact("Consortium"))
    check_code(client, registry.address, load_artifact("AnchorRegistry"))
    if RegistryContract(client, registry.address).consortium() != consortium.address:
        raise FoundingError("the registry asks another consortium than the one that was created with it")
    return Deployed(consortium, registry)


def founding_trust(
    client: ChainClient, founding: Founding, deployed: Deployed, choice: EngineChoice
) -> TrustFile:
    """The first version of the trust file; raises `EngineUnknown`, and what the chain client does."""
    block = deployed.consortium.block_number
    epoch = _epoch(client, block, choice)
    return TrustFile(
        name=founding.name,
        version=1,
        predecessor=None,
        devnet=epoch.client == "devnet",
        chain_id=client.chain_id(),
        genesis_hash=client.fetch_block_hash(0),
        registry=_pin("AnchorRegistry", deployed.registry),
        consortium=_pin("Consortium", deployed.consortium),
        partners=founding.partners,
        sites=(),
        epochs=(epoch,),
    )


def check_engine(client: ChainClient, choice: EngineChoice) -> None:
    """Raise `EngineUnknown` now, before anything is signed, if the newest block could not be described in a trust file."""
    head = client.head_number()
    if head > 0:
        _epoch(client, head, choice)


def _pin(name: ContractName, deployed: DeployedContract) -> ContractPin:
    return ContractPin(deployed.address, load_artifact(name).runtime_hash, deployed.block_number)


def _epoch(client: ChainClient, block: int, choice: EngineChoice) -> Epoch:
    named = choice.client or client_of(str(client.rpc.call("web3_clientVersion")))
    if named is None:
        raise EngineUnknown(
            "what client the chain's validators run cannot be told from the node",
            hint=f"say it with --client: {', '.join(sorted(CLIENTS))}",
        )
    header = client.fetch_header(block)
    consensus, listed = _consensus(header, (choice.consensus,) if choice.consensus else CLIENTS[named])
    try:
        validators = fetch_validators(client, consensus, block).validators
    except NoValidatorMethod:
        if not listed:
            raise
        validators = listed
    return Epoch(
        from_block=block,
        to_block=None,
        client=named,
        consensus=consensus,
        selection="contract" if listed == () else "header",
        quorum_rule=choice.quorum_rule or QUORUM_RULES[consensus][0],
        curve="secp256k1",
        validators=tuple(sorted(validators)),
    )


def _consensus(header: BlockHeader, wanted: Sequence[str]) -> tuple[str, tuple[Address, ...] | None]:
    """The first engine of whose form the header is, and whom it lists: None where this header need not list anybody."""
    for consensus in wanted:
        try:
            return consensus, ENGINES[consensus](header).listed
        except PerdureError:
            continue
    raise EngineUnknown(
        f"block {header.number} is not of the form of {' or '.join(wanted)}",
        hint="say --client and --consensus",
    )


def wait_until_final(
    client: ChainClient, trust: TrustFile, patience: Patience, progress: Progress = NO_PROGRESS
) -> None:
    """Until a quorum sealed the registry's block; on Clique, which has no finality, until most signers made blocks on it.

    Raises `NotFinalYet`.
    """
    block, epoch = trust.registry.deployment_block, trust.epochs[-1]
    deadline = patience.clock() + patience.seconds
    progress.stage("waiting until the contracts' block is final", None)
    while True:
        fault = _not_final(client, trust, block, epoch)
        if fault is None:
            return
        if patience.clock() >= deadline:
            raise NotFinalYet(f"block {block}, which has the contracts, is not final: {fault}")
        patience.sleep(patience.pause)


def _not_final(client: ChainClient, trust: TrustFile, block: int, epoch: Epoch) -> str | None:
    head = client.head_number()
    if epoch.consensus == "clique":
        wanted = block + epoch.wanted_seals - 1
        return None if head >= wanted else f"the chain has come to block {head}, want {wanted}"
    try:
        check_sealed(trust, HeaderSource(client, ENGINES[epoch.consensus], ()), block, head)
    except (EncodingError, VerificationError) as error:
        return str(error)
    return None


def check_founders(transactions: Sequence[UnsignedTransaction], founding: Founding) -> None:
    """Raise `FoundingError` unless the consortium is created with exactly these partners: the trust file will name them."""
    first = transactions[0].call
    wanted = _creation(
        "Consortium",
        [partner.name for partner in founding.partners],
        [partner.account for partner in founding.partners],
    )
    if first != wanted:
        raise FoundingError(
            "the signed founding creates a consortium of other partners, accounts, or another order than given here"
        )
