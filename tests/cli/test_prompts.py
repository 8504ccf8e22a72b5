"""What is asked on a terminal: passphrases that nobody sees, a recovery key, and whether to erase; and what Ctrl-C leaves."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from perdure_cli.main import main
from tools.commands import RunJson
from tools.terminal import Terminal, screen

PASSPHRASE = "a passphrase of the tests"
COLUMNS = 120
# what ends a prompt, and what is shown before it
Dialogue = Sequence[tuple[str, str]]


def play(
    *arguments: str, dialogue: Dialogue = (), environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run `perdure` on a terminal and type an answer at each prompt; its exit code and what the screen shows."""
    command = [sys.executable, "-m", "perdure_cli", *arguments]
    with Terminal(command, columns=COLUMNS, environ=environ) as terminal:
        for prompt, keys in dialogue:
            terminal.wait_for(prompt)
            # the terminal's echo is off only once the prompt reads
            time.sleep(0.2)
            terminal.type(keys)
        code = terminal.end()
        return code, "\n".join(screen(terminal.shown, COLUMNS))


def typed(*answers: str) -> Dialogue:
    """A new passphrase, typed twice, and answers behind it."""
    prompts = ("recovery key now", "Write it to", "Write it to")
    words = [("New passphrase", f"{PASSPHRASE}\r"), ("same again", f"{PASSPHRASE}\r")]
    return [*words, *zip(prompts, answers, strict=False)]


