"""Confirmations: no byte of what was signed can be changed, in the slot or in the record; and after which block one was given."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    ConfirmationError,
    KeyCredential,
    content_digest,
    credential_digest,
    encode_confirmation,
    parse_confirmation,
    statement_digest,
    verify_confirmation,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import FORMAT, FORMAT_2, encode_evidence, parse_evidence
from perdure_anchor.hashes import Hash32, checksum_address, sha256, to_hex
from perdure_anchor.record import SLOTS, RecordError
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify
from simulated_chain import (
    CHAIN_ID,
    DOMAIN,
    ORIGIN,
    PERIOD,
    REGISTRY,
    START,
    SimulatedChain,
    Story,
    accounts,
    tell,
)
from tools.authenticator import es256
from tools.confirmed_records import (
    ADA,
    BEN,
    BEN_WITH_PASSKEY,
    CONFIRMED_BY_KEYS,
    CONFIRMED_LATER,
    Confirming,
    attested,
)

DIGESTS = tuple(sha256(b"slot %d" % number) for number in range(len(SLOTS)))
BLOCK = sha256(b"a block")
CONFIRMATION_SLOT = SLOTS.index("confirmation")
SIGNED = {
    "keys": attested(DIGESTS, ADA, BEN, BLOCK),
    "passkey": attested(DIGESTS, ADA, BEN_WITH_PASSKEY, BLOCK),
    "two passkeys": attested(DIGESTS, replace(ADA, signer=es256("of Ada")), BEN_WITH_PASSKEY, BLOCK),
}
VALUES = {name: encode_confirmation(each) for name, each in SIGNED.items()}


def check(value: Any, digests: tuple[Hash32, ...] = DIGESTS) -> None:
    confirmation = parse_confirmation(value)
    assert confirmation is not None
    verify_confirmation(confirmation, DOMAIN, ORIGIN.site, digests)


@pytest.mark.parametrize("name", SIGNED)
def test_what_was_signed_holds_and_is_read_back(name: str):
    assert parse_confirmation(json.loads(json.dumps(VALUES[name]))) == SIGNED[name]
    check(VALUES[name])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each text and truth value in it."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in places(item, (*path, key))]
    return [path] if isinstance(value, str | bool) else []


def means_the_same(before: str, after: str) -> bool:
    """Letters of an address or block hash have no case."""
    return before.startswith("0x") and before.lower() == after.lower()


@settings(max_examples=400)
@given(st.data())
def test_no_letter_of_the_slot_can_be_changed(data: st.DataObject):
    value = json.loads(json.dumps(VALUES[data.draw(st.sampled_from(sorted(VALUES)))]))
    *path, last = data.draw(st.sampled_from(places(value)))
    inner = value
    for key in path:
        inner = inner[key]
    before = inner[last]
    if isinstance(before, bool):
        inner[last] = not before
    else:
        at = data.draw(st.integers(0, len(before) - 1))
        letter = data.draw(st.characters(exclude_characters=before[at], exclude_categories=("Cs",)))
        inner[last] = before[:at] + letter + before[at + 1 :]
        if means_the_same(before, inner[last]):
            return
    with pytest.raises(PerdureError):
        check(value)


@settings(max_examples=100)
@given(st.sampled_from(sorted(VALUES)), st.integers(0, len(SLOTS) - 1), st.integers(0, 255))
def test_no_bit_of_another_slot_can_be_changed(name: str, slot: int, bit: int):
    octets = bytearray(DIGESTS[slot])
    octets[bit // 8] ^= 1 << bit % 8
    changed = (*DIGESTS[:slot], Hash32(bytes(octets)), *DIGESTS[slot + 1 :])
    if slot == CONFIRMATION_SLOT:
        check(VALUES[name], changed)
    else:
        with pytest.raises(PerdureError):
            check(VALUES[name], changed)


def test_two_slots_cannot_be_exchanged():
    with pytest.raises(PerdureError):
        check(VALUES["keys"], (DIGESTS[1], DIGESTS[0], *DIGESTS[2:]))


def test_it_is_over_all_slots():
    with pytest.raises(RecordError):
        content_digest(DIGESTS[:-1])


def test_the_parts_cannot_change_places():
    value: Any = VALUES["keys"]
    with pytest.raises(PerdureError):
        check({**value, "recorded": value["confirmed"], "confirmed": value["recorded"]})


def test_a_recorders_part_holds_alone_and_a_confirmers_does_not():
    """The recorder's may be shown before anybody confirmed; who confirmed has confirmed what the other one signed."""
    value: Any = VALUES["keys"]
    check({**value, "confirmed": None})
    with pytest.raises(PerdureError):
        check({**value, "recorded": None})


