"""What is remembered of one file never answers for another: the same verdicts and faults as without, in whatever order."""

import os
from collections.abc import Callable
from dataclasses import replace
from random import Random

import perdure_anchor.sealed_header
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.anchor_checks import MAX_REMEMBERED_SIZE, AnchorChecks
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, encode_evidence, parse_evidence
from perdure_anchor.evidence_reader import EvidenceReader
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import parse_trust_file
from perdure_anchor.validator_changes import Followed
from perdure_anchor.verdict import Verdict
from perdure_anchor.verify import Verifier, verify
from simulated_chain import DOCUMENT, PLAIN, Story, a_quorum, tell, with_anchor, with_epoch
from tools.many_records import many_records
from tools.mutations import mutate
from tools.vectors.form import EVIDENCE, TRUST_SUFFIX, decode_octets, read_vectors

Answer = tuple[object, ...]

ROUNDS = int(os.environ.get("PERDURE_TORTURE", "10"))


def told(verdict: Verdict) -> Answer:
    """A verdict as values that can be compared, its faults by class and words."""
    faults = [(fault.step, type(fault.error), str(fault.error), fault.error.hint) for fault in verdict.faults]
    return (repr(replace(verdict, faults=())), *faults)


def answer(parse: Callable[[bytes], Evidence], judge: Callable[[Evidence], Verdict], raw: bytes) -> Answer:
    try:
        return told(judge(parse(raw)))
    except PerdureError as error:
        return type(error), str(error), error.hint


class Sharing:
    """A reader and a verifier that see many files, and the answer of new ones each time to hold theirs against."""

    def __init__(self, trust: TrustFile) -> None:
        self.trust, self.reader, self.verifier = trust, EvidenceReader(), Verifier(trust)

    def check(self, raw: bytes) -> Answer:
        fresh = answer(parse_evidence, lambda evidence: verify(evidence, self.trust, DOCUMENT), raw)
        shared = answer(self.reader.parse, lambda evidence: self.verifier.verify(evidence, DOCUMENT), raw)
        assert shared == fresh
        return fresh


RAW = encode_evidence(tell().evidence)
SEEN_BY_ALL = Sharing(tell().trust)


@settings(max_examples=10 * ROUNDS, deadline=None)
@given(st.integers(0, len(RAW) - 1), st.integers(0, 255))
def test_a_byte_changed_anywhere(position: int, byte: int) -> None:
    """Before and after it the good file, with a verifier that has seen nothing else, and with one that has seen them all."""
    mutant = RAW[:position] + bytes((byte,)) + RAW[position + 1 :]
    alone = Sharing(tell().trust)
    for sharing in (alone, SEEN_BY_ALL):
        good = sharing.check(RAW)
        sharing.check(mutant)
        assert sharing.check(RAW) == good
        assert len(good) == 1


@pytest.mark.parametrize("story", [PLAIN, Story(client="goquorum"), Story(pinned=True, anchored_before=True)])
def test_mutations_of_meaning(story: Story) -> None:
    """Headers, seals, trie nodes and extraData encoded again, each among valid files that share the rest."""
    rng, sharing = Random(f"sharing {story.client}"), Sharing(tell(story).trust)
    raw = encode_evidence(tell(story).evidence)
    ends = set()
    for _ in range(15 * ROUNDS):
        _, changed = mutate(rng, raw)
        ends.add(sharing.check(changed)[-1])
        if rng.random() < 0.3:
            sharing.check(raw)
    assert len(ends) > 20


VECTORS = read_vectors(EVIDENCE)


@pytest.mark.parametrize("name", sorted({vector["trust"] for vector in VECTORS.values()}))
def test_all_vectors_in_any_order(name: str) -> None:
    """All files that are made for a trust file, among some that are made for others."""
    sharing = Sharing(parse_trust_file((EVIDENCE / name).read_bytes()))
    rng = Random(name.removesuffix(TRUST_SUFFIX))
    small = [vector for vector in VECTORS.values() if "spaces" not in vector["evidence"]]
    chosen = [vector for vector in small if vector["trust"] == name] + rng.sample(small, 30)
    raws = [decode_octets(vector["evidence"]) for vector in chosen] * 2
    rng.shuffle(raws)
    answers: dict[bytes, Answer] = {}
    for raw in raws:
        # some of them also twice in a row
        for _ in range(1 + (rng.random() < 0.1)):
            found = sharing.check(raw)
            assert answers.setdefault(raw, found) == found


def test_each_part_of_an_anchor_that_fits_another_anchor_only() -> None:
    """Two good files, and every way to put one's checkpoint, receipt, headers or lower bound into the other."""
    (one, *_), trust = many_records(3)
    (other, *_), _ = many_records(4, first=10)
    sharing = Sharing(trust)
    assert sharing.check(encode_evidence(one)) != sharing.check(encode_evidence(other))
    assert one.anchor is not None
    assert other.anchor is not None
    for changed in (
        replace(one, anchor=other.anchor),
        replace(one, checkpoint=other.checkpoint),
        replace(one, slots=other.slots),
        replace(one, not_before=other.anchor.headers),
        with_anchor(one, headers=other.anchor.headers),
        with_anchor(one, receipt_nodes=other.anchor.receipt_nodes),
        with_anchor(one, headers=(one.anchor.headers[0], other.anchor.headers[1])),
        with_anchor(one, headers=one.anchor.headers[:1]),
        with_anchor(one, log_position=1),
        with_anchor(one, receipt_index=1),
    ):
        assert len(sharing.check(encode_evidence(changed))) > 1 or changed.anchor != one.anchor
        sharing.check(encode_evidence(one))


