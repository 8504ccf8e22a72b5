"""Step 8: an anchor that is shown, without the seals that would make its block final, or in an epoch where nothing is."""

from dataclasses import replace

from perdure_anchor.evidence import encode_evidence
from perdure_anchor.header import encode_header
from simulated_chain import Account, SimulatedChain, copy_of, sealed, with_extra
from tools.hop_stories import FIVE, FOUR
from tools.vectors.base import FULL, anchor_of, raw_of, told, with_headers
from tools.vectors.form import Case
from tools.vectors.header_cases import BLOCK, NEXT

CLIQUE = told(engine="clique", validators=3)


def few(*sealers: int) -> list[Account]:
    return [FOUR[number] for number in sealers]


def clique_headers(count: int) -> bytes:
    evidence = CLIQUE.evidence
    anchor = replace(anchor_of(evidence), headers=anchor_of(evidence).headers[:count])
    return encode_evidence(replace(evidence, not_before=None, anchor=anchor))


def changed_set() -> bytes:
    """The anchor's block with two seals, and after it a block of the next set."""
    block = sealed(BLOCK, few(0, 1))
    chain = SimulatedChain(FIVE, field_count=15, blocks=list(FULL.chain.blocks[: BLOCK.number + 1]))
    return with_headers(block, chain.add().header)


def _few_seals() -> dict[str, bytes]:
    two = sealed(BLOCK, few(0, 1))
    return {
        "no-seals: the header without any seal": with_headers(with_extra(BLOCK, seals=())),
        "one-seal: one of four": with_headers(sealed(BLOCK, few(3))),
        "too-few-seals: two of four, more than f and half of all": with_headers(two),
        "same-two-in-a-later-block: the same two sealed the next block too": with_headers(two, sealed(NEXT, few(0, 1))),
        "copies-of-the-same-two: two copies with seals of the same two": with_headers(two, sealed(BLOCK, few(1, 0))),
        "seals-of-two-rounds: two seals of one round, two of another": with_headers(two, copy_of(BLOCK, few(2, 3), round=1)),
        "seals-of-four-rounds: one seal of each of four rounds": with_headers(*(copy_of(BLOCK, few(number), round=number) for number in range(4))),
        "later-seal-of-one-of-the-two: the next block is sealed by one of the two": with_headers(two, sealed(NEXT, few(0))),
        "later-block-of-a-new-set: the next block, with all the seals that are wanted, lists another set": changed_set(),
    }  # fmt: skip


def _hopped() -> bytes:
    """Under the set that a hop has shown, three of five, who were a quorum of the set before."""
    evidence = told(changes=(FIVE,)).evidence
    block = sealed(told(changes=(FIVE,)).anchor_block.header, FOUR[:3])
    anchor = replace(anchor_of(evidence), headers=(encode_header(block),))
    return encode_evidence(replace(evidence, not_before=None, anchor=anchor))


def _in_the_next_epoch() -> bytes:
    return with_headers(sealed(BLOCK, few(0, 1)), NEXT)


def cases() -> dict[str, Case]:
    few_seals = {}
    for named, raw in _few_seals().items():
        name, about = named.split(": ")
        few_seals[name] = Case(about, raw, (8, "TooFewSeals"))
    return {
        **few_seals,
        "later-block-beyond-the-epoch": Case("the next block is beyond the closed epoch", _in_the_next_epoch(), (8, "TooFewSeals"), trust="closed-epoch"),
        "old-quorum-of-a-larger-set": Case("after a hop from four to five, three of five", _hopped(), (8, "TooFewSeals")),
        "goquorum-too-few-seals": Case("two of four on GoQuorum, which is more than f", with_headers(sealed(BLOCK, few(0, 1))), (8, "TooFewSeals"), trust="goquorum"),
        "contract-too-few-seals": Case("two of four, selected by a contract", raw_of(selection="contract", sealers=lambda number, members: members[:2]), (8, "TooFewSeals"), trust="contract"),
        "weak-epoch": Case("three of six, enough by the chain's own rule, and no quorum", raw_of(validators=6, quorum_rule="2f+1", sealers=lambda number, members: members[:3]), (8, "GradeTooLow"), trust="six-with-2f+1"),
        "weak-epoch-with-all-seals": Case("six of six, in an epoch whose rule is less than a quorum", raw_of(validators=6, quorum_rule="2f+1", sealers=lambda number, members: members), (8, "GradeTooLow"), trust="six-with-2f+1"),
        "weak-epoch-too-few-seals": Case("two of six, where the rule wants three", raw_of(validators=6, quorum_rule="2f+1", sealers=lambda number, members: members[:2]), (8, "TooFewSeals"), trust="six-with-2f+1"),
        "clique-final-wanted": Case("two of three signers of Clique, which has no finality", clique_headers(2), (8, "GradeTooLow"), trust="clique-three"),
        "clique-too-few-signers": Case("one of three signers", clique_headers(1), (8, "TooFewSeals"), trust="clique-three"),
    }  # fmt: skip
