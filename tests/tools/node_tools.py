"""Node for the tests that compile: optional, since nobody but a developer of the contracts needs it.

Where node or the package registry is missing the test is skipped, and says so; with PERDURE_REQUIRE_NODE set
it fails instead, for machines that are meant to have both.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[2] / "contracts"
SECONDS = 300


def installed_packages(folder: Path) -> None:
    """See that ``folder/node_modules`` holds what the lock file says, or skip the test."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip_or_fail("node and npm are not installed")
    with (folder / "package-lock.json").open() as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)  # tests in parallel must not install at once
        if _is_current(folder):
            return
        try:
            install = subprocess.run(
                ["npm", "ci"], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            skip_or_fail(f"npm ci took more than {SECONDS} s")
        if install.returncode != 0:
            skip_or_fail(f"npm ci failed: {install.stderr.strip()[-300:]}")


def run_node(folder: Path, *arguments: str) -> str:
    """The output of a node script that has to succeed."""
    finished = subprocess.run(
        ["node", *arguments], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def _is_current(folder: Path) -> bool:
    """npm leaves a copy of the lock file in what it installed, and writes it last."""
    installed = folder / "node_modules" / ".package-lock.json"
    lock_file = folder / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock_file.stat().st_mtime


def skip_or_fail(reason: str) -> None:
    """Say why a test cannot run here."""
    if os.environ.get("PERDURE_REQUIRE_NODE"):
        pytest.fail(reason)
    pytest.skip(reason)
