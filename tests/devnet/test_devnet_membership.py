"""Changing the validators of a devnet that runs in a directory."""

import stat
from pathlib import Path

import pytest
from perdure_anchor.hashes import Address
from perdure_anchor.qbft import Vote, seal_signers
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_devnet.errors import ChangeNotInForce, DevnetNotReady, DirectoryNotADevnet, NotAValidator
from perdure_devnet.membership import KeyFolder, add_validator, drop_validator, read_membership
from perdure_devnet.network import NetworkSettings, add_candidate, found, read_committee
from tools.devnets import ADA, GENESIS_TIME, open_devnet, running_devnet
from tools.site_network import open_network

WAIT = 30.0


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    found(tmp_path / "chain", NetworkSettings(validators=3), now=GENESIS_TIME)
    return tmp_path / "chain"


def test_one_comes_and_one_goes(directory: Path) -> None:
    first = read_membership(directory).validators
    trust_file = (directory / "consortium.json").read_bytes()
    with running_devnet(directory) as running:
        added = add_validator(directory, wait=WAIT)
        assert read_membership(directory).validators == tuple(sorted((*first, added)))
        drop_validator(directory, first[0], wait=WAIT)
        wanted = tuple(sorted((*first[1:], added)))
        assert read_membership(directory).validators == wanted
        with JsonRpc(running.url) as rpc:
            assert rpc.call("qbft_getPendingVotes") == {}
            # on demand: a vote that waits makes blocks too, and nothing else does
            assert ChainClient(rpc).head_number() == 6
    assert read_membership(directory).block_number == 6
    # the newcomer proposes and seals, in this process and in the next one that opens the directory
    with open_network(directory) as network:
        headers = list(network.chain.store.headers(7, network.chain.head.number))
    assert len(headers) == 5
    assert {header.coinbase for header in headers} == set(wanted)
    assert {signer for header in headers for signer in seal_signers(header)} == set(wanted)
    assert (directory / "consortium.json").read_bytes() == trust_file
    assert parse_trust_file(trust_file).epochs[0].validators == first


def test_a_newcomers_key_is_its_owners_only(directory: Path) -> None:
    key = add_candidate(directory)
    folder = directory / "keys" / "candidates"
    assert [path.name for path in folder.iterdir()] == [f"0x{key.address.hex()}.json"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(next(folder.iterdir()).stat().st_mode) == 0o600
    committee = read_committee(directory)
    assert committee.keys[key.address] == key.private_key
    assert key.address not in committee.validators


def test_keys_that_come_later_are_seen(directory: Path) -> None:
    folder = KeyFolder(directory)
    before = folder.committee()
    assert folder.committee() is before
    one, two = add_candidate(directory), add_candidate(directory)
    assert {one.address, two.address} == set(folder.committee().keys) - set(before.keys)
    # half of a file is nobody's key yet
    (directory / "keys" / "candidates" / "0x00.new").write_text("{")
    assert folder.committee().keys.keys() == read_committee(directory).keys.keys()


def test_the_last_is_not_dropped(tmp_path: Path) -> None:
    directory = tmp_path / "chain"
    found(directory, NetworkSettings(validators=1), now=GENESIS_TIME)
    with running_devnet(directory):
        (alone,) = read_membership(directory).validators
        with pytest.raises(NotAValidator, match="the last validator"):
            drop_validator(directory, alone, wait=WAIT)
        with pytest.raises(NotAValidator, match="is not a validator"):
            drop_validator(directory, ADA, wait=WAIT)
        assert read_membership(directory).block_number == 1


def test_a_change_takes_a_running_devnet(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(DevnetNotReady, match="is not running"):
        add_validator(directory, wait=WAIT)
    with pytest.raises(DevnetNotReady, match="is not running"):
        drop_validator(directory, read_membership(directory).validators[0], wait=WAIT)
    assert not (directory / "keys" / "candidates").exists()
    with pytest.raises(DirectoryNotADevnet):
        read_membership(tmp_path / "nowhere")


def test_a_change_that_is_not_made_in_time_is_said_to_be_so(directory: Path) -> None:
    with running_devnet(directory), pytest.raises(ChangeNotInForce, match="not voted in within 0 s"):
        add_validator(directory, wait=0)


def test_who_is_voted_in_without_a_key_is_away(tmp_path: Path) -> None:
    stranger = Address(b"\xff" * 20)
    with open_devnet(tmp_path / "chain.sqlite") as devnet:
        devnet.chain.propose_vote(Vote(stranger, add=True))
        for _ in range(8):
            devnet.block()
        assert stranger in devnet.chain.validators
        coinbases = [devnet.block().header.coinbase for _ in range(8)]
        assert stranger not in coinbases