def test_what_depends_on_the_question_is_not_remembered_beyond_it() -> None:
    verifier, evidence = Verifier(tell().trust), tell().evidence
    for allowance in (0, 5, 0, 3600, 5):
        shared = verifier.verify(evidence, clock_allowance=allowance)
        assert told(shared) == told(verify(evidence, tell().trust, clock_allowance=allowance))


def test_each_trust_file_has_its_own_verifier() -> None:
    """Nothing that one trust file lets through passes under another."""
    trust = tell().trust
    fewer = with_epoch(trust, validators=trust.epochs[0].validators[1:])
    for each in (trust, fewer, trust, fewer):
        Sharing(each).check(RAW)
    assert verify(parse_evidence(RAW), trust).ok
    assert not verify(parse_evidence(RAW), fewer).ok


def test_seals_are_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    recovered = []
    recover = perdure_anchor.sealed_header.recover_address

    def counted(digest: Hash32, seal: bytes) -> Address:
        recovered.append(seal)
        return recover(digest, seal)

    monkeypatch.setattr("perdure_anchor.sealed_header.recover_address", counted)
    evidence, trust = many_records(20)
    verifier = Verifier(trust)
    assert all(verifier.verify(each).ok for each in evidence)
    assert len(recovered) == len(set(recovered)) == 4 * len(a_quorum(0, tuple(range(4))))  # type: ignore[arg-type]  # numbers stand for addresses


def test_what_is_large_is_checked_by_itself() -> None:
    checks = AnchorChecks(Followed(tell().trust))
    assert checks.for_evidence(tell().evidence) is checks
    large = with_anchor(tell().evidence, receipt_nodes=(bytes(MAX_REMEMBERED_SIZE),))
    assert checks.for_evidence(large) is not checks
    assert checks.for_evidence(large).trust is checks.trust


def test_each_part_counts_towards_what_is_large() -> None:
    told = tell()
    checks, limit = AnchorChecks(Followed(told.trust)), 32 * 1024
    empty = replace(with_anchor(told.evidence, headers=(), receipt_nodes=()), not_before=None, hops=())
    for name, with_part in {
        "headers": lambda raws: with_anchor(empty, headers=raws),
        "receipt nodes": lambda raws: with_anchor(empty, receipt_nodes=raws),
        "lower bound": lambda raws: replace(empty, not_before=raws),
        "hops": lambda raws: replace(empty, hops=(raws[:1], raws[1:])),
    }.items():
        assert checks.for_evidence(with_part((bytes(limit - 1), b"x"))) is checks, name
        assert checks.for_evidence(with_part((bytes(limit), b"x"))) is not checks, name
    assert checks.for_evidence(replace(empty, anchor=None)) is checks


def test_without_hops_the_checks_are_the_same() -> None:
    checks = AnchorChecks(Followed(tell().trust))
    assert checks.following(()) is checks


# --- files that are cut in two

CUT = b',\n "anchor": '
KEPT = RAW.index(CUT)


@pytest.mark.parametrize(
    "raw",
    [
        RAW.replace(CUT, b', "anchor": '),
        RAW.replace(CUT, CUT + b"null" + CUT),
        RAW[:KEPT] + CUT + b'null,\n "format": "perdure-evidence/1",\n "not_before": null}',
        RAW[:KEPT] + b',\n "not_before": null' + RAW[KEPT:],
        RAW[:KEPT] + b"}" + RAW[KEPT:],
        RAW[:KEPT] + b"," + RAW[KEPT:],
        RAW[:KEPT].rstrip(b"}") + RAW[KEPT:],
        b"{" + RAW[KEPT:],
        b"{" + RAW[KEPT + 1 :],
        RAW[KEPT:],
        RAW + b"}",
        RAW.rstrip()[:-1],
        RAW.rstrip()[:-1] + b',\n "more": 1}',
        RAW[:KEPT] + CUT + b"null}",
        RAW[:KEPT] + CUT + b"[" * 20 + b"]" * 20 + b',\n "not_before": null}',
        RAW[:KEPT] + CUT,
        b"\xef\xbb\xbf" + RAW,
        b" \r\n\t" + RAW + b" \n",
        RAW.replace(b"acme/rotterdam", b'acme",\\n "anchor": '),
        RAW.replace(b'"index": 3', b'"index": {"x": 3' + CUT + b"1}"),
        RAW.replace(b'"index": 3', b'"index": 3.0'),
        RAW.replace(b'"index": 3', b'"index": ' + b"[" * 30 + b"]" * 30),
        RAW.replace(b'"index": 3', b'"index": ' + b"[" * 300 + b"]" * 300),
        RAW.replace(b'"index": 3', b'"index": ' + b"[" * 30_000 + b"]" * 30_000),
        RAW.replace(b"perdure-evidence/1", b"perdure-evidence/2"),
        RAW.replace(b'"perdure-evidence/1"', b"1"),
        RAW.replace(b"disclosure", rb"disclos\ud800ure"),
        RAW.replace(b"contract", rb"contr\\u0061ct"),
        RAW[:KEPT].replace(b'"checkpoint": {', b'"checkpoint": null, "c": {') + RAW[KEPT:],
        RAW + b" " * 70_000,
    ],
)
def test_a_file_that_is_cut_elsewhere(raw: bytes) -> None:
    sharing = Sharing(tell().trust)
    for each in (raw, RAW, raw):
        sharing.check(each)


def test_the_second_half_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    parse = perdure_anchor.evidence_reader.parse_json

    def counted(raw: bytes, what: str, **options: bool) -> object:
        parsed.append(len(raw))
        return parse(raw, what, **options)

    monkeypatch.setattr("perdure_anchor.evidence_reader.parse_json", counted)
    reader, (evidence, _) = EvidenceReader(), many_records(10)
    for each in evidence:
        assert reader.parse(encode_evidence(each)) == each
    assert len(parsed) == 10 + 1
