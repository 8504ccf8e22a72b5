"""The doctor finds what is wrong, says what to do, and does not take a silent chain for a wrong one."""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.hashes import Hash32
from perdure_cli.main import main
from perdure_devnet.info import TRUST_NAME
from perdure_devnet.network import relay_key
from perdure_node.clock import Clock, system_clock
from perdure_node.doctor.configuration import check_configuration
from perdure_node.doctor.examining import examine
from perdure_node.doctor.finding import Finding, Level
from perdure_node.doctor.folder import check_folder
from perdure_node.gateway.folder import NewGateway, create_gateway, open_gateway
from perdure_node.gateway.settings import (
    AccessSettings,
    AlarmSettings,
    EndpointSettings,
    ListenSettings,
    NodeSettings,
    PairSettings,
    PeerSettings,
    RelaySettings,
    encode_settings,
    settings_for,
)
from perdure_node.gateway.transactions import GatewayTransaction, store_transactions
from tools.certificates import self_signed
from tools.processes import free_ports
from tools.quiet_node import URL, quiet_folder
from tools.running_devnet import running_devnet
from tools.served_node import served
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes

Change = Callable[[NodeSettings], NodeSettings]
ACCOUNT = "0x" + "11" * 20


def changed(**tables: Any) -> Change:
    return lambda settings: replace(settings, **tables)


def told(findings: Iterator[Finding], *levels: Level) -> dict[str, str]:
    """What is not well, by what it is about; or what is of these levels."""
    wanted = levels or (Level.WARNING, Level.ERROR, Level.UNKNOWN)
    return {each.about: each.message for each in findings if each.level in wanted}


def configuration(folder: Path, change: Change, *levels: Level) -> dict[str, str]:
    quiet_folder(folder, change)
    return told(check_configuration(folder, system_clock()), *levels)


