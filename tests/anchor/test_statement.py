"""Statements: nothing is left out of a stretch of a log, and nothing else is accepted (SPEC.md, section 17)."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent_statements import check_complete, judge_statement
from independent_verifier import Refused
from perdure_anchor.errors import EncodingError, PerdureError
from perdure_anchor.evidence import Slot
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.log import MemoryLog, leaf_hash, node_hash
from perdure_anchor.record import DEFAULT_DISCLOSED, SLOTS, disclosure_digest
from perdure_anchor.statement import (
    MAX_LEAVES,
    MAX_STATEMENT_SIZE,
    NotStatement,
    StatedCheckpoint,
    Statement,
    StatementError,
    StatementTooLarge,
    encode_statement,
    nodes_around,
    parse_statement,
    root_around,
)
from perdure_anchor.statement_verdict import StatementVerdict
from perdure_anchor.statement_words import leaf_words, statement_words
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import encode_trust_file
from perdure_anchor.verdict import Grade
from perdure_anchor.verify_statement import verify_statement
from simulated_chain import DOMAIN, ORIGIN, Story, tell
from tools.confirmed_story import confirmed_story
from tools.statements import PINNED, TRUST, log_of, stated


def judged(statement: Statement, trust: TrustFile = TRUST, require: Grade = Grade.FINAL) -> StatementVerdict:
    """The verdict, which the other verifier agrees with."""
    verdict = verify_statement(statement, trust, require=require)
    other = judge_statement(encode_statement(statement), encode_trust_file(trust), require.text)
    assert (other["ok"], other["complete"]) == (verdict.ok, verdict.complete)
    assert other["grade"] == (None if verdict.grade is None else verdict.grade.text)
    if verdict.ok:
        assert other["leaves"] == [(leaf.leaf_hash, leaf.disclosed) for leaf in verdict.leaves]
    return verdict


def names(verdict: StatementVerdict) -> list[str]:
    return [type(error).__name__ for error in verdict.errors]


def steps(verdict: StatementVerdict) -> list[int]:
    return [fault.step for fault in verdict.faults]


# --- completeness


def naive_root(log: list[Hash32]) -> Hash32:
    """RFC 9162's recursion, over all leaves."""
    if len(log) == 1:
        return log[0]
    half = 1 << (len(log) - 1).bit_length() - 1
    return node_hash(naive_root(log[:half]), naive_root(log[half:]))


def bare(log: list[Hash32], begin: int, end: int, root: Hash32) -> Statement:
    """A statement without leaves, for what is only folded."""
    before, behind = nodes_around(MemoryLog(log).node_at, begin, end, len(log))
    checkpoint = StatedCheckpoint(len(log), root, 0, bytes(65))
    return Statement(DOMAIN, ORIGIN, begin, end, (), before, behind, checkpoint)


def oracle_accepts(statement: Statement, leaves: list[Hash32]) -> bool:
    checkpoint = {"size": statement.checkpoint.size, "root": statement.checkpoint.root}
    members = {
        "begin": statement.begin,
        "end": statement.end,
        "before": list(statement.before),
        "behind": list(statement.behind),
        "checkpoint": checkpoint,
    }
    try:
        check_complete(members, leaves)
    except Refused:
        return False
    return True


def accepts(statement: Statement, leaves: list[Hash32]) -> bool:
    """Whether they fold to the root; the oracle must agree."""
    try:
        found = root_around(statement, leaves) == statement.checkpoint.root
    except PerdureError:
        found = False
    assert found == oracle_accepts(statement, leaves)
    return found


def test_each_stretch_of_small_logs_folds_to_the_naive_root() -> None:
    for size in range(1, 17):
        log = [leaf_hash(b"leaf %d" % number) for number in range(size)]
        root = naive_root(log)
        for begin in range(size):
            for end in range(begin + 1, size + 1):
                statement, leaves = bare(log, begin, end, root), log[begin:end]
                assert accepts(statement, leaves)
                for at in range(len(leaves)):
                    # exchanged, and left out under every other range of as many leaves
                    other = [*leaves[:at], leaf_hash(b"other"), *leaves[at + 1 :]]
                    assert not accepts(statement, other)
                    shorter = [*leaves[:at], *leaves[at + 1 :]]
                    for shift in (0, 1):
                        moved = replace(statement, begin=begin + shift, end=end - 1 + shift)
                        assert moved.end == moved.begin or not accepts(moved, shorter)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_other_leaves_are_ever_accepted(data: st.DataObject) -> None:
    """Whatever hashes of the log, or others, stand around whatever other leaves of as many."""
    size = data.draw(st.integers(1, 40))
    log = [leaf_hash(b"leaf %d" % number) for number in range(size)]
    begin = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(begin + 1, size))
    memory = MemoryLog(log)
    pool = st.sampled_from(
        [memory.node_at(level, index) for level in range(6) for index in range(size >> level)]
        + [sha256(b"any"), Hash32(bytes(32))]
    )
    statement = bare(log, begin, end, memory.root())
    leaves = data.draw(
        st.one_of(st.permutations(log[begin:end]), st.lists(pool, min_size=end - begin, max_size=end - begin))
    )
    changed = replace(
        statement,
        before=tuple(data.draw(st.one_of(st.just(statement.before), st.lists(pool, max_size=8)))),
        behind=tuple(data.draw(st.one_of(st.just(statement.behind), st.lists(pool, max_size=8)))),
    )
    if accepts(changed, leaves):
        assert leaves == log[begin:end]
        assert (changed.before, changed.behind) == (statement.before, statement.behind)


