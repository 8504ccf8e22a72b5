"""Proofs of two histories: whoever signed two is caught, and nobody else (SPEC.md, section 14)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent_rivals import has_two_histories, judge_rivals
from independent_verifier import Refused
from perdure_anchor.checkpoint import Checkpoint, Origin, RegistryDomain, sign_checkpoint
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.log import MemoryLog, append_proof, leaf_hash, node_hash
from perdure_anchor.record import leaf_from_digests
from perdure_anchor.rivals import Rivals, encode_rivals, make_rivals, parse_rivals
from perdure_anchor.rivals_verdict import RivalsVerdict, Vouching
from perdure_anchor.strict_json import encode_pretty
from perdure_anchor.trust import PinnedSite, Revocation, TrustFile
from perdure_anchor.trust_file import encode_trust_file
from perdure_anchor.verdict import Grade
from perdure_anchor.verify_rivals import check_two_histories, verify_rivals
from simulated_chain import DOMAIN, ORIGIN, SITE_KEY, START, Story, tell
from tools.accounts import account, accounts, high_s_twin
from tools.two_histories import NEXT_KEY_LABEL, anchored, between, hands_over, leaves, signed

PINNED = tell(Story(pinned=True)).trust
NOT_PINNED = tell().trust
NEXT_KEY = account(NEXT_KEY_LABEL)


def root(log: list[Hash32]) -> Hash32:
    """RFC 9162's recursion."""
    if len(log) == 1:
        return log[0]
    half = 1 << (len(log) - 1).bit_length() - 1
    return node_hash(root(log[:half]), root(log[half:]))


def judged(rivals: Rivals, trust: TrustFile = PINNED, require: Grade = Grade.FINAL) -> RivalsVerdict:
    """The verdict, which the other verifier agrees with."""
    verdict = verify_rivals(rivals, trust, require=require)
    other = judge_rivals(encode_rivals(rivals), encode_trust_file(trust), require.text)
    assert other["ok"] == verdict.ok
    assert other["faults"] == names(verdict)
    if verdict.ok:
        assert other["keys"] == [each.key.value for each in verdict.histories]
    return verdict


def names(verdict: RivalsVerdict) -> list[str]:
    return [type(error).__name__ for error in verdict.errors]


def steps(verdict: RivalsVerdict) -> list[int]:
    return [fault.step for fault in verdict.faults]


# --- histories


LOGS = st.lists(st.integers(0, 2), min_size=1, max_size=40).map(
    lambda numbers: [leaf_hash(b"%d" % number) for number in numbers]
)


def fault_of(rivals: Rivals) -> str | None:
    """The library's answer to the third step, and the oracle's."""
    try:
        check_two_histories(rivals)
        found = None
    except PerdureError as error:
        found = type(error).__name__
    try:
        pair = ((each.size, each.root) for each in rivals.checkpoints)
        has_two_histories(*pair, rivals.nodes)
        oracle = None
    except Refused as error:
        oracle = error.name
    assert found == oracle
    return found