def test_a_confirmation_of_nobody_is_none():
    with pytest.raises(ConfirmationError, match="nobody"):
        parse_confirmation({"v": 1, "recorded": None, "confirmed": None})


@pytest.mark.parametrize("value", [None, [], "x", {}, {"v": 2}, {"v": 0, "recorded": 1}])
def test_other_versions_are_not_read(value: Any):
    assert parse_confirmation(value) is None


def test_wallets_sign_the_same():
    """EIP-712 as eth-account encodes it, which no line of ours has a part in."""
    types = {
        "Attestation": [
            {"name": name, "type": kind}
            for kind, name in (
                ("bytes32", "site"),
                ("bytes32", "content"),
                ("uint8", "part"),
                ("string", "name"),
                ("bytes32", "operator"),
                ("bytes32", "credential"),
                ("uint64", "at"),
                ("bytes32", "after"),
                ("bool", "sawDocument"),
                ("bytes32", "recorded"),
            )
        ]
    }
    domain = {
        "name": "Perdure",
        "version": "1",
        "chainId": CHAIN_ID,
        "verifyingContract": checksum_address(REGISTRY),
    }
    recorded, confirmed = SIGNED["keys"].recorded, SIGNED["keys"].confirmed
    assert recorded is not None
    assert confirmed is not None
    content = content_digest(DIGESTS)
    first = statement_digest(DOMAIN, ORIGIN.site, content, RECORDED, recorded.statement, recorded.credential)
    statement = confirmed.statement
    message = {
        "site": ORIGIN.site,
        "content": content,
        "part": CONFIRMED,
        "name": statement.name,
        "operator": statement.operator,
        "credential": credential_digest(confirmed.credential),
        "at": statement.at,
        "after": BLOCK,
        "sawDocument": True,
        "recorded": first,
    }
    signed = EthAccount.sign_message(
        encode_typed_data(domain, types, message),
        BEN.signer.private_key,  # type: ignore[union-attr]
    )
    assert signed.signature == confirmed.signature


def test_a_credential_has_one_digest():
    address = KeyCredential(account_address())
    passkey = es256("of Ada").credential
    others = [address, passkey, replace(passkey, rp_id="b"), replace(passkey, public_key=b"")]
    assert len({credential_digest(each) for each in others}) == len(others)
    # the party's id ends where the key begins
    assert credential_digest(replace(passkey, rp_id="a", public_key=b"bc")) != credential_digest(
        replace(passkey, rp_id="ab", public_key=b"c")
    )


def account_address() -> Any:
    return BEN.signer.address  # type: ignore[union-attr]


# --- after which block


def verdict_of(story: Story, change: Callable[[Any], Any] = lambda evidence: evidence) -> Verdict:
    told = tell(story)
    raw = encode_evidence(change(told.evidence))
    return verify(parse_evidence(raw), told.trust)


def block_time(number: int) -> int:
    return START + PERIOD * number


def test_one_run_of_headers_serves_a_record_and_its_confirmation():
    verdict = verdict_of(CONFIRMED_BY_KEYS)
    assert verdict.ok
    assert verdict.confirmed_not_before is verdict.not_before is not None
    assert FORMAT.encode() in encode_evidence(tell(CONFIRMED_BY_KEYS).evidence)


def test_a_newer_block_gives_a_later_bound():
    told = tell(CONFIRMED_LATER)
    assert FORMAT_2.encode() in encode_evidence(told.evidence)
    verdict = verdict_of(CONFIRMED_LATER)
    assert verdict.ok
    assert verdict.not_before is not None
    assert verdict.confirmed_not_before is not None
    assert verdict.confirmed_not_before.complete
    newest = told.anchor_block.header.number - 1
    # two proposers, so from the block before it; less a second and the allowance
    assert verdict.confirmed_not_before.seconds == block_time(newest - 1) - 2
    assert verdict.confirmed_not_before.seconds == verdict.not_before.seconds + 2 * PERIOD