# --- the whole statement


def test_an_anchored_statement_is_final() -> None:
    verdict = judged(stated(1, 6, anchor=True))
    assert verdict.ok
    assert (verdict.begin, verdict.end, verdict.size, verdict.grade) == (1, 6, 7, Grade.FINAL)
    assert [leaf.leaf_hash for leaf in verdict.leaves] == log_of(7).names[1:6]
    assert set(verdict.leaves[0].disclosed) == DEFAULT_DISCLOSED
    assert verdict.checkpoint.not_after is not None
    assert any("leaves behind these, up to 6" in note for note in verdict.notes)


def test_what_supersedes_what_is_told() -> None:
    leaves = {leaf.index: leaf for leaf in judged(stated(1, 6, anchor=True)).leaves}
    assert leaves[1].superseded_by == (4,)
    assert (leaves[4].supersedes, leaves[4].superseded_by) == (leaves[1].leaf_hash, ())
    assert leaves[5].supersedes == bytes.fromhex("5a" * 32)
    verdict = judged(stated(1, 6, anchor=True))
    words = {each.label: each.lines for each in leaf_words(verdict)}
    assert "superseded by leaf 4" in words["leaf 1"]
    assert "supersedes leaf 1" in words["leaf 4"]
    assert f"supersedes {'5a' * 32}, none of these leaves" in words["leaf 5"]
    told = next(statement_words(verdict, devnet=False, clock_allowance=1))
    assert told.lines[0] == "leaves 1 to 5 are all there are in this stretch of the log of acme/rotterdam"


def test_the_whole_log_and_single_leaves() -> None:
    for begin, end in ((0, 7), (0, 1), (6, 7), (3, 4)):
        verdict = judged(stated(begin, end, anchor=True))
        assert verdict.ok
        assert any("last leaves" in note for note in verdict.notes) == (end == 7)


def test_a_pinned_key_without_an_anchor_is_signed() -> None:
    statement = stated(0, 3)
    verdict = judged(statement, PINNED, Grade.SIGNED)
    assert (verdict.ok, verdict.grade) == (True, Grade.SIGNED)
    verdict = judged(statement, PINNED)
    assert (names(verdict), steps(verdict)) == (["GradeTooLow"], [5])
    verdict = judged(statement, TRUST, Grade.SIGNED)
    assert (verdict.ok, names(verdict), steps(verdict)) == (False, ["GradeTooLow"], [4])


def test_another_registry_is_refused_first() -> None:
    verdict = judged(replace(stated(0, 3), domain=replace(DOMAIN, chain_id=5)))
    assert (names(verdict), steps(verdict), verdict.complete) == (["WrongRegistry"], [1], False)


def test_a_leaf_may_not_hide_what_it_supersedes() -> None:
    shown = DEFAULT_DISCLOSED - {"supersedes"}
    statement = stated(0, 5, shown=shown, anchor=True)
    verdict = judged(statement)
    assert (names(verdict), steps(verdict), verdict.leaves) == (["SupersedesHidden"], [2], ())
    assert "leaf 0: " in str(verdict.errors[0])


def test_leaves_that_disclose_nothing_are_named() -> None:
    """An erased record looks so, and nobody can tell it from a hidden one."""
    log, statement = log_of(7), stated(0, 5, anchor=True)
    bare_leaf = log.slots(4, frozenset())
    verdict = judged(replace(statement, leaves=(*statement.leaves[:4], bare_leaf)))
    assert verdict.ok
    assert verdict.unshown == (4,)
    assert verdict.leaves[1].superseded_by == ()
    assert any("1 of the leaves disclose nothing, erased or hidden: 4" in note for note in verdict.notes)
    words = {each.label: each.lines for each in leaf_words(verdict)}
    assert words["leaf 4"] == (f"erased or hidden, leaf hash {log.names[4].hex()}",)


def test_a_disclosure_in_another_place_is_refused() -> None:
    statement = stated(0, 3, shown=frozenset(SLOTS))
    first = statement.leaves[0]
    moved = (first[1], first[0], *first[2:])
    verdict = judged(replace(statement, leaves=(moved, *statement.leaves[1:])))
    assert (names(verdict), steps(verdict)) == (["DisclosureError"], [2])


