"""`perdure verify`: which files it takes for what, whom it believes, and what it answers."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.evidence import Evidence
from perdure_cli.trust_store import user_store
from perdure_node.vault import vault_trust_file
from tools.commands import Run, RunJson
from tools.story import (
    CONTRACT,
    CONTRACT_EVIDENCE,
    RECEIPT,
    RECEIPT_EVIDENCE,
    STORY,
    TRUST,
    copy_story,
    hiding_document,
    rewrite_evidence,
    rewrite_trust,
    without_anchor,
    without_checkpoint,
)

TRUSTING = ("--trust", str(STORY / TRUST))


@pytest.fixture(autouse=True)
def _story(own_user: Path) -> None:
    copy_story(own_user)


@pytest.fixture
def pinned() -> None:
    user_store(os.environ).pin((STORY / TRUST).read_bytes())


def errors_of(line: dict[str, object]) -> list[str]:
    errors = line["errors"]
    assert isinstance(errors, list)
    return [error["error"] for error in errors]


def test_evidence_and_document_of_an_auditor(run_json: RunJson) -> None:
    code, (line,) = run_json("verify", CONTRACT_EVIDENCE, CONTRACT, *TRUSTING)
    assert code == 0
    assert (line["ok"], line["grade"], line["document"], line["errors"]) == (True, "final", "matched", [])
    assert (line["site"], line["index"], line["size"]) == ("acme/rotterdam", 0, 4)
    assert line["not_before"] < line["claims"]["recorded_at"] < line["not_after"]
    assert line["time"]["not_after"]["complete"]
    assert len(line["time"]["not_after"]["who_must_have_lied"]) == 2
    assert line["disclosed"]["signers"] == [{"name": "Ada Example", "id": "ada@acme.example"}]
    assert line["trust"]["pinned"] is False
    assert line["trust"]["devnet"] is True


def test_each_line_has_the_promised_members(run_json: RunJson) -> None:
    """Also those of files that hold no evidence at all."""
    Path("broken.evidence.json").write_text("{")
    Path("other.pdf").write_text("another document")
    _, lines = run_json("verify", CONTRACT_EVIDENCE, "broken.evidence.json", "other.pdf", *TRUSTING)
    promised = {
        "ok", "grade", "site", "index", "size", "block_number", "not_before", "not_after", "claims", "disclosed",
        "document", "errors", "required", "key", "who_must_have_lied", "notes", "trust", "leaf_hash", "file", "time",
    }  # fmt: skip
    assert len(lines) == 3
    assert all(promised <= set(line) for line in lines)
    assert len({tuple(line) for line in lines}) == 1


def test_a_document_alone_finds_its_evidence(run_json: RunJson, pinned: None) -> None:
    code, (line,) = run_json("verify", CONTRACT)
    assert code == 0
    assert (line["file"], line["documents"], line["trust"]["pinned"]) == (CONTRACT_EVIDENCE, [CONTRACT], True)


def test_evidence_alone_checks_no_document(run_json: RunJson, pinned: None) -> None:
    code, (line,) = run_json("verify", CONTRACT_EVIDENCE)
    assert (code, line["document"], line["documents"]) == (0, "not checked", [])


def test_names_do_not_matter(run_json: RunJson, pinned: None) -> None:
    """What makes a file evidence is its content; what makes it the document of one is its digest."""
    Path(CONTRACT_EVIDENCE).rename("a.json")
    Path(CONTRACT).rename("b.json")
    Path(RECEIPT_EVIDENCE).rename("c")
    Path(RECEIPT).rename("d")
    code, lines = run_json("verify", "a.json", "b.json", "c", "d")
    assert code == 0
    assert [(line["file"], line["documents"]) for line in lines] == [("a.json", ["b.json"]), ("c", ["d"])]


def test_many_files_and_copies(run_json: RunJson, pinned: None) -> None:
    Path("copy.pdf").write_bytes(Path(CONTRACT).read_bytes())
    code, lines = run_json("verify", "copy.pdf", CONTRACT, CONTRACT, CONTRACT_EVIDENCE, RECEIPT)
    assert code == 0
    assert [sorted(line["documents"]) for line in lines] == [[CONTRACT, "copy.pdf"], [RECEIPT]]


def test_a_folder(run: Run, run_json: RunJson, pinned: None) -> None:
    folder = Path("folder/inner")
    folder.mkdir(parents=True)
    copy_story(folder)
    (folder / "index.csv").write_text("file\n")
    (folder / ".hidden").write_text("x")
    code, lines = run_json("verify", "folder")
    assert code == 0
    assert [line["document"] for line in lines] == ["matched", "matched"]
    _, _, err = run("verify", "folder")
    assert "left out: folder/inner/.hidden" in err
    assert "left out: folder/inner/index.csv" in err
    assert "left out: folder/inner/consortium.json" in err
    (folder / "foreign.txt").write_text("nobody recorded this")
    code, lines = run_json("verify", "folder")
    assert code == 1
    assert errors_of(lines[-1]) == ["NoEvidence"]


def test_a_devnet_in_a_folder_is_left_out(run: Run, run_json: RunJson, pinned: None) -> None:
    Path(TRUST).unlink()
    chain = Path("chain")
    (chain / "keys").mkdir(parents=True)
    for name in ("devnet.json", "chain.sqlite", "log.txt", "keys/1.json"):
        (chain / name).write_text("{}")
    code, lines = run_json("verify", ".")
    assert (code, [line["ok"] for line in lines]) == (0, [True, True])
    assert "left out: chain\n" in run("verify", ".")[2]
    (chain / "chain.sqlite").unlink()
    assert run("verify", ".")[0] == 1


def test_an_empty_folder_is_no_yes(run: Run) -> None:
    Path("empty").mkdir()
    assert run("verify", "empty")[0] == 2


def test_standard_input(run_json: RunJson, pinned: None, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Path(CONTRACT_EVIDENCE).read_bytes()
    Path(CONTRACT_EVIDENCE).unlink()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    code, (line,) = run_json("verify", "-", CONTRACT)
    assert (code, line["file"], line["document"]) == (0, "-", "matched")


def test_a_changed_document(run_json: RunJson, pinned: None) -> None:
    Path(CONTRACT).write_bytes(Path(CONTRACT).read_bytes() + b" ")
    for arguments in ((CONTRACT,), (CONTRACT_EVIDENCE, CONTRACT)):
        code, (line,) = run_json("verify", *arguments)
        assert (code, line["document"], errors_of(line)) == (1, "different", ["DocumentMismatch"])


def test_the_only_document_is_meant_for_the_only_evidence(run_json: RunJson, pinned: None) -> None:
    Path("scan.bin").write_bytes(b"something else")
    code, (line,) = run_json("verify", "scan.bin", CONTRACT_EVIDENCE)
    assert (code, line["document"], errors_of(line)) == (1, "different", ["DocumentMismatch"])


def test_a_document_without_evidence(run_json: RunJson, pinned: None) -> None:
    Path("scan.bin").write_bytes(b"something else")
    code, lines = run_json("verify", "scan.bin", CONTRACT, RECEIPT)
    assert code == 1
    assert [(line["file"], line["ok"]) for line in lines] == [
        (CONTRACT_EVIDENCE, True),
        (RECEIPT_EVIDENCE, True),
        ("scan.bin", False),
    ]
    assert errors_of(lines[2]) == ["NoEvidence"]


def test_a_hidden_document(run_json: RunJson, pinned: None) -> None:
    rewrite_evidence(Path(CONTRACT_EVIDENCE), hiding_document)
    code, (line,) = run_json("verify", CONTRACT)
    assert (code, line["document"], errors_of(line)) == (1, "not checked", ["DocumentHidden"])


def test_hidden_evidence_does_not_pass_beside_documents_that_nothing_proves(
    run_json: RunJson, pinned: None
) -> None:
    Path(CONTRACT_EVIDENCE).rename("h.json")
    rewrite_evidence(Path("h.json"), hiding_document)
    Path("c.txt").write_text("another document")
    code, lines = run_json("verify", "h.json", CONTRACT, "c.txt")
    assert code == 1
    assert [errors_of(line) for line in lines] == [["DocumentHidden"], ["NoEvidence"], ["NoEvidence"]]
    code, lines = run_json("verify", "h.json", RECEIPT, RECEIPT_EVIDENCE)
    assert (code, [line["document"] for line in lines]) == (0, ["not checked", "matched"])


def test_hidden_evidence_is_not_answered_for_by_what_lies_beside(run_json: RunJson, pinned: None) -> None:
    Path("h.json").write_bytes(Path(CONTRACT_EVIDENCE).read_bytes())
    rewrite_evidence(Path("h.json"), hiding_document)
    code, (line,) = run_json("verify", "h.json", CONTRACT)
    assert (code, line["file"], errors_of(line)) == (1, "h.json", ["DocumentHidden"])


def _other_site(evidence: Evidence) -> Evidence:
    return replace(evidence, origin=replace(evidence.origin, name="antwerp"))


def test_another_site(run_json: RunJson, pinned: None) -> None:
    rewrite_evidence(Path(CONTRACT_EVIDENCE), _other_site)
    code, (line,) = run_json("verify", CONTRACT)
    assert (code, errors_of(line)) == (1, ["EventMismatch"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda raw: raw[: len(raw) // 2], "JsonError"),
        (lambda raw: b"", "JsonError"),
        (lambda raw: raw + b"{}", "JsonError"),
        (lambda raw: b"\xff" + raw, "JsonError"),
        (lambda raw: raw.replace(b'"origin"', b'"format": "perdure-evidence/1", "origin"'), "DoubledKey"),
        (lambda raw: raw.replace(b'"origin"', b'"more": 1, "origin"'), "UnknownKey"),
        (lambda raw: raw.replace(b'"origin"', b'"Origin"'), "UnknownKey"),
        (lambda raw: raw.replace(b"perdure-evidence/1", b"perdure-evidence/9"), "NotEvidence"),
        (lambda raw: raw.replace(b'"root": "', b'"root": "AAAA'), "Base64Error"),
        (lambda raw: raw.replace(b"acme/rotterdam", b"Acme/Rotterdam"), "OriginError"),
        (lambda raw: raw.replace(b"contract", b"contrast"), "RootMismatchError"),
        (lambda raw: b" " * (4 << 20) + raw, "EvidenceTooLarge"),
        (lambda raw: b"[" * 60_000, "TooDeep"),
    ],
)
def test_broken_evidence(run_json: RunJson, pinned: None, change, error: str) -> None:  # type: ignore[no-untyped-def]
    Path(CONTRACT_EVIDENCE).write_bytes(change(Path(CONTRACT_EVIDENCE).read_bytes()))
    code, (line,) = run_json("verify", CONTRACT)
    assert (code, line["ok"]) == (1, False)
    assert errors_of(line) == [error]
    assert line["errors"][0]["message"]


@pytest.mark.parametrize("cut", [2, 100, 4000])
def test_truncated_evidence_is_known_without_its_name(run_json: RunJson, cut: int) -> None:
    Path("renamed").write_bytes(Path(CONTRACT_EVIDENCE).read_bytes()[:-cut])
    code, (line,) = run_json("verify", "renamed", *TRUSTING)
    assert (code, errors_of(line)) == (1, ["JsonError"])


def test_a_batch_with_a_no(run: Run, pinned: None) -> None:
    Path(RECEIPT).write_text("forged")
    code, out, err = run("verify", CONTRACT, RECEIPT)
    assert code == 1
    assert f"{CONTRACT_EVIDENCE}: yes, final, on a devnet" in out
    assert f"{RECEIPT_EVIDENCE}: no" in out
    assert "2 in all: 1 yes, 1 no, 0 could not be found out" in err


@pytest.mark.parametrize(
    ("change", "reached", "missed"),
    [(without_anchor, "recorded", "anchored"), (without_checkpoint, "recorded", "signed")],
)
def test_require(run_json: RunJson, pinned: None, change, reached: str, missed: str) -> None:  # type: ignore[no-untyped-def]
    rewrite_evidence(Path(CONTRACT_EVIDENCE), change)
    code, (line,) = run_json("verify", CONTRACT, "--require", reached)
    assert (code, line["grade"], line["required"]) == (0, reached, reached)
    code, (line,) = run_json("verify", CONTRACT, "--require", missed)
    assert (code, line["grade"], errors_of(line)) == (1, reached, ["GradeTooLow"])
    assert run_json("verify", CONTRACT)[0] == 1


def test_the_clock_allowance_widens_both_bounds(run_json: RunJson, pinned: None) -> None:
    _, (narrow,) = run_json("verify", CONTRACT, "--clock-allowance", "0")
    _, (wide,) = run_json("verify", CONTRACT, "--clock-allowance", "3600")
    assert wide["not_before"] < narrow["not_before"] < narrow["not_after"] < wide["not_after"]


def test_no_trust_file(run: Run, run_json: RunJson) -> None:
    code, (line,) = run_json("verify", CONTRACT)
    assert (code, line["trust"], errors_of(line)) == (2, None, ["NoTrustFile"])
    assert "perdure trust pin FILE" in line["errors"][0]["hint"]
    assert "could not find out" in run("verify", CONTRACT)[1]


def test_no_trust_file_and_a_no_is_a_no(run: Run) -> None:
    Path("broken.evidence.json").write_text("{")
    assert run("verify", CONTRACT, "broken.evidence.json")[0] == 1


@pytest.mark.parametrize("content", ["", "{", "{}", '{"format": "perdure-trust/2"}', "\ufffe"])
def test_an_unreadable_trust_file(run_json: RunJson, content: str) -> None:
    Path("bad.json").write_text(content)
    code, (line,) = run_json("verify", CONTRACT, "--trust", "bad.json")
    assert (code, errors_of(line)) == (2, ["TrustFileError"])


def test_the_trust_file_of_another_consortium(run_json: RunJson) -> None:
    rewrite_trust(Path(TRUST), chain_id=1)
    code, (line,) = run_json("verify", CONTRACT, "--trust", TRUST)
    assert (code, errors_of(line)) == (1, ["WrongRegistry"])


def test_where_nothing_is_shown_nothing_is_told_of_it(run: Run) -> None:
    rewrite_trust(Path(TRUST), chain_id=1)
    code, out, _ = run("verify", CONTRACT, "--trust", TRUST)
    assert (code, "because" in out) == (1, True)
    assert not [word for word in ("false only by", "hidden", "shown", "grade") if word in out]


def test_the_words_for_a_hidden_document(run: Run, pinned: None) -> None:
    rewrite_evidence(Path(CONTRACT_EVIDENCE), hiding_document)
    assert "document         not checked: its digest is hidden\n" in run("verify", CONTRACT_EVIDENCE)[1]


def test_a_trust_file_for_a_document(run: Run) -> None:
    """Named among the files it would be a document, which nothing proves: better said than passed over."""
    assert run("verify", CONTRACT_EVIDENCE, TRUST, *TRUSTING)[0] == 1


def test_the_trust_file_beside_the_evidence_is_not_believed(run_json: RunJson) -> None:
    Path(f"{CONTRACT}.consortium.json").write_bytes((STORY / TRUST).read_bytes())
    assert run_json("verify", ".")[0] != 0


@pytest.fixture
def vault(own_user: Path) -> Path:
    """A vault that may have come with the evidence: what `verify` sees of one."""
    folder = own_user / ".perdure"
    folder.mkdir()
    (folder / "vault.sqlite").touch()
    vault_trust_file(folder).write_bytes((STORY / TRUST).read_bytes())
    return folder


def test_the_vault_around_is_not_believed(
    run_json: RunJson, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the folder nor above it; its trust file is named, to be compared."""
    inner = vault.parent / "inner"
    inner.mkdir()
    copy_story(inner)
    for folder in (vault.parent, inner):
        monkeypatch.chdir(folder)
        code, (line,) = run_json("verify", CONTRACT)
        assert (code, line["ok"], line["trust"], errors_of(line)) == (2, False, None, ["NoTrustFile"])
        assert "perdure trust pin FILE" in line["errors"][0]["hint"]
        assert str(vault_trust_file(vault)) in line["errors"][0]["hint"]


