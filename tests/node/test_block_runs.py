"""How far back a site looks for a block that it may believe, on a recorded chain of Clique."""

import json
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor import clique
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.header import BlockHeader, parse_header
from perdure_anchor.trust import ContractPin, Epoch, TrustFile
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import BlocksNotVerified
from perdure_node.evidence.block_runs import fetch_known_block

RECORDED = Path(__file__).parents[1] / "vectors" / "chain_answers" / "clique.json"
PIN = ContractPin(Address(bytes([1]) * 20), Hash32(bytes(32)), 1)


def recorded_headers() -> dict[int, BlockHeader]:
    blocks = json.loads(RECORDED.read_text("utf-8"))["blocks"]
    headers = [parse_header(bytes.fromhex(block["header_rlp"].removeprefix("0x"))) for block in blocks]
    return {header.number: header for header in headers}


HEADERS = recorded_headers()
HEAD = max(HEADERS)


class RecordedClient:
    """The chain up to a block, and which blocks were asked for."""

    def __init__(self, head: int) -> None:
        self.head, self.asked = head, [0][:0]

    def head_number(self) -> int:
        return self.head

    def fetch_header(self, number: int) -> BlockHeader:
        self.asked.append(number)
        return HEADERS[number]


def signer(number: int) -> Address:
    (found,) = clique.read(HEADERS[number]).signers()
    return found


def chain_with(signers: tuple[Address, ...], head: int) -> Any:
    epoch = Epoch(1, None, "geth", "clique", "header", "floor(n/2)+1", "secp256k1", tuple(sorted(signers)))
    trust = TrustFile("recorded", 1, None, False, 20251, Hash32(bytes(32)), PIN, PIN, (), (), (epoch,))
    return AnchorChain(RecordedClient(head), trust)  # type: ignore[arg-type]


def run_of_distinct_signers(count: int) -> int:
    """The number of a block at the end of ``count`` blocks that follow each other, all by different signers."""
    for last in sorted(HEADERS):
        numbers = range(last - count + 1, last + 1)
        if (
            all(number in HEADERS and number > 0 for number in numbers)
            and len(set(map(signer, numbers))) == count
        ):
            return last
    raise AssertionError("the recording has no such blocks")


def test_under_clique_as_many_blocks_as_signatures_are_wanted() -> None:
    last = run_of_distinct_signers(2)
    signers = (signer(last), signer(last - 1))
    chain = chain_with((*signers, Address(bytes([9]) * 20)), last)
    known = fetch_known_block(chain)
    assert chain.client.asked == [last, last - 1]
    assert known.number == last - 1, "the newest block that two of three have signed, or a block after it"
    assert len(known.headers) == 2


def test_strangers_signatures_do_not_count() -> None:
    last = run_of_distinct_signers(2)
    strangers = tuple(Address(bytes([number]) * 20) for number in (7, 8))
    with pytest.raises(BlocksNotVerified):
        fetch_known_block(chain_with((signer(last), *strangers), last))
