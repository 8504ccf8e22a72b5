"""Founding a network in a directory: keys, genesis block, contracts, trust file.

    chain.sqlite     the chain
    consortium.json  the trust file, marked as a devnet's
    devnet.json      addresses, url, process id (`perdure_devnet.info`)
    keys/            validators.json, relay.json, deployer.json, and one file a partner; mode 0600 in a folder of mode 0700;
                     candidates/ for those that may become validators later (`perdure_devnet.membership`)

A network is founded beside its place and moved there when it is whole, so that a directory never holds half of one.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from perdure_anchor.checkpoint import is_partner_name
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Hash32
from perdure_anchor.trust import Epoch, Partner, TrustFile
from perdure_anchor.trust_file import encode_trust_file

from perdure_devnet.block_store import BlockStore
from perdure_devnet.chain import Chain
from perdure_devnet.committee import Committee, committee_of
from perdure_devnet.database import Database
from perdure_devnet.deployment import Deployment, Member, deploy
from perdure_devnet.errors import DirectoryNotADevnet, DirectoryTaken
from perdure_devnet.genesis import DEFAULT_GAS_LIMIT, Genesis, store_genesis
from perdure_devnet.info import DATABASE_NAME, TRUST_NAME, DevnetInfo, write_info
from perdure_devnet.keys import AccountKey, Randomness, make_key, read_key, read_key_list, write_keys
from perdure_devnet.lock import locked
from perdure_devnet.votes import DEFAULT_EPOCH_LENGTH

KEYS_NAME = "keys"
RELAY, DEPLOYER, VALIDATORS = "relay", "deployer", "validators"
CANDIDATES_NAME = "candidates"
# "perdure" on a telephone's keys; a number of its own, so that no other test network's transactions are good here
DEFAULT_CHAIN_ID = 7337873
# JavaScript's largest safe integer, less what EIP-155 adds to twice the id
MAX_CHAIN_ID = (2**53 - 37) // 2


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What is fixed at founding; ``funding`` in wei for the deployer, the relay and each partner. Gas is free anyway.

    ``validators``: how many there are at first. ``epoch_length``: after how many blocks votes on them are cleared.
    """

    chain_id: int = DEFAULT_CHAIN_ID
    partners: tuple[str, ...] = ("acme", "globex", "initech")
    validators: int = 4
    funding: int = 1000 * 10**18
    gas_limit: int = DEFAULT_GAS_LIMIT
    epoch_length: int = DEFAULT_EPOCH_LENGTH