def test_a_named_vault_is_believed(run_json: RunJson, vault: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, (line,) = run_json("verify", CONTRACT, "--vault", str(vault))
    assert (code, line["trust"]["pinned"]) == (0, False)
    monkeypatch.setenv("PERDURE_VAULT", str(vault))
    assert run_json("verify", CONTRACT)[0] == 0


def test_a_named_vault_that_is_not_there(run_json: RunJson, pinned: None) -> None:
    code, (line,) = run_json("verify", CONTRACT, "--vault", "nowhere")
    assert (code, errors_of(line)) == (2, ["VaultNotFound"])


def test_a_damaged_pinned_trust_file(run_json: RunJson, pinned: None) -> None:
    (path,) = user_store(os.environ).folder.glob("*.json")
    path.write_bytes(path.read_bytes().replace(b"devnet", b"Devnet"))
    code, (line,) = run_json("verify", CONTRACT)
    assert (code, errors_of(line)) == (2, ["TrustFileError"])


def test_a_file_that_cannot_be_read(run_json: RunJson, pinned: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("perdure_cli.verifying.sorting.digest_file", refuse)
    code, lines = run_json("verify", CONTRACT_EVIDENCE, CONTRACT)
    assert code == 3
    assert [errors_of(line) for line in lines] == [[], ["FileUnreadable"]]
    assert lines[1]["errors"][0]["message"] == f"{CONTRACT}: permission denied"


def test_pipes_and_dangling_links_could_not_be_found_out(run_json: RunJson, pinned: None) -> None:
    folder = Path("folder")
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "link.pdf").symlink_to("nowhere")
    code, lines = run_json("verify", "folder")
    assert code == 3
    assert [errors_of(line) for line in lines] == [["FileUnreadable"]] * 2


@pytest.mark.parametrize("special", ["pipe", "pipe.evidence.json", "/dev/zero"])
def test_a_named_pipe_or_device_is_a_fault_of_usage(run_json: RunJson, pinned: None, special: str) -> None:
    """It is named and never read, and the files beside it are verified all the same."""
    if not special.startswith("/"):
        os.mkfifo(special)
    code, (line,) = run_json("verify", special)
    assert (code, errors_of(line)) == (2, ["NotAFile"])
    assert line["errors"][0]["message"] == f"{special}: not a regular file"
    code, lines = run_json("verify", special, CONTRACT)
    assert (code, [line["ok"] for line in lines]) == (2, [True, False])


def test_a_pipe_in_the_place_of_the_trust_file(run_json: RunJson) -> None:
    os.mkfifo("pipe")
    code, (line,) = run_json("verify", CONTRACT, "--trust", "pipe")
    assert (code, line["errors"][0]["message"]) == (2, "pipe: not a regular file")


def test_one_file_of_many_that_is_not_there(run_json: RunJson, pinned: None) -> None:
    """The others are verified; a no decides even so."""
    Path("ring").symlink_to("ring")
    code, lines = run_json("verify", "nowhere.pdf", CONTRACT, "ring", "x" * 300)
    assert code == 3
    assert [errors_of(line) for line in lines] == [[], *[["FileUnreadable"]] * 3]
    assert lines[1]["errors"][0]["message"] == "nowhere.pdf: no such file or directory"
    Path(RECEIPT).write_text("forged")
    assert run_json("verify", "nowhere.pdf", CONTRACT, RECEIPT)[0] == 1


def test_a_document_whose_name_leaves_no_room_for_its_evidence(run_json: RunJson, pinned: None) -> None:
    name = "x" * 250
    Path(name).write_text("nobody recorded this")
    code, lines = run_json("verify", name, CONTRACT)
    assert (code, [errors_of(line) for line in lines]) == (1, [[], ["NoEvidence"]])


def test_names_of_signers_do_not_move_the_cursor(run: Run, pinned: None) -> None:
    path = Path(CONTRACT_EVIDENCE)
    path.write_bytes(path.read_bytes().replace(b"Ada Example", rb"\\u001b[2J\\u202eAda"))
    code, out, _ = run("verify", CONTRACT)
    assert code == 1
    assert r"\x1b[2J\u202eAda" in out
    assert "\x1b" not in out


def test_text_says_what_the_json_says(run: Run, run_json: RunJson, pinned: None) -> None:
    _, out, _ = run("verify", CONTRACT)
    _, (line,) = run_json("verify", CONTRACT)
    shown = (
        line["leaf_hash"],
        line["not_before"],
        line["not_after"],
        line["who_must_have_lied"],
        *line["notes"],
    )
    claimed = tuple(line["claims"].values())
    assert all(text in out for text in (*shown, *claimed, line["trust"]["fingerprint"], "pinned"))


def test_verify_needs_the_base_dependencies_only() -> None:
    """No client of a chain, no database, nothing of the node: whatever else is imported costs each auditor time."""
    script = (
        "import sys, json; from perdure_cli.main import main; code = main(sys.argv[1:]);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr); sys.exit(code)"
    )
    arguments = ["verify", CONTRACT, *TRUSTING]
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(process.stderr.splitlines()[-1]))
    heavy = {
        "web3",
        "eth_account",
        "eth_utils",
        "cryptography",
        "httpx",
        "pydantic",
        "sqlite3",
        "ssl",
        "asyncio",
        "logging",
    }
    assert not loaded & heavy
    assert not loaded & {"perdure_node", "perdure_devnet", "perdure_contracts"}
