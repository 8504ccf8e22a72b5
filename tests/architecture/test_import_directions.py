"""Who may import whom, and what the proof library may touch at all."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import perdure_anchor
import pytest

ROOT = Path(__file__).parent.parent.parent
ANCHOR = Path(perdure_anchor.__file__).parent
MODULES = sorted(ANCHOR.rglob("*.py"))

# no I/O, no clock, no randomness: a module joins this list when it has none of them
PURE_STANDARD_LIBRARY = {
    "base64", "binascii", "bisect", "collections", "contextlib", "dataclasses", "datetime", "enum", "functools", "hashlib", "itertools",
    "json", "math", "re", "struct", "types", "typing", "unicodedata",
}  # fmt: skip
THIRD_PARTIES = {"coincurve", "cryptography", "sha3"}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__"}
CLOCKS = {"now", "today", "utcnow"}


def test_imports_go_one_way() -> None:
    """In a process of its own, since import-linter silences the loggers that other tests listen to."""
    program = Path(sys.executable).with_name("lint-imports")
    linted = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


def imported(tree: ast.AST) -> Iterator[str]:
    """The packages that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that they can be read"
            yield (node.module or "").partition(".")[0]


def called(tree: ast.AST) -> Iterator[str]:
    """The names of what a module calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            yield function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ANCHOR)))
def test_the_proof_library_is_pure(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert set(imported(tree)) <= PURE_STANDARD_LIBRARY | THIRD_PARTIES | {"perdure_anchor"}
    names = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not names & IMPURE_CALLS
    assert not set(called(tree)) & CLOCKS


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 20
