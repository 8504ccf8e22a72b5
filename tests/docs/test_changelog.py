"""The changelog has the version that is being built, and the decisions are numbered."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_version_is_in_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[{re.escape(version)}\]", changelog, re.MULTILINE)
    assert "## [Unreleased]" in changelog


def test_decisions_are_numbered_and_titled() -> None:
    files = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(path.name[:4]) for path in files]
    assert len(set(numbers)) == len(numbers)
    for path, number in zip(files, numbers, strict=True):
        text = path.read_text("utf-8")
        assert text.startswith(f"# {number}. "), path.name
        for section in ("## Context", "## Decision", "## Consequences"):
            assert section in text, path.name


def test_requirements_name_no_hosts() -> None:
    for path in (ROOT / "requirements").iterdir():
        assert "://" not in path.read_text("utf-8")
