"""The node's log: lines that nothing breaks, in both formats, and no secret in any of them."""

import asyncio
import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from perdure_anchor.errors import ChainError
from perdure_node.gateway.settings import EndpointSettings, LogSettings, RelaySettings
from perdure_node.pages.multipart import FormError, read_form
from perdure_node.service.logging import logging_to
from tools.quiet_node import RELAY_KEY, quiet_folder
from tools.site_network import PASSPHRASE

pytestmark = pytest.mark.slow

BREAKING = 'one\n{"level":"forged"}\r\x1b[2J\x85\u2028end'
SECRETS = (
    "hunter2-hunter2",
    "k3y-of-an-api-provider",
    "t0ken-in-a-file",
    "t0ken-of-a-client",
    "query-secret",
)


def logged(settings: LogSettings, log: logging.Logger | None = None) -> str:
    stream = io.StringIO()
    with logging_to(stream, settings):
        told = log or logging.getLogger("perdure.test")
        told.info("took %s in", BREAKING, extra={"site": BREAKING, "size": 3, "hint": None})
        try:
            raise ChainError(BREAKING)
        except ChainError:
            told.exception("failed")
        told.debug("a detail")
    return stream.getvalue()


def test_json_lines() -> None:
    first, second = map(json.loads, logged(LogSettings()).splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info", "logger": "perdure.test", "message": f"took {BREAKING} in", "site": BREAKING, "size": 3,
    }  # fmt: skip
    assert second["level"] == "error"
    assert "ChainError" in second["traceback"]


def test_forms_of_strangers_that_cannot_be_read_are_no_warnings() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"no boundary"

    stream = io.StringIO()
    with logging_to(stream, LogSettings()), pytest.raises(FormError):
        asyncio.run(read_form("multipart/form-data; boundary=b", pieces(), 1000))
    assert stream.getvalue() == ""


def test_json_is_ascii_and_a_line_each() -> None:
    text = logged(LogSettings())
    assert text.isascii()
    assert "\x1b" not in text
    assert len(text.split("\n")) == 3


def test_text_lines() -> None:
    text = logged(LogSettings(format="text"))
    lines = text.removesuffix("\n").split("\n")
    assert lines[0].split(" ", 1)[1].startswith("INFO took one\\n{")
    assert lines[0].endswith("size=3")
    assert lines[1].endswith("ERROR failed")
    assert all(line.startswith("    ") for line in lines[2:])
    assert all(line.isprintable() for line in lines)


def test_levels_and_others() -> None:
    assert "a detail" in logged(LogSettings(level="debug"))
    assert logged(LogSettings(level="warning")).count("\n") == 1
    # httpx tells of each request with its whole url
    assert logged(LogSettings(level="debug"), logging.getLogger("httpx")).count("\n") == 1


def test_nothing_stays_behind() -> None:
    before = [*logging.getLogger().handlers]
    logged(LogSettings())
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize("format", ["json", "text"])
def test_a_node_that_runs_logs_no_secret(tmp_path: Path, format: str) -> None:
    (tmp_path / "token").write_text(SECRETS[2])
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    (tmp_path / "passphrase").chmod(0o600)
    folder = quiet_folder(
        tmp_path / "node",
        lambda settings: replace(
            settings,
            endpoint=(
                EndpointSettings(f"http://user:{SECRETS[0]}@127.0.0.1:9/v3/{SECRETS[1]}"),
                EndpointSettings(f"http://127.0.0.1:9/v3/{SECRETS[1]}", token_file=str(tmp_path / "token")),
            ),
            relay=RelaySettings(passphrase_file=str(tmp_path / "passphrase")),
            log=LogSettings(format, "debug"),
        ),
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "perdure_cli", "node", "run", "--gateway", folder, "--json"],
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PERDURE_CONFIG_DIR": str(tmp_path / "settings")},
        )
        with process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, headers={"authorization": f"Bearer {SECRETS[3]}"}) as client:
                client.get(f"/v1/sites/acme/one/standing?token={SECRETS[4]}")
                client.get("/v1/sites/acme%0aERROR/forged")
                client.post("/v1/bundles", content=SECRETS[4].encode())
                assert client.get("/ready").status_code == 503
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 0
    text = (tmp_path / "log").read_text("utf-8")
    for secret in (*SECRETS, PASSPHRASE, RELAY_KEY.hex()):
        assert secret not in text
    assert "node serves" in text
    assert "node stops" in text
    assert "relay: " in text, "the worker that fails says so"
    assert "/v1/sites/{partner}/{name}/standing" in text
    if format == "json":
        for line in text.splitlines():
            assert json.loads(line)["level"] != "forged"
