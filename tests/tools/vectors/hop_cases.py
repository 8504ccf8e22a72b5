"""Step 5: hops that do not show who the validators are now, each beside an anchor that is good under the set they claim."""

from dataclasses import replace

from perdure_anchor import qbft, rlp
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from simulated_chain import (
    NONCE,
    PARENT_HASH,
    TIMESTAMP,
    Account,
    SimulatedChain,
    accounts,
    addresses,
    copy_of,
    sealed,
    with_extra,
    with_field,
)
from tools.accounts import account, high_s_twin
from tools.hop_stories import FIVE, FOUR, NEW, OTHER_FOUR, ascending
from tools.vectors.base import short, told
from tools.vectors.form import Case

CHANGED = told(changes=(FIVE,))
(HOP,) = CHANGED.evidence.hops
FIRST = parse_header(HOP[0])
NEXT = CHANGED.chain.blocks[FIRST.number + 1].header
SHORT = short(CHANGED.evidence)
SYBILS = accounts(4, "sybil")

Headers = tuple[BlockHeader | bytes, ...]


def hops(*runs: Headers) -> bytes:
    raws = tuple(
        tuple(each if isinstance(each, bytes) else encode_header(each) for each in run) for run in runs
    )
    return encode_evidence(replace(SHORT, hops=raws))


def changed_to(members: tuple[Account, ...]) -> bytes:
    """A chain that goes on under these validators, be they as they may, and a hop to them."""

    def seal(number: int, listed: tuple[Account, ...]) -> tuple[Account, ...]:
        return tuple(dict.fromkeys(listed))

    return encode_evidence(short(told(changes=(members,), sealers=seal).evidence))


def _refused() -> dict[str, tuple[str, str, bytes]]:
    """Fault, what is wrong, file."""
    few = [*FOUR[:2], NEW]
    before = CHANGED.chain.blocks[FIRST.number - 1].raw
    invented = short(told(changes=(SYBILS,)).evidence)
    by_the_old = sealed(parse_header(invented.hops[0][0]), FOUR)
    by_the_old_set = replace(invented, hops=((encode_header(by_the_old),),))
    rounds = sealed(FIRST, FIVE[:2]), copy_of(FIRST, FIVE[2:4], round=1)
    unlinked = sealed(with_field(NEXT, PARENT_HASH, bytes(32)), FIVE)
    other_list = sealed(with_extra(NEXT, validators=addresses(FOUR)), FOUR[:3])
    signature = "SignatureError"
    return {
        "hop-short-of-the-new-quorum": ("HopNotFinal", "three of the five new validators sealed", hops((sealed(FIRST, few),))),
        "hop-short-of-the-new-quorum-in-two-blocks": ("HopNotFinal", "the same three sealed the next block too", hops((sealed(FIRST, few), sealed(NEXT, few)))),
        "hop-seals-of-two-rounds": ("HopNotFinal", "two seals of one round, two of another", hops(rounds)),
        "hop-without-seals": ("HopNotFinal", "no seals at all", hops((with_extra(FIRST, seals=()),))),
        "hop-two-of-the-old-four": ("HopNotVouched", "two stolen keys of four, with two invented members: f + 1, and no quorum", changed_to(ascending(*FOUR[:2], NEW, account("x")))),
        "hop-resting-on-itself": ("HopNotVouched", "an invented set that seals for itself", encode_evidence(invented)),
        "hop-sealed-by-the-old-set": ("ForeignSeal", "an invented set, with seals of the old one, who is not in it", encode_evidence(by_the_old_set)),
        "hop-to-nobody": ("HopListMalformed", "an empty list", hops((with_extra(FIRST, validators=(), seals=()),))),
        "hop-list-descends": ("HopListMalformed", "the list in the wrong order", changed_to(FIVE[::-1])),
        "hop-list-unsorted": ("HopListMalformed", "two neighbours of the list in each other's places", changed_to((FIVE[1], FIVE[0], *FIVE[2:]))),
        "hop-list-doubled": ("HopListMalformed", "a member twice in the list", changed_to((*FIVE[:1], *FIVE))),
        "hop-with-a-block-of-the-old-set": ("HopListMalformed", "its second block lists the old set", hops((FIRST, other_list))),
        "hop-back": ("HopsNotAscending", "a second hop to the block before the first", hops(HOP, (before,))),
        "hop-twice": ("HopsNotAscending", "the same hop twice", hops(HOP, HOP)),
        "hop-not-a-header": ("RlpError", "its second header is no RLP", hops((FIRST, b"\xc0\0"))),
        "hop-header-of-no-fields": ("HeaderError", "an empty list as header", hops((b"\xc0",))),
        "hop-with-a-gap": ("BrokenRun", "a block is left out", hops((FIRST, CHANGED.chain.blocks[FIRST.number + 2].raw))),
        "hop-not-linked": ("BrokenRun", "the second block names another parent", hops((FIRST, unlinked))),
        "hop-doubled-header": ("DoubledHeader", "the same header twice in it", hops((FIRST, FIRST))),
        "hop-doubled-seal": ("DoubledSeal", "one seal twice", hops((sealed(FIRST, (*FIVE[:4], FIVE[0])),))),
        "hop-with-too-many-seals": ("TooManySeals", "a seal of each of the five new validators, and one more", hops((sealed(FIRST, (*FIVE, FIVE[0])),))),
        "hop-high-s-twin": ("DoubledSeal", "a seal and its twin with the high s", hops((_with_twin(),))),
        "hop-seal-of-zeros": (signature, "a seal of zero bytes", hops((with_extra(FIRST, seals=(bytes(65),)),))),
        "hop-of-another-engine": ("WrongEngine", "a nonce that QBFT does not write", hops((with_field(FIRST, NONCE, b"perdure!"),))),
        "hop-extra-data-empty": ("ExtraDataError", "extraData without items", hops((FIRST.with_extra_data(rlp.encode([])),))),
        "hop-changed-after-sealing": ("ForeignSeal", "another timestamp under the same seals", hops((with_field(FIRST, TIMESTAMP, b"\x69\x55\xb9\xff"),))),
    }  # fmt: skip


