"""Besu's network files, as far as they can be checked without Besu: forms, documented names, and the first start with a fake one."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from perdure_anchor.hashes import Address, keccak256
from perdure_anchor.qbft import ExtraData, encode_extra_data, parse_extra_data, quorum
from perdure_anchor.secp256k1 import address_from_private_key

ROOT = Path(__file__).parents[2]
FILES = ROOT / "devnet" / "besu"
DOCUMENTED = json.loads((ROOT / "tests" / "vectors" / "besu" / "documented.json").read_text("utf-8"))
SCRIPT = FILES / "first-start.sh"
ISTANBUL_MIX_HASH = "0x" + b"ctical byzantine fault tolerance".hex()
ALLOWED = ["0x" + keccak256(name)[12:].hex() for name in (b"a partner", b"a relay")]
NODES = ("validator-1", "validator-2", "validator-3", "validator-4", "rpc")


def network() -> Any:
    return json.loads((FILES / "network.json").read_text("utf-8"))


def compose() -> Any:
    return yaml.safe_load((FILES / "compose.yaml").read_text("utf-8"))


def node_options() -> dict[str, Any]:
    return tomllib.loads((FILES / "node.toml").read_text("utf-8"))


def nodes() -> dict[str, Any]:
    return {name: service for name, service in compose()["services"].items() if name != "first-start"}


class TestDocumented:
    """Every name in the files is one that Besu documents; the vector says where."""

    def test_the_pages(self) -> None:
        groups = [group for name, group in DOCUMENTED.items() if name not in ("about", "pages")]
        named = {page for group in groups[:-1] for page in group.values()} | {groups[-1]["page"]}
        assert named <= set(DOCUMENTED["pages"])

    def test_the_options_of_the_configuration_file(self) -> None:
        assert set(node_options()) <= set(DOCUMENTED["options"])

    def test_the_options_of_the_compose_file(self) -> None:
        for service in nodes().values():
            words = [word.removeprefix("--").partition("=")[0] for word in service["command"]]
            environment = [
                name.removeprefix("BESU_").lower().replace("_", "-") for name in service["environment"]
            ]
            assert set(words + environment) <= set(DOCUMENTED["options"])
            assert set(service["environment"]["BESU_RPC_HTTP_API"].split(",")) <= set(DOCUMENTED["apis"])

    def test_the_subcommands_of_the_script(self) -> None:
        text = SCRIPT.read_text("utf-8").replace("\\\n", " ")
        calls = re.findall(r"^besu (.*)$", text, re.MULTILINE)
        assert len(calls) == 2
        for call in calls:
            words = call.split()
            assert " ".join(word for word in words if not word.startswith("--")) in DOCUMENTED["subcommands"]
            options = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
            assert options <= set(DOCUMENTED["subcommand options"])

    def test_the_genesis_block(self) -> None:
        genesis = network()["genesis"]
        assert set(genesis) - {"config"} <= set(DOCUMENTED["genesis"])
        assert set(genesis["config"]) <= set(DOCUMENTED["genesis config"])
        assert set(genesis["config"]["qbft"]) <= set(DOCUMENTED["qbft"])

    def test_the_extra_data_of_the_documentation_is_read_by_our_codec(self) -> None:
        raw = bytes.fromhex(DOCUMENTED["genesis extraData of four validators"]["extraData"][2:])
        extra = parse_extra_data(raw)
        assert (len(extra.validators), extra.vote, extra.round, extra.seals) == (4, None, 0, ())
        assert encode_extra_data(extra) == raw


class TestWhatPerdureNeeds:
    def test_the_genesis_block(self) -> None:
        genesis = network()["genesis"]
        assert (genesis["difficulty"], genesis["mixHash"]) == ("0x1", ISTANBUL_MIX_HASH)
        assert genesis["config"]["zeroBaseFee"] is True
        assert "ecCurve" not in genesis["config"], "seals on secp256r1 cannot be verified"
        assert genesis["config"]["chainId"] > 2**8, "no chain id of a network that others know"
        assert "extraData" not in genesis, "keys are made at the first start"
        assert genesis["alloc"] == {}, "no account is born rich, and no key of one is known"
        assert int(genesis["gasLimit"], 16) >= 8_000_000, "both contracts fit in"

    def test_four_validators_survive_a_liar(self) -> None:
        count = network()["blockchain"]["nodes"]["count"]
        assert (count, quorum(count)) == (4, 3)
        assert [name for name in nodes() if name.startswith("validator")] == list(NODES[:count])

    def test_nothing_that_evidence_is_made_from_is_thrown_away(self) -> None:
        options = node_options()
        assert options["sync-mode"] == "FULL"
        for option in (
            "bonsai-limit-trie-logs-enabled",
            "receipt-compaction-enabled",
            "history-expiry-prune",
        ):
            assert options[option] is False

    def test_who_may_connect_and_send(self) -> None:
        options = node_options()
        assert options["permissions-nodes-config-file-enabled"] is True
        assert options["permissions-accounts-config-file-enabled"] is True
        assert options["discovery-enabled"] is False

    def test_what_each_node_answers(self) -> None:
        for name, service in nodes().items():
            environment = service["environment"]
            if name == "rpc":
                assert {"ETH", "DEBUG", "QBFT"} <= set(environment["BESU_RPC_HTTP_API"].split(","))
                assert service["ports"] == ["127.0.0.1:8545:8545"], "not the whole world's"
            else:
                assert environment["BESU_RPC_HTTP_HOST"] == "127.0.0.1", (
                    "who can call it can vote in its name"
                )
                assert "ports" not in service

    def test_each_node_has_its_own_volume_and_address(self) -> None:
        for name, service in nodes().items():
            address = service["networks"]["chain"]["ipv4_address"]
            assert address == service["environment"]["BESU_P2P_HOST"]
            assert f"{name}:/data" in service["volumes"]
            others = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
            assert others == [f"{name}:/data"], "no node reads another one's key"
        addresses = [service["environment"]["BESU_P2P_HOST"] for service in nodes().values()]
        assert len(set(addresses)) == len(NODES)

    def test_nodes_start_after_the_first_start(self) -> None:
        for service in nodes().values():
            assert service["depends_on"] == {"first-start": {"condition": "service_completed_successfully"}}

    def test_no_private_key_is_in_the_repository(self) -> None:
        for path in FILES.iterdir():
            found = re.findall(r"\b(?:0x)?[0-9a-fA-F]{64}\b", path.read_text("utf-8"))
            assert found in ([], [ISTANBUL_MIX_HASH]), path.name


class Place:
    """The folders that compose would mount, and a `besu` on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.config, self.network = folder / "config", folder / "network"
        shutil.copytree(FILES, self.config)
        (self.network / "public").mkdir(parents=True)
        self.programs = folder / "bin"
        self.programs.mkdir()
        besu = self.programs / "besu"
        besu.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tools.fake_besu "$@"\n', "utf-8")
        besu.chmod(besu.stat().st_mode | stat.S_IXUSR)
        self.allow("\n".join(f"{address}  somebody" for address in ALLOWED))

    def allow(self, text: str) -> None:
        (self.config / "accounts.txt").write_text(f"# a comment\n\n{text}", "utf-8")

    def start(self, expected: int = 0) -> str:
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "tests"),
            "PERDURE_CONFIG": str(self.config),
            "PERDURE_NETWORK": str(self.network),
            "PERDURE_BESU_USER": f"{os.getuid()}:{os.getgid()}",
        }
        ended = subprocess.run(
            ["/bin/sh", SCRIPT], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == expected, ended.stderr
        return ended.stdout + ended.stderr

    def key(self, node: str) -> bytes:
        return bytes.fromhex((self.network / node / "key").read_text("utf-8")[2:])

    def permissions(self, node: str) -> dict[str, list[str]]:
        return tomllib.loads((self.network / node / "permissions_config.toml").read_text("utf-8"))

    def genesis(self) -> Any:
        return json.loads((self.network / "public" / "genesis.json").read_text("utf-8"))

    def enode(self, node: str) -> str:
        public = (self.network / node / "key.pub").read_text("utf-8")[2:]
        return (
            f"enode://{public}@{nodes()[node]['environment']['BESU_P2P_HOST']}:{node_options()['p2p-port']}"
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


class TestFirstStart:
    def test_the_genesis_block_names_the_validators_whose_keys_were_made(self, place: Place) -> None:
        place.start()
        extra = parse_extra_data(bytes.fromhex(place.genesis()["extraData"][2:]))
        keys = [place.key(f"validator-{number}") for number in (1, 2, 3, 4)]
        validators = tuple(sorted(Address(address_from_private_key(key)) for key in keys))
        assert extra == ExtraData(bytes(32), validators, None, 0, ())
        members = {**place.genesis()}
        members.pop("extraData")
        assert members == network()["genesis"]

    def test_everybody_knows_everybody(self, place: Place) -> None:
        place.start()
        enodes = {node: place.enode(node) for node in NODES}
        for node in NODES:
            static = json.loads((place.network / node / "static-nodes.json").read_text("utf-8"))
            assert static == [enodes[other] for other in NODES if other != node]
            assert place.permissions(node) == {
                "nodes-allowlist": list(enodes.values()),
                "accounts-allowlist": ALLOWED,
            }
            assert set(place.permissions(node)) <= set(DOCUMENTED["permissions file"])

    def test_keys_are_for_their_node_only(self, place: Place) -> None:
        place.start()
        assert len({place.key(node) for node in NODES}) == len(NODES)
        for node in NODES:
            assert stat.S_IMODE((place.network / node / "key").stat().st_mode) == 0o600
        everywhere = [path.name for path in place.network.rglob("*") if path.is_file()]
        assert everywhere.count("key") == len(NODES), "none is left where it was made"
        assert stat.S_IMODE((place.network / "public" / "genesis.json").stat().st_mode) == 0o644

    def test_a_second_start_changes_nothing(self, place: Place) -> None:
        place.start()
        before = {path: path.read_bytes() for path in place.network.rglob("*") if path.is_file()}
        assert "nothing to do" in place.start()
        assert {path: path.read_bytes() for path in place.network.rglob("*") if path.is_file()} == before

    def test_a_start_that_was_broken_off_begins_again(self, place: Place) -> None:
        place.start()
        (place.network / "public" / "ready").unlink()
        (place.network / "new" / "keys").mkdir(parents=True)
        old = place.key("validator-1")
        place.start()
        assert place.key("validator-1") != old
        self.test_the_genesis_block_names_the_validators_whose_keys_were_made(place)

    def test_an_accounts_file_as_it_is_shipped_lists_nobody(self, place: Place) -> None:
        shutil.copy(FILES / "accounts.txt", place.config / "accounts.txt")
        assert "lists nobody" in place.start(expected=2)
        assert list((place.network / "public").iterdir()) == []

    @pytest.mark.parametrize(
        "line", ["acme", "0x12", "0x" + "0" * 39 + "g", "0x" + "0" * 41, '0x"]\nnodes-allowlist=["', "0x"]
    )
    def test_what_is_no_address(self, place: Place, line: str) -> None:
        place.allow(f"{ALLOWED[0]}\n{line}\n")
        assert "accounts.txt: " in place.start(expected=2)
        assert not (place.network / "public" / "ready").exists()


def test_the_script_is_plain_sh() -> None:
    text = SCRIPT.read_text("utf-8")
    assert text.startswith("#!/bin/sh\n")
    assert "set -eu\n" in text
    assert not re.search(r"\[\[|\blocal\b|<<<|\$\{[^}]*\[|\bfunction\b|\bsource\b", text), "no bashisms"
    subprocess.run(["/bin/sh", "-n", SCRIPT], check=True, timeout=10)
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("shellcheck is not installed; sh has read the script")
    subprocess.run([checker, SCRIPT], check=True, timeout=60)
