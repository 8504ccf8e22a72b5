"""The attacks that must fail, one by one, in the words in which they were set down; each with the tests that try it.

`ATTACKS` is the list. Most have their tests where the part that refuses them is tested; those that need a whole story are here.
"""

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from perdure_anchor import qbft
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, encode_evidence, parse_evidence
from perdure_anchor.finality import BlockNotInRun, BrokenRun, DoubledSeal, ForeignSeal, TooFewSeals
from perdure_anchor.hashes import to_hex
from perdure_anchor.header import BlockHeader, HeaderError, encode_header
from perdure_anchor.receipt import EventLog
from perdure_anchor.record import SLOTS, DisclosureError
from perdure_anchor.secp256k1 import sign
from perdure_anchor.strict_json import UnknownKey
from perdure_anchor.trie import TrieNodeMismatch, trie_proof, trie_root
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import encode_trust_file, fingerprint
from perdure_anchor.validator_changes import HopNotAllowed, HopNotVouched
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import EventMismatch, WrongRegistry
from simulated_chain import (
    DOMAIN,
    RECEIPTS_ROOT,
    SITE_KEY,
    TIMESTAMP,
    Story,
    account,
    accounts,
    addresses,
    anchored_log,
    copy_of,
    receipt_of,
    sealed,
    stray_log,
    tell,
    with_anchor,
    with_epoch,
    with_extra,
    with_field,
)
from tools.accounts import high_s_twin
from tools.chain_vectors import chain_vectors, forged_hop
from tools.verdicts import headers_put, verdict_of

HERE = "anchor/test_attacks.py"
CHANGED = "anchor/test_verify_changed.py::test_a_change_afterwards_ends_in_its_own_error"
TOLD_WRONG = "anchor/test_verify_told_wrong.py::test_a_story_that_went_wrong_ends_in_its_own_error"
OTHER_TRUST = "anchor/test_verify_told_wrong.py::test_under_another_trust_file"
TRIE = "anchor/test_trie.py::test_refuses_nodes"
FORGED_PROOFS = "anchor/test_trie.py::test_forged_proofs_are_refused"
SEALS = "anchor/test_finality.py::test_bad_seals_are_refused"
HOPS = "anchor/test_validator_changes.py::test_refuses_a_hop"
JSON = "anchor/test_strict_json.py::test_refuses"
TIME = "anchor/test_time_bounds.py"