def test_leaves_left_out_put_in_or_exchanged_are_refused() -> None:
    statement = stated(1, 6, anchor=True)
    first, second, *rest = statement.leaves
    wrong = [
        replace(statement, leaves=(second, first, *rest)),
        replace(statement, leaves=(first, first, *rest)),
        replace(statement, leaves=(second, *rest), end=5),
        replace(statement, leaves=(second, *rest), begin=2),
        replace(statement, leaves=(first, second, *rest, first), end=7),
        replace(statement, before=()),
        replace(statement, behind=(*statement.behind, statement.behind[0])),
        replace(statement, checkpoint=replace(statement.checkpoint, size=9)),
    ]
    for each in wrong:
        verdict = judged(each)
        assert names(verdict)[0] in ("RootMismatchError", "RangeProofLength")
        assert (steps(verdict)[0], verdict.complete) == (3, False)


def test_a_size_that_was_not_signed_is_refused() -> None:
    """A root does not bind its size (SPEC.md, section 3.5); the signature and the event do."""
    statement = stated(1, 6, anchor=True)
    verdict = judged(replace(statement, checkpoint=replace(statement.checkpoint, size=8)))
    assert (verdict.ok, names(verdict), steps(verdict)) == (False, ["EventMismatch"], [7])


def test_an_anchor_of_another_checkpoint_is_refused() -> None:
    verdict = judged(replace(stated(1, 6), anchor=stated(0, 5, size=6, anchor=True).anchor))
    assert (names(verdict), steps(verdict), verdict.complete) == (["EventMismatch"], [7], True)


def test_fewer_seals_than_a_quorum_are_not_final() -> None:
    weak = tell(Story(sealers=lambda number, members: members[:1]))
    checkpoint = weak.checkpoint
    statement = stated(0, 3)
    signed = StatedCheckpoint(
        checkpoint.size,
        checkpoint.root,
        checkpoint.sealed_at,
        weak.evidence.checkpoint.signature,  # type: ignore[union-attr]
    )
    # another log of the same size: it is refused before its anchor is looked at
    verdict = verify_statement(replace(statement, checkpoint=signed, anchor=weak.evidence.anchor), weak.trust)
    assert (names(verdict), steps(verdict)) == (["RootMismatchError"], [3])


def test_confirmations_are_said_to_be_claims() -> None:
    statement = stated(1, 2, anchor=True)
    assert not any("confirmed" in note for note in judged(statement).notes)
    text = '["00112233445566778899aabbccddeeff","confirmation",{"v":9}]'
    slots = list(statement.leaves[0])
    place = SLOTS.index("confirmation")
    slots[place] = Slot(text, disclosure_digest(text))
    # the leaf is another one then, so it is refused; what is disclosed is told all the same
    verdict = verify_statement(replace(statement, leaves=(tuple(slots),)), TRUST)
    assert (steps(verdict), verdict.complete) == ([3], False)
    assert any("who confirmed a record is the site's claim here" in note for note in verdict.notes)


def test_who_recorded_and_confirmed_is_told_in_words() -> None:
    text = confirmed_story().evidence.slots[SLOTS.index("confirmation")].disclosure
    assert text is not None
    value = json.loads(text)[2]
    verdict = judged(stated(1, 2, anchor=True))

    def told(confirmation: JsonValue) -> tuple[str, ...]:
        leaf = replace(verdict.leaves[0], disclosed={"confirmation": confirmation})
        (words,) = leaf_words(replace(verdict, leaves=(leaf,)))
        return words.lines[1:-1]

    recorded, confirmed = told(value)
    assert recorded.startswith("claimed confirmation: recorded by Ada Example at 20")
    assert confirmed.startswith("confirmed by Bert <b>Example</b> at 20")
    for line in (recorded, confirmed):
        assert re.search(
            r"Z, with(out)? the document before him, by (key 0x[0-9a-fA-F]{40}|passkey [0-9a-f]{32})$", line
        )
    assert told({**value, "recorded": None}) == (f"claimed confirmation: {confirmed}",)
    # a version of a later day, and what is none or of nobody, are shown as they are
    for other in ({"v": 9}, {"v": 1}, {**value, "recorded": None, "confirmed": None}):
        assert told(other) == (f"claimed confirmation: {json.dumps(other)}",)