class TestConfiguration:
    def test_what_is_made_can_be_used(self, tmp_path: Path) -> None:
        assert set(configuration(tmp_path / "node", lambda each: each)) == {"endpoint"}, "there is only one"

    def test_no_file_and_no_toml(self, tmp_path: Path) -> None:
        assert "no such file" in told(check_configuration(tmp_path, system_clock()))["node.toml"]
        (tmp_path / "node.toml").write_text("[[endpoint]\n")
        assert "node.toml" in told(check_configuration(tmp_path, system_clock()), Level.ERROR)
        (tmp_path / "node.toml").write_text('[[endpoint]]\nurl = "http://127.0.0.1:1"\n[listne]\n')
        (finding,) = check_configuration(tmp_path, system_clock())
        assert finding.remedy == "did you mean listen?"

    @pytest.mark.parametrize(
        ("change", "about", "level"),
        [
            (changed(endpoint=(EndpointSettings("ftp://one"),)), "endpoint 1: url", Level.ERROR),
            (changed(endpoint=(EndpointSettings("http://10.0.0.7:8545"),)), "endpoint 1: url", Level.WARNING),
            (changed(endpoint=(EndpointSettings(URL), EndpointSettings(URL))), "endpoint", Level.ERROR),
            (
                changed(endpoint=(EndpointSettings(URL, token_file="t"),)),
                "endpoint 1: token_file",
                Level.ERROR,
            ),
            (changed(endpoint=(EndpointSettings(URL, ca="none.pem"),)), "endpoint 1: ca", Level.ERROR),
            (changed(endpoint=(EndpointSettings(URL, ca="node.toml"),)), "endpoint 1: ca", Level.ERROR),
            (
                changed(endpoint=(EndpointSettings(URL, certificate="node.toml"),)),
                "endpoint 1: certificate",
                Level.ERROR,
            ),
            (changed(relay=RelaySettings(passphrase_file="none")), "relay: passphrase_file", Level.ERROR),
            (changed(relay=RelaySettings(account=ACCOUNT)), "relay: account", Level.WARNING),
            (changed(relay=RelaySettings(signer_url=URL, account="0x11")), "relay: account", Level.ERROR),
            (changed(listen=ListenSettings("localhost")), "listen: address", Level.ERROR),
            (changed(listen=ListenSettings("0.0.0.0")), "listen: address", Level.WARNING),
            (changed(listen=ListenSettings(certificate="none.pem")), "listen: certificate", Level.ERROR),
            (changed(listen=ListenSettings(certificate_key="k.pem")), "listen: certificate_key", Level.ERROR),
            (changed(access=AccessSettings("proxy")), "access: reading", Level.ERROR),
            (
                changed(access=AccessSettings("tokens"), listen=ListenSettings("::")),
                "access: reading",
                Level.ERROR,
            ),
            (changed(access=AccessSettings(proxy_addresses=("x",))), "access: proxy_addresses", Level.ERROR),
            (changed(peer=(PeerSettings("https://"),)), "peer 1: url", Level.ERROR),
            (
                changed(peer=(PeerSettings("http://10.0.0.9", "node.toml"),)),
                "peer 1: url",
                Level.ERROR,
            ),
            (changed(pair=PairSettings("https://two", "")), "pair: account", Level.ERROR),
            (changed(pair=PairSettings("", ACCOUNT)), "pair: account", Level.WARNING),
            (
                changed(
                    pair=PairSettings("https://two", ACCOUNT),
                    relay=RelaySettings(signer_url=URL, account=ACCOUNT),
                ),
                "pair: account",
                Level.ERROR,
            ),
            (changed(alarms=AlarmSettings(unmined_seconds=60)), "alarms: unmined_seconds", Level.WARNING),
        ],
    )
    def test_faults(self, tmp_path: Path, change: Change, about: str, level: Level) -> None:
        assert about in configuration(tmp_path / "node", change, level)

    def test_a_url_s_secrets_are_not_repeated(self, tmp_path: Path) -> None:
        endpoints = tuple(
            EndpointSettings(f"{scheme}://user:hunter2@10.0.0.7/key-of-an-api")
            for scheme in ("ftp", "http", "http")
        )
        quiet_folder(tmp_path / "node", changed(endpoint=endpoints))
        text = repr(list(check_configuration(tmp_path / "node", system_clock())))
        assert "hunter2" not in text
        assert "key-of-an-api" not in text

    def test_secret_files_are_looked_at(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("secret")
        (tmp_path / "token").chmod(0o644)
        (tmp_path / "empty").write_text("\n")
        change = changed(
            endpoint=(
                EndpointSettings(URL, str(tmp_path / "token")),
                EndpointSettings(f"{URL}/2", str(tmp_path / "empty")),
            )
        )
        found = configuration(tmp_path / "node", change)
        assert found["endpoint 1: token_file"].endswith("every user of this machine may use it")
        assert found["endpoint 2: token_file"].endswith("is empty")
        (tmp_path / "token").chmod(0o600)
        assert "endpoint 1: token_file" not in told(check_configuration(tmp_path / "node", system_clock()))

    def test_a_certificate_s_end_comes(self, tmp_path: Path) -> None:
        pem = self_signed(tmp_path, "127.0.0.1")
        pem.chmod(0o600)
        change = changed(listen=ListenSettings("0.0.0.0", certificate=str(pem)))
        assert "expires on" in configuration(tmp_path / "node", change)["listen: certificate"]
        later = replace(system_clock(), now=lambda: time.time() + 3 * 86400)
        errors = told(check_configuration(tmp_path / "node", later), Level.ERROR)
        assert "has expired" in errors["listen: certificate"]
        assert "listen: address" not in errors


class TestFolder:
    def look(self, folder: Path) -> dict[str, str]:
        with open_gateway(folder) as gateway:
            settings = gateway.settings
        return told(check_folder(folder, settings))

    def test_a_new_one(self, tmp_path: Path) -> None:
        assert self.look(quiet_folder(tmp_path / "node")) == {}

    def test_others_may_read_it(self, tmp_path: Path) -> None:
        folder = quiet_folder(tmp_path / "node")
        (folder / "relay.key").chmod(0o640)
        assert self.look(folder)["permissions"].endswith("relay.key")

    def test_a_disk_without_room(self, tmp_path: Path) -> None:
        folder = quiet_folder(tmp_path / "node", changed(alarms=AlarmSettings(disk_bytes=1 << 50)))
        assert "want 1073741824 MiB" in self.look(folder)["disk"]

    def test_a_damaged_database(self, tmp_path: Path) -> None:
        folder = quiet_folder(tmp_path / "node")
        with open_gateway(folder) as gateway:
            settings = gateway.settings
        path = folder / "gateway.sqlite"
        octets = bytearray(path.read_bytes())
        for offset in range(4096, len(octets), 4096):
            octets[offset : offset + 64] = b"\xff" * 64
        path.write_bytes(octets)
        found = list(check_folder(folder, settings))
        assert [each.level for each in found if each.about == "database"] == [Level.ERROR]
        path.write_bytes(b"no database at all" * 1000)
        assert "not a database" in told(check_folder(folder, settings))["database"]
        path.unlink()
        assert "no such file" in told(check_folder(folder, settings))["database"]

    def test_tables_of_another_version_are_left_as_they_are(self, tmp_path: Path) -> None:
        folder = quiet_folder(tmp_path / "node")
        with open_gateway(folder) as gateway:
            settings = gateway.settings
        for version, expected in ((1, Level.OK), (9999, Level.ERROR)):
            with sqlite3.connect(folder / "gateway.sqlite") as connection:
                connection.execute(f"PRAGMA user_version={version}")
            connection.close()
            (finding,) = [each for each in check_folder(folder, settings) if each.about == "database"]
            assert finding.level is expected
            assert f"version {version}" in finding.message


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    directory = tmp_path_factory.mktemp("doctor") / "chain"
    with running_devnet(directory) as url:
        yield directory, url


def made(
    devnet: tuple[Path, str], folder: Path, change: Change = lambda each: each, trust: bytes = b""
) -> Path:
    directory, url = devnet
    raw = trust or (directory / TRUST_NAME).read_bytes()
    new = NewGateway(raw, change(settings_for(url)), PASSPHRASE, relay_key(directory).private_key, CHEAP)
    create_gateway(folder, new, randomness=counted_bytes(b"doctor")).close()
    return folder


def examined(folder: Path, clock: Clock | None = None) -> Iterator[Finding]:
    return examine(folder, clock or system_clock(), lambda: PASSPHRASE)


class TestTheWhole:
    def test_a_node_that_runs(self, devnet: tuple[Path, str], tmp_path: Path) -> None:
        (port,) = free_ports(1)
        folder = made(devnet, tmp_path / "node", changed(listen=ListenSettings(port=port)))
        with served(folder) as node:
            while node.get("/ready").status_code != 200:
                time.sleep(0.1)
            found = {each.about: each for each in examined(folder)}
        # the room on a developer's disk is no fault of the node's
        levels = {
            name: each.level for name, each in found.items() if name not in ("disk", "alarm disk", "alarms")
        }
        assert {name for name, level in levels.items() if level is not Level.OK} == {"endpoint"}
        assert found["process"].message.endswith(f"process {os.getpid()} serves this node")
        assert "answers and works" in found["process: ready"].message
        assert "0 transactions are on their way" in found["relay nonce"].message

    def test_nobody_answers(self, tmp_path: Path) -> None:
        found = {each.about: each for each in examined(quiet_folder(tmp_path / "node"))}
        assert found["endpoint 1"].level is Level.UNKNOWN
        assert found["chain"].level is Level.UNKNOWN
        assert found["process"].level is Level.WARNING
        assert not [each for each in found.values() if each.level is Level.ERROR and each.about != "disk"]

    def test_another_chain_is_an_answer(self, devnet: tuple[Path, str], tmp_path: Path) -> None:
        members = json.loads((devnet[0] / TRUST_NAME).read_bytes())
        members["genesis_hash"] = "0x" + "77" * 32
        folder = made(devnet, tmp_path / "node", trust=json.dumps(members).encode())
        found = {each.about: each for each in examined(folder)}
        assert found["endpoint 1"].level is Level.ERROR
        assert "another chain" in found["endpoint 1"].message

    def test_clocks(self, devnet: tuple[Path, str], tmp_path: Path) -> None:
        folder = made(devnet, tmp_path / "node")
        behind = replace(system_clock(), now=lambda: time.time() - 3600)
        ahead = replace(system_clock(), now=lambda: time.time() + 3600)
        assert "s after what this machine's clock says" in told(examined(folder, behind))["endpoint 1: clock"]
        assert "s ago; the chain has a block every 10 s" in told(examined(folder, ahead))["endpoint 1: age"]

    def test_endpoints_that_disagree(
        self, devnet: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from perdure_contracts.chain import ChainClient

        endpoints = (EndpointSettings(devnet[1]), EndpointSettings(f"{devnet[1]}/#liar"))
        folder = made(devnet, tmp_path / "node", changed(endpoint=endpoints))
        honest = told(examined(folder))
        assert "endpoints" not in honest
        true = ChainClient.fetch_block_hash

        def lying(client: ChainClient, number: int) -> Hash32:
            lies = number and client.rpc.endpoint.url.endswith("liar")
            return Hash32(bytes(32)) if lies else true(client, number)

        monkeypatch.setattr(ChainClient, "fetch_block_hash", lying)
        assert "they disagree about block" in told(examined(folder), Level.ERROR)["endpoints"]

    def test_a_gap_between_nonces(self, devnet: tuple[Path, str], tmp_path: Path) -> None:
        folder = made(devnet, tmp_path / "node")
        with open_gateway(folder) as gateway:
            with gateway.database.transaction():
                gateway.database.execute(
                    "INSERT INTO site (number, origin, added_at) VALUES (1, 'acme/one', 0)"
                )
                gateway.database.execute(
                    "INSERT INTO rotation (site, new_key, grace_period, nonce, signature, state) VALUES (1, ?, 0, 0, ?, 'waiting')",
                    bytes(20),
                    bytes(65),
                )
            stored = [
                GatewayTransaction(None, 1, nonce, Hash32(bytes([nonce]) * 32), b"", 0)
                for nonce in (100, 101)
            ]
            store_transactions(gateway.database, stored)
        assert "have none before 100" in told(examined(folder))["relay nonce"]

    def test_a_trust_file_that_has_ended(self, devnet: tuple[Path, str], tmp_path: Path) -> None:
        members = json.loads((devnet[0] / TRUST_NAME).read_bytes())
        members["epochs"][-1]["to"] = members["registry"]["deployment_block"] + 1
        folder = made(devnet, tmp_path / "node", trust=json.dumps(members).encode())
        time.sleep(3)
        assert "it knows the validators up to block" in told(examined(folder), Level.ERROR)["trust file"]

    def test_a_wrong_passphrase(self, devnet: tuple[Path, str], tmp_path: Path) -> None:
        folder = made(devnet, tmp_path / "node")
        found = told(examine(folder, system_clock(), lambda: "another one"), Level.ERROR)
        assert "passphrase" in found
        assert "relay account" in found

    def test_peers(self, devnet: tuple[Path, str], tmp_path: Path) -> None:
        peers = (PeerSettings(URL), PeerSettings(devnet[1]))
        found = {each.about: each for each in examined(made(devnet, tmp_path / "node", changed(peer=peers)))}
        assert found["peer 1"].level is Level.UNKNOWN
        assert found["peer 2"].level is Level.ERROR, "it is a chain client"


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERDURE_CONFIG_DIR", str(tmp_path / "settings"))
        monkeypatch.delenv("PERDURE_GATEWAY_PASSPHRASE", raising=False)

    def test_exit_codes(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        small = changed(alarms=AlarmSettings(disk_bytes=0))
        folder = str(quiet_folder(tmp_path / "node", small))
        assert main(["node", "check-config", "--gateway", folder]) == 0
        assert main(["node", "doctor", "--gateway", folder]) == 3, "nobody could be asked"
        assert "unknown: endpoint 1: " in capsys.readouterr().out
        (tmp_path / "node" / "trust.json").write_text("{}")
        assert main(["node", "doctor", "--gateway", folder]) == 1
        (tmp_path / "node" / "node.toml").write_bytes(
            encode_settings(changed(access=AccessSettings("proxy"))(settings_for(URL)))
        )
        assert main(["node", "check-config", "--gateway", folder]) == 2
        assert "node.toml" in capsys.readouterr().err
        for command in ("check-config", "doctor"):
            assert main(["node", command, "--gateway", str(tmp_path / "none")]) == 2
        assert "change" not in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["trust.json", "identity.json", "relay.key", "gateway.sqlite"])
    def test_a_file_that_is_missing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
    ) -> None:
        folder = quiet_folder(tmp_path / "node")
        (folder / name).unlink()
        assert main(["node", "check-config", "--gateway", str(folder)]) == 2
        told = capsys.readouterr().out
        assert f"{name}: no such file" in " ".join(told.split())
        assert "perdure node backup" in " ".join(told.split())

    def test_json(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = str(quiet_folder(tmp_path / "node"))
        for command in ("check-config", "doctor"):
            main(["node", command, "--gateway", folder, "--json"])
            (line,) = map(json.loads, capsys.readouterr().out.splitlines())
            from tools.json_lines import check

            check(f"node {command}", line)
            assert {each["about"] for each in line["findings"]} >= {"node.toml", "endpoint"}