@pytest.fixture
def site(own_user: Path, devnet_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A site with one record; its folder."""
    name = "".join(filter(str.isalnum, request.node.name)).lower()[-32:]
    passphrase = own_user / "passphrase.txt"
    passphrase.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    (own_user / "letter.txt").write_text("a letter\n", encoding="utf-8")
    words = ("--devnet", str(devnet_folder), "--no-recovery-key", "--passphrase-file", str(passphrase))
    assert main(["init", f"acme/{name}", *words]) == 0
    assert main(["add", "letter.txt"]) == 0
    return own_user


def test_a_recovery_key_is_made_where_nothing_is_written_over(own_user: Path, devnet_folder: Path) -> None:
    (own_user / "taken.txt").touch()
    dialogue = typed("\r", "taken.txt\r", "mine.txt\r")
    code, shown = play("init", "acme/asked", "--devnet", str(devnet_folder), dialogue=dialogue)
    assert code == 0
    assert PASSPHRASE not in shown
    assert "taken.txt: is there already" in shown
    assert "wrote the recovery key to mine.txt" in shown
    assert (own_user / "mine.txt").read_text("ascii").startswith("perdure-recovery-1-")
    assert (own_user / "taken.txt").read_bytes() == b""


def test_no_recovery_key_is_an_answer(own_user: Path, devnet_folder: Path) -> None:
    code, _ = play("init", "acme/asked2", "--devnet", str(devnet_folder), dialogue=typed("n\r"))
    assert (code, sorted(path.name for path in own_user.iterdir())) == (0, [".perdure"])


@pytest.mark.parametrize("answers", [(), ("\x03",), ("y\r", "\x03")])
def test_ctrl_c_while_a_vault_is_made_leaves_none(
    own_user: Path, devnet_folder: Path, answers: tuple[str, ...]
) -> None:
    dialogue = typed(*answers) if answers else [("New passphrase", "\x03")]
    code, shown = play("init", "acme/never", "--devnet", str(devnet_folder), dialogue=dialogue)
    assert code == 130
    assert "perdure: interrupted: nothing is lost" in shown
    assert list(own_user.iterdir()) == []


def test_the_passphrase_is_asked_for_and_hidden(site: Path) -> None:
    prompt = "Passphrase of the vault"
    code, shown = play("list", dialogue=[(prompt, f"{PASSPHRASE}\r")])
    assert (code, "letter.txt" in shown, PASSPHRASE in shown) == (0, True, False)
    code, shown = play("list", dialogue=[(prompt, "not it at all\r")])
    assert (code, "does not open this vault" in shown, "not it at all" in shown) == (2, True, False)
    assert play("list", dialogue=[(prompt, "\x03")])[0] == 130
    # adding asks nothing
    assert play("add", "letter.txt")[0] == 0
    assert site.exists()


def test_the_file_and_the_environment_are_asked_first(site: Path) -> None:
    assert play("list", "--passphrase-file", "passphrase.txt")[0] == 0
    assert play("list", environ=os.environ | {"PERDURE_PASSPHRASE": PASSPHRASE})[0] == 0
    assert site.exists()


@pytest.mark.parametrize(("answer", "code"), [("no\r", 2), ("\r", 2), ("\x03", 130)])
@pytest.mark.usefixtures("site")
def test_what_is_not_confirmed_is_not_erased(run_json: RunJson, answer: str, code: int) -> None:
    words = ("erase", "letter.txt", "--reason", "x")
    dialogue = [("Passphrase", f"{PASSPHRASE}\r"), ("Type ", answer)]
    ended, shown = play(*words, dialogue=dialogue)
    assert ended == code
    assert "letter.txt" in shown.partition("Type ")[0]
    assert run_json("list", "--passphrase-file", "passphrase.txt")[1][0]["erased"] is False


@pytest.mark.usefixtures("site")
def test_what_is_confirmed_is_erased(run_json: RunJson) -> None:
    (record,) = run_json("list", "--passphrase-file", "passphrase.txt")[1]
    digits = record["leaf_hash"][:8]
    words = ("erase", "letter.txt", "--reason", "x")
    dialogue = [("Passphrase", f"{PASSPHRASE}\r"), (digits, f"{digits}\r")]
    assert play(*words, dialogue=dialogue)[0] == 0
    assert run_json("list", "--passphrase-file", "passphrase.txt")[1][0]["erased"] is True


@pytest.mark.usefixtures("site")
def test_without_a_terminal_nothing_is_asked(run_json: RunJson) -> None:
    for words in (
        ("list",),
        ("key", "passphrase"),
        ("key", "restore"),
        ("erase", "letter.txt", "--reason", "x"),
    ):
        code, (line,) = run_json(*words)
        assert (code, line["ok"]) == (2, False)
        assert "no terminal to ask" in line["errors"][0]["message"]


def test_a_large_import_shows_a_bar(site: Path) -> None:
    lines = "".join(f"{number:064x}  {number}.txt\n" for number in range(40_000))
    (site / "many.txt").write_text(lines, encoding="ascii")
    command = [sys.executable, "-m", "perdure_cli", "import", "many.txt"]
    with Terminal(command, columns=COLUMNS) as terminal:
        terminal.wait_for(r"import  \[#*-*\] +\d+%")
        assert terminal.end() == 0
        lines = screen(terminal.shown, COLUMNS)  # type: ignore[assignment]  # a name used for both
    assert lines[0] == "recorded 40000 records of 40000 rows in many.txt"


def test_add_asks_for_what_it_cannot_see(site: Path, run_json: RunJson) -> None:
    (site / "scan.txt").write_text("a scan\n", encoding="utf-8")
    dialogue = (
        ("What kind of document", "charter\r"),
        ("Who signed", "\r"),
        ("When, as", "yesterday\r"),
        ("When, as", "2026-05-04T10:00Z\r"),
    )
    code, shown = play("add", "scan.txt", dialogue=dialogue)
    assert code == 0
    assert "not a time with a zone" in shown
    assert "recorded: scan.txt" in shown
    code, [line] = run_json("add", "scan.txt", "--type", "charter", "--signed-at", "2026-05-04T10:00Z")
    assert (code, line["was_there"]) == (0, True)


def test_add_asks_nothing_where_all_is_said_or_nobody_wants_it(site: Path) -> None:
    (site / "one.txt").write_text("one\n", encoding="utf-8")
    (site / "two.txt").write_text("two\n", encoding="utf-8")
    for words in (
        ("one.txt", "--no-input"),
        ("two.txt", "--type", "t", "--signer", "Ada", "--signed-at", "2026-05-04T10:00Z"),
        ("one.txt", "letter.txt"),
    ):
        code, shown = play("add", *words)
        assert code == 0
        assert "Enter leaves empty" not in shown