# the attack: tests that try it, with the case in brackets where one test has many
ATTACKS: dict[str, tuple[str, ...]] = {
    "a receipt from another contract": (
        f"{TOLD_WRONG}[another contract that emits the same]",
        f"{CHANGED}[another contract's log before]",
    ),
    "a receipt from another chain": (
        f"{TOLD_WRONG}[an event of the same registry on another chain]",
        f"{CHANGED}[another chain]",
        f"{CHANGED}[a signature for another chain]",
    ),
    "a receipt from another block": (
        f"{CHANGED}[the block before]",
        f"{CHANGED}[the block after]",
        f"{HERE}::test_a_receipt_of_another_block_is_under_another_root",
    ),
    "a receipt from a failed transaction": (f"{TOLD_WRONG}[a reverted transaction]",),
    "the right event at the wrong position": (
        f"{CHANGED}[a log position beyond]",
        f"{CHANGED}[another receipt's index]",
        f"{HERE}::test_two_events_in_one_receipt_are_told_apart_by_their_position",
    ),
    "a receipts trie with an embedded short node": (f"{TRIE}[an embedded leaf]",),
    "an extra node": (f"{FORGED_PROOFS}[anything behind]", f"{CHANGED}[a node added]"),
    "a key of another index": (
        f"{TRIE}[another leaf]",
        f"{FORGED_PROOFS}[another leaf]",
        "anchor/test_trie.py::test_every_index_is_proved_and_no_other",
    ),
    "a value that is not the leaf's": (
        f"{HERE}::test_a_value_that_is_not_the_leafs",
        f"{TRIE}[a branch whose value is a list]",
        f"{TRIE}[a leaf with a list]",
    ),
    "a receipt bloated to make it unprovable (answered by resubmission)": (
        "node/test_sync_rivals.py::test_an_anchor_that_was_buried_in_a_receipt_is_confirmed_anew",
        "contracts/test_anchor_registry.py::test_a_known_checkpoint_is_answered_with_its_first_block",
        "anchor/test_evidence_format.py::test_bounds_the_nodes_together",
    ),
    "a header of another field count": (
        "anchor/test_header.py::test_refuses_other_field_counts",
        f"{HERE}::test_a_header_with_fields_left_out_or_added",
    ),
    "seals doubled": (f"{SEALS}[one twice]", f"{CHANGED}[a seal twice]"),
    "seals doubled as the high-s twin": (
        f"{SEALS}[one and its high-s twin]",
        f"{HERE}::test_a_quorum_made_of_twins_is_none",
    ),
    "seals of strangers": (f"{SEALS}[a stranger's]", f"{CHANGED}[a stranger's seal]"),
    "seals of another epoch's set": (f"{HERE}::test_seals_of_another_epochs_set",),
    "seals over the other hash": (f"{HERE}::test_seals_over_the_block_hash_in_a_later_round",),
    "seals over another round": (
        f"{SEALS}[seals of round 0 under round 1]",
        "anchor/test_finality.py::test_seals_of_several_rounds_are_not_added_up",
    ),
    "one seal fewer than quorum": (
        "anchor/test_finality.py::test_a_quorum_is_enough_and_one_fewer_is_not",
        f"{CHANGED}[seals taken away]",
    ),
    "a validator list unsorted, doubled or empty": (
        "anchor/test_finality.py::test_lists_are_compared_where_validators_compare_them",
        f"{HOPS}[a list that descends]",
        f"{HOPS}[a member twice]",
        f"{HOPS}[an empty list]",
    ),
    "a hop that goes back": (
        f"{HOPS}[back]",
        "anchor/test_validator_changes.py::test_an_old_true_set_is_no_way_back",
    ),
    "a hop with a gap": ("anchor/test_validator_changes.py::test_refuses_a_gap_in_a_hop",),
    "a hop short of quorum(S)": (
        f"{HOPS}[one of the set before too few]",
        f"{HOPS}[short of a quorum of the set before]",
        "anchor/test_validator_changes.py::test_two_stolen_keys_of_four_do_not_make_a_set",
    ),
    "a hop resting on the hop it should prove": (
        f"{HOPS}[resting on the set that it should prove]",
        f"{HERE}::test_the_forged_hop_of_a_real_chain",
    ),
    "a hop on a client that checks no lists": (
        "anchor/test_validator_changes.py::test_only_lists_that_honest_validators_check_are_followed",
        f"{HERE}::test_the_forged_hop_of_a_real_chain",
    ),
    "a time run with a gap": (f"{CHANGED}[a block left out]", f"{CHANGED}[a lower bound that is broken]"),
    "a time run with a doubled proposer": (
        f"{TIME}::test_one_proposer_many_times_is_one_proposers_word",
        f"{HERE}::test_a_doubled_proposer_is_one",
    ),
    "a time run with an outsider": (
        f"{TOLD_WRONG}[a coinbase that is no validator]",
        f"{TIME}::test_a_coinbase_that_is_no_validator_is_refused",
    ),
    "a time run that is unsealed": (
        f"{TIME}::test_blocks_that_are_not_final_do_not_count",
        f"{CHANGED}[a lower bound that is not final]",
    ),
    "a time run on a client where coinbases show nothing": (
        f"{TIME}::test_goquorums_coinbases_count_for_nothing",
        "anchor/test_recorded_chains.py::test_goquorums_coinbases_give_no_second_proposer",
    ),
    "an `after` header from another fork": (f"{HERE}::test_an_after_header_of_another_fork",),
    "integers with leading zeros": (
        "anchor/test_rlp.py::test_refuses_integers",
        "anchor/test_header.py::test_refuses_integers_that_are_too_large_or_not_minimal",
    ),
    "integers that are negative": (f"{CHANGED}[a value that the slot cannot hold]", f"{JSON}[negative zero]"),
    "integers of 2^64 and over": (
        "anchor/test_header.py::test_refuses_integers_that_are_too_large_or_not_minimal",
        "anchor/test_registry_event.py::test_refuses",
        f"{JSON}[2^53]",
    ),
    "RLP with trailing bytes or a long form": (
        "anchor/test_rlp.py::test_refuses",
        f"{CHANGED}[a header with bytes behind]",
        "anchor/test_trie.py::test_refuses_nodes_that_are_not_canonical_rlp",
    ),
    "JSON with doubled keys": (
        "anchor/test_evidence_format.py::test_refuses_texts[a doubled key]",
        f"{CHANGED}[a disclosure with a doubled key]",
    ),
    "JSON with deep nesting": (
        f"{JSON}[a hundred thousand lists]",
        "anchor/test_json_nesting.py::test_a_tower_of_brackets",
    ),
    "JSON with huge numbers": (
        f"{JSON}[2^53]",
        "anchor/test_evidence_format.py::test_refuses_texts[a float]",
    ),
    "JSON with lone surrogates": ("anchor/test_evidence_format.py::test_refuses_texts[a lone surrogate]",),
    "slots doubled": (f"{HERE}::test_a_slot_twice",),
    "slots out of order, of the wrong name for their place": (
        f"{CHANGED}[disclosures in each other's places]",
        f"{HERE}::test_a_slot_twice",
    ),
    "a trust file taken from the evidence": (
        "anchor/test_verify_told_wrong.py::test_nothing_is_taken_from_the_evidence",
        "anchor/test_verify_told_wrong.py::test_each_pinned_value_decides",
        f"{HERE}::test_evidence_has_no_place_for_a_trust_file",
    ),
    "an epoch rewritten": (
        f"{HERE}::test_a_rewritten_epoch_is_another_file_and_shows_nothing_under_the_pinned_one",
        "cli/test_trust_store.py::test_a_closed_epoch_stays",
    ),
    "a registry's copy at another address": (
        f"{HERE}::test_a_copy_of_the_registry",
        f"{TOLD_WRONG}[an event under another registry's name]",
        f"{CHANGED}[another registry]",
    ),
}
TESTS = Path(__file__).parent.parent


