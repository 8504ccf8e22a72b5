"""`perdure inspect` of courier bundles: in words, whole, broken or encrypted, and each anchor judged by the one verification."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import Checkpoint
from perdure_anchor.trust_file import encode_trust_file
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE
from perdure_node.courier.bundle import CarriedAnchor, CarriedCheckpoint, LeafRange
from perdure_node.courier.bundle_file import encode_bundle, write_bundle
from perdure_node.encryption.hybrid import PrivateKey, public_key_of
from simulated_chain import Story, tell
from tools.bundles import changed_head, parted, sealed_file
from tools.commands import Run, RunJson
from tools.vectors.golden import GOLDEN
from tools.vectors.golden_bundles import returning

OUT, BACK = GOLDEN / "outgoing.bundle", GOLDEN / "return.bundle"


def facts(part: dict) -> dict[str, str]:
    return {fact["name"]: fact["text"] for fact in part["facts"]}


def parts(told: dict) -> dict[str, dict]:
    found = {}
    waiting = list(told["parts"])
    while waiting:
        part = waiting.pop()
        found[part["name"]] = facts(part)
        waiting += part["parts"]
    return found


@pytest.mark.parametrize("file", [OUT, BACK], ids=["outgoing", "return"])
def test_a_bundle_is_told_in_words(run: Run, run_json: RunJson, file: Path) -> None:
    code, text, error = run("inspect", str(file))
    assert (code, error) == (DONE, "")
    for words in (
        "a courier bundle",
        "acme/rotterdam",
        "the roots that are signed",
        "of 7 records",
        "would show",
    ):
        assert words in text
    code, [told] = run_json("inspect", str(file))
    assert code == DONE
    assert (told["ok"], told["kind"], told["breaks"], told["holds"]) == (True, "bundle", [], None)


def test_what_is_only_said_is_told_as_such(run_json: RunJson) -> None:
    _, [told] = run_json("inspect", str(BACK))
    [said] = [part for part in told["parts"] if part["name"] == "answer: said"]
    assert "the gateway's word" in said["meaning"]
    assert facts(said)["registry"].startswith("has 7 records at block 1234")


def test_what_does_not_hold_is_told_and_is_no_break(run_json: RunJson, tmp_path: Path) -> None:
    head, leaves = parted(OUT.read_bytes())
    swapped = sealed_file(head, leaves[32:] + leaves[:32])
    (tmp_path / "a.bundle").write_bytes(swapped)
    code, [told] = run_json("inspect", str(tmp_path / "a.bundle"))
    assert code == DONE
    assert parts(told)["leaves"]["they give"].startswith("NOT the roots that are signed: LeavesMismatch")


@pytest.mark.parametrize("file", [OUT, BACK], ids=["outgoing", "return"])
def test_a_broken_one_is_told_up_to_where_it_breaks(run_json: RunJson, tmp_path: Path, file: Path) -> None:
    raw = file.read_bytes()
    cut = tmp_path / "cut.bundle"
    for length in (17, 20, 26, 60, 400, 1500, len(parted(raw)[0]), len(raw) - 100, len(raw) - 1):
        cut.write_bytes(raw[:length])
        code, [told] = run_json("inspect", str(cut))
        assert code == ANSWER_IS_NO
        assert told["breaks"][0]["error"] == "HalfCopied"
        if length > 400:
            assert "acme/rotterdam" in json.dumps(told["parts"])
    for length in (400, 1500, len(raw) - 8):
        cut.write_bytes(raw[:length].ljust(len(raw), b"\0"))
        code, [told] = run_json("inspect", str(cut))
        assert code == ANSWER_IS_NO
        assert told["breaks"][0]["error"] in ("HalfCopied", "BundleDamaged")


def test_whatever_is_in_it_has_an_answer(run_json: RunJson, tmp_path: Path) -> None:
    raw, file = BACK.read_bytes(), tmp_path / "a.bundle"
    for number in range(40):
        noise = hashlib.shake_256(b"%d" % number).digest(40)
        place = int.from_bytes(noise[:4]) % len(raw)
        file.write_bytes(raw[:place] + noise[4 : 4 + number % 9] + raw[place + number % 7 :])
        code, _ = run_json("inspect", str(file), "--as", "bundle")
        assert code == ANSWER_IS_NO or file.read_bytes() == raw


def test_text_of_a_stranger_reaches_no_terminal(run: Run, tmp_path: Path) -> None:
    def spoil(head: dict) -> None:
        head["answer"]["set_aside"][0]["reason"] = "a\x7f\x9b31mred\u202e"

    (tmp_path / "a.bundle").write_bytes(changed_head(BACK.read_bytes(), spoil))
    _, text, _ = run("inspect", str(tmp_path / "a.bundle"))
    assert not any(sign in text for sign in "\x7f\x9b\u202e")


def test_an_encrypted_one_says_for_how_many(run: Run, run_json: RunJson, tmp_path: Path) -> None:
    file = tmp_path / "a.bundle.age"
    write_bundle(
        file, [OUT.read_bytes()], [public_key_of(PrivateKey(bytes((number,)) * 32)) for number in (1, 2)]
    )
    code, [told] = run_json("inspect", str(file))
    assert (code, told["form"], told["not_judged_because"] is not None) == (DONE, "age", True)
    assert parts(told)["encryption"]["encrypted for"] == "2 recipients"
    assert run("inspect", str(file))[0] == DONE
    file.write_bytes(file.read_bytes()[:100])
    code, [told] = run_json("inspect", str(file))
    assert (code, told["breaks"][0]["error"]) == (ANSWER_IS_NO, "HalfCopied")


def test_each_anchor_is_judged_under_the_trust_file(run_json: RunJson, tmp_path: Path) -> None:
    story = tell(Story(index=6))
    evidence, signed = story.evidence, story.evidence.checkpoint
    assert signed is not None
    checkpoint = Checkpoint(evidence.origin.site, signed.size, signed.root, signed.sealed_at)
    digests = tuple(slot.digest for slot in evidence.slots)
    carried = CarriedCheckpoint(checkpoint, signed.signature, digests, signed.path)
    answer = replace(
        returning().answer,
        anchors=(CarriedAnchor(signed.size, signed.root, evidence.anchor),),
        known_block=evidence.anchor.headers,
        hops=(),
    )
    head = replace(
        returning(),
        domain=evidence.domain,
        origin=evidence.origin,
        leaves=LeafRange(0, 0),
        checkpoints=(carried,),
        answer=answer,
    )
    file, trust = tmp_path / "back.bundle", tmp_path / "consortium.json"
    write_bundle(file, encode_bundle(head, []))
    trust.write_bytes(encode_trust_file(story.trust))
    code, [told] = run_json("inspect", str(file), "--trust", str(trust))
    assert code == DONE
    assert told["trust"] is not None
    judged = [fact["text"] for part in told["parts"] for inner in part["parts"] if inner["name"] == "answer.anchors[0]" for fact in inner["facts"]]  # fmt: skip
    assert "yes, shown is final" in judged
    assert any(text.startswith("not after ") for text in judged)
    assert parts(told)["answer: proved"]["known block is"].startswith("final: block ")
    broken = replace(evidence.anchor, log_position=evidence.anchor.log_position + 1)
    anchors = (CarriedAnchor(signed.size, signed.root, broken),)
    write_bundle(file, encode_bundle(replace(head, answer=replace(answer, anchors=anchors)), []))
    _, [told] = run_json("inspect", str(file), "--trust", str(trust))
    assert parts(told)["answer.anchors[0]"]["verification"].startswith("because ")
