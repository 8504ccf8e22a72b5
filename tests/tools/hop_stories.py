"""A chain whose validators changed, the hop that shows it, and hops that look like it and are refused."""

from dataclasses import replace

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence
from perdure_anchor.finality import ForeignSeal
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.validator_changes import HopListMalformed, HopNotFinal, HopNotVouched, HopsNotAscending
from simulated_chain import Account, Story, accounts, addresses, sealed, tell, with_extra
from tools.accounts import account

FOUR = accounts(4)
NEW = account("newcomer")


def ascending(*members: Account) -> tuple[Account, ...]:
    return tuple(sorted(members, key=lambda member: member.address))


FIVE, THREE = ascending(*FOUR, NEW), FOUR[1:]
OTHER_FOUR = ascending(*FOUR[1:], NEW)

CHANGED = tell(Story(changes=(FIVE,)))
(HOP,) = CHANGED.evidence.hops
FIRST = parse_header(HOP[0])


def with_hops(*hops: tuple[bytes, ...]) -> Evidence:
    return replace(CHANGED.evidence, hops=hops)


def hop_of(*headers: BlockHeader) -> tuple[bytes, ...]:
    return tuple(map(encode_header, headers))


def relisted(members: tuple[Account, ...], sealers: tuple[Account, ...]) -> BlockHeader:
    return sealed(with_extra(FIRST, validators=addresses(members)), sealers)


NEXT = CHANGED.chain.blocks[FIRST.number + 1].header
REFUSED_HOPS: dict[str, tuple[Evidence, type[PerdureError], str]] = {
    "short of a quorum of the set before": (
        with_hops(hop_of(sealed(FIRST, [*FOUR[:2], NEW]), sealed(NEXT, [*FOUR[:2], NEW]))),
        HopNotFinal,
        "3 of 5 validators sealed it",
    ),
    "one of the set before too few": (
        with_hops(hop_of(relisted(ascending(*FOUR[:2], NEW, account("x")), (FOUR[0], FOUR[1], NEW)))),
        HopNotVouched,
        "2 of the 4 validators before the change sealed its 1 blocks, want 3",
    ),
    "resting on the set that it should prove": (
        with_hops(hop_of(relisted(accounts(4, "sybil"), accounts(4, "sybil")))),
        HopNotVouched,
        "0 of the 4 validators before the change",
    ),
    "seals of the old set, who are not in the new one": (
        with_hops(hop_of(relisted(accounts(4, "sybil"), FOUR))),
        ForeignSeal,
        "who is no validator",
    ),
    "an empty list": (
        with_hops(hop_of(with_extra(FIRST, validators=(), seals=()))),
        HopListMalformed,
        "is empty, or does not strictly ascend",
    ),
    "a list that descends": (
        with_hops(hop_of(relisted(FIVE[::-1], FIVE))),
        HopListMalformed,
        "does not strictly ascend",
    ),
    "a member twice": (
        with_hops(hop_of(relisted((*FIVE[:1], *FIVE), FIVE))),
        HopListMalformed,
        "does not strictly ascend",
    ),
    "a block of the set before in the run": (
        with_hops(hop_of(FIRST, sealed(with_extra(NEXT, validators=addresses(FOUR)), FOUR[:3]))),
        HopListMalformed,
        f"block {FIRST.number + 1} lists other validators",
    ),
    "back": (
        with_hops(HOP, hop_of(CHANGED.chain.blocks[FIRST.number - 1].header)),
        HopsNotAscending,
        f"hop to block {FIRST.number - 1}: comes after the hop to block {FIRST.number}",
    ),
    "the same twice": (with_hops(HOP, HOP), HopsNotAscending, "comes after"),
}