def test_why_it_is_late_and_what_was_found_of_signatures_is_told_in_words() -> None:
    document = {"name": "mail.txt", "sha256": "ab" * 32, "size": 7}
    signature = {
        "v": 1,
        "format": "cades",
        "verdict": "valid",
        "checked_at": "2026-11-26T07:00:00Z",
        "signatures": [{"signer": "Ada", "verdict": "valid"}],
    }
    verdict = judged(stated(1, 2, anchor=True))
    disclosed = {
        "document_name": "a.pdf",
        "late": {"v": 1, "reason": "found in a drawer", "documents": [document]},
        "signature": signature,
    }
    (words,) = leaf_words(replace(verdict, leaves=(replace(verdict.leaves[0], disclosed=disclosed),)))

    assert words.lines[1:-1] == (
        "claimed: document_name a.pdf",
        "claimed late: found in a drawer",
        f"supported by mail.txt, 7 bytes, SHA-256 {'ab' * 32}",
        "claimed signature: claimed valid by the site (cades), checked at 2026-11-26T07:00:00Z",
        "valid, Ada",
    )


# --- the file


def test_what_is_written_is_read_back() -> None:
    for statement in (stated(1, 6, anchor=True), stated(0, 7), stated(3, 4, shown=frozenset(SLOTS))):
        raw = encode_statement(statement)
        assert parse_statement(raw) == statement
        assert json.loads(raw)["format"] == "perdure-statement/1"


SMALL = json.loads(encode_statement(stated(2, 5, anchor=True)))


def paths(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where each value of a JSON text stands."""
    found = [at] if at else []
    if isinstance(value, dict):
        found += [path for key, member in value.items() for path in paths(member, (*at, key))]
    if isinstance(value, list):
        found += [path for number, member in enumerate(value) for path in paths(member, (*at, number))]
    return found


PATHS = paths(SMALL)
OTHERS = st.one_of(
    st.none(),
    st.integers(-1, 9),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.sampled_from(PATHS).map(lambda path: at(SMALL, path)),
)


def at(value: object, path: tuple[str | int, ...]) -> object:
    for key in path:
        value = value[key]  # type: ignore[index]
    return value


@given(st.sampled_from(PATHS), OTHERS, st.sampled_from(["change", "remove", "flip"]), st.integers(0, 2**16))
@settings(max_examples=400, deadline=None)
def test_no_mutation_says_anything_else(
    path: tuple[str | int, ...], other: object, kind: str, where: int
) -> None:
    """Each member changed, removed, or changed in a character: refused, or it says the very same."""
    changed = json.loads(json.dumps(SMALL))
    parent, key, old = at(changed, path[:-1]), path[-1], at(changed, path)
    if kind == "remove":
        del parent[key]  # type: ignore[attr-defined]
    elif kind == "flip" and isinstance(old, str) and old:
        place = where % len(old)
        parent[key] = old[:place] + chr(ord(old[place]) ^ 1) + old[place + 1 :]  # type: ignore[index]
    else:
        parent[key] = other  # type: ignore[index]
    raw = json.dumps(changed, ensure_ascii=False).encode()
    other_verdict = judge_statement(raw, encode_trust_file(TRUST))
    try:
        statement = parse_statement(raw)
    except EncodingError:
        assert not other_verdict["ok"]
        return
    verdict = judged(statement)
    assert verdict.ok == other_verdict["ok"]
    if verdict.ok:
        told = [(leaf.index, leaf.leaf_hash) for leaf in verdict.leaves]
        assert told == list(enumerate(log_of(7).names))[2:5]
        whole = [leaf.disclosed for leaf in judged(stated(2, 5, shown=frozenset(SLOTS), anchor=True)).leaves]
        for leaf, everything in zip(verdict.leaves, whole, strict=True):
            assert leaf.disclosed.items() <= everything.items() or not leaf.disclosed


def test_bounds_come_before_work() -> None:
    with pytest.raises(StatementTooLarge):
        parse_statement(b" " * (MAX_STATEMENT_SIZE + 1))
    with pytest.raises(StatementTooLarge):
        parse_statement(b"[" * (1024 * 1024 + 1))
    with pytest.raises(NotStatement):
        parse_statement(b'{"format": "perdure-statement/2"}')
    for begin, end in ((3, 3), (4, 3), (0, 8)):
        with pytest.raises(StatementError):
            parse_statement(encode_statement(replace(stated(0, 3), begin=begin, end=end)))
    far = replace(stated(0, 3), end=MAX_LEAVES + 1, checkpoint=replace(stated(0, 3).checkpoint, size=9999))
    with pytest.raises(StatementTooLarge):
        parse_statement(encode_statement(far))


def test_as_many_leaves_as_a_statement_may_have_fit() -> None:
    leaf = log_of(7).slots(4, frozenset(SLOTS))
    many = replace(
        stated(0, 1),
        end=MAX_LEAVES,
        leaves=(leaf,) * MAX_LEAVES,
        checkpoint=replace(stated(0, 1).checkpoint, size=MAX_LEAVES),
    )
    raw = encode_statement(many)
    assert len(raw) < MAX_STATEMENT_SIZE / 2
    assert len(parse_statement(raw).leaves) == MAX_LEAVES
