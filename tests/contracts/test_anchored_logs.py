"""Reading `Anchored` events of a whole answer at once, against reading them member by member."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, checkpoint_digest, checkpoint_digests
from perdure_anchor.hashes import Address, Hash32, to_hex
from perdure_contracts.anchored_logs import (
    AnchoredLogs,
    block_of,
    check_asked,
    log_of,
    logs_of,
    read_anchored,
)
from perdure_contracts.block_receipts import event_from_answer
from perdure_contracts.rpc_errors import RpcBadAnswer
from tools import anchored_answers
from tools.anchored_answers import LAYOUTS, answer_of

DOMAIN = RegistryDomain(20_260, Address(bytes(range(20))))

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
uint64 = st.integers(0, 2**64 - 1)
checkpoints = st.builds(Checkpoint, hashes, uint64, hashes, uint64)


@st.composite
def logs(draw: st.DrawFn, fewest: int = 1) -> list[dict[str, Any]]:
    """Some blocks' events, in the chain's order."""
    places = draw(
        st.lists(
            st.tuples(st.integers(0, 2**39 - 1), st.integers(0, 2**24 - 1)),
            unique=True,
            min_size=fewest,
            max_size=6,
        )
    )
    return [
        anchored_answers.log_of(
            DOMAIN,
            draw(checkpoints),
            block=block,
            log_index=index,
            previous_size=draw(uint64),
            signer=Address(draw(st.binary(min_size=20, max_size=20))),
            transaction_index=draw(st.integers(0, 70_000)),
        )
        for block, index in sorted(places)
    ]


def slowly(answer: bytes) -> AnchoredLogs:
    return logs_of(json.loads(answer)["result"], DOMAIN.registry)


def same(first: AnchoredLogs, second: AnchoredLogs) -> bool:
    return first.block_hashes == second.block_hashes and all(
        list(ours) == list(theirs) for ours, theirs in zip(first.columns, second.columns, strict=True)
    )


@given(logs(), st.sampled_from(sorted(LAYOUTS)), st.integers(0, 10**17))
def test_each_clients_answers_are_read_at_once_and_as_member_by_member(
    made: list[dict[str, Any]], layout: str, request_id: int
) -> None:
    answer = answer_of(made, layout, request_id)
    read = read_anchored(answer, request_id, DOMAIN.registry)
    assert read is not None
    assert len(read) == len(made)
    assert same(read, slowly(answer))
    assert [(block_of(place), log_of(place)) for place in read.columns.places] == [
        (int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in made
    ]
    assert list(read.columns.digests) == checkpoint_digests(
        DOMAIN, read.columns.sites, read.columns.sizes, read.columns.roots, read.columns.sealed_ats
    )


@given(st.lists(checkpoints, max_size=5))
def test_many_digests_are_those_of_each(made: list[Checkpoint]) -> None:
    columns = [[getattr(each, name) for each in made] for name in ("site", "size", "root", "sealed_at")]
    assert checkpoint_digests(DOMAIN, *columns) == [checkpoint_digest(DOMAIN, each) for each in made]


@given(logs(), st.sampled_from(sorted(LAYOUTS)), st.data())
def test_an_answer_with_a_changed_byte_is_never_read_otherwise_than_member_by_member(
    made: list[dict[str, Any]], layout: str, data: st.DataObject
) -> None:
    """Whatever is read at once is read so by the other way too, down to what the envelope says."""
    answer = bytearray(answer_of(made, layout))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(answer) - 1))
        new = data.draw(st.sampled_from(b'09afAFx"{}[],: \t\n.g\xff'))
        match data.draw(st.sampled_from(("change", "insert", "remove"))):
            case "change":
                answer[at] = new
            case "insert":
                answer.insert(at, new)
            case _:
                del answer[at]
    read = read_anchored(bytes(answer), 1, DOMAIN.registry)
    if read is not None:
        assert json.loads(bytes(answer))["id"] == 1
        assert same(read, slowly(bytes(answer)))
        for value in json.loads(bytes(answer))["result"]:
            event_from_answer(value)


@given(logs(fewest=2), st.randoms())
def test_events_out_of_order_are_sorted_member_by_member(made: list[dict[str, Any]], random: Any) -> None:
    shuffled = [*made]
    random.shuffle(shuffled)
    assert same(slowly(answer_of(shuffled)), slowly(answer_of(made)))
    read = read_anchored(answer_of(shuffled), 1, DOMAIN.registry)
    assert (read is None) == (shuffled != made)


def one(**changes: Any) -> dict[str, Any]:
    checkpoint = Checkpoint(Hash32(b"\1" * 32), 7, Hash32(b"\2" * 32), 1_767_225_600)
    return anchored_answers.log_of(DOMAIN, checkpoint, block=9, log_index=3) | changes


FAULTS: dict[str, list[dict[str, Any]]] = {
    "another contract's": [one(address=to_hex(bytes(20)))],
    "no address": [one(address=None)],
    "odd hexadecimal": [one(data=one()["data"][:-1])],
    "not hexadecimal": [one(data=one()["data"][:-1] + "g")],
    "a topic is missing": [one(topics=one()["topics"][:3])],
    "another event": [one(topics=[to_hex(b"\3" * 32), *one()["topics"][1:]])],
    "a size of more than 64 bits": [one(topics=[*one()["topics"][:2], "0x" + "1" * 64, one()["topics"][3]])],
    "taken back": [one(removed=True)],
    "a word too many": [one(data=one()["data"] + "00" * 32)],
    "one place twice": [one(), one()],
    "two blocks of one number": [one(), one(logIndex="0x4", blockHash=to_hex(b"\5" * 32))],
    "beyond any chain": [one(blockNumber=hex(2**39))],
    "beyond any block": [one(logIndex=hex(2**24))],
    "a hash that is none": [one(transactionHash="0x" + "zz" * 32)],
    "no object": [[]],  # type: ignore[list-item]
    "text": ["Anchored"],  # type: ignore[list-item]
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_event_is_refused_by_name(name: str) -> None:
    result = FAULTS[name]
    document = {"jsonrpc": "2.0", "id": 1, "result": result}
    assert read_anchored(json.dumps(document, separators=(",", ":")).encode(), 1, DOMAIN.registry) is None
    with pytest.raises(RpcBadAnswer):
        logs_of(result, DOMAIN.registry)  # type: ignore[arg-type]


def test_events_of_other_blocks_than_were_asked_for_are_refused() -> None:
    read = logs_of([one()], DOMAIN.registry)  # type: ignore[list-item]
    check_asked(read, 9, 9)
    for begin, end in ((0, 8), (10, 20)):
        with pytest.raises(RpcBadAnswer):
            check_asked(read, begin, end)


def test_an_empty_answer_is_read_member_by_member() -> None:
    assert read_anchored(b'{"jsonrpc":"2.0","id":1,"result":[]}', 1, DOMAIN.registry) is None
    assert len(logs_of([], DOMAIN.registry)) == 0


def test_an_answer_to_another_request_is_not_read() -> None:
    assert read_anchored(answer_of([one()], request_id=2), 1, DOMAIN.registry) is None
