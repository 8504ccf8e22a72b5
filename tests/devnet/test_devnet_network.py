"""Founding a network, and running it as a process."""

import json
import os
import stat
import time
from pathlib import Path

import pytest
from perdure_anchor.errors import ConfigError
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.artifacts import load_artifact
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_devnet.errors import (
    AddressInUse,
    DirectoryInUse,
    DirectoryNotADevnet,
    DirectoryTaken,
)
from perdure_devnet.info import read_info
from perdure_devnet.keys import make_key, read_key, write_keys
from perdure_devnet.lock import locked
from perdure_devnet.network import (
    DEFAULT_CHAIN_ID,
    NetworkSettings,
    found,
    partner_key,
    read_committee,
    relay_key,
)
from perdure_devnet.serve import detach, serve, stop
from perdure_devnet.server import listen
from tools.devnets import GENESIS_TIME, Running, open_devnet

SETTINGS = NetworkSettings()


def test_the_trust_file_describes_the_chain(running: Running) -> None:
    trust = parse_trust_file((running.directory / "consortium.json").read_bytes())
    assert trust.devnet
    assert trust.chain_id == DEFAULT_CHAIN_ID == running.info.chain_id
    assert [partner.name for partner in trust.partners] == ["acme", "globex", "initech"]
    assert trust.partners[1].account == partner_key(running.directory, "globex").address
    (epoch,) = trust.epochs
    assert (epoch.client, epoch.from_block, epoch.to_block) == ("devnet", 1, None)
    assert epoch.validators == read_committee(running.directory).validators
    assert epoch.is_final
    assert (trust.registry.address, trust.consortium.address) == (
        running.info.registry,
        running.info.consortium,
    )
    assert trust.registry.code_hash == load_artifact("AnchorRegistry").runtime_hash
    assert trust.registry.deployment_block == trust.consortium.deployment_block == 1
    with JsonRpc(running.url) as rpc:
        client = ChainClient(rpc)
        assert client.fetch_block_hash(0) == trust.genesis_hash
        assert client.chain_id() == trust.chain_id


def test_the_projects_own_client_reads_the_chain(running: Running) -> None:
    with JsonRpc(running.url) as rpc:
        client = ChainClient(rpc)
        header = client.fetch_header(1)
        assert header.number == 1
        assert len(client.fetch_receipts(1)) == 2
        assert header.timestamp == GENESIS_TIME


def test_keys_are_their_owners_only(running: Running) -> None:
    folder = running.directory / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    names = {entry.name for entry in folder.iterdir()}
    assert names == {
        f"{name}.json" for name in ("acme", "globex", "initech", "relay", "deployer", "validators")
    }
    for entry in folder.iterdir():
        assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    secrets = [partner_key(running.directory, "acme"), relay_key(running.directory)]
    for key in secrets:
        assert address_from_private_key(key.private_key) == key.address
        assert key.private_key.hex() not in repr(key)
        for public in ("devnet.json", "consortium.json"):
            assert key.private_key.hex() not in (running.directory / public).read_text()


def test_randomness_is_passed_in(tmp_path: Path) -> None:
    draws = iter([bytes(32), b"\xff" * 32, *(bytes([number]) * 32 for number in range(1, 10))])
    found(tmp_path / "chain", SETTINGS, now=GENESIS_TIME, randomness=lambda _: next(draws))
    # zero and a number above the group's order are no keys
    assert {key[0] for key in read_committee(tmp_path / "chain").keys.values()} == {1, 2, 3, 4}


def test_founding_leaves_nothing_beside_the_directory(tmp_path: Path) -> None:
    found(tmp_path / "deep" / "chain", SETTINGS, now=GENESIS_TIME)
    assert os.listdir(tmp_path / "deep") == ["chain"]  # noqa: PTH208 - hidden names count here


def test_founding_into_an_empty_directory(tmp_path: Path) -> None:
    found(tmp_path, SETTINGS, now=GENESIS_TIME)
    assert read_info(tmp_path).chain_id == DEFAULT_CHAIN_ID


def test_founding_twice_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    found(tmp_path / "chain", SETTINGS, now=GENESIS_TIME)
    before = (tmp_path / "chain" / "consortium.json").read_bytes()
    with pytest.raises(DirectoryTaken):
        found(tmp_path / "chain", SETTINGS, now=GENESIS_TIME)
    assert (tmp_path / "chain" / "consortium.json").read_bytes() == before


def test_founding_beside_somebody_elses_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DirectoryTaken):
        found(tmp_path, SETTINGS, now=GENESIS_TIME)
    with pytest.raises(DirectoryTaken):
        found(tmp_path / "letter.txt", SETTINGS, now=GENESIS_TIME)


def test_a_founding_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    staging = tmp_path / ".chain.founding"
    (staging / "keys").mkdir(parents=True)
    (staging / "keys" / "acme.json").write_text("half")
    (staging / "chain.sqlite").write_bytes(b"half")
    found(tmp_path / "chain", SETTINGS, now=GENESIS_TIME)
    assert not staging.exists()
    assert partner_key(tmp_path / "chain", "acme")


def test_two_foundings_at_once_are_refused(tmp_path: Path) -> None:
    staging = tmp_path / ".chain.founding"
    staging.mkdir()
    with locked(staging), pytest.raises(DirectoryInUse):
        found(tmp_path / "chain", SETTINGS, now=GENESIS_TIME)


