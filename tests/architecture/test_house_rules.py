"""Rules of the house that no linter knows: who prints, how long things are, which errors there are."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import perdure_anchor
import perdure_cli
import perdure_contracts
import perdure_devnet
import perdure_node
import pytest
from perdure_anchor.errors import PerdureError

PACKAGES = (perdure_anchor, perdure_contracts, perdure_node, perdure_devnet, perdure_cli)
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60


def source_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted(Path(package.__path__[0]).rglob("*.py"))


FILES = list(source_files())


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
def test_modules_can_be_read(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is"
    assert text.count("\n") <= MAX_MODULE_LINES
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert not long


def test_only_the_command_prints() -> None:
    printing = [
        path.name
        for path in FILES
        if "perdure_cli" not in path.parts
        and any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("print", "input")
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
        )
    ]
    assert printing == []


def test_every_error_of_ours_has_an_exit_code() -> None:
    """An exception outside of the tree would be reported as a fault of ours; refusals within a package may be outside."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    subclasses = list(descendants(PerdureError))
    assert len(subclasses) > 40
    assert [each.__name__ for each in subclasses if not inspect.getdoc(each)] == []


def descendants(error: type[Exception]) -> Iterator[type[Exception]]:
    for child in error.__subclasses__():
        yield child
        yield from descendants(child)
