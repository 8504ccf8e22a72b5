"""What partners deploy, as far as it can be checked without their machines: units, containers, compose and Prometheus's files."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from perdure_anchor.hashes import Address
from perdure_cli.main import cli
from perdure_node.gateway.settings import DEFAULT_PORT
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import EndpointView, WorkerView
from tools.quiet_node import NOW, quiet_folder, quiet_node
from tools.site_network import PASSPHRASE

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "node" / "deploy"
UNIT = DEPLOY / "systemd" / "perdure-node.service"
PROMETHEUS = DEPLOY / "prometheus"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text("utf-8")
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text("utf-8")
# linux/prctl.h, since Linux 6.3: what systemd's MemoryDenyWriteExecute= does, for a single process
_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN = 65, 1


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for group in read_yaml(PROMETHEUS / "alerts.yml")["groups"] for rule in group["rules"]]


def check_command(words: list[str]) -> None:
    """Fail unless the command line is one that `perdure` understands; runs nothing."""
    command: click.Command = cli
    context = click.Context(cli)
    rest = words
    while isinstance(command, click.Group):
        rest = [word for word in rest if word not in ("--quiet", "--verbose")]
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"there is no perdure {rest[0]}"
        command, rest = inner, rest[1:]
    known = {name for each in command.params for name in each.opts}
    assert {word for word in rest if word.startswith("-")} <= known, words


class TestAlerts:
    @pytest.mark.parametrize("name", [name.value for name in AlarmName])
    def test_every_alarm_has_one_and_a_runbook(self, name: str) -> None:
        (rule,) = [rule for rule in rules() if rule["expr"] == f'perdure_alarm{{alarm="{name}"}} > 0']
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name}"
        assert rule["labels"]["alarm"] == name
        assert rule["labels"]["severity"] in ("warning", "critical")

    def test_there_is_none_for_an_alarm_that_no_node_raises(self) -> None:
        named = {name for rule in rules() for name in re.findall(r'alarm="([^"]+)"', rule["expr"])}
        assert named == {name.value for name in AlarmName}

    def test_each_leads_to_a_section(self) -> None:
        sections = set(re.findall(r"^## ([a-z-]+)$", RUNBOOKS, re.MULTILINE))
        for rule in rules():
            page, _, section = rule["annotations"]["runbook_url"].partition("#")
            assert page == "docs/runbooks.md"
            assert section in sections

    def test_each_metric_is_told(self, tmp_path: Path) -> None:
        with quiet_node(tmp_path / "node") as node:
            node.state.saw_chain(
                head=5, head_time=int(NOW), seen_at=NOW, followed=4, validators=(Address(bytes(20)),)
            )
            node.state.note_worker(WorkerView("relay", NOW))
            node.state.note_endpoint(EndpointView("http://one", 5))
            node.client.get("/health")
            told = {name.partition("{")[0] for name in node.scrape()}
        wanted = {name for rule in rules() for name in re.findall(r"\bperdure_[a-z_]+", rule["expr"])}
        assert len(wanted) > 5
        assert wanted <= told

    @pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
    def test_promtool_takes_them(self) -> None:
        for arguments in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
            done = subprocess.run(
                ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr


class TestRunbooks:
    @pytest.mark.parametrize("name", [name.value for name in AlarmName])
    def test_every_alarm_has_one(self, name: str) -> None:
        _, _, section = RUNBOOKS.partition(f"\n## {name}\n")
        section = section.partition("\n## ")[0]
        for part in ("**What it means.**", "**Look at.**", "**Do.**", "**Worry when.**"):
            assert part in section, f"{name}: {part}"


def unit() -> RawConfigParser:
    class Repeated(dict[str, str]):
        """Keys that stand there twice are joined."""

        def __setitem__(self, key: str, value: str) -> None:
            if key in self and isinstance(value, list) and isinstance(self[key], list):
                value = self[key] + value
            super().__setitem__(key, value)

    parser = RawConfigParser(strict=False, dict_type=Repeated)  # type: ignore[arg-type]
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT, "utf-8")
    return parser


class TestSystemd:
    def test_its_commands_are_ours(self) -> None:
        service = unit()["Service"]
        for name in ("ExecStart", "ExecStartPre"):
            program, *words = shlex.split(service[name])
            assert program == "/opt/perdure/bin/perdure"
            check_command(words)
            assert words[-1].startswith(f"/var/lib/{service['StateDirectory']}/")

    def test_the_credential_is_the_one_that_the_node_looks_for(self) -> None:
        from perdure_cli.commands import node

        assert unit()["Service"]["LoadCredential"].startswith("passphrase:")
        source = Path(node.__file__).read_text("utf-8")
        assert '"CREDENTIALS_DIRECTORY"' in source
        assert '/ "passphrase"' in source

    def test_it_is_watched_and_bounded(self) -> None:
        service = unit()["Service"]
        assert service["Type"] == "notify"
        assert int(service["WatchdogSec"]) >= 60
        assert service["NoNewPrivileges"] == "yes"
        assert service["ProtectSystem"] == "strict"
        assert service["CapabilityBoundingSet"] == ""

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
    def test_systemd_takes_it_and_finds_it_tight(self, tmp_path: Path) -> None:
        installed = tmp_path / UNIT.name
        installed.write_text(UNIT.read_text("utf-8").replace("/opt/perdure/bin/perdure", "/bin/true"))
        verified = subprocess.run(
            ["systemd-analyze", "verify", installed], capture_output=True, text=True, check=False
        )
        assert verified.returncode == 0, verified.stderr
        assert UNIT.name not in verified.stderr
        judged = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", installed],
            capture_output=True,
            text=True,
            check=False,
        )
        assert judged.returncode == 0, judged.stdout

    def test_the_node_needs_no_memory_that_can_be_written_and_executed(self, tmp_path: Path) -> None:
        """As under MemoryDenyWriteExecute=yes: it starts, opens its keys, serves and ends."""
        quiet_folder(tmp_path / "node")
        program = (
            "import ctypes, os, sys\n"
            f"if ctypes.CDLL(None).prctl({_PR_SET_MDWE}, {_PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0): sys.exit(99)\n"
            f"os.execv(sys.executable, [sys.executable, '-m', 'perdure_cli', 'node', 'run', '--json'])\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "PERDURE_GATEWAY": str(tmp_path / "node"),
                "PERDURE_GATEWAY_PASSPHRASE": PASSPHRASE,
            },
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line and process.wait() == 99:
                pytest.skip("this kernel cannot refuse such memory to a single process")
            assert json.loads(line)["ok"] is True
            process.terminate()
        assert process.returncode == 0


class TestContainer:
    def test_what_it_copies_is_there(self) -> None:
        lines = re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE)
        sources = [word for line in lines for word in line.split()[:-1]]
        assert "requirements/user.txt" in sources
        assert all((ROOT / source).exists() for source in sources)
        packages = {each.parent.name for each in ROOT.glob("*/perdure_*") if each.is_dir()}
        assert packages <= set(sources), "the distribution's packages"

    def test_what_is_installed_is_pinned(self) -> None:
        installs = re.findall(r"pip install (.+)$", CONTAINERFILE, re.MULTILINE)
        assert len(installs) == 2
        assert all(
            "--require-hashes" in each or "--no-deps --no-build-isolation" in each for each in installs
        )
        assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+\.\d+-", CONTAINERFILE, re.MULTILINE)

    def test_it_runs_as_nobody_special_and_is_looked_after(self) -> None:
        last = CONTAINERFILE.rpartition("\nFROM ")[2]
        assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
        assert "HEALTHCHECK" in last
        assert f"EXPOSE {DEFAULT_PORT}" in last
        assert f"PERDURE_HEALTH_URL=http://127.0.0.1:{DEFAULT_PORT}/health" in last

    def test_its_command_is_ours(self) -> None:
        (command,) = re.findall(r"^CMD (\[.+\])$", CONTAINERFILE, re.MULTILINE)
        check_command(json.loads(command))

    def test_it_names_no_host(self) -> None:
        assert set(re.findall(r"://([^/:\s]+)", CONTAINERFILE)) == {"127.0.0.1"}


class TestCompose:
    compose = read_yaml(DEPLOY / "compose.yaml")
    included = read_yaml(ROOT / "devnet" / "besu" / "compose.yaml")

    def test_what_is_included_is_there(self) -> None:
        (path,) = [each["path"] for each in self.compose["include"]]
        assert (DEPLOY / path).resolve() == ROOT / "devnet" / "besu" / "compose.yaml"

    def test_names_fit(self) -> None:
        services = self.compose["services"] | self.included["services"]
        networks = self.compose["networks"] | self.included["networks"]
        assert not set(self.compose["services"]) & set(self.included["services"])
        assert not set(self.compose["volumes"]) & set(self.included["volumes"])
        for service in self.compose["services"].values():
            assert set(service["networks"]) <= set(networks)
            assert set(service["depends_on"]) <= set(services)
            assert set(service.get("secrets", ())) <= set(self.compose["secrets"])
            for volume in service["volumes"]:
                source = volume.partition(":")[0]
                assert (
                    (DEPLOY / source).is_file()
                    if source.startswith(".")
                    else source in self.compose["volumes"]
                )

    def test_services_are_pinned_bounded_and_looked_after(self) -> None:
        for name, service in self.compose["services"].items():
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "for this machine only"
            assert "healthcheck" in service or "build" in service

    def test_its_commands_are_ours(self) -> None:
        check_command(self.compose["services"]["node"]["command"])
        build = self.compose["services"]["node"]["build"]
        assert (DEPLOY / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()

    def test_secrets_are_files(self) -> None:
        assert all(set(secret) == {"file"} for secret in self.compose["secrets"].values())
        assert "environment" not in self.compose["services"]["node"]

    def test_prometheus_asks_the_node(self) -> None:
        prometheus = read_yaml(PROMETHEUS / "prometheus.yml")
        (job,) = prometheus["scrape_configs"]
        assert job["static_configs"][0]["targets"] == [f"node:{DEFAULT_PORT}"]
        assert prometheus["rule_files"] == ["alerts.yml"]
        mounted = self.compose["services"]["prometheus"]["volumes"]
        assert "./prometheus/alerts.yml:/etc/prometheus/alerts.yml:ro" in mounted
        job_names = {rule["expr"] for rule in rules() if "up{" in rule["expr"]}
        assert all(f'job="{job["job_name"]}"' in each for each in job_names)