def _with_twin() -> BlockHeader:
    header = sealed(FIRST, FIVE[:4])
    seals = qbft.parse_extra_data(header.extra_data).seals
    return with_extra(header, seals=(*seals, high_s_twin(seals[0])))


def _beyond() -> bytes:
    """A second hop, good in itself, to a block after the anchor's."""
    chain = SimulatedChain(OTHER_FOUR, field_count=15, blocks=list(CHANGED.chain.blocks))
    first = len(chain.blocks)
    chain.extend(2)
    return hops(HOP, chain.raw_headers(first, first + 1))


def _not_allowed() -> dict[str, Case]:
    """Chains whose lists nobody checks, or do not stand in headers, or that want less than a quorum."""
    goquorum = told(client="goquorum", changes=(FIVE,)).evidence
    six = told(validators=6, quorum_rule="2f+1", changes=(accounts(5),)).evidence
    ibft2 = told(engine="ibft2", changes=(SYBILS,)).evidence
    return {
        "hop-on-goquorum": Case("a hop on a client that checks no lists", encode_evidence(short(goquorum)), (5, "HopNotAllowed"), trust="goquorum"),
        "hop-under-contract-selection": Case("a hop where a contract selects the validators", encode_evidence(SHORT), (5, "HopNotAllowed"), trust="contract"),
        "hop-from-a-weak-epoch": Case("a hop from an epoch of less than a quorum", encode_evidence(short(six)), (5, "HopNotAllowed"), trust="six-with-2f+1", require="anchored"),
        "hop-under-clique": Case("a hop on a chain of Clique", _clique_hop(), (5, "HopNotAllowed"), trust="clique-three", require="anchored"),
        "hop-to-other-people-on-ibft2": Case("all validators of IBFT2 replaced at once", encode_evidence(short(ibft2)), (5, "HopNotVouched"), trust="ibft2"),
        "hop-beyond-the-anchor": Case("a hop to a block after the anchor's", _beyond(), (6, "HopBeyondAnchor")),
        "hop-left-out": Case("the set has changed, and no hop says so", hops(), (6, "ValidatorListMismatch")),
        "second-hop-left-out": Case("of two changes only the first is shown", _one_of_two(), (6, "ValidatorListMismatch")),
        "first-hop-left-out": Case("of two changes that replace half of the set, only the second is shown", _second_of_two(), (5, "HopNotVouched")),
    }  # fmt: skip


def _clique_hop() -> bytes:
    evidence = told(engine="clique", validators=3).evidence
    members = accounts(3)
    chain = SimulatedChain(members[:2], field_count=15, engine="clique")
    listing = chain.unsealed(30)
    return encode_evidence(replace(evidence, not_before=None, hops=((encode_header(listing),),)))


def _one_of_two() -> bytes:
    """All four sealed, who are a quorum of the five before."""
    all_seal = told(changes=(FIVE, OTHER_FOUR), sealers=lambda number, members: members)
    evidence = short(all_seal.evidence)
    return encode_evidence(replace(evidence, hops=evidence.hops[:1]))


def _second_of_two() -> bytes:
    second = ascending(*FOUR[2:], NEW, account("second"))
    evidence = short(told(changes=(OTHER_FOUR, second)).evidence)
    return encode_evidence(replace(evidence, hops=evidence.hops[1:]))


def cases() -> dict[str, Case]:
    refused = {name: Case(about, raw, (5, fault)) for name, (fault, about, raw) in _refused().items()}
    return {**refused, **_not_allowed()}
