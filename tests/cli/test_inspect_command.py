"""`perdure inspect`: every kind of file in words, whole or broken, judged by the one verification or by nobody."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import encode_evidence, parse_evidence
from perdure_anchor.findings import GradeTooLow
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.trust_file import encode_trust_file, parse_trust_file
from perdure_anchor.verdict import Verdict
from perdure_anchor.verify import verify
from perdure_cli.exit_codes import ANSWER_IS_NO, COULD_NOT_FIND_OUT, DONE, USAGE
from perdure_cli.inspecting.recognising import KINDS
from tools.commands import Run, RunJson
from tools.inspected import (
    EVIDENCE,
    HEADER,
    TRUST_RAW,
    VECTORS,
    all_parts,
    blocks_in,
    inspected,
    part_of,
    texts,
)
from tools.story import CONTRACT_EVIDENCE, STORY, TRUST, without_anchor, without_checkpoint
from tools.vectors.form import EVIDENCE as EVIDENCE_FOLDER
from tools.vectors.form import decode_octets, read_vectors

EVIDENCE_VECTORS = read_vectors(EVIDENCE_FOLDER)


# --- evidence


def test_evidence_without_a_trust_file_is_explained_and_not_judged(run_json: RunJson) -> None:
    code, line = inspected(EVIDENCE, run_json)
    assert (code, line["ok"], line["kind"], line["form"]) == (DONE, True, "evidence", "JSON")
    assert line["not_judged_because"].startswith("no trust file is pinned")
    assert line["holds"] is None
    answers = {step["answer"] for part in all_parts(line) for step in part["judged"]}
    assert answers == {"not judged"}
    evidence = parse_evidence(EVIDENCE)
    assert texts(part_of(line, "registry"), "address") == [checksum_address(evidence.domain.registry)]
    assert texts(part_of(line, "slots"), "signed_at") == ["2026-05-04T10:00:00Z"]
    assert "document_name" in texts(part_of(line, "slots"), "hidden")[0]
    assert texts(part_of(line, "checkpoint.path"), "leads to")[0].endswith(", the signed root")
    assert texts(part_of(line, "anchor.receipt_nodes"), "leads to")[0].startswith("the header's receiptsRoot")
    assert texts(part_of(line, "anchor.headers[1]"), "follows") == ["block 13, which it names as its parent"]


def test_what_it_says_is_what_verification_finds(run_json: RunJson) -> None:
    verdict = verify(parse_evidence(EVIDENCE), parse_trust_file(TRUST_RAW))
    assert verdict.anchor is not None
    assert verdict.leaf_hash is not None
    _, line = inspected(EVIDENCE, run_json)
    assert texts(part_of(line, "slots"), "leaf hash") == [verdict.leaf_hash.hex()]
    signer = checksum_address(verdict.anchor.signer)
    assert texts(part_of(line, "checkpoint"), "signed by") == [signer]
    assert texts(part_of(line, "anchor.log_position"), "signer") == [f"{signer}, as in the checkpoint"]
    block_hash = texts(part_of(line, "anchor.headers[0]"), "block hash")
    assert block_hash == [f"{to_hex(verdict.anchor.block_hash)} by qbft"]


def test_with_a_trust_file_each_step_is_accepted(run_json: RunJson) -> None:
    code, line = inspected(EVIDENCE, run_json, "--trust", str(STORY / TRUST))
    assert (code, line["holds"], line["grade"]) == (DONE, True, "final")
    judged = {step["step"]: step["answer"] for part in all_parts(line) for step in part["judged"]}
    assert judged == dict.fromkeys((1, 2, 4, 6, 7, 8, 9, 10), "accepted")
    assert line["trust"]["pinned"] is False


def test_the_pinned_file_judges(run: Run, run_json: RunJson) -> None:
    assert run("trust", "pin", str(STORY / TRUST))[0] == DONE
    _, line = inspected(EVIDENCE, run_json)
    assert line["holds"] is True
    assert line["trust"]["pinned"] is True


# one of three: there are hundreds, and each starts the whole command
@pytest.mark.parametrize("name", sorted(EVIDENCE_VECTORS)[::3])
def test_the_vectors(name: str, run_json: RunJson) -> None:
    """Whatever verification refuses at a step is refused there; what it accepts is explained whole."""
    vector = EVIDENCE_VECTORS[name]
    raw, trust = decode_octets(vector["evidence"]), EVIDENCE_FOLDER / vector["trust"]
    code, line = inspected(raw, run_json, "--as", "evidence", "--trust", str(trust))
    verdict = verdict_of(raw, trust)
    if verdict is None:
        assert code == ANSWER_IS_NO
        assert line["holds"] is None
        assert line["breaks"]
        return
    assert line["holds"] == verdict.ok
    if verdict.ok:
        assert code == DONE
    answers = {step["step"]: step["answer"] for part in all_parts(line) for step in part["judged"]}
    for fault in verdict.faults:
        if not isinstance(fault.error, GradeTooLow):
            assert answers[fault.step] == "refused"
            assert fault.step >= 9 or all(
                answer == "not reached" for step, answer in answers.items() if step > fault.step
            )


def verdict_of(raw: bytes, trust: Path) -> Verdict | None:
    try:
        evidence = parse_evidence(raw)
    except PerdureError:
        return None
    return verify(evidence, parse_trust_file(trust.read_bytes()))


def test_a_refused_step_and_those_behind_it(run_json: RunJson) -> None:
    vector = EVIDENCE_VECTORS["foreign-seal"]
    trust = EVIDENCE_FOLDER / vector["trust"]
    _, line = inspected(decode_octets(vector["evidence"]), run_json, "--trust", str(trust))
    headers = part_of(line, "anchor.headers")
    assert [step["answer"] for step in headers["judged"]] == ["refused", "not reached", "not reached"]
    assert headers["judged"][0]["fault"]["error"] == "ForeignSeal"
    assert part_of(line, "checkpoint")["judged"][0]["answer"] == "accepted"
    assert part_of(line, "anchor.receipt_nodes")["judged"][0]["answer"] == "not reached"


@pytest.mark.parametrize("less", [without_anchor, without_checkpoint])
def test_evidence_that_is_not_complete_yet(less: Any, run_json: RunJson) -> None:
    raw = encode_evidence(less(parse_evidence(EVIDENCE)))
    code, line = inspected(raw, run_json, "--trust", str(STORY / TRUST))
    assert (code, line["holds"]) == (DONE, False)
    answers = [step for part in all_parts(line) for step in part["judged"]]
    assert {step["answer"] for step in answers if step["step"] >= 7} == {"not reached"}
    assert texts(part_of(line, "anchor.headers"), "anchor")[0].startswith("none")


def test_what_does_not_hold_is_told_and_is_no_break(run_json: RunJson) -> None:
    value = json.loads(EVIDENCE)
    value["checkpoint"]["index"] = 1
    value["anchor"]["receipt_index"] = 1
    value["anchor"]["log_position"] = 1
    value["anchor"]["headers"].reverse()
    code, line = inspected(json.dumps(value).encode(), run_json)
    assert code == DONE
    assert texts(part_of(line, "checkpoint.path"), "leads to")[0].endswith("NOT the signed root")
    receipt = part_of(line, "anchor.receipt_nodes")
    assert texts(receipt, "leads to")[0].startswith("NOT the header's receiptsRoot: TrieNodeMismatch")
    assert texts(receipt, "unproved")
    assert texts(part_of(line, "anchor.log_position"), "event")[0].startswith("none of the registry's")
    assert texts(part_of(line, "anchor.headers[1]"), "follows")[0].startswith("NOT block 14")


def test_hops_are_told(run_json: RunJson) -> None:
    from tools.hop_stories import CHANGED, FIRST, NEW

    Path("trust").write_bytes(encode_trust_file(CHANGED.trust))
    code, line = inspected(encode_evidence(CHANGED.evidence), run_json, "--trust", "trust")
    assert (code, line["holds"]) == (DONE, True)
    hop = part_of(line, "hops[0]")
    assert hop["title"].endswith(f"known at block {FIRST.number}")
    assert checksum_address(NEW.address) in texts(hop, "new set")
    assert part_of(line, "hops")["judged"] == [{"step": 5, "answer": "accepted", "fault": None}]


# --- the command


def test_from_standard_input(run_json: RunJson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(HEADER)))
    code, (line,) = run_json("inspect", "-")
    assert (code, line["file"], line["kind"]) == (DONE, "-", "header")


@pytest.mark.parametrize(
    ("raw", "options"),
    [(b"", ()), (b"hello, world\n", ()), (b"{}", ()), (b"[1]", ()), (b'"text"', ()), (b"\0\1", ())],
)
def test_an_unknown_kind(raw: bytes, options: tuple[str, ...], run: Run) -> None:
    Path("file").write_bytes(raw)
    code, out, err = run("inspect", "file", *options)
    assert (code, out) == (USAGE, "")
    assert err.startswith("perdure: error: cannot tell what the file is: ")
    for kind in KINDS:
        assert run("inspect", "file", "--as", kind)[0] == ANSWER_IS_NO


def test_what_is_no_file(run: Run, tmp_path: Path) -> None:
    assert run("inspect", "nowhere")[0] == USAGE
    assert run("inspect", str(tmp_path))[0] == USAGE
    assert run("inspect", "/dev/null")[0] == USAGE
    assert run("inspect", str(STORY / TRUST), "--trust", "nowhere")[0] == USAGE


def test_a_file_that_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("perdure_cli.commands.inspect.read_bounded", refuse)
    Path("file").write_bytes(EVIDENCE)
    assert run("inspect", "file")[0] == COULD_NOT_FIND_OUT


def test_untrusted_text_is_escaped(run: Run) -> None:
    value = json.loads(TRUST_RAW)
    value["name"] = "a\x1b[2J\u202eb"
    value["\x1b[31m"] = 1
    Path("file").write_text(json.dumps(value))
    code, out, _ = run("inspect", "file")
    assert code == ANSWER_IS_NO
    assert "\x1b" not in out
    assert r"a\x1b[2J\u202eb" in out


def test_all_fields_of_all_headers_are_for_those_who_ask(run: Run) -> None:
    Path("file").write_bytes(EVIDENCE)
    assert "logsBloom" not in run("inspect", "file")[1]
    assert run("inspect", "file", "--verbose")[1].count("logsBloom") == 4


@pytest.mark.parametrize("kind", ["evidence", "block"])
def test_it_needs_the_base_dependencies_only(kind: str) -> None:
    """The JSON of a block is read by the chain client's reader of headers, which needs no client."""
    script = (
        "import sys, json; from perdure_cli.main import main; code = main(sys.argv[1:]);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr); sys.exit(code)"
    )
    arguments = ["inspect", str(STORY / CONTRACT_EVIDENCE), "--trust", str(STORY / TRUST)]
    ours = {"perdure_node", "perdure_devnet", "perdure_contracts"}
    if kind == "block":
        answers = json.loads((VECTORS / "chain_answers" / "clique.json").read_text())
        Path("block").write_text(json.dumps(next(blocks_in(answers))))
        arguments, ours = ["inspect", "block"], ours - {"perdure_contracts"}
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(process.stderr.splitlines()[-1]))
    assert not loaded & {
        "cryptography", "httpx", "web3", "eth_account", "eth_utils", "sqlite3", "ssl", "asyncio", "logging"
    }  # fmt: skip
    assert not loaded & ours


def test_bundles_are_recognised_by_what_they_are() -> None:
    from perdure_cli.inspecting import recognising
    from perdure_node.courier.bundle import FORMAT, MAX_HEAD_SIZE, MAX_LEAVES
    from perdure_node.encryption.age import MAGIC

    assert FORMAT.encode().startswith(recognising.BUNDLE_NAME)
    assert recognising.AGE_MAGIC == MAGIC
    assert recognising.MAX_BUNDLE_SIZE >= MAX_HEAD_SIZE + MAX_LEAVES * 33


@pytest.mark.parametrize("command", [["inspect", "-"], ["verify", "-"], ["add", "-"], ["import", "-"]])
def test_standard_input_that_was_closed_is_named(command: list[str]) -> None:
    shell = f"exec {sys.executable} -m perdure_cli {' '.join(command)} <&-"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "fault of perdure" not in done.stderr
