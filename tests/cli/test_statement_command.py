"""`perdure statement`, and `perdure verify` of what it writes."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.statement import encode_statement
from perdure_anchor.trust_file import encode_trust_file
from perdure_node.vault import open_vault
from tools.commands import Run, RunJson
from tools.site_desk import stocked_folder
from tools.site_network import PASSPHRASE, copied
from tools.statements import TRUST, log_of, stated

TRUSTING = ("--trust", "consortium.json")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a vault that has four anchored records, and one that waits."""
    return stocked_folder(tmp_path_factory.mktemp("stocked"), 5)


@pytest.fixture(autouse=True)
def _files(own_user: Path, stocked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied(stocked / ".perdure", own_user / ".perdure")
    monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
    Path("consortium.json").write_bytes(encode_trust_file(TRUST))
    Path("acme.statement.json").write_bytes(encode_statement(stated(1, 6, anchor=True)))


def test_a_statement_is_written_and_holds(run: Run, run_json: RunJson) -> None:
    code, out, err = run("statement", "--range", "1-3")
    assert code == 0
    assert "wrote leaves-1-3.statement.json" in out
    assert "3 leaves, 1 to 3, of 4" in out
    assert "perdure verify leaves-1-3.statement.json" in err
    code, out, _ = run("verify", "leaves-1-3.statement.json", "--trust", ".perdure/trust.json")
    assert code == 0
    assert "yes, leaves 1 to 3 of" in out
    assert "on a devnet" in out or "final" in out
    code, (line,) = run_json("statement", "--range", "0-3", "-o", "all.statement.json", "--disclose", "all")
    assert (code, line["begin"], line["end"], line["erased"], line["size"]) == (0, 0, 4, 0, 4)
    code, (line,) = run_json("verify", "all.statement.json", "--trust", ".perdure/trust.json")
    assert (code, line["complete"], line["grade"], len(line["leaves"])) == (0, True, "final", 4)
    with open_vault(Path(".perdure")) as vault:
        assert line["site"] == vault.origin.text
    assert line["leaves"][2]["disclosed"]["document_name"] == "3.txt"


def test_what_cannot_be_stated(run: Run) -> None:
    code, _, err = run("statement", "--range", "0-4")
    assert code == 1
    assert "leaf 3 is the last one whose anchor is at home" in err
    for wrong in ("5", "a-b", "3-1", "0-5000", "-1-2"):
        code, _, err = run("statement", f"--range={wrong}")
        assert (code, "range" in err) == (2, True)
    assert run("statement", "--range", "0-1", "--hide", "supersedes")[0] == 2
    Path("mine.txt").write_text("mine")
    assert run("statement", "--range", "0-1", "-o", "mine.txt")[0] == 2
    assert Path("mine.txt").read_text() == "mine"


def test_what_a_record_supersedes_is_shown_whatever_the_settings_hide(run: Run, run_json: RunJson) -> None:
    assert run("config", "set", "hide", "supersedes,document_type")[0] == 0
    assert run("statement", "--range", "0-1", "-o", "x.statement.json")[0] == 0
    code, (line,) = run_json("verify", "x.statement.json", "--trust", ".perdure/trust.json")
    assert code == 0
    assert all("supersedes" in leaf["disclosed"] for leaf in line["leaves"])
    assert all("document_type" not in leaf["disclosed"] for leaf in line["leaves"])


def test_it_goes_to_standard_output(run: Run) -> None:
    code, out, _ = run("statement", "--range", "0-1", "-o", "-")
    assert (code, json.loads(out)["format"]) == (0, "perdure-statement/1")


def test_one_of_another_site_is_verified_in_full(run: Run) -> None:
    code, out, _ = run("verify", "acme.statement.json", *TRUSTING)
    assert code == 0
    assert "acme.statement.json: yes, leaves 1 to 5 of acme/rotterdam are all there are" in out
    assert "superseded by leaf 4" in out
    assert "false only by" in out
    assert "the log has leaves behind these, up to 6" in out


def test_the_first_line_says_how_many_leaves_show_nothing(run: Run) -> None:
    statement = stated(1, 6, anchor=True)
    bare = (log_of(7).slots(4, frozenset()), log_of(7).slots(5, frozenset()))
    Path("bare.statement.json").write_bytes(
        encode_statement(replace(statement, leaves=statement.leaves[:3] + bare))
    )
    code, out, _ = run("verify", "bare.statement.json", *TRUSTING)
    assert code == 0
    assert out.split("\n")[0].endswith("; 2 of them hidden or erased")
    assert "hidden or erased" not in run("verify", "acme.statement.json", *TRUSTING)[1].split("\n")[0]


def test_as_json(run_json: RunJson) -> None:
    code, (line,) = run_json("verify", "acme.statement.json", *TRUSTING)
    assert (code, line["ok"], line["begin"], line["end"], line["size"]) == (0, True, 1, 6, 7)
    assert [leaf["superseded_by"] for leaf in line["leaves"]] == [[4], [], [], [], []]
    assert [leaf["supersedes_index"] for leaf in line["leaves"]] == [None, None, None, 1, None]


def test_a_leaf_that_was_taken_out_is_a_no(run: Run, run_json: RunJson) -> None:
    value = json.loads(Path("acme.statement.json").read_bytes())
    del value["leaves"][2]
    value["end"] -= 1
    Path("acme.statement.json").write_text(json.dumps(value))
    code, out, _ = run("verify", "acme.statement.json", *TRUSTING)
    assert code == 1
    assert "no, it does not show that these leaves are all there are" in out
    code, (line,) = run_json("verify", "acme.statement.json", *TRUSTING)
    assert (code, line["complete"], line["errors"][0]["step"]) == (1, False, 3)


def test_it_is_known_by_its_content_or_its_name(
    run: Run, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = Path("acme.statement.json").read_bytes()
    Path("proof.txt").write_bytes(raw)
    assert run("verify", "proof.txt", *TRUSTING)[0] == 0
    Path("broken.txt").write_bytes(raw[:-20])
    for name in ("broken.txt", "acme.statement.json"):
        Path(name).write_bytes(raw[:-20])
        code, (line,) = run_json("verify", name, *TRUSTING)
        assert (code, line["complete"], line["errors"][0]["error"]) == (1, None, "JsonError")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    code, out, _ = run("verify", "-", *TRUSTING)
    assert (code, "-: yes, leaves 1 to 5" in out) == (0, True)


def test_many_are_told_in_short(run: Run) -> None:
    Path("two.statement.json").write_bytes(encode_statement(stated(0, 3)))
    code, out, err = run("verify", "acme.statement.json", "two.statement.json", *TRUSTING)
    assert code == 1
    assert "acme.statement.json: yes" in out
    assert "superseded by" not in out
    assert "2 in all: 1 yes, 1 no" in err


def test_without_a_trust_file_nobody_is_believed(run: Run) -> None:
    assert run("verify", "acme.statement.json")[0] == 2


def test_it_is_explained(run: Run, run_json: RunJson) -> None:
    code, out, _ = run("inspect", "acme.statement.json", *TRUSTING)
    assert code == 0
    assert "a statement of a stretch of a log, JSON" in out
    assert "yes, the leaves are all there are in their stretch of the log of acme/rotterdam" in out
    assert "the signed root" in out
    assert "leaf 5" in out
    code, (line,) = run_json("inspect", "acme.statement.json", *TRUSTING)
    assert (code, line["kind"], line["holds"], line["grade"]) == (0, "statement", True, "final")
    judged = [(step["step"], step["answer"]) for part in line["parts"] for step in part["judged"]]
    assert {answer for _, answer in judged} == {"accepted"}
    assert {step for step, _ in judged} == {1, 2, 3, 4, 5, 6, 7, 8, 9} - {5}


@pytest.mark.parametrize("cut", range(40, 9000, 611))
def test_a_broken_one_is_explained_up_to_where_it_breaks(cut: int, run: Run) -> None:
    raw = Path("acme.statement.json").read_bytes()
    Path("acme.statement.json").write_bytes(raw[:cut])
    code, out, _ = run("inspect", "acme.statement.json", "--as", "statement")
    assert (code, "BREAKS" in out) == ((1, True) if cut < len(raw) else (0, False))


def test_members_of_another_type_break_it(run_json: RunJson) -> None:
    raw = json.loads(Path("acme.statement.json").read_bytes())
    for key in list(raw):
        for value in (1.5, "x", [1], {"a": 1}, True):
            Path("x.statement.json").write_text(json.dumps({**raw, key: value}))
            code, (line,) = run_json("inspect", "x.statement.json", "--as", "statement")
            assert code == 1
            assert line["breaks"]
