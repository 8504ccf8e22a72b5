"""Nodes that lie to a follower, or tell of another chain: each is named, and nothing of what it says is stored."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor import qbft
from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, parse_origin
from perdure_anchor.errors import ChainError, ConfigError, PerdureError
from perdure_anchor.finality import Block
from perdure_anchor.hashes import Address, keccak256, sha256, to_hex
from perdure_anchor.header import encode_header
from perdure_anchor.trust import ContractPin
from perdure_contracts.rpc import RpcBadAnswer
from perdure_contracts.transactions import WrongChain
from perdure_node.chain.errors import BlocksNotVerified, BlocksReplaced, WithoutContracts
from perdure_node.clock import Clock
from perdure_node.follower.errors import EventsNotVerified
from perdure_node.follower.following_chain import CHECK_EVERY, Doing, Follower
from perdure_node.follower.reading import anchor_count, next_to_follow
from perdure_node.follower.receipts import proved_events
from perdure_node.follower.storing import follow_anew
from simulated_chain import DOMAIN, REGISTRY, with_extra
from tools.accounts import accounts
from tools.anchored_answers import log_of
from tools.anchored_story import AnchoredStory, Fault, Home, Message, StoryNode, home_in
from tools.followed_checks import CLOCK, SITES, busy, check_all, followed

Edit = Callable[[list[dict[str, Any]]], Any]


@pytest.fixture(params=["near the head", "far from it"])
def story(request: pytest.FixtureRequest) -> AnchoredStory:
    made = AnchoredStory()
    made.block(2)
    made.register(*SITES)
    made.block(3)
    if request.param == "far from it":
        busy(made, 120)
    return made


@pytest.fixture
def home(story: AnchoredStory, tmp_path: Path) -> Iterator[Home]:
    found = home_in(tmp_path, story.trust())
    yield found
    found.database.close()


def about_anchors(edit: Edit) -> Fault:
    """A fault in answers that hold anchors."""

    def fault(request: Message, ask: Callable[[], Message]) -> Message:
        answer = ask()
        if isinstance(answer["result"], list) and any(len(log["topics"]) == 4 for log in answer["result"]):
            answer["result"] = edit(answer["result"])
        return answer

    return fault


def with_data(log: dict[str, Any], word: int, value: bytes) -> dict[str, Any]:
    octets = bytearray.fromhex(log["data"][2:])
    octets[32 * word : 32 * word + 32] = value.rjust(32, b"\0")
    return log | {"data": to_hex(octets)}


def stray(logs: list[dict[str, Any]], domain: RegistryDomain = DOMAIN) -> dict[str, Any]:
    """An anchor that never was, such that nothing but its block's header speaks against it."""
    last = logs[-1]
    site = parse_origin(SITES[0])
    sizes = [int(log["topics"][2], 16) for log in logs if log["topics"][1] == to_hex(site.site)]
    checkpoint = Checkpoint(site.site, max(sizes, default=0) + 1, sha256(b"never"), 1)
    made = log_of(
        domain,
        checkpoint,
        block=1,
        log_index=int(last["logIndex"], 16) + 9,
        previous_size=max(sizes, default=0),
    )
    return last | {key: made[key] for key in ("address", "topics", "data", "logIndex")}


