"""The README keeps its word: its commands run, in its order, and it lists what the command lists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_cli import exit_codes
from perdure_cli.main import COMMANDS
from tools.desk import Desk

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
REGISTER = "document_sha256,document_name\n" + "ab" * 32 + ",letter.txt\n"


def console_commands() -> Iterator[list[str]]:
    """The words of each `perdure` command in the README's console blocks."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            assert line.startswith("$ perdure "), "console blocks hold commands only"
            yield shlex.split(line)[2:]


def without_fixed_port(words: list[str]) -> list[str]:
    """The devnet's usual port may be taken where the tests run."""
    return [*words, "--port", "0"] if words[:2] == ["devnet", "up"] else words


def test_the_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    (desk.folder / "contract.pdf").write_bytes(b"%PDF-1.4 or so")
    desk.write("register.csv", REGISTER)
    outputs = [desk.run(*without_fixed_port(words)).out for words in console_commands()]
    assert len(outputs) == 15
    assert sum("yes, final" in out for out in outputs) == 2
    size = (desk.folder / "contract.pdf.evidence.json").stat().st_size
    assert 6_000 < size < 10_000, "the README says about 8 kB"


def table_rows(heading: str) -> list[tuple[str, str]]:
    """The two cells of each row of the table whose header starts with ``heading``."""
    table = README.partition(f"| {heading} |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return [(first.strip("`"), second.strip()) for first, second in rows]


def test_the_commands_are_those_of_the_help() -> None:
    assert table_rows("command") == [(f"perdure {name}", lazy.short_help) for name, lazy in COMMANDS.items()]


def test_the_exit_codes() -> None:
    codes = [int(code) for code, _ in table_rows("exit code")]
    assert codes == [
        exit_codes.DONE,
        exit_codes.ANSWER_IS_NO,
        exit_codes.USAGE,
        exit_codes.COULD_NOT_FIND_OUT,
    ]


@pytest.mark.parametrize(
    "document", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")), ids=lambda path: path.name
)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert shown == {"demo", "demo-offline", "test", "test-chains", "soak"}
    assert shown <= targets