@given(LOGS, LOGS, st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_two_logs_are_rivals_if_and_only_if_they_part(
    one: list[Hash32], rest: list[Hash32], common: int
) -> None:
    other = [*one[:common], *rest]
    shorter, longer = sorted((one, other), key=len)
    parts = longer[: len(shorter)] != shorter
    assert fault_of(between(one, other)) == (None if parts else "OneHistory")


def test_each_place_at_which_small_logs_can_part() -> None:
    for size in range(1, 18):
        for shorter in range(1, size + 1):
            for parts_at in range(size):
                rivals = between(leaves(shorter), leaves(size, parts_at=parts_at))
                assert fault_of(rivals) == (None if parts_at < shorter else "OneHistory")


TRUE_LOG = MemoryLog(leaf_hash(b"leaf %d" % number) for number in range(64))
TRUE_NODES = [TRUE_LOG.node_at(level, index) for level in range(7) for index in range(64 >> level)]


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_an_honest_site_is_never_framed(data: st.DataObject) -> None:
    """Whatever hashes of its logs, or others, in whatever number and order, stand between two of its checkpoints."""
    longer = data.draw(st.integers(1, 64))
    shorter = data.draw(st.integers(1, longer))
    rivals = between(leaves(shorter), leaves(longer))
    pool = st.sampled_from([*TRUE_NODES, sha256(b"any"), Hash32(bytes(32))])
    kind = data.draw(st.sampled_from(["any", "changed", "other sizes", "moved"]))
    nodes = list(rivals.nodes)
    if kind == "any":
        nodes = data.draw(st.lists(pool, max_size=14))
    elif kind == "changed" and nodes:
        nodes[data.draw(st.integers(0, len(nodes) - 1))] = data.draw(pool)
    elif kind == "other sizes":
        big = data.draw(st.integers(2, 64))
        nodes = list(append_proof(TRUE_LOG.node_at, data.draw(st.integers(0, big - 1)), big))
    elif kind == "moved":
        nodes = data.draw(st.permutations(nodes))
    assert fault_of(replace(rivals, nodes=tuple(nodes))) is not None


def test_a_root_that_is_signed_under_two_sizes_accuses_whoever_signed_it() -> None:
    """A root does not bind its size (SPEC.md, section 3.5): whoever signs it under a false one is not honest."""
    seven, false = signed(leaves(7)), replace(signed(leaves(7)), size=6)
    false = replace(false, signature=resigned(false.size, false.root))
    rivals = make_rivals(DOMAIN, ORIGIN, (seven, false), MemoryLog(leaves(7)).node_at)
    assert judged(rivals).ok


def resigned(size: int, root_hash: Hash32) -> bytes:
    return sign_checkpoint(DOMAIN, Checkpoint(ORIGIN.site, size, root_hash, START), SITE_KEY.private_key)


# --- keys


def test_pinned_keys_leave_nobody_to_lie() -> None:
    verdict = judged(between(leaves(7), leaves(12, parts_at=3)))
    assert verdict.ok
    assert [each.key for each in verdict.histories] == [Vouching.PINNED] * 2
    assert verdict.who_must_have_lied.startswith("nobody: whoever has the keys of acme/rotterdam")


def test_equal_sizes_need_no_hashes() -> None:
    rivals = between(leaves(7), leaves(7, parts_at=6))
    assert rivals.nodes == ()
    assert judged(rivals).ok
    assert names(judged(replace(rivals, nodes=(sha256(b""),)))) == ["ProofLengthError"]


def test_an_anchor_of_one_vouches_for_the_key_of_both() -> None:
    rivals, trust = anchored()
    verdict = judged(rivals, trust)
    assert verdict.ok
    assert [each.key for each in verdict.histories] == [Vouching.BY_REGISTRY] * 2
    assert "3 of 4" in verdict.who_must_have_lied
    assert "the partner acme" in verdict.who_must_have_lied
    assert verdict.histories[0].anchor is not None
    assert verdict.histories[1].anchor is None


def test_an_anchor_through_changes_of_the_validators_vouches_too() -> None:
    rivals, trust = anchored(Story(changes=(accounts(5),)))
    verdict = judged(rivals, trust)
    assert verdict.ok
    assert len(verdict.validator_changes) == 1


@pytest.mark.parametrize(
    ("require", "ok"), [(Grade.FINAL, False), (Grade.ANCHORED, True), (Grade.RECORDED, True)]
)
def test_less_than_a_final_anchor_vouches_only_for_whom_it_suffices(require: Grade, ok: bool) -> None:
    rivals, trust = anchored(Story(sealers=lambda number, members: members[:1]))
    verdict = judged(rivals, trust, require)
    assert verdict.ok == ok
    if not ok:
        assert names(verdict) == ["KeyNotVouched"] * 2
        assert "its anchor shows less than final" in str(verdict.errors[0])


def test_a_key_that_nobody_vouches_for_accuses_nobody() -> None:
    rivals = between(leaves(7), leaves(12, parts_at=3))
    verdict = judged(rivals, NOT_PINNED)
    assert (names(verdict), steps(verdict)) == (["KeyNotVouched"] * 2, [5, 5])
    assert verdict.two_histories, "but no log is both"
    assert verdict.who_must_have_lied == "nobody: nothing is shown"


def test_a_rotation_leads_from_one_key_to_the_other() -> None:
    rivals = between(leaves(7), leaves(12, parts_at=3), key=NEXT_KEY)
    assert names(judged(rivals)) == ["KeyNotVouched"]
    by_rotation = replace(rivals, rotations=(hands_over(SITE_KEY, NEXT_KEY),))
    verdict = judged(by_rotation)
    assert verdict.ok
    assert [each.key for each in verdict.histories] == [Vouching.PINNED, Vouching.BY_ROTATION]
    last = account("last key")
    chained = replace(
        between(leaves(7), leaves(12, parts_at=3), key=last),
        rotations=(hands_over(SITE_KEY, NEXT_KEY), hands_over(NEXT_KEY, last, 1)),
    )
    assert judged(chained).ok
    backwards = replace(chained, rotations=chained.rotations[::-1])
    assert names(judged(backwards)) == ["RotationNotVouched"]


def test_nobody_hands_a_site_to_himself() -> None:
    thief = account("thief")
    rivals = between(leaves(7), leaves(12, parts_at=3), key=thief)
    assert names(judged(replace(rivals, rotations=(hands_over(thief, thief),)))) == ["RotationNotVouched"]


def test_a_rotation_by_an_anchored_key_rests_on_the_validators() -> None:
    rivals, trust = anchored()
    rival = signed(leaves(12, parts_at=2), key=NEXT_KEY)
    rivals = replace(rivals, longer=rival, rotations=(hands_over(SITE_KEY, NEXT_KEY),))
    verdict = judged(rivals, trust)
    assert verdict.ok
    assert [each.key for each in verdict.histories] == [Vouching.BY_REGISTRY, Vouching.BY_ROTATION]
    assert "3 of 4" in verdict.who_must_have_lied


def test_a_key_in_doubt_is_named() -> None:
    doubted = replace(PINNED, revocations=(Revocation(ORIGIN, SITE_KEY.address, START, compromised=True),))
    verdict = judged(between(leaves(7), leaves(12, parts_at=3)), doubted)
    assert verdict.ok
    assert all("may have been in other hands" in (each.key_doubt or "") for each in verdict.histories)


def test_a_devnet_proves_nothing() -> None:
    told = tell(Story(client="devnet", pinned=True))
    verdict = judged(between(leaves(7), leaves(12, parts_at=3)), told.trust)
    assert any("devnet" in note for note in verdict.notes)


# --- what is changed afterwards, each with the fault's name


def with_shorter(rivals: Rivals, **changes: Any) -> Rivals:
    return replace(rivals, shorter=replace(rivals.shorter, **changes))


def with_anchor(rivals: Rivals, **changes: Any) -> Rivals:
    assert rivals.shorter.anchor is not None
    return with_shorter(rivals, anchor=replace(rivals.shorter.anchor, **changes))


CHANGES: dict[str, tuple[Callable[[Rivals], Rivals], list[str]]] = {
    "another chain": (
        lambda rivals: replace(rivals, domain=RegistryDomain(1, DOMAIN.registry)),
        ["WrongRegistry"],
    ),
    "another site": (lambda rivals: replace(rivals, origin=Origin("acme", "paris")), ["EventMismatch"]),
    "a high s": (
        lambda rivals: with_shorter(rivals, signature=high_s_twin(rivals.shorter.signature)),
        ["SignatureError"],
    ),
    "another root": (
        lambda rivals: replace(rivals, longer=replace(rivals.longer, root=sha256(b""))),
        ["RootMismatchError"],
    ),
    "another size": (lambda rivals: with_shorter(rivals, size=6), ["AppendProofLengthError"]),
    "a node less": (lambda rivals: replace(rivals, nodes=rivals.nodes[:-1]), ["AppendProofLengthError"]),
    "a node more": (lambda rivals: replace(rivals, nodes=(*rivals.nodes, sha256(b""))), ["AppendProofLengthError"]),
    "another node": (lambda rivals: replace(rivals, nodes=(sha256(b""), *rivals.nodes[1:])), ["RootMismatchError"]),
    "the beginning's nodes of the shorter log": (
        lambda rivals: replace(
            rivals, nodes=(*append_proof(TRUE_LOG.node_at, 7, 8)[:3], *rivals.nodes[3:])
        ),
        ["RootMismatchError"],
    ),
    "another sealing time": (lambda rivals: with_shorter(rivals, sealed_at=1), ["EventMismatch"]),
    "another receipt": (lambda rivals: with_anchor(rivals, receipt_index=2), ["TrieNodeMismatch"]),
    "another event": (lambda rivals: with_anchor(rivals, log_position=0), ["EventMissing"]),
    "no headers after it": (
        lambda rivals: with_anchor(rivals, headers=rivals.shorter.anchor.headers[:1]),  # type: ignore[union-attr]
        [],
    ),
    "no anchor": (lambda rivals: with_shorter(rivals, anchor=None), ["KeyNotVouched"] * 2),
    "the same twice": (lambda rivals: replace(rivals, longer=rivals.shorter, nodes=()), ["OneHistory"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_changed_is_refused(name: str) -> None:
    rivals, trust = anchored()
    change, faults = CHANGES[name]
    verdict = judged(change(rivals), trust)
    assert names(verdict)[: len(faults) or None] == faults
    assert verdict.ok == (not faults)


def test_two_signatures_of_one_checkpoint_are_one_history() -> None:
    one, twin = signed(leaves(7)), signed(leaves(7), sealed_at=START + 9)
    rivals = make_rivals(DOMAIN, ORIGIN, (one, twin), MemoryLog(leaves(7)).node_at)
    assert names(judged(rivals)) == ["OneHistory"]


def test_an_honest_pair_with_an_anchor_is_refused() -> None:
    rivals, trust = anchored()
    log = leaves(7)
    log[3] = leaf_hash(leaf_from_digests([slot.digest for slot in tell().evidence.slots]))
    honest = [*log, *leaves(12)[7:]]
    pair = replace(
        rivals,
        longer=signed(honest),
        nodes=append_proof(MemoryLog(honest).node_at, 7, 12),
    )
    assert root(log) == rivals.shorter.root
    assert names(judged(pair, trust)) == ["OneHistory"]


# --- the file


def test_it_is_read_as_it_was_written() -> None:
    rivals = replace(anchored()[0], rotations=(hands_over(SITE_KEY, NEXT_KEY),))
    raw = encode_rivals(rivals)
    assert parse_rivals(raw) == rivals
    assert encode_rivals(parse_rivals(raw)) == raw


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    rivals = replace(anchored()[0], rotations=(hands_over(SITE_KEY, NEXT_KEY),))
    value = json.loads(encode_rivals(rivals))
    change(value)
    return encode_pretty(value)


FORMS: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "JsonError"),
    "another format": (changed(lambda value: value.update(format="perdure-rivals/2")), "NotRivals"),
    "no object": (b"[]", "NotRivals"),
    "a member more": (changed(lambda value: value.update(more=1)), "UnknownKey"),
    "a member less": (changed(lambda value: value.pop("hops")), "MissingKey"),
    "a doubled member": (
        changed(lambda value: value).replace(b'"nodes"', b'"hops": [], "nodes"'),
        "DoubledKey",
    ),
    "one checkpoint": (changed(lambda value: value["checkpoints"].pop()), "RivalsError"),
    "three": (changed(lambda value: value["checkpoints"].append(value["checkpoints"][0])), "WrongType"),
    "the longer first": (changed(lambda value: value["checkpoints"].reverse()), "RivalsError"),
    "an empty log": (changed(lambda value: value["checkpoints"][0].update(size=0)), "RivalsError"),
    "too large a log": (changed(lambda value: value["checkpoints"][1].update(size=2**48)), "WrongType"),
    "a fraction": (changed(lambda value: value["checkpoints"][0].update(sealed_at=1.5)), "NotInteger"),
    "a short root": (changed(lambda value: value["checkpoints"][0].update(root="AAAA")), "Base64Error"),
    "a short signature": (changed(lambda value: value["checkpoints"][0].update(signature="AAAA")), "Base64Error"),
    "too many nodes": (changed(lambda value: value.update(nodes=value["nodes"][:1] * 96)), "WrongType"),
    "no origin": (changed(lambda value: value.update(origin="acme")), "OriginError"),
    "no address": (changed(lambda value: value["rotations"][0].update(new_key="0x")), "HexError"),
    "too long a grace period": (
        changed(lambda value: value["rotations"][0].update(grace_period=31622401)),
        "WrongType",
    ),
    "too many rotations": (changed(lambda value: value.update(rotations=value["rotations"] * 17)), "WrongType"),
    "an empty hop": (changed(lambda value: value.update(hops=[[]])), "EvidenceError"),
    "too large": (b" " * (4 * 1024 * 1024 + 1), "RivalsTooLarge"),
    "too many signs": (b"[" * 65537, "RivalsTooLarge"),
    "too many headers": (
        changed(lambda value: value.update(hops=[["A" * 43688] * 25])),
        "EvidenceTooLarge",
    ),
    "text behind it": (changed(lambda value: value) + b"{}", "JsonError"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_another_form_is_refused_by_name(name: str) -> None:
    raw, fault = FORMS[name]
    with pytest.raises(PerdureError) as caught:
        parse_rivals(raw)
    assert type(caught.value).__name__ == fault
    assert judge_rivals(raw, encode_trust_file(PINNED))["faults"] == [fault]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_never_raises_another_kind_of_error(data: st.DataObject) -> None:
    raw = bytearray(encode_rivals(anchored()[0]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        rivals = parse_rivals(bytes(raw))
    except PerdureError:
        return
    verify_rivals(rivals, NOT_PINNED)


def test_only_keys_of_this_site_count() -> None:
    elsewhere = replace(PINNED, sites=(PinnedSite(Origin("acme", "paris"), (SITE_KEY.address,)),))
    assert names(judged(between(leaves(7), leaves(12, parts_at=3)), elsewhere)) == ["KeyNotVouched"] * 2