LIES: dict[str, tuple[Edit, type[PerdureError]]] = {
    "a digest that is not its checkpoint's": (
        lambda logs: [with_data(logs[0], 3, b"\1" * 32), *logs[1:]], EventsNotVerified,
    ),
    "a time that the digest does not have": (
        lambda logs: [with_data(logs[0], 1, b"\1"), *logs[1:]], EventsNotVerified,
    ),
    "another size before": (lambda logs: [with_data(logs[0], 0, b"\7"), *logs[1:]], EventsNotVerified),
    "another contract's event": (
        lambda logs: [logs[0] | {"address": to_hex(bytes(20))}, *logs[1:]], RpcBadAnswer,
    ),
    "a block that was not asked for": (
        lambda logs: [*logs, logs[-1] | {"blockNumber": "0x7fffffff"}], RpcBadAnswer,
    ),
    "one place twice": (lambda logs: [*logs, logs[-1]], RpcBadAnswer),
    "odd hexadecimal": (lambda logs: [logs[0] | {"data": logs[0]["data"][:-1]}, *logs[1:]], RpcBadAnswer),
    "missing topics": (lambda logs: [logs[0] | {"topics": logs[0]["topics"][:3]}, *logs[1:]], RpcBadAnswer),
    "an anchor that never was": (lambda logs: [*logs, stray(logs)], EventsNotVerified),
    "an anchor of another chain": (
        lambda logs: [*logs, stray(logs, RegistryDomain(1, REGISTRY))], EventsNotVerified,
    ),
    "another block's hash": (
        lambda logs: [{**log, "blockHash": to_hex(keccak256(b"x"))} for log in logs], BlocksReplaced,
    ),
    "an anchor left out": (lambda logs: logs[1:], EventsNotVerified),
    "no list": (lambda logs: "nothing", RpcBadAnswer),
    "taken back": (lambda logs: [logs[0] | {"removed": True}, *logs[1:]], RpcBadAnswer),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_node_that_lies_about_anchors_is_named_and_nothing_of_it_stored(
    story: AnchoredStory, home: Home, name: str
) -> None:
    edit, error = LIES[name]
    node = StoryNode(story)
    followed(home, node.chain())
    before, next_block = anchor_count(home.database), next_to_follow(home.database)
    for _ in range(3):
        story.anchor(SITES[0], 2)
    story.block(100 if story.head > 100 else 3)
    # by the receipts near the head it cannot lie: they are under the header's root
    node.pruned = True
    node.faults["eth_getLogs"] = about_anchors(edit)
    with node.chain() as chain, Follower(home, chain, CLOCK, ahead=False) as follower:
        for _ in range(2):
            with pytest.raises(error):
                follower.step()
        assert (anchor_count(home.database), next_to_follow(home.database)) == (before, next_block)
        node.faults.clear()
        follower.step()
    check_all(home, story)


def test_near_the_head_receipts_are_believed_and_no_events(home: Home, story: AnchoredStory) -> None:
    node = StoryNode(story)
    followed(home, node.chain())
    story.anchor(SITES[0])
    story.block(3)
    node.faults["eth_getLogs"] = lambda request, ask: {
        "jsonrpc": "2.0",
        "id": request["id"],
        "result": "nonsense",
    }
    followed(home, node.chain())
    check_all(home, story)


def test_receipts_that_are_not_the_headers_are_not_believed(home: Home, story: AnchoredStory) -> None:
    node = StoryNode(story)
    followed(home, node.chain())
    story.anchor(SITES[0])
    story.anchor(SITES[1])
    story.block(3)

    def one_less(request: Message, ask: Callable[[], Message]) -> Message:
        answer = ask()
        return answer | {"result": answer["result"][:-1]}

    node.faults["eth_getBlockReceipts"] = one_less
    followed(home, node.chain())
    check_all(home, story)  # by the events then, and without parts
    assert home.database.number("SELECT count(*) FROM followed_header WHERE receipts = 2") > 0


def test_events_that_were_left_out_are_found_when_the_receipts_come(tmp_path: Path) -> None:
    story = AnchoredStory()
    story.block(2)
    story.register(*SITES)
    story.block()
    story.anchor(SITES[0])
    story.anchor(SITES[1])
    story.block(200)
    home, node = home_in(tmp_path, story.trust()), StoryNode(story)
    node.faults["eth_getLogs"] = about_anchors(lambda logs: logs[:1])
    with pytest.raises(EventsNotVerified, match="its receipts show"):
        followed(home, node.chain())
    with home.database.transaction():
        follow_anew(home.database)
    node.faults.clear()
    followed(home, node.chain())
    check_all(home, story)
    home.database.close()


# headers


def header_fault(edit: Callable[[Any], Any], story: AnchoredStory, numbers: range) -> Fault:
    def fault(request: Message, ask: Callable[[], Message]) -> Message:
        number = int(request["params"][0], 16)
        if number not in numbers:
            return ask()
        edited = encode_header(edit(story.chain.blocks[number].header))
        return {"jsonrpc": "2.0", "id": request["id"], "result": to_hex(edited)}

    return fault


HEADER_LIES: dict[str, Callable[[Any], Any]] = {
    "no seals": lambda header: with_extra(header, seals=()),
    "seals of strangers": lambda header: with_extra(
        header, seals=tuple(each[::-1] for each in _seals(header))
    ),
    "validators of its own": lambda header: with_extra(
        header, validators=tuple(each.address for each in accounts(4, "stranger"))
    ),
    "another time": lambda header: replace(
        header, fields=(*header.fields[:11], b"\1\2\3\4", *header.fields[12:])
    ),
    "another engine": lambda header: header.with_extra_data(bytes(97)),
}


def _seals(header: Any) -> tuple[bytes, ...]:
    return qbft.parse_extra_data(header.extra_data).seals


@pytest.mark.parametrize("name", HEADER_LIES)
def test_headers_that_the_validators_did_not_seal_are_not_believed(
    story: AnchoredStory, home: Home, name: str
) -> None:
    node = StoryNode(story)
    node.faults["debug_getRawHeader"] = header_fault(HEADER_LIES[name], story, range(1, 10**6))
    with node.chain() as chain, Follower(home, chain, CLOCK, ahead=False) as follower:
        if name == "no seals" and story.head < 64:
            assert follower.step().doing is Doing.WAITING  # seals may come with later blocks
        else:
            with pytest.raises((BlocksNotVerified, BlocksReplaced)):
                follower.step()
        assert (anchor_count(home.database), next_to_follow(home.database)) == (0, None)
        node.faults.clear()
    followed(home, node.chain())
    check_all(home, story)


def test_a_block_that_lacks_seals_is_final_by_those_after_it(story: AnchoredStory, home: Home) -> None:
    busy(story, 3)
    story.block(2)
    numbers = range(1, story.head - 1)
    node = StoryNode(story)
    node.faults["debug_getRawHeader"] = header_fault(
        lambda header: with_extra(header, seals=()), story, numbers
    )
    if story.head > 100:
        # no header within reach of the first ones has seals: they are not final by this node
        with pytest.raises(BlocksNotVerified):
            followed(home, node.chain())
        node.faults["debug_getRawHeader"] = header_fault(
            lambda header: header if header.number % 3 == 0 else with_extra(header, seals=()), story, numbers
        )
    followed(home, node.chain())
    check_all(home, story)


# other chains


def test_a_quorums_blocks_are_never_replaced(story: AnchoredStory, home: Home) -> None:
    """A chain that goes on otherwise than it was followed is an alarm, on a chain with finality."""
    node = StoryNode(story)
    followed(home, node.chain())
    count = anchor_count(home.database)
    story.reorganise(2)
    story.anchor(SITES[1])
    story.block(1 if story.head < 100 else 100)
    for _ in range(2):
        with node.chain() as chain, Follower(home, chain, CLOCK, ahead=False) as follower:
            if story.head + 1 < (next_to_follow(home.database) or 0):
                story.block(3)
            with pytest.raises(BlocksReplaced):
                follower.step()
    assert anchor_count(home.database) == count


def test_each_new_block_is_linked_to_the_one_before(story: AnchoredStory, home: Home) -> None:
    """Also between two looks at whether it is the pinned chain."""
    node = StoryNode(story)
    with node.chain() as chain, Follower(home, chain, CLOCK, ahead=False) as follower:
        while follower.step().doing is not Doing.WAITING:
            pass
        count = anchor_count(home.database)
        story.reorganise(1)
        story.anchor(SITES[1])
        story.block(3)
        with pytest.raises(BlocksReplaced, match="go on"):
            follower.step()
        assert anchor_count(home.database) == count


WRONG: dict[str, tuple[dict[str, Any], type[ConfigError] | type[ChainError]]] = {
    "chain id": ({"eth_chainId": "0x1"}, WrongChain),
    "code": ({"eth_getCode": to_hex(b"other code")}, WithoutContracts),
    "no contract": ({"eth_getCode": "0x"}, WithoutContracts),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_chain_that_is_not_the_pinned_one_is_not_followed(
    story: AnchoredStory, home: Home, name: str
) -> None:
    answers, error = WRONG[name]
    node, now = StoryNode(story), [0.0]
    clock = Clock(lambda: 0.0, lambda: now[0], lambda _: None)
    with node.chain() as chain, Follower(home, chain, clock, ahead=False) as follower:
        follower.step()
        stored = next_to_follow(home.database)
        for method, value in answers.items():
            node.faults[method] = lambda request, ask, value=value: {
                "jsonrpc": "2.0", "id": request["id"], "result": value,
            }  # fmt: skip
        now[0] += CHECK_EVERY  # it is looked at regularly
        story.block(2)
        for _ in range(3):
            with pytest.raises(error):
                follower.step()
            assert next_to_follow(home.database) == stored
        node.faults.clear()
        follower.step()
    followed(home, node.chain())
    check_all(home, story)


def test_another_genesis_is_another_chain(story: AnchoredStory, home: Home) -> None:
    other = AnchoredStory(validators=5)
    other.block(10)
    with (
        StoryNode(other).chain(story.trust()) as chain,
        Follower(home, chain, CLOCK, ahead=False) as follower,
        pytest.raises(WrongChain),
    ):
        follower.step()
    assert next_to_follow(home.database) is None


def test_what_was_followed_under_another_registry_is_not_mixed(story: AnchoredStory, tmp_path: Path) -> None:
    home = home_in(tmp_path, story.trust())
    followed(home, StoryNode(story).chain())
    stored = next_to_follow(home.database)
    moved = story.trust(registry=ContractPin(Address(b"\5" * 20), keccak256(b""), 2))
    with (
        StoryNode(story).chain(moved) as chain,
        Follower(Home(home.database, moved), chain, CLOCK, ahead=False) as follower,
        pytest.raises(WrongChain),
    ):
        follower.step()
    assert next_to_follow(home.database) == stored
    home.database.close()


def test_notices_are_checked_as_anchors_are(story: AnchoredStory, home: Home) -> None:
    node = StoryNode(story)
    followed(home, node.chain())
    node.pruned = True
    story.notice(
        "Consortium", "PartnerAdmitted", [keccak256(b"other")], {"name": "globex", "account": bytes(20)}
    )
    story.block(2 if story.head < 100 else 100)
    with pytest.raises(EventsNotVerified, match="name"):
        followed(home, node.chain())


def test_a_site_that_nobody_registered_has_no_anchors(story: AnchoredStory, home: Home) -> None:
    node = StoryNode(story)
    node.pruned = True

    def unregistered(request: Message, ask: Callable[[], Message]) -> Message:
        answer = ask()
        return answer | {"result": [log for log in answer["result"] if len(log["topics"]) != 3]}

    story.anchor(SITES[0])
    story.block(3)
    node.faults["eth_getLogs"] = unregistered
    with pytest.raises(EventsNotVerified, match="not registered"):
        followed(home, node.chain())
    assert anchor_count(home.database) == 0


# chains without finality


def test_blocks_that_are_taken_back_without_finality_take_their_anchors_along(tmp_path: Path) -> None:
    story = AnchoredStory(engine="clique")
    story.block(2)
    story.register(*SITES)
    story.block()
    busy(story, 40)
    home, node = home_in(tmp_path, story.trust()), StoryNode(story)
    steps = []
    with node.chain() as chain, Follower(home, chain, CLOCK, ahead=False) as follower:
        for round_ in range(12):
            busy(story, 5, seed=round_)
            while steps == [] or steps[-1].doing is not Doing.WAITING:
                steps.append(follower.step())
            steps.append(follower.step())
            depth = 3 + round_
            forget_newest(story, depth)
            busy(story, depth + 2, seed=100 + round_)
            steps.append(follower.step())
            while steps[-1].doing is not Doing.WAITING:
                steps.append(follower.step())
            story.block(3)
            while steps[-1].doing is not Doing.FOLLOWING:
                steps.append(follower.step())
    story.block(3)
    followed(home, node.chain())
    check_all(home, story)
    assert any(step.doing is Doing.TAKING_BACK for step in steps)
    home.database.close()


def forget_newest(story: AnchoredStory, depth: int) -> None:
    """Take blocks back with what the story remembers of them."""
    for simulated in story.chain.blocks[-depth:]:
        block = Block(simulated.header, simulated.name, ())
        columns = proved_events(simulated.receipts, block, story.trust()).anchored.columns
        for digest in columns.digests:
            story.digests.remove(digest)
    for simulated in reversed(story.chain.blocks[-depth:]):
        block = Block(simulated.header, simulated.name, ())
        columns = proved_events(simulated.receipts, block, story.trust()).anchored.columns
        for site, previous in reversed(list(zip(columns.sites, columns.previous_sizes, strict=True))):
            origin = next(each for each in SITES if parse_origin(each).site == site)
            story.sizes[origin] = previous
    story.reorganise(depth)


def test_a_reorganisation_deeper_than_what_is_kept_is_an_alarm(tmp_path: Path) -> None:
    story = AnchoredStory(engine="clique")
    story.block(300)
    home, node = home_in(tmp_path, story.trust()), StoryNode(story)
    followed(home, node.chain())
    story.reorganise(290)
    story.register(*SITES)
    story.block(300)
    with pytest.raises(BlocksReplaced):
        followed(home, node.chain())
    home.database.close()