@pytest.mark.parametrize(
    "settings",
    [
        NetworkSettings(chain_id=0),
        NetworkSettings(chain_id=2**60),
        NetworkSettings(validators=0),
        NetworkSettings(partners=()),
        NetworkSettings(partners=("acme", "acme")),
        NetworkSettings(partners=("Acme",)),
        NetworkSettings(partners=("../acme",)),
        NetworkSettings(partners=("relay",)),
        NetworkSettings(partners=("candidates",)),
        NetworkSettings(epoch_length=0),
    ],
)
def test_unusable_settings_are_refused(tmp_path: Path, settings: NetworkSettings) -> None:
    with pytest.raises(ConfigError):
        found(tmp_path / "chain", settings, now=GENESIS_TIME)
    assert not (tmp_path / "chain").exists()


def test_other_settings(tmp_path: Path) -> None:
    settings = NetworkSettings(chain_id=4242, partners=("solo",), validators=7, funding=0, epoch_length=50)
    found(tmp_path / "chain", settings, now=GENESIS_TIME)
    with open_devnet(tmp_path / "chain" / "chain.sqlite") as devnet:
        assert devnet.chain.chain_id == 4242
        assert len(devnet.chain.validators) == 7
        assert devnet.chain.epoch_length == 50
        # nobody has money, and the contracts are there all the same
        assert devnet.state_of(partner_key(tmp_path / "chain", "solo").address) == (0, 0)
        info = read_info(tmp_path / "chain")
        assert devnet.chain.accounts(devnet.chain.head).code(info.registry)


@pytest.mark.parametrize("name", ["nobody", "../relay", "relay", "validators", "deployer", ""])
def test_only_partners_have_a_partners_key(running: Running, name: str) -> None:
    with pytest.raises(DirectoryNotADevnet):
        partner_key(running.directory, name)


def test_a_directory_without_a_devnet(tmp_path: Path) -> None:
    for use in (read_info, serve, detach):
        with pytest.raises(DirectoryNotADevnet) as caught:
            use(tmp_path)
        assert caught.value.hint == "make one with: perdure devnet up --dir DIR"
    assert stop(tmp_path) is False


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"chain_id": "x"}', "\x00"])
def test_a_broken_info_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "devnet.json").write_text(content)
    with pytest.raises(DirectoryNotADevnet):
        read_info(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"address": "0x00", "private_key": "0x00"}', '{"address": "", "private_key": 5}'],
)
def test_a_broken_key_file_is_refused_without_being_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "acme.json"
    path.write_text(content)
    with pytest.raises(DirectoryNotADevnet):
        read_key(path)


def test_a_key_under_anothers_address_is_refused(tmp_path: Path) -> None:
    one, two = make_key(os.urandom), make_key(os.urandom)
    path = tmp_path / "acme.json"
    write_keys(path, one)
    assert read_key(path) == one
    swapped = {"address": "0x" + two.address.hex(), "private_key": "0x" + one.private_key.hex()}
    path.write_text(json.dumps(swapped))
    with pytest.raises(DirectoryNotADevnet) as caught:
        read_key(path)
    assert one.private_key.hex() not in str(caught.value)


@pytest.mark.parametrize("period", [-1, 0.5])
def test_a_period_is_whole_seconds(running: Running, period: float) -> None:
    with pytest.raises(ConfigError, match="whole seconds"):
        serve(running.directory, period=period)  # type: ignore[arg-type]


def test_a_running_devnet_is_not_started_again(running: Running) -> None:
    with pytest.raises(DirectoryInUse, match=str(os.getpid())):
        serve(running.directory, port=0)
    with pytest.raises(DirectoryInUse, match=str(os.getpid())):
        detach(running.directory, port=0)


def test_up_in_the_background_and_down(tmp_path: Path) -> None:
    directory = tmp_path / "chain"
    found(directory, SETTINGS, now=time.time())
    first = detach(directory, port=0, period=1)
    try:
        assert first.is_running
        assert first.pid != os.getpid()
        with JsonRpc(str(first.url)) as rpc:
            deadline = time.monotonic() + 20
            while ChainClient(rpc).head_number() < 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            head = ChainClient(rpc).fetch_header(2)
            assert head.timestamp <= time.time()
        with pytest.raises(DirectoryInUse):
            detach(directory)
    finally:
        assert stop(directory)
    assert not read_info(directory).is_running
    assert not stop(directory)
    # what was chosen first is kept: vaults remember the url
    again = detach(directory)
    try:
        assert (again.url, again.period) == (first.url, 1)
        with JsonRpc(str(again.url)) as rpc:
            assert ChainClient(rpc).fetch_header(2) == head
    finally:
        assert stop(directory)
    assert "ready at" in (directory / "devnet.log").read_text()


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    directory = tmp_path / "chain"
    found(directory, SETTINGS, now=time.time())
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"cannot listen on 127.0.0.1:{port}"):
            detach(directory, port=port)
    assert not read_info(directory).is_running


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path: Path) -> None:
    found(tmp_path / "chain", SETTINGS, now=GENESIS_TIME)
    with listen("127.0.0.1", 0) as taken, pytest.raises(AddressInUse, match="cannot listen on") as caught:
        detach(tmp_path / "chain", port=taken.getsockname()[1])
    assert "--port 0" in (caught.value.hint or "")
