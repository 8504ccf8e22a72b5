"""Evidence that holds: each engine, client, kind of header, receipt, hop and bound of time, and files at their bounds."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from perdure_anchor import qbft, rlp
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE, encode_evidence
from perdure_anchor.hashes import keccak256, sha256, to_hex
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.receipt import EventLog
from perdure_anchor.record import SLOTS
from perdure_anchor.secp256k1 import sign
from perdure_anchor.timestamp import MAX_SECONDS
from simulated_chain import (
    DOCUMENT_BYTES,
    START,
    TIMESTAMP,
    Account,
    SimulatedChain,
    accounts,
    copy_of,
    sealed,
    with_anchor,
    with_extra,
    with_field,
)
from tools.accounts import account, high_s_twin
from tools.hop_stories import FIVE, FOUR, NEW, OTHER_FOUR, THREE, ascending
from tools.vectors.base import (
    FULL,
    RAW,
    SMALL,
    disclosing,
    disclosure,
    edited,
    raw_of,
    short,
    spelled,
    told,
    whole,
    with_headers,
)
from tools.vectors.final_cases import clique_headers
from tools.vectors.form import Case
from tools.vectors.header_cases import BLOCK, NEXT
from tools.vectors.record_cases import SIGNED, largest_log, signed_by_another
from tools.vectors.trusts import MIGRATED_AT, TWO_CHANGES

ROTATED = (
    OTHER_FOUR,
    ascending(*FOUR[2:], NEW, account("second")),
    ascending(FOUR[3], NEW, account("second"), account("third")),
)


def all_seal(number: int, members: tuple[Account, ...]) -> tuple[Account, ...]:
    return members


def _grades() -> dict[str, Case]:
    recorded = encode_evidence(replace(SIGNED, checkpoint=None))
    weak = raw_of(sealers=lambda number, members: members[:2])
    return {
        "recorded": Case("no more than a record, where no more is asked for", recorded, require="recorded"),
        "signed": Case("a checkpoint signed by a pinned key, not anchored", encode_evidence(SIGNED), require="signed"),
        "anchored-with-two-of-four-seals": Case("an anchor whose block is not final", weak, require="anchored"),
        "final": Case("everything, with both bounds of time", whole()),
        "final-recorded-wanted": Case("final, where less is asked for", RAW, require="recorded"),
        "final-without-document": Case("no document at hand", RAW, document=None),
        "final-by-registry": Case("no key of the site is pinned: the registry vouches for it", RAW, trust="no-site-key"),
        "final-by-registry-against-the-pin": Case("another key is pinned, and the registry vouches for this one", RAW, trust="another-site-key"),
        "signed-by-another-key-anchored-wanted": Case("the key of another, whom the registry names as signer", _by_another(), require="anchored"),
        "final-on-a-devnet": Case("one process held all keys: the verdict says so", raw_of(client="devnet"), trust="devnet"),
        "signed-in-the-largest-log": Case("leaf 0 of 2^48 - 1, with a path of 48 hashes", largest_log(), require="signed"),
        "sealed-at-2-to-53-less-1": Case("the largest sealing time: a claim, and no fault", raw_of(sealed_at=2**53 - 1)),
        "hops-without-an-anchor": Case("hops that no step reaches count for nothing", encode_evidence(replace(SIGNED, hops=((b"no header",),), not_before=(b"nor this",))), require="signed"),
    }  # fmt: skip


def _by_another() -> bytes:
    """The site rotated its key: checkpoint and event are of a key that is not pinned."""
    other = signed_by_another(SMALL)

    def edit(log: Any) -> Any:
        signer = account("another").address.rjust(32, b"\0")
        return replace(log, payload=log.payload[:64] + signer + log.payload[96:])

    evidence = short(told(edit_log=edit).evidence)
    return encode_evidence(replace(evidence, checkpoint=other.checkpoint))


def _records() -> dict[str, Case]:
    good = SMALL.slots[2].disclosure or ""
    escaped = good.replace("contract", "\\u0063ontract\\ud83d\\ude00")
    respelled = json.dumps(json.loads(RAW), ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    address = f"0x{SMALL.domain.registry.hex()}"
    return {
        "final-all-disclosed": Case("every slot shown", raw_of(hidden=frozenset())),
        "final-all-hidden": Case("every slot hidden", raw_of(hidden=frozenset(SLOTS)), document=None),
        "disclosure-with-white-space": Case("white space in a disclosure, which is hashed as it is", disclosing("document_name", good.replace(",", " ,\n\t"))),
        "disclosure-with-escapes": Case("escapes in a disclosure, a pair of surrogates among them", disclosing("document_name", escaped)),
        "disclosures-of-32768-bytes": Case("one disclosure, as large as all may be together, by white space", _one_disclosure(32768)),
        "slot-of-1024-characters": Case("the longest text, of characters of four bytes", disclosing("recorded_by", disclosure("recorded_by", json.dumps("\U0001d538" * 1024, ensure_ascii=False)))),
        "64-signers": Case("as many signers as there may be", disclosing("signers", disclosure("signers", json.dumps([{"name": "Ada"}] * 64)))),
        "value-nested-8-deep": Case("a value inside eight lists and objects of its own", disclosing("extra", disclosure("extra", '{"x":[[[[[[[0]]]]]]]}'))),
        "value-2-to-53-less-1": Case("the largest size of a document", disclosing("document_size", disclosure("document_size", str(2**53 - 1))), document=None),
        "time-with-fraction-and-offset": Case("nine digits, and an offset", disclosing("signed_at", disclosure("signed_at", '"2024-02-29T23:59:59.123456789-23:59"'))),
        "members-in-another-order": Case("the members sorted, and no white space", respelled.encode()),
        "address-in-small-letters": Case("the registry's address in small letters", edited(lambda top: top["registry"].update(address=address))),
        "address-in-capitals": Case("the registry's address in capitals", edited(lambda top: top["registry"].update(address="0x" + address[2:].upper()))),
        "evidence-of-the-largest-size": Case("4194304 bytes, by spaces behind the value", RAW, spaces=MAX_EVIDENCE_SIZE - len(RAW)),
        "name-by-escape": Case("a member's name with an escape", spelled('"origin"', '"\\u006frigin"')),
        "document-that-says-nothing-of-its-size": Case("document_size is null", raw_of(slots=(("document_size", None),))),
        "other-document": Case("a record of an empty document", _of_document(b""), document=b""),
    }  # fmt: skip


def _one_disclosure(size: int) -> bytes:
    """Only the first slot is shown, with so many spaces behind it."""
    return raw_of(
        hidden=frozenset(SLOTS[1:]), edit_disclosures=lambda texts: (texts[0].ljust(size), *texts[1:])
    )


def _of_document(octets: bytes) -> bytes:
    return raw_of(slots=(("document_sha256", sha256(octets).hex()), ("document_size", len(octets))))


def _headers() -> dict[str, Case]:
    counts = {
        f"header-of-{count}-fields": Case(f"headers of {count} fields", raw_of(field_count=count))
        for count in (16, 17, 20, 21)
    }
    seals = qbft.parse_extra_data(sealed(BLOCK, FOUR).extra_data).seals
    two = sealed(BLOCK, FOUR[:2])
    by_round = copy_of(BLOCK, FOUR[:3], round=2**32 - 1)
    voting = told(edit_anchor_header=lambda header: with_extra(header, vote=qbft.Vote(NEW.address, add=True)))
    dropping = told(
        edit_anchor_header=lambda header: with_extra(header, vote=qbft.Vote(NEW.address, add=False))
    )
    return {
        **counts,
        "all-seals": Case("all four sealed", with_headers(sealed(BLOCK, FOUR))),
        "seals-in-another-order": Case("seals in descending order", with_headers(sealed(BLOCK, FOUR[::-1]))),
        "seal-with-high-s": Case("seals with a high s, which clients accept", with_headers(with_extra(BLOCK, seals=tuple(map(high_s_twin, seals[:3]))))),
        "copies-united": Case("two copies with two seals each, of one round", with_headers(two, sealed(BLOCK, FOUR[2:]))),
        "copies-of-another-round-too": Case("a copy of a later round with a quorum, beside one that has none", with_headers(two, by_round)),
        "round-2-to-32-less-1": Case("the highest round", with_headers(by_round)),
        "sealed-by-a-later-block": Case("two seals, and the other two on the next block", with_headers(two, sealed(NEXT, FOUR[2:]))),
        "sealed-by-later-blocks-of-other-rounds": Case("two seals, and one on each copy of the next block, of different rounds", with_headers(two, sealed(NEXT, FOUR[2:3]), copy_of(NEXT, FOUR[3:], round=1))),
        "vote-to-add": Case("the block votes for a newcomer", encode_evidence(short(voting.evidence))),
        "vote-to-drop": Case("the block votes against somebody", encode_evidence(short(dropping.evidence))),
        "later-block-of-another-set": Case("a block of the next set behind a final one ends the run", with_headers(BLOCK, _of_the_next_set())),
        "later-block-beyond-the-epoch-not-needed": Case("a block beyond the closed epoch behind a final one, with seals that nobody looks at", _strange_end(), trust="closed-epoch"),
        "64-headers": Case("as many headers as a list may have, of one validator who alone proposes", _run_of_64(), trust="one-validator"),
    }  # fmt: skip


def _of_the_next_set() -> bytes:
    chain = SimulatedChain(FIVE, field_count=15, blocks=list(FULL.chain.blocks[: BLOCK.number + 1]))
    return chain.add().raw


def _strange_end() -> bytes:
    return with_headers(BLOCK, with_extra(NEXT, seals=(bytes(65),)))


def _run_of_64() -> bytes:
    alone = told(validators=1)
    chain = SimulatedChain(accounts(1), field_count=15, blocks=list(alone.chain.blocks))
    chain.extend(64)
    number = alone.anchor_block.header.number
    return encode_evidence(with_anchor(short(alone.evidence), headers=chain.raw_headers(number, number + 63)))


def _engines() -> dict[str, Case]:
    clique = told(engine="clique", validators=3)
    both = encode_evidence(clique.evidence)
    six: dict[str, Any] = {"validators": 6, "quorum_rule": "2f+1"}
    return {
        "goquorum": Case("GoQuorum, whose coinbases name nobody", whole(client="goquorum"), trust="goquorum"),
        "goquorum-invented-list": Case("GoQuorum, where the header's list is invented and nobody looks at it", _invented_list(), trust="goquorum"),
        "contract-selection": Case("a contract selects the validators, and lists are empty", whole(selection="contract"), trust="contract"),
        "ibft2": Case("IBFT 2.0, whose coinbases name nobody", whole(engine="ibft2"), trust="ibft2"),
        "ibft2-round-and-vote": Case("IBFT 2.0 with a round of four bytes and a vote that drops", _ibft2_round(), trust="ibft2"),
        "ibft2-then-qbft": Case("the anchor under QBFT, the lower bound from before the migration", _migrated(), trust="ibft2-then-qbft"),
        "clique-anchored-wanted": Case("two of three signers of Clique, the lower bound too", both, trust="clique-three", require="anchored"),
        "clique-checkpoint-block": Case("a checkpoint block of Clique, which lists the signers", _clique_checkpoint(), trust="clique-three", require="anchored"),
        "clique-one-signer-anchored-wanted": Case("one signer, where no more than the header is asked for", clique_headers(1), trust="clique-three", require="anchored"),
        "one-validator": Case("a set of one, whose word all of it is", whole(validators=1), trust="one-validator"),
        "seven-validators": Case("seven, whose bounds of time need three proposers", whole(validators=7), trust="seven-validators"),
        "256-validators": Case("as many validators as an epoch may have", raw_of(validators=256), trust="256-validators"),
        "weak-epoch-anchored-wanted": Case("three of six by the chain's own rule", whole(**six), trust="six-with-2f+1", require="anchored"),
        "2f+1-that-is-a-quorum": Case("five of seven, which is ceil(2n/3) too", raw_of(validators=7, quorum_rule="2f+1"), trust="seven-with-2f+1"),
    }  # fmt: skip


def _invented_list() -> bytes:
    def invent(header: BlockHeader) -> BlockHeader:
        return with_extra(header, validators=tuple(sybil.address for sybil in accounts(4, "sybil")))

    return raw_of(client="goquorum", edit_anchor_header=invent)


def _ibft2_round() -> bytes:
    told_ = told(engine="ibft2")
    items: list[Any] = rlp.decode_list(told_.anchor_block.header.extra_data, "extraData")
    items[2:4] = [bytes(NEW.address), b"\0"], b"\0\0\0\1"
    unsealed = told_.anchor_block.header.with_extra_data(rlp.encode(items[:4]))
    digest = keccak256(encode_header(unsealed))
    seals = [sign(digest, member.private_key) for member in FOUR[:3]]
    header = unsealed.with_extra_data(rlp.encode([*items[:4], seals]))
    return encode_evidence(with_anchor(short(told_.evidence), headers=(encode_header(header),)))


def _migrated() -> bytes:
    chain = SimulatedChain(FOUR, field_count=15, engine="ibft2")
    chain.extend(MIGRATED_AT - 1)
    chain.engine = "qbft"
    story = told(slots=(("after", to_hex(chain.blocks[-1].name)),))
    anchor = chain.add(story.anchor_block.receipts)
    chain.extend(2)
    number = anchor.header.number
    evidence = with_anchor(story.evidence, headers=chain.raw_headers(number, number + 1))
    return encode_evidence(replace(evidence, not_before=chain.raw_headers(number - 2, number - 1)))


def _clique_checkpoint() -> bytes:
    members = accounts(3)
    chain = SimulatedChain(members, field_count=15, engine="clique")
    chain.extend(29)
    story = told(engine="clique", validators=3, slots=(("after", None),))
    block = chain.add(story.anchor_block.receipts)
    chain.add()
    assert block.header.number == 30
    evidence = replace(story.evidence, not_before=None)
    return encode_evidence(with_anchor(evidence, headers=chain.raw_headers(30, 31)))


def _receipts() -> dict[str, Case]:
    types = {
        f"receipt-of-type-{kind}": Case(
            f"the receipt of a transaction of type {kind}", raw_of(receipt_type=kind)
        )
        for kind in (0, 1, 3, 4)
    }
    return {
        **types,
        "event-previous-size-2-to-64-less-1": Case("the largest integer that an event can hold, in a word that nobody compares", _previous_size()),
        "anchored-before": Case("the registry says that it had accepted the checkpoint before", whole(anchored_before=True)),
        "receipt-130-of-200": Case("a key of two bytes, with extension and branches", raw_of(receipts=200, receipt_index=130)),
        "receipt-127-of-129": Case("the last key of one byte", raw_of(receipts=129, receipt_index=127)),
        "receipt-0-of-200": Case("the key 80 of index 0", raw_of(receipts=200, receipt_index=0)),
        "receipt-299-of-300": Case("a key of three bytes", raw_of(receipts=300, receipt_index=299)),
        "one-leaf-one-receipt": Case("a log of one leaf, and an empty path", raw_of(size=1, index=0, log_position=0)),
        "last-leaf-of-1000": Case("the last leaf of a thousand", raw_of(size=1000, index=999)),
        "deployed-in-this-block": Case("the registry was deployed in the anchor's block", RAW, trust="deployed-then"),
    }  # fmt: skip


def _previous_size() -> bytes:
    def edit(log: EventLog) -> EventLog:
        return replace(log, payload=(2**64 - 1).to_bytes(32, "big") + log.payload[32:])

    return raw_of(edit_log=edit)


def _hops() -> dict[str, Case]:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "hop-one-more": ("a fifth validator", {"changes": (FIVE,)}),
        "hop-one-fewer": ("three of the four go on", {"changes": (THREE,)}),
        "hop-one-replaced": ("one of four replaced", {"changes": (OTHER_FOUR,)}),
        "hops-there-and-back": ("a fifth comes and goes", {"changes": (FIVE, FOUR)}),
        "hops-until-one-is-left": ("all but one replaced, one at a time", {"changes": ROTATED}),
        "sixteen-hops": ("as many hops as there may be", {"changes": _sixteen()}),
    }
    cases = {
        name: Case(about, encode_evidence(short(told(**changes).evidence)))
        for name, (about, changes) in kinds.items()
    }
    two = encode_evidence(told(changes=TWO_CHANGES.changes).evidence)
    ibft2 = encode_evidence(short(told(engine="ibft2", changes=(FIVE, OTHER_FOUR)).evidence))
    first = told(changes=(FIVE,))
    header = parse_header(first.evidence.hops[0][0])
    rounds = sealed(header, [NEW, *FOUR[:3]]), copy_of(header, FOUR[3:], round=3)
    known = replace(SMALL, hops=(tuple(FULL.chain.raw_headers(2, 2)),))
    return {
        **cases,
        "two-hops-with-both-bounds": Case("two changes, with both bounds of time under the last set", two),
        "hops-on-ibft2": Case("two changes on IBFT 2.0", ibft2, trust="ibft2"),
        "hop-passed-over": Case("a newer trust file has come through the first of two changes", two, trust="after-first-change"),
        "hop-passed-over-of-the-set-that-is-known": Case("a hop to the set that is known already, with no more seals than any block", encode_evidence(known)),
        "hop-of-copies": Case("a hop with two copies of its block, of other rounds", encode_evidence(replace(short(first.evidence), hops=(tuple(map(encode_header, rounds)),)))),
        "hop-at-the-anchor": Case("the hop's first block is the anchor's own", _hop_at_the_anchor()),
    }  # fmt: skip


def _sixteen() -> tuple[tuple[Account, ...], ...]:
    """Each set replaces one member of the one before."""
    sets = [FOUR]
    for number in range(16):
        sets.append(ascending(*sets[-1][1:], account(f"newcomer {number}")))
    return tuple(sets[1:])


def _hop_at_the_anchor() -> bytes:
    chain = SimulatedChain(FIVE, field_count=15, blocks=list(FULL.chain.blocks[: BLOCK.number]))
    block = chain.add(FULL.anchor_block.receipts)
    return encode_evidence(replace(with_anchor(SMALL, headers=(block.raw,)), hops=((block.raw,),)))


def _times() -> dict[str, Case]:
    def proposing(by: Callable[[int, tuple[Account, ...]], Account]) -> Any:
        return told(proposer=by).evidence

    alone = proposing(lambda number, members: members[0])
    unsealed = with_headers(BLOCK, with_extra(NEXT, seals=()))
    rewound = told(edit_anchor_header=lambda header: with_field(header, TIMESTAMP, rlp.encode_int(START)))
    at_end = told(
        edit_anchor_header=lambda header: with_field(header, TIMESTAMP, rlp.encode_int(MAX_SECONDS - 2))
    )
    zero = told(edit_anchor_header=lambda header: with_field(header, TIMESTAMP, b""))
    without = replace(FULL.evidence, not_before=None)
    longer = FULL.chain.raw_headers(1, FULL.after_block.header.number)
    return {
        "allowance-0": Case("no allowance for clocks", whole(), allowance=0),
        "allowance-an-hour": Case("an allowance of an hour", whole(), allowance=3600),
        "allowance-a-hundred-years": Case("an allowance so large that the lower bound is 1970", whole(), allowance=3_155_760_000),
        "without-lower-bound": Case("no headers for a lower bound", encode_evidence(without)),
        "one-proposer": Case("one validator proposes all blocks: bounds by one proposer's word", encode_evidence(alone)),
        "second-block-unsealed": Case("the second proposer's block is not final, so his word does not count", unsealed),
        "lower-bound-of-one-header": Case("only the block that after names: by one proposer's word", encode_evidence(replace(SMALL, not_before=FULL.evidence.not_before[-1:] if FULL.evidence.not_before else None))),
        "lower-run-longer-than-needed": Case("a block more than the lower bound needs, at either end", encode_evidence(replace(SMALL, not_before=longer))),
        "upper-bound-is-the-maximum": Case("the second block's timestamp is below the first one's", _rewound_second()),
        "bounds-exclude-each-other": Case("the anchor's block says that it is older than the block that the record names", encode_evidence(replace(short(rewound.evidence), not_before=FULL.evidence.not_before))),
        "bound-at-the-end-of-9999": Case("the latest second that can be written", encode_evidence(short(at_end.evidence))),
        "timestamp-0": Case("1970 as timestamp", encode_evidence(short(zero.evidence))),
        "sealed-after-the-anchor": Case("the site claims to have sealed an hour after the anchor", raw_of(sealed_at=START + 3600)),
        "document-of-the-vectors": Case("the document that most vectors come with", RAW, document=DOCUMENT_BYTES),
    }  # fmt: skip


def _rewound_second() -> bytes:
    second = sealed(with_field(NEXT, TIMESTAMP, rlp.encode_int(START)), FOUR[:3])
    return with_headers(BLOCK, second)


def cases() -> dict[str, Case]:
    return {**_grades(), **_records(), **_headers(), **_engines(), **_receipts(), **_hops(), **_times()}
