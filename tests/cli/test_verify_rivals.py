"""`perdure verify` and `perdure inspect` of a proof of two histories."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.rivals import encode_rivals
from perdure_anchor.trust_file import encode_trust_file
from perdure_node.gateway.sites import site_of
from perdure_node.witness.copying import copy_log
from perdure_node.witness.proofs import prove
from simulated_chain import ORIGIN, Story, tell
from tools.commands import Run, RunJson
from tools.two_histories import anchored, between, leaves
from tools.witness_desk import CLOCK, LogPeer, anchored_log, new_gateway, signed_by_site


@pytest.fixture(autouse=True)
def _files(own_user: Path) -> None:
    rivals, trust = anchored()
    Path("acme.rivals.json").write_bytes(encode_rivals(rivals))
    Path("consortium.json").write_bytes(encode_trust_file(trust))
    Path("pinning.json").write_bytes(encode_trust_file(tell(Story(pinned=True)).trust))
    Path("bare.rivals.json").write_bytes(encode_rivals(between(leaves(7), leaves(12, parts_at=3))))
    Path("honest.rivals.json").write_bytes(encode_rivals(between(leaves(7), leaves(12))))


TRUSTING = ("--trust", "consortium.json")


def test_a_proof_that_holds_is_a_yes(run: Run) -> None:
    code, out, _ = run("verify", "acme.rivals.json", *TRUSTING)
    assert code == 0
    assert "acme.rivals.json: yes, acme/rotterdam has signed two histories" in out
    assert "a quorum of the validators: 3 of 4" in out
    assert "by the registry's word" in out


def test_one_that_does_not_is_a_no(run: Run) -> None:
    code, out, _ = run("verify", "honest.rivals.json", "--trust", "pinning.json")
    assert code == 1
    assert "no, it does not show that a site has signed two histories" in out
    assert "the log of 12 records begins with the one of 7" in out


def test_a_key_that_nobody_vouches_for(run: Run) -> None:
    code, out, _ = run("verify", "bare.rivals.json", *TRUSTING)
    assert code == 1
    assert "no pinned key, and no anchor or rotation" in out
    assert run("verify", "bare.rivals.json", "--trust", "pinning.json")[0] == 0


def test_as_json(run_json: RunJson) -> None:
    code, (line,) = run_json("verify", "acme.rivals.json", *TRUSTING)
    assert code == 0
    assert (line["ok"], line["two_histories"], line["site"]) == (True, True, "acme/rotterdam")
    assert [each["size"] for each in line["checkpoints"]] == [7, 12]
    assert [each["key"] for each in line["checkpoints"]] == ["by registry"] * 2
    code, (line,) = run_json("verify", "bare.rivals.json", *TRUSTING)
    assert (code, line["ok"], line["two_histories"]) == (1, False, True)
    assert [(each["error"], each["step"]) for each in line["errors"]] == [("KeyNotVouched", 5)] * 2


def test_a_broken_one_is_reported_as_one(run_json: RunJson) -> None:
    raw = Path("acme.rivals.json").read_bytes()
    Path("acme.rivals.json").write_bytes(raw[:-20])
    code, (line,) = run_json("verify", "acme.rivals.json", *TRUSTING)
    assert (code, line["two_histories"], line["errors"][0]["error"]) == (1, None, "JsonError")
    Path("other-name.txt").write_bytes(raw[:-20])
    code, (line,) = run_json("verify", "other-name.txt", *TRUSTING)
    assert (code, line["two_histories"], line["errors"][0]["error"]) == (1, None, "JsonError")


def test_its_name_does_not_matter(run: Run) -> None:
    Path("acme.rivals.json").rename("proof.txt")
    assert run("verify", "proof.txt", *TRUSTING)[0] == 0


def test_it_comes_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(Path("acme.rivals.json").read_bytes()))
    monkeypatch.setattr("sys.stdin", stream)
    code, out, _ = run("verify", "-", *TRUSTING)
    assert (code, "-: yes, acme/rotterdam has signed two histories" in out) == (0, True)


def test_many_in_a_folder_are_told_in_short(run: Run) -> None:
    code, out, err = run("verify", ".", *TRUSTING)
    assert code == 1
    assert "acme.rivals.json: yes" in out
    assert "bare.rivals.json: no" in out
    assert "3 in all: 1 yes, 2 no" in err


def test_without_a_trust_file_nobody_is_believed(run: Run) -> None:
    assert run("verify", "acme.rivals.json")[0] == 2


def test_less_than_final_suffices_where_it_is_asked_for(run: Run) -> None:
    rivals, trust = anchored(Story(sealers=lambda number, members: members[:1]))
    Path("weak.rivals.json").write_bytes(encode_rivals(rivals))
    Path("weak.json").write_bytes(encode_trust_file(trust))
    assert run("verify", "weak.rivals.json", "--trust", "weak.json")[0] == 1
    assert run("verify", "weak.rivals.json", "--trust", "weak.json", "--require", "anchored")[0] == 0


def test_it_is_explained(run: Run, run_json: RunJson) -> None:
    code, out, _ = run("inspect", "acme.rivals.json", *TRUSTING)
    assert code == 0
    assert "a proof of two histories, JSON" in out
    assert "yes, acme/rotterdam has signed two histories" in out
    assert "that no log has both roots" in out
    code, (line,) = run_json("inspect", "acme.rivals.json", *TRUSTING)
    assert (code, line["kind"], line["holds"], line["grade"]) == (0, "rivals", True, None)
    names = [part["name"] for part in line["parts"]]
    assert names == [
        "format",
        "registry",
        "origin",
        "checkpoints[0]",
        "checkpoints[1]",
        "nodes",
        "rotations",
        "hops",
    ]
    judged = [(step["step"], step["answer"]) for part in line["parts"] for step in part["judged"]]
    assert {answer for _, answer in judged} == {"accepted"}


def test_an_honest_pair_is_explained(run: Run) -> None:
    out = run("inspect", "honest.rivals.json", "--trust", "pinning.json")[1]
    assert "no two histories: OneHistory" in out
    assert "step 3: refused: OneHistory" in out


@pytest.mark.parametrize("cut", range(40, 3000, 151))
def test_a_broken_one_is_explained_up_to_where_it_breaks(cut: int, run: Run) -> None:
    raw = Path("bare.rivals.json").read_bytes()
    Path("bare.rivals.json").write_bytes(raw[:cut])
    code, out, _ = run("inspect", "bare.rivals.json", "--as", "rivals")
    assert (code, "BREAKS" in out) == ((1, True) if cut < len(raw) else (0, False))


def test_members_of_another_type_break_it(run_json: RunJson) -> None:
    raw = json.loads(encode_rivals(replace(anchored()[0])))
    for key in list(raw):
        for value in (None, 1, "x", [1], {"a": 1}):
            Path("x.rivals.json").write_text(json.dumps({**raw, key: value}))
            code, (line,) = run_json("inspect", "x.rivals.json", "--as", "rivals")
            assert code == 1
            assert line["breaks"]


def test_a_gateway_hands_out_what_it_has_caught(run: Run, run_json: RunJson, tmp_path: Path) -> None:
    folder = tmp_path / "gateway"
    with new_gateway(folder) as node:
        assert run("gateway", "rivals", "--gateway", str(folder))[1] == (
            "no site is known to have signed two histories\n"
        )
        peer = LogPeer(*anchored_log(9))
        assert copy_log(node, peer, ORIGIN, CLOCK).mirrored == 9
        site = site_of(node.database, ORIGIN)
        assert site is not None
        assert prove(node, site, signed_by_site(leaves(8, parts_at=2)), "globex", 1_767_225_600) is not None
    code, out, err = run("gateway", "rivals", "--gateway", str(folder))
    assert code == 0
    [file] = Path().glob("acme-rotterdam-*.rivals.json")
    assert f"wrote {file}" in out
    assert "by globex" in out
    assert f"perdure verify {file}" in err
    assert run("verify", str(file), *TRUSTING)[0] == 0
    code, (line,) = run_json("gateway", "rivals", "--gateway", str(folder))
    assert (code, line["site"], line["file"]) == (0, "acme/rotterdam", str(file))
    file.write_bytes(b"something else")
    assert run("gateway", "rivals", "--gateway", str(folder))[0] == 2
    assert file.read_bytes() == b"something else"
