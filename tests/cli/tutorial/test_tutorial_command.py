"""`perdure tutorial` from end to end: a learner who does everything right, by script, on the sandbox's own chain."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.json_lines import check

_LIMIT = 300
ADD = 'perdure add contract.txt --type contract --signer "Ada Example <ada@acme.example>" --signed-at 2026-05-04T10:00Z'
FIRST = (
    ADD,
    ADD,
    "answer 1",
    'perdure amend contract.txt --signed-at 2026-05-04T12:00Z --reason "misread"',
    "perdure seal",
)
REST = (
    "perdure sync",
    "perdure prove contract.txt",
    "perdure verify contract.txt",
    "answer 3",
    "change contract.txt",
    "perdure verify contract.txt",
    "answer 1",
    "restore contract.txt",
    "perdure prove contract.txt --hide signers --output for-press.evidence.json",
)


def tutorial(
    folder: Path, *arguments: str, typed: tuple[str, ...] = (), expected: int = 0
) -> tuple[str, str]:
    """Run it with lines on standard input; what it printed on stdout and stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "perdure_cli", "tutorial", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
        | {"PERDURE_CONFIG_DIR": str(folder / "own")},
        input="".join(f"{line}\n" for line in typed),
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    assert ended.returncode == expected, f"{ended.returncode}\n{ended.stdout}{ended.stderr}"
    return ended.stdout, ended.stderr


def outcomes(folder: Path) -> dict[str, str | None]:
    """How each lesson ended."""
    out, _ = tutorial(folder, "list", "--json")
    members: dict[str, Any] = json.loads(out)
    check("tutorial list", members)
    return {each["key"]: each["outcome"] for each in members["lessons"]}


def test_who_does_everything_right_passes_and_may_pause(tmp_path: Path) -> None:
    out, err = tutorial(tmp_path, typed=(*FIRST, "quit"))
    assert out.count("done: ") == 4
    assert "what you did is kept in perdure-tutorial" in err
    assert [key for key, outcome in outcomes(tmp_path).items() if outcome] == [
        "record",
        "once",
        "amend",
        "seal",
    ]
    out, err = tutorial(tmp_path, "--json", typed=REST)
    members = json.loads(out.splitlines()[-1])
    check("tutorial", members)
    # the last lines come from commands, and the tutorial's own words go to stderr
    assert "done: Both records stay" not in err
    assert outcomes(tmp_path)["hide"] == "done"
    assert not (tmp_path / "own").exists(), "the user's own trust files stay as they are"
