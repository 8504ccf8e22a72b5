"""`perdure tutorial` from end to end: a learner who does everything right, by script, on the sandbox's own chain."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.evidence import parse_evidence
from perdure_anchor.trust_file import fingerprint, parse_trust_file
from perdure_anchor.verify import verify
from perdure_cli.tutorial import sandbox
from perdure_devnet.lock import holder
from tools.commands import Run
from tools.json_lines import check
from tools.quick_sandbox import QuickSandbox

pytestmark = pytest.mark.slow

_LIMIT = 600
# options and what is typed; what was printed on stdout and stderr
Quick = Callable[..., tuple[str, str]]
ADD = 'perdure add contract.txt --type contract --signer "Ada Example <ada@acme.example>" --signed-at 2026-05-04T10:00Z'
FIRST = (
    ADD,
    ADD,
    "answer 1",
    'perdure amend contract.txt --signed-at 2026-05-04T12:00Z --reason "misread"',
    "perdure seal",
)
THEN = (
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
PEOPLE = (
    "perdure operator add ada --role recorder",
    "perdure operator add bela --role confirmer",
    "perdure operator add cleo --role site-keeper",
    "perdure policy set policy.toml --as cleo",
    "perdure add agreement.txt --type agreement --as ada",
    "perdure confirm agreement.txt --as bela --yes",
    "perdure confirm order-1.txt --as bela --yes",
    'perdure reject order-2.txt --reason "signed by Bela" --as bela',
    'perdure review done order-2.txt --note "asked ada" --as cleo',
    "perdure add permit.txt --type permit --signed-at 2026-02-02T08:00Z --late-reason mislaid --supporting permit-mail.txt --as ada",
)
KEEPING = (
    "perdure import letters.csv --as ada",
    "answer letter-2.txt",
    "perdure audit --documents . --output year.audit.json --as cleo",
    "answer letter-4.txt",
    'perdure erase letters/letter-3.txt --reason "asked for" --as cleo --yes',
    "perdure statement --range 0-1 --output log.statement.json",
    "perdure report contract.txt.evidence.json contract.txt --output report.pdf",
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


def leaf_hash(folder: Path) -> str:
    """That of the contract's record, out of its evidence."""
    evidence = parse_evidence(
        (folder / "perdure-tutorial" / "desk" / "contract.txt.evidence.json").read_bytes()
    )
    leaf = verify(
        evidence, parse_trust_file((folder / "perdure-tutorial" / "chain" / "consortium.json").read_bytes())
    ).leaf_hash
    assert leaf is not None
    return leaf.hex()


@pytest.fixture
def quick(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Quick:
    """The tutorial in this process, which does what `tutorial` does; its commands need not import everything anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERDURE_CONFIG_DIR", str(tmp_path / "own"))
    monkeypatch.setattr(sandbox, "Sandbox", QuickSandbox)

    def quick_tutorial(*arguments: str, typed: tuple[str, ...]) -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in typed)))
        code, out, err = run("tutorial", *arguments)
        assert code == 0, out + err
        return out, err

    return quick_tutorial


def test_who_does_everything_right_passes_and_may_pause(tmp_path: Path, quick: Quick) -> None:
    out, err = tutorial(tmp_path, typed=(*FIRST, "quit"))
    assert out.count("done: ") == 4
    assert "what you did is kept in perdure-tutorial" in err
    assert [key for key, outcome in outcomes(tmp_path).items() if outcome] == [
        "record",
        "once",
        "amend",
        "seal",
    ]
    out, err = quick("--json", typed=(*THEN, "hint"))
    members = json.loads(out)
    check("tutorial", members)
    assert members["finished"] is False
    assert err.count("done: ") == 6
    supersede = (
        f"perdure add contract-2.txt --type contract --supersedes {leaf_hash(tmp_path)} --reason corrected"
    )
    folder = tmp_path / "perdure-tutorial"
    trust = fingerprint((folder / "chain" / "consortium.json").read_bytes())
    audit = (
        f'perdure trust pin consortium.json --fingerprint "{trust}"',
        "perdure verify cases",
        "answer contract-2.txt",
    )
    out, err = quick(typed=(supersede, *PEOPLE, *KEEPING, *audit))
    assert "That was all." in out, err
    assert {*outcomes(tmp_path).values()} == {"done"}
    assert not (tmp_path / "own").exists(), "the user's own trust files stay as they are"
    assert holder(folder / "chain") is None, "the chain has ended"
    # nothing is left to do
    out, err = tutorial(tmp_path)
    assert "That was all." in out