@cache
def _tests_in(file: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of a file's tests, and all its strings, among them the names of cases."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    tests = frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))
    return tests, frozenset(
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_has_tests(attack: str) -> None:
    assert ATTACKS[attack]
    for test in ATTACKS[attack]:
        found = re.fullmatch(r"([\w/]+\.py)::(test_\w+)(?:\[(.+)\])?", test)
        assert found, test
        tests, texts = _tests_in(found[1])
        assert found[2] in tests, test
        # cases of these two are named in a module of their own
        if found[3] and HOPS not in test:
            assert found[3] in texts, test


def test_there_is_no_test_here_that_is_in_no_list() -> None:
    tests, _ = _tests_in(HERE)
    listed = {
        test.partition("::")[2] for tests_of in ATTACKS.values() for test in tests_of if test.startswith(HERE)
    }
    assert {name for name in tests if name.startswith("test_")} - listed == {
        "test_each_attack_has_tests",
        "test_there_is_no_test_here_that_is_in_no_list",
    }


# --- the stories

TOLD = tell()
EVIDENCE, TRUST, CHAIN = TOLD.evidence, TOLD.trust, TOLD.chain
FOUR = accounts(4)
ANCHOR_HEADER = TOLD.anchor_block.header


def refused(evidence: Evidence, trust: TrustFile = TRUST) -> tuple[int, type[PerdureError], Grade | None]:
    """The step that refuses, the fault, and what had been shown before."""
    verdict = verdict_of(evidence, trust)
    assert not verdict.ok
    (fault,) = verdict.faults
    return fault.step, type(fault.error), verdict.grade


def resealed(header: BlockHeader) -> bytes:
    return encode_header(sealed(header, FOUR[:3]))


def test_a_receipt_of_another_block_is_under_another_root() -> None:
    """A true block of the same chain, sealed by all, and the whole true proof of another one."""
    for number in (1, 3, 5):
        evidence = headers_put(EVIDENCE, *CHAIN.blocks[number : number + 2])
        assert refused(evidence) == (7, TrieNodeMismatch, Grade.RECORDED)


def anchored_among(*logs: EventLog, position: int) -> Evidence:
    """A block whose one receipt has these logs, and evidence that points at one of them."""
    receipts = [receipt_of(logs)]
    header = with_field(ANCHOR_HEADER, RECEIPTS_ROOT, trie_root(receipts))
    proof = {"receipt_index": 0, "receipt_nodes": trie_proof(receipts, 0), "log_position": position}
    return with_anchor(replace(EVIDENCE, not_before=None), headers=(resealed(header),), **proof)


def test_two_events_in_one_receipt_are_told_apart_by_their_position() -> None:
    other = replace(TOLD.checkpoint, size=TOLD.checkpoint.size + 1)
    ours, theirs = (anchored_log(checkpoint, SITE_KEY.address) for checkpoint in (TOLD.checkpoint, other))
    logs = (theirs, stray_log(1), ours, theirs)
    assert verdict_of(anchored_among(*logs, position=2), TRUST).grade is Grade.FINAL
    for position in (0, 3):
        assert refused(anchored_among(*logs, position=position)) == (7, EventMismatch, Grade.RECORDED)


def test_a_value_that_is_not_the_leafs() -> None:
    """The receipt that was wanted, shown in the leaf of another index: the leaf's hash is another one."""
    anchor = EVIDENCE.anchor
    assert anchor is not None
    receipts = TOLD.anchor_block.receipts
    forged = trie_proof((receipts[0], receipts[1], receipts[1]), 2)
    evidence = with_anchor(EVIDENCE, receipt_index=2, receipt_nodes=forged)
    assert refused(evidence)[:2] == (7, TrieNodeMismatch)
    own = trie_proof(receipts, 2)
    swapped = with_anchor(EVIDENCE, receipt_index=2, receipt_nodes=(*own[:-1], anchor.receipt_nodes[-1]))
    assert refused(swapped)[:2] == (7, TrieNodeMismatch)


def test_a_header_with_fields_left_out_or_added() -> None:
    """Fewer fields that are a count of another fork are another block, which nobody sealed; other counts are no header."""
    for count in (15, 16, 17, 20):
        shorter = BlockHeader(ANCHOR_HEADER.fields[:count])
        assert refused(headers_put(EVIDENCE, encode_header(shorter)))[:2] == (6, ForeignSeal)
    for count in (14, 18, 19):
        shorter = BlockHeader(ANCHOR_HEADER.fields[:count])
        assert refused(headers_put(EVIDENCE, encode_header(shorter)))[:2] == (6, HeaderError)
    longer = BlockHeader((*ANCHOR_HEADER.fields, bytes(32)))
    assert refused(headers_put(EVIDENCE, encode_header(longer)))[:2] == (6, HeaderError)


def test_a_quorum_made_of_twins_is_none() -> None:
    """One key's seal, its twin, and the two in two copies: never more than one validator."""
    digest = qbft.commit_hash(ANCHOR_HEADER)
    seal = sign(digest, FOUR[0].private_key)
    twin = high_s_twin(seal)
    both = encode_header(with_extra(ANCHOR_HEADER, seals=(seal, twin)))
    assert refused(headers_put(EVIDENCE, both))[:2] == (6, DoubledSeal)
    copies = [encode_header(with_extra(ANCHOR_HEADER, seals=(each,))) for each in (seal, twin)]
    assert refused(headers_put(EVIDENCE, *copies)) == (8, TooFewSeals, Grade.ANCHORED)


def test_seals_of_another_epochs_set() -> None:
    """A trust file with two sets: whole quorums of the first under the second's blocks, and the other way round."""
    others = accounts(4, "successor")
    first = replace(TRUST.epochs[0], to_block=3, selection="contract")
    second = replace(first, from_block=4, to_block=None, validators=addresses(others))
    trust = replace(TRUST, epochs=(first, second))
    alone = replace(EVIDENCE, not_before=None)
    assert ANCHOR_HEADER.number == 4
    assert refused(headers_put(alone, resealed(ANCHOR_HEADER)), trust)[:2] == (6, ForeignSeal)
    by_successors = headers_put(alone, encode_header(sealed(ANCHOR_HEADER, others)))
    assert verdict_of(by_successors, trust).grade is Grade.FINAL
    before = replace(trust, epochs=(replace(first, to_block=4), replace(second, from_block=5)))
    assert refused(by_successors, before)[:2] == (6, ForeignSeal)


def test_seals_over_the_block_hash_in_a_later_round() -> None:
    """Block hash and commit hash are the same in round 0 only: validators' signatures of the one are not of the other."""
    later = with_extra(ANCHOR_HEADER, round=1, seals=())
    name = qbft.block_hash(later)
    assert name != qbft.commit_hash(later)
    over_name = with_extra(later, seals=tuple(sign(name, member.private_key) for member in FOUR))
    assert refused(headers_put(EVIDENCE, encode_header(over_name)))[:2] == (6, ForeignSeal)
    assert (
        verdict_of(headers_put(EVIDENCE, encode_header(copy_of(later, FOUR, 1))), TRUST).grade is Grade.FINAL
    )


@pytest.mark.parametrize("client", ["besu", "goquorum"])
def test_the_forged_hop_of_a_real_chain(client: str) -> None:
    """One liar's header with an invented list, which three honest GoQuorum nodes sealed, and a child by the invented ones.

    Under besu, where honest validators would have compared the list, it is a hop without a quorum of the old set behind it; under
    goquorum nothing is followed at all. Directly, both are refused for their seals or their list.
    """
    story, chain = forged_hop(), chain_vectors("goquorum-qbft-false-list")
    trust = with_epoch(chain.trust(client), from_block=0, to_block=None)
    pinned = replace(TRUST, epochs=trust.epochs)
    raws = [encode_header(header) for header in (story.hop, story.forged)]
    alone = replace(EVIDENCE, not_before=None)
    hop_fault = {"besu": HopNotVouched, "goquorum": HopNotAllowed}[client]
    for hop in (raws[:1], raws):
        evidence = replace(headers_put(alone, raws[1]), hops=(tuple(hop),))
        assert refused(evidence, pinned) == (5, hop_fault, Grade.RECORDED)
    directly = {"besu": "ValidatorListMismatch", "goquorum": "ForeignSeal"}[client]
    for headers in ([raws[0]], [raws[1]], raws):
        step, error, grade = refused(headers_put(alone, *headers), pinned)
        assert (step, error.__name__, grade) == (6, directly, Grade.RECORDED)


def test_a_doubled_proposer_is_one() -> None:
    """A liar proposes each block that can be reached: as many blocks as one likes are one proposer's word."""
    told = tell(Story(proposer=lambda number, members: members[0]))
    verdict = verdict_of(told.evidence, told.trust)
    assert verdict.ok
    for bound in (verdict.not_after, verdict.not_before):
        assert bound is not None
        assert not bound.complete
        assert "one proposer's word" in bound.who_must_have_lied
    copies = with_anchor(
        told.evidence,
        headers=tuple(encode_header(copy_of(told.anchor_block.header, FOUR[:3], n)) for n in range(9)),
    )
    bound = verdict_of(copies, told.trust).not_after
    assert bound is not None
    assert not bound.complete


def forked(number: int, sealers: int) -> BlockHeader:
    """A rival of a true block: the same parent, another time."""
    rival = with_field(CHAIN.blocks[number].header, TIMESTAMP, b"\1")
    return sealed(rival, FOUR[:sealers])


def test_an_after_header_of_another_fork() -> None:
    """The slot names a block: a rival of it is another block, true descendants of it do not link to a rival."""
    named = TOLD.after_block.header.number
    rival = encode_header(forked(named, 3))
    before, after = CHAIN.blocks[named - 1].raw, CHAIN.blocks[named + 1].raw
    for headers, error in (
        ((rival,), BlockNotInRun),
        ((before, rival), BlockNotInRun),
        ((rival, after), BrokenRun),
    ):
        assert refused(replace(EVIDENCE, not_before=headers)) == (10, error, Grade.FINAL)
    fork = forked(named, 2)
    told = tell(Story(slots=(("after", to_hex(qbft.block_hash(fork))),)))
    assert refused(replace(told.evidence, not_before=(encode_header(fork),))) == (
        10,
        TooFewSeals,
        Grade.FINAL,
    )


def test_a_slot_twice() -> None:
    """A value shown a second time stands in a place of another name, and a sixteenth slot has none."""
    slots = EVIDENCE.slots
    for position in range(len(SLOTS)):
        for other in (0, 6, 13):
            if position != other:
                doubled = (*slots[:position], slots[other], *slots[position + 1 :])
                assert refused(replace(EVIDENCE, slots=doubled)) == (2, DisclosureError, None)
    with pytest.raises(PerdureError, match="slots: got 16 elements, want at most 15"):
        parse_evidence(encode_evidence(replace(EVIDENCE, slots=(*slots, slots[0]))))
    with pytest.raises(PerdureError, match="slots: got 14, want 15"):
        parse_evidence(encode_evidence(replace(EVIDENCE, slots=slots[:-1])))


@pytest.mark.parametrize("member", ["trust", "consortium", "epochs", "validators", "quorum"])
def test_evidence_has_no_place_for_a_trust_file(member: str) -> None:
    raw = encode_evidence(EVIDENCE)
    with pytest.raises(UnknownKey, match=member):
        parse_evidence(raw.replace(b'"format"', f'"{member}": {{}}, "format"'.encode(), 1))


def test_a_rewritten_epoch_is_another_file_and_shows_nothing_under_the_pinned_one() -> None:
    theirs = tell(Story(people="somebody else"))
    rewritten = replace(TRUST, version=2, epochs=theirs.trust.epochs)
    assert verdict_of(theirs.evidence, rewritten).ok, "whoever pins a false version is lost"
    assert not verdict_of(theirs.evidence, TRUST).ok
    assert not verdict_of(EVIDENCE, rewritten).ok
    prints = {
        fingerprint(encode_trust_file(trust)) for trust in (TRUST, rewritten, replace(rewritten, version=1))
    }
    assert len(prints) == 3


def test_a_copy_of_the_registry() -> None:
    """The same code at another address of the same chain takes anything, from whoever registered there."""
    copy = replace(DOMAIN, registry=account("copy of the registry").address)
    by_copy = anchored_log(TOLD.checkpoint, SITE_KEY.address, domain=copy)
    event = anchored_among(by_copy, position=0)
    step, error, _ = refused(event)
    assert (step, error.__name__) == (7, "EventMissing")
    assert refused(replace(event, domain=copy))[:2] == (1, WrongRegistry)
    posing = anchored_among(replace(by_copy, address=DOMAIN.registry), position=0)
    assert refused(posing)[:2] == (7, EventMismatch)
