"""Evidence that is as large as its bounds allow, in each way that costs a verifier time or memory; most of it made by nobody's key.

``python -m tools.worst_cases NAME`` judges one of them and prints seconds of processor time and bytes of memory that Python took
at most, traced in a second go, since tracing takes time.
"""

import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

from perdure_anchor import rlp
from perdure_anchor.base64_text import encode_base64
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import (
    MAX_EVIDENCE_SIZE,
    MAX_HEADERS_SIZE,
    MAX_SIGNS,
    Evidence,
    encode_evidence,
    parse_evidence,
)
from perdure_anchor.hashes import keccak256
from perdure_anchor.header import MAX_HEADER_SIZE, encode_header
from perdure_anchor.receipt import EventLog
from perdure_anchor.trie import trie_proof, trie_root
from perdure_anchor.trust import TrustFile
from perdure_anchor.verify import verify
from simulated_chain import (
    DOCUMENT,
    RECEIPTS_ROOT,
    SITE_KEY,
    Account,
    SimulatedChain,
    account,
    accounts,
    addresses,
    anchored_log,
    copy_of,
    receipt_of,
    sealed,
    tell,
    with_anchor,
    with_epoch,
    with_extra,
    with_field,
)
from tools.hop_stories import ascending

Case = tuple[bytes, TrustFile]
TOLD = tell()
RAW = encode_evidence(TOLD.evidence)
MANY = accounts(256)


def _large(members: tuple[Account, ...], lists: bool = False) -> tuple[TrustFile, SimulatedChain]:
    """The story's chain up to the anchor's block, which is then the business of ``members``."""
    selection = "header" if lists else "contract"
    trust = with_epoch(TOLD.trust, validators=addresses(members), selection=selection)
    chain = SimulatedChain(members, lists_validators=lists, sealers=lambda number, all_of_them: all_of_them)
    chain.blocks = list(TOLD.chain.blocks[: TOLD.anchor_block.header.number])
    return trust, chain


def _within(headers: list[bytes], at_most: int = MAX_HEADERS_SIZE) -> tuple[bytes, ...]:
    kept: list[bytes] = []
    for header in headers[:64]:
        if sum(map(len, kept)) + len(header) <= at_most:
            kept.append(header)
    return tuple(kept)


def _bare(headers: tuple[bytes, ...]) -> Evidence:
    return replace(with_anchor(TOLD.evidence, headers=headers), not_before=None)


def seals_on_blocks() -> Case:
    """As many true seals as the headers can hold, each by a validator: all have to be recovered."""
    trust, chain = _large(MANY)
    chain.add(TOLD.anchor_block.receipts)
    chain.extend(43)
    return encode_evidence(_bare(_within([block.raw for block in chain.blocks[4:]]))), trust


def seals_in_rounds() -> Case:
    """One block in as many rounds."""
    trust, chain = _large(MANY)
    header = chain.add(TOLD.anchor_block.receipts).header
    copies = [encode_header(copy_of(header, MANY, round)) for round in range(44)]
    return encode_evidence(_bare(_within(copies))), trust


def seals_too_many() -> Case:
    """Headers that are full of seals that nobody made, more than there are validators."""
    trust, chain = _large(MANY)
    seals = ((b"\1" * 64 + b"\0"),) * 470
    headers = [encode_header(with_extra(chain.unsealed(4), round=round, seals=seals)) for round in range(24)]
    return encode_evidence(_bare(_within(headers))), trust


def hops_of_many() -> Case:
    """Changes of one among 256 validators, each shown by a whole set."""
    trust, chain = _large(MANY, lists=True)
    members, hops = list(MANY), []
    chain.sealers = lambda number, all_of_them: all_of_them[:200]
    for change in range(16):
        members = list(ascending(*members[1:], account(f"newcomer {change}")))
        chain.validators = tuple(members)
        hops.append((chain.add().raw,))
    anchor = chain.add(TOLD.anchor_block.receipts).raw
    return encode_evidence(replace(_bare((anchor,)), hops=tuple(hops))), trust


def lists_not_looked_at() -> Case:
    """Headers whose size is a list of validators that the client does not check."""
    trust = with_epoch(TOLD.trust, client="goquorum")
    header = TOLD.anchor_block.header
    invented = tuple(sorted(account("x").address[:16] + number.to_bytes(4, "big") for number in range(1500)))
    copies = []
    for round in range(24):
        listed = with_extra(header, validators=invented, round=round, seals=())
        copies.append(encode_header(sealed(listed, TOLD.chain.validators)))
    return encode_evidence(_bare(_within(copies))), trust


def header_of_crumbs() -> Case:
    """extraData of as many one-byte items as a header holds."""
    crumbs = rlp.encode([bytes(32), [b"\1"] * (MAX_HEADER_SIZE - 800), [], b"", []])
    header = encode_header(TOLD.anchor_block.header.with_extra_data(crumbs))
    return encode_evidence(_bare((header,) * 23)), TOLD.trust


def receipt_of_many_logs() -> Case:
    """The event behind 4,095 other logs, in a receipt of nearly 128 kB."""
    stray = EventLog(account("stranger").address, (), b"")
    logs = [stray] * 4095 + [anchored_log(TOLD.checkpoint, SITE_KEY.address)]
    return _with_receipt(receipt_of(logs), 4095)


def _with_receipt(raw: bytes, position: int) -> Case:
    header = with_field(TOLD.anchor_block.header, RECEIPTS_ROOT, trie_root([raw]))
    header = sealed(header, TOLD.chain.validators)
    proof = {"receipt_index": 0, "receipt_nodes": trie_proof([raw], 0), "log_position": position}
    return encode_evidence(with_anchor(_bare((encode_header(header),)), **proof)), TOLD.trust