def found(
    directory: Path, settings: NetworkSettings, *, now: float, randomness: Randomness = os.urandom
) -> DevnetInfo:
    """Found a network in a directory that does not exist or is empty; ``now`` in seconds since 1970.

    Raises `DirectoryTaken`, `DirectoryInUse` while somebody else founds it, and `ConfigError` for unusable settings.
    """
    _check(settings)
    directory = directory.absolute()
    _check_free(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    staging = directory.parent / f".{directory.name}.founding"
    staging.mkdir(exist_ok=True, mode=0o700)
    with locked(staging):
        _empty(staging)
        info = _found(staging, settings, int(now), randomness)
        _check_free(directory)
        staging.replace(directory)
    return info


def _check(settings: NetworkSettings) -> None:
    if not 0 < settings.chain_id <= MAX_CHAIN_ID:
        raise ConfigError(f"chain id: got {settings.chain_id}, want 1 to {MAX_CHAIN_ID}")
    if settings.validators < 1:
        raise ConfigError(f"validators: got {settings.validators}, want at least 1 (4 to bear a faulty one)")
    if settings.epoch_length < 1:
        raise ConfigError(f"epoch length: got {settings.epoch_length}, want at least 1 block")
    reserved = {RELAY, DEPLOYER, VALIDATORS, CANDIDATES_NAME}
    unusable = [name for name in settings.partners if not is_partner_name(name) or name in reserved]
    if unusable or len(set(settings.partners)) != len(settings.partners) or not settings.partners:
        raise ConfigError(f"partners: cannot be named {', '.join(settings.partners) or 'nothing'}")


def _check_free(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise DirectoryTaken(f"{directory}: is not empty", hint="choose a new directory")


def _empty(staging: Path) -> None:
    """Clear what a founding that was killed has left; the lock stays."""
    for entry in staging.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.suffix != ".lock":
            entry.unlink()


def _found(directory: Path, settings: NetworkSettings, now: int, randomness: Randomness) -> DevnetInfo:
    validators = [make_key(randomness) for _ in range(settings.validators)]
    keys = {name: make_key(randomness) for name in (*settings.partners, RELAY, DEPLOYER)}
    _write_all_keys(directory, validators, keys)
    committee = committee_of([key.private_key for key in validators])
    genesis = Genesis(
        chain_id=settings.chain_id,
        validators=committee.validators,
        timestamp=now - 1,
        gas_limit=settings.gas_limit,
        epoch_length=settings.epoch_length,
        balances={key.address: settings.funding for key in keys.values()} if settings.funding else {},
    )
    members = [Member(name, keys[name].address) for name in settings.partners]
    database = Database(directory / DATABASE_NAME)
    try:
        genesis_hash = store_genesis(BlockStore(database), genesis)
        # block 1 is made now, in the second after genesis
        deployment = deploy(Chain(database, lambda: now), committee, keys[DEPLOYER], members)
    finally:
        database.close()
    trust = _trust_file(settings, genesis_hash, committee, deployment, members)
    (directory / TRUST_NAME).write_bytes(encode_trust_file(trust))
    info = DevnetInfo(
        settings.chain_id, deployment.consortium.address, deployment.registry.address, settings.partners
    )
    write_info(directory, info)
    return info


def _write_all_keys(directory: Path, validators: list[AccountKey], keys: Mapping[str, AccountKey]) -> None:
    folder = directory / KEYS_NAME
    folder.mkdir(mode=0o700)
    write_keys(folder / f"{VALIDATORS}.json", validators)
    for name, key in keys.items():
        write_keys(folder / f"{name}.json", key)


def _trust_file(
    settings: NetworkSettings,
    genesis_hash: Hash32,
    committee: Committee,
    deployment: Deployment,
    members: list[Member],
) -> TrustFile:
    epoch = Epoch(
        from_block=1,
        to_block=None,
        client="devnet",
        consensus="qbft",
        selection="header",
        quorum_rule="ceil(2n/3)",
        curve="secp256k1",
        validators=committee.validators,
    )
    return TrustFile(
        name="Perdure devnet",
        version=1,
        predecessor=None,
        devnet=True,
        chain_id=settings.chain_id,
        genesis_hash=genesis_hash,
        registry=deployment.registry,
        consortium=deployment.consortium,
        partners=tuple(Partner(member.name, member.account) for member in members),
        sites=(),
        epochs=(epoch,),
    )


def partner_key(directory: Path, name: str) -> AccountKey:
    """A partner's account; raises `DirectoryNotADevnet` for one that is not in this devnet."""
    if not is_partner_name(name) or name in (RELAY, DEPLOYER, VALIDATORS):
        raise DirectoryNotADevnet(f"{directory}: no partner {name!a}")
    return read_key(directory / KEYS_NAME / f"{name}.json")


def relay_key(directory: Path) -> AccountKey:
    """The account that submits checkpoints for anybody."""
    return read_key(directory / KEYS_NAME / f"{RELAY}.json")


def read_committee(directory: Path) -> Committee:
    """The first validators, all present, with the candidates' keys beside theirs: the chain knows who is in the set now."""
    folder = directory / KEYS_NAME
    first = committee_of([key.private_key for key in read_key_list(folder / f"{VALIDATORS}.json")])
    candidates = [read_key(path) for path in sorted((folder / CANDIDATES_NAME).glob("0x*.json"))]
    return replace(first, keys={**first.keys, **{key.address: key.private_key for key in candidates}})


def add_candidate(directory: Path, randomness: Randomness = os.urandom) -> AccountKey:
    """Make a key that may become a validator's; a running devnet uses it once it is voted in."""
    folder = directory / KEYS_NAME / CANDIDATES_NAME
    folder.mkdir(mode=0o700, exist_ok=True)
    key = make_key(randomness)
    path = folder / f"0x{key.address.hex()}.json"
    # whoever reads the folder never sees half of a key
    fresh = path.with_suffix(".new")
    write_keys(fresh, key)
    fresh.replace(path)
    return key
