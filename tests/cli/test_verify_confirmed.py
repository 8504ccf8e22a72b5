"""`perdure verify` and `inspect` of records that somebody confirmed, beside evidence of whose the keys are."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.trust_file import encode_trust_file
from simulated_chain import DOCUMENT_BYTES, Told, tell
from tools.accounts import account
from tools.commands import Run, RunJson
from tools.confirmed_records import (
    ADA,
    ADA_OPERATOR,
    BEN,
    BEN_OPERATOR,
    BEN_WITH_PASSKEY,
    CONFIRMED_LATER,
    Confirming,
    leaf_hash_of,
    operator_evidence,
    recorded_in_log,
)

ADAS, BENS = operator_evidence(ADA_OPERATOR, 0), operator_evidence(BEN_OPERATOR, 1)
REMOVAL = operator_evidence(replace(BEN_OPERATOR, removed=True), 2, leaf_hash_of(BENS))
CONFIRM = Confirming(recorded_in_log(ADA, ADAS), recorded_in_log(BEN, BENS))
RECORD = tell(replace(CONFIRMED_LATER, confirm=CONFIRM))
KEY = checksum_address(account("key of Ben").address)
TRUSTING = ("--trust", "consortium.json")


@pytest.fixture(autouse=True)
def _files(own_user: Path) -> None:
    told: dict[str, Told] = {"contract.txt": RECORD, "ada": ADAS, "ben": BENS, "ben-removed": REMOVAL}
    for name, each in told.items():
        (own_user / f"{name}.evidence.json").write_bytes(encode_evidence(each.evidence))
    (own_user / "contract.txt").write_bytes(DOCUMENT_BYTES)
    (own_user / "consortium.json").write_bytes(encode_trust_file(RECORD.trust))


def test_alone_the_name_is_the_sites_word(run: Run) -> None:
    code, out, _ = run("verify", "contract.txt.evidence.json", *TRUSTING)
    assert code == 0
    assert f"Ben Example with key {KEY}\n" in out
    assert "site's word: no evidence that was given shows that its log says so" in " ".join(out.split())
    assert "confirmed not before" in out


@pytest.mark.parametrize(
    "files",
    [
        ("contract.txt.evidence.json", "ben.evidence.json", "ada.evidence.json"),
        ("ben.evidence.json", "ada.evidence.json", "contract.txt.evidence.json"),
        ("contract.txt", "ben.evidence.json", "contract.txt.evidence.json", "ada.evidence.json"),
    ],
)
def test_evidence_of_their_records_vouches_for_the_keys(run: Run, files: tuple[str, ...]) -> None:
    """In whichever order, and with the document too."""
    code, out, _ = run("verify", "--verbose", *files, *TRUSTING)
    assert code == 0
    assert f"Ben Example with key {KEY}\n" in out
    assert "the site's word, given in record 1 of its log\n" in out


def test_as_json(run_json: RunJson) -> None:
    code, lines = run_json("verify", "contract.txt.evidence.json", "ben.evidence.json", *TRUSTING)
    assert code == 0
    line = next(each for each in lines if each["file"] == "contract.txt.evidence.json")
    confirmed, recorded = line["confirmation"]["confirmed"], line["confirmation"]["recorded"]
    assert (confirmed["vouched"], confirmed["operator_index"]) == (True, 1)
    assert (recorded["vouched"], recorded["operator_index"]) == (False, None)
    assert confirmed["credential"] == {"kind": "key", "address": KEY}
    assert confirmed["name"] == "Ben Example"
    assert confirmed["user_verified"] is None
    assert line["time"]["not_before"]["at"] < line["time"]["confirmed_not_before"]["at"]
    other = next(each for each in lines if each["file"] == "ben.evidence.json")
    assert other["confirmation"] is None


@pytest.mark.parametrize("names", [(), ("contract.txt",)])
def test_a_removed_key_is_a_no(run_json: RunJson, names: tuple[str, ...]) -> None:
    files = ("contract.txt.evidence.json", "ben.evidence.json", "ben-removed.evidence.json")
    code, lines = run_json("verify", *names, *files, *TRUSTING)
    assert code == 1
    [line] = [each for each in lines if not each["ok"]]
    assert line["file"] == "contract.txt.evidence.json"
    assert [(each["error"], each["step"]) for each in line["errors"]] == [("OperatorKeyNotInForce", 11)]


def test_evidence_of_an_operator_that_does_not_hold_vouches_for_nobody(run_json: RunJson) -> None:
    raw = Path("ben.evidence.json").read_text().replace('"index": 1,', '"index": 2,')
    Path("ben.evidence.json").write_text(raw)
    code, lines = run_json("verify", "contract.txt.evidence.json", "ben.evidence.json", *TRUSTING)
    assert code == 1
    by_file = {each["file"]: each for each in lines}
    assert not by_file["ben.evidence.json"]["ok"]
    assert by_file["contract.txt.evidence.json"]["ok"]
    assert not by_file["contract.txt.evidence.json"]["confirmation"]["confirmed"]["vouched"]


def test_a_changed_confirmation_is_a_no(run_json: RunJson) -> None:
    confirm = replace(CONFIRM, edit=lambda value: value["confirmed"].update(name="Bob"))
    told = tell(replace(CONFIRMED_LATER, confirm=confirm))
    Path("contract.txt.evidence.json").write_bytes(
        encode_evidence(replace(told.evidence, confirmed_not_before=None))
    )
    code, [line] = run_json("verify", "contract.txt.evidence.json", *TRUSTING)
    assert code == 1
    assert line["confirmation"] is None
    assert [each["error"] for each in line["errors"]] == ["ConfirmationNotSigned"]


def test_a_passkey_is_told_as_one(run: Run) -> None:
    told = tell(
        replace(CONFIRMED_LATER, confirm=replace(CONFIRM, confirmer=recorded_in_log(BEN_WITH_PASSKEY, BENS)))
    )
    Path("contract.txt.evidence.json").write_bytes(encode_evidence(told.evidence))
    code, out, _ = run("verify", "contract.txt.evidence.json", "ben.evidence.json", "--verbose", *TRUSTING)
    text = " ".join(out.split())
    assert code == 0
    assert "Ben Example with the passkey of SHA-256" in text
    assert "which says that it knew its user)" in text


def test_a_name_is_no_terminal_escape(run: Run) -> None:
    told = tell(replace(CONFIRMED_LATER, confirm=Confirming(ADA, replace(BEN, name="Ben\x1b[2J\nyes"))))
    Path("contract.txt.evidence.json").write_bytes(encode_evidence(told.evidence))
    for command in (("verify", *TRUSTING), ("inspect",)):
        _, out, _ = run(command[0], "contract.txt.evidence.json", *command[1:])
        assert "\x1b" not in out
        assert not any(line.startswith("yes") for line in out.splitlines())


def test_inspect_tells_who_signed_and_whether_it_holds(run: Run) -> None:
    code, out, _ = run("inspect", "contract.txt.evidence.json")
    text = " ".join(out.split())
    assert code == 0
    assert "perdure-evidence/2: evidence of one record, version 2" in text
    assert f"Ben Example with key {KEY}" in text
    assert "signatures hold, for the chain, registry and site that the file names" in text
    assert f"names {to_hex(RECORD.chain.blocks[RECORD.anchor_block.header.number - 1].name)}, header" in text


def test_inspect_tells_a_signature_that_does_not_hold(run: Run) -> None:
    confirm = replace(CONFIRM, edit=lambda value: value["confirmed"].update(name="Bob"))
    Path("changed.evidence.json").write_bytes(
        encode_evidence(tell(replace(CONFIRMED_LATER, confirm=confirm)).evidence)
    )
    _, out, _ = run("inspect", "changed.evidence.json")
    assert "DO NOT HOLD: confirmation: the key" in " ".join(out.split())


@pytest.mark.parametrize("value", [{"v": 7}, {"v": 1, "by": "Bob"}])
def test_inspect_reads_on_where_a_confirmation_is_none(run: Run, value: dict[str, object]) -> None:
    told = tell(replace(CONFIRMED_LATER, confirm=lambda digests, newest: json.loads(json.dumps(value))))
    Path("odd.evidence.json").write_bytes(encode_evidence(told.evidence))
    code, out, _ = run("inspect", "odd.evidence.json")
    assert code == 0
    assert "confirmed_not_before" in out