def test_without_the_headers_there_is_no_bound():
    verdict = verdict_of(CONFIRMED_LATER, lambda evidence: replace(evidence, confirmed_not_before=None))
    assert verdict.ok
    assert verdict.confirmed_not_before is None
    assert verdict.not_before is not None


def test_with_a_hidden_after_the_confirmation_has_headers_of_its_own():
    def own(evidence: Any) -> Any:
        return replace(evidence, not_before=None, confirmed_not_before=evidence.not_before)

    verdict = verdict_of(replace(CONFIRMED_BY_KEYS, hidden=frozenset({"after"})), own)
    assert verdict.ok
    assert verdict.not_before is None
    assert verdict.confirmed_not_before is not None


def faults(verdict: Verdict) -> list[tuple[int, str]]:
    assert verdict.grade is Grade.FINAL
    assert not verdict.ok
    assert verdict.confirmed_not_before is None
    return [(fault.step, type(fault.error).__name__) for fault in verdict.faults]


def naming(block: Hash32, headers: tuple[bytes, ...]) -> Verdict:
    story = Story(confirm=Confirming(block=block))
    return verdict_of(story, lambda evidence: replace(evidence, confirmed_not_before=headers))


def test_a_block_of_another_fork_is_refused():
    fork = SimulatedChain(tell().chain.validators, sealers=lambda number, members: accounts(4, "other"))
    fork.extend(2)
    assert faults(naming(fork.blocks[2].name, (fork.blocks[2].raw,))) == [(12, "ForeignSeal")]


def test_a_block_that_is_younger_than_the_anchor_is_refused():
    chain = tell().chain
    assert faults(naming(chain.blocks[5].name, chain.raw_headers(4, 6))) == [(12, "AfterNotBefore")]


def test_other_headers_are_refused():
    chain = tell().chain
    assert faults(naming(chain.blocks[3].name, chain.raw_headers(1, 2))) == [(12, "BlockNotInRun")]


def test_headers_for_a_confirmation_that_does_not_hold_are_refused_too():
    story = replace(
        CONFIRMED_LATER, confirm=Confirming(edit=lambda value: value["confirmed"].update(name="Bob"))
    )
    verdict = verdict_of(story)
    assert faults(verdict) == [(11, "ConfirmationNotSigned"), (12, "AfterHidden")]
    assert verdict.confirmation is None


def test_a_fault_of_the_confirmation_leaves_the_grade_and_the_bounds():
    story = replace(
        CONFIRMED_BY_KEYS, confirm=Confirming(edit=lambda value: value["confirmed"].update(name="Bob"))
    )
    verdict = verdict_of(story)
    assert faults(verdict) == [(11, "ConfirmationNotSigned")]
    assert verdict.not_before is not None
    assert verdict.not_after is not None


def test_another_version_is_noted():
    story = replace(CONFIRMED_BY_KEYS, confirm=lambda digests, newest: {"v": 2})
    verdict = verdict_of(story)
    assert verdict.ok
    assert any("version that is not known here" in note for note in verdict.notes)


def test_a_weak_epoch_is_noted_once():
    """Two lower bounds that rest on less than a quorum say so in one note."""
    told = tell(Story(validators=6, quorum_rule="2f+1", confirm=Confirming(), waits=1))
    verdict = verify(told.evidence, told.trust, require=Grade.ANCHORED)
    assert verdict.confirmed_not_before is not None
    assert sum("the lower bound rests on a block" in note for note in verdict.notes) == 1


def test_a_block_is_named_as_it_is_written():
    confirmed = SIGNED["keys"].confirmed
    assert confirmed is not None
    value: Any = VALUES["keys"]
    assert value["confirmed"]["after"] == to_hex(BLOCK)
    check({**value, "confirmed": {**value["confirmed"], "after": to_hex(BLOCK).upper().replace("X", "x")}})
