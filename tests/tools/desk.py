"""Somebody at a desk: runs `perdure` in a folder, as a process, with settings and a passphrase of their own."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.command_server import run_forked
from tools.json_lines import check, command_named

PASSPHRASE = "a passphrase of the tests"
_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON, a line each."""
        return [json.loads(line) for line in self.out.splitlines()]


class Desk:
    """A folder, and who sits there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *arguments: str, expected: int = 0) -> Ended:
        """Run a command to its end; another exit code than ``expected`` fails the test."""
        code, out, err = run_forked(arguments, self.folder, self._environment(), _LIMIT)
        assert code == expected, f"perdure {' '.join(arguments)}: {code}\n{out}{err}"
        assert "Traceback" not in err
        ended = Ended(code, out, err)
        if "--json" in arguments:
            for line in ended.lines:
                check(command_named(arguments), line)
        return ended

    def _environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")} | {
            "PERDURE_CONFIG_DIR": str(self.folder / ".settings"),
            "PERDURE_PASSPHRASE": PASSPHRASE,
            "PERDURE_GATEWAY_PASSPHRASE": PASSPHRASE,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command, with an interpreter of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "perdure_cli", *arguments],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill_after(self, seconds: float, *arguments: str) -> Ended:
        """Start a command and kill it; it may have ended before."""
        with self.start(*arguments) as process:
            time.sleep(seconds)
            process.kill()
            out, err = process.communicate(timeout=_LIMIT)
        return Ended(process.returncode, out, err)