def receipt_of_crumbs() -> Case:
    """A log whose topics are 120,000 items: of no use, but found out only once all are decoded."""
    body = rlp.encode([b"\1", b"\1", bytes(256), [[bytes(20), [b"\1"] * 120_000, b""]]])
    return _with_receipt(b"\2" + body, 0)


def nodes_of_crumbs() -> Case:
    """A branch with a child that is a list of 120,000 items, beside the one that the key goes to."""
    branch = rlp.encode([b"\1" * 32, [b"\1"] * 120_000, *[b""] * 15])
    header = with_field(TOLD.anchor_block.header, RECEIPTS_ROOT, keccak256(branch))
    header = sealed(header, TOLD.chain.validators)
    evidence = with_anchor(_bare((encode_header(header),)), receipt_index=1, receipt_nodes=(branch,))
    return encode_evidence(evidence), TOLD.trust


def _member(key: str, value: object) -> Case:
    return json.dumps(json.loads(RAW) | {key: value}).encode(), TOLD.trust


def headers_too_large() -> Case:
    """A file full of headers, more than there may be."""
    value = json.loads(RAW)
    value["anchor"]["headers"] = value["not_before"] = [encode_base64(bytes(MAX_HEADER_SIZE))] * 47
    return json.dumps(value).encode(), TOLD.trust


def disclosures_of_crumbs() -> Case:
    value = json.loads(RAW)
    members = ",".join(f'"{number:x}":0' for number in range(3000))
    text = f'["{"0" * 32}","extra",{{{members}}}]'
    value["slots"][14] = {"disclosure": text}
    return json.dumps(value).encode(), TOLD.trust


def disclosures_of_escapes() -> Case:
    """Each character written as an escape."""
    value = json.loads(RAW)
    value["slots"][14] = {"disclosure": f'["{"0" * 32}","extra",{{"a":"{"é" * 1000}"}}]'}
    value["slots"][2] = {"disclosure": "€" * 9000}
    return json.dumps(value, ensure_ascii=True).encode(), TOLD.trust


def _text(unit: bytes, begin: bytes = b"[", end: bytes = b"]", signs: int = MAX_SIGNS - 20) -> Case:
    """As many of ``unit`` as the bounds allow, with commas between them."""
    signs_in_one = 1 + sum(map(unit.count, (b",", b"[", b"{")))
    count = min(signs // signs_in_one, (MAX_EVIDENCE_SIZE - len(begin + end)) // (len(unit) + 1))
    return begin + b",".join([unit] * count) + end, TOLD.trust


CASES: dict[str, Callable[[], Case]] = {
    "seals on blocks": seals_on_blocks,
    "seals in rounds": seals_in_rounds,
    "too many seals": seals_too_many,
    "hops": hops_of_many,
    "lists that nobody checks": lists_not_looked_at,
    "a header of crumbs": header_of_crumbs,
    "a receipt of 4,096 logs": receipt_of_many_logs,
    "a receipt of crumbs": receipt_of_crumbs,
    "a node of crumbs": nodes_of_crumbs,
    "headers of 4 MiB": headers_too_large,
    "disclosures of crumbs": disclosures_of_crumbs,
    "disclosures of escapes": disclosures_of_escapes,
    "lists": lambda: _text(b"[]"),
    "towers of lists": lambda: _text(b"[" * 15 + b"]" * 15),
    "towers of objects": lambda: _text(b'{"":' * 15 + b"0" + b"}" * 15),
    "numbers": lambda: _text(b"1"),
    "objects": lambda: _text(b'{"a":0}'),
    "more lists than may be": lambda: _text(b"[]", signs=2**30),
    "escapes": lambda: (b'["' + rb"\u00e9" * (MAX_EVIDENCE_SIZE // 6 - 2) + b'"]', TOLD.trust),
    "pairs of escapes": lambda: (
        b'["' + rb"\ud83d\ude00" * (MAX_EVIDENCE_SIZE // 12 - 2) + b'"]',
        TOLD.trust,
    ),
    "a long string of four-byte letters": lambda: (b'["' + "😀".encode() * (2**20 - 2) + b'"]', TOLD.trust),
    "a tower": lambda: (b"[" * MAX_SIGNS, TOLD.trust),
    "a long number": lambda: (b"9" * MAX_EVIDENCE_SIZE, TOLD.trust),
    "quotes": lambda: (b'"' * MAX_EVIDENCE_SIZE, TOLD.trust),
    "backslashes": lambda: (b'["' + b"\\" * (MAX_EVIDENCE_SIZE - 4) + b'"]', TOLD.trust),
    "blanks": lambda: (b" " * MAX_EVIDENCE_SIZE, TOLD.trust),
    "a long key": lambda: (b'{"' + b"k" * (MAX_EVIDENCE_SIZE - 8) + b'":0}', TOLD.trust),
    "a long base64 text": lambda: _member("not_before", ["A" * (MAX_EVIDENCE_SIZE - 60_000)]),
}


def judged(raw: bytes, trust: TrustFile) -> str:
    """How it ends, as a word."""
    try:
        verdict = verify(parse_evidence(raw), trust, DOCUMENT)
    except PerdureError as error:
        return type(error).__name__
    return verdict.grade.text if verdict.ok and verdict.grade else type(verdict.errors[0]).__name__


def main(name: str) -> None:
    raw, trust = CASES[name]()
    assert len(raw) <= MAX_EVIDENCE_SIZE, len(raw)
    began = time.process_time()
    end = judged(raw, trust)
    seconds = time.process_time() - began
    tracemalloc.start()
    assert judged(raw, trust) == end
    print(
        json.dumps(
            {"end": end, "seconds": seconds, "bytes": tracemalloc.get_traced_memory()[1], "size": len(raw)}
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
