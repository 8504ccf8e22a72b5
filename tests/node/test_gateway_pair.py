"""A pair of nodes with two relay accounts: each checkpoint is submitted once while both live, and all of them if one is dead."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_contracts.rpc import RpcUnreachable
from perdure_node.courier.bundle_file import read_bundle
from perdure_node.gateway.intake import take_in
from perdure_node.gateway.pair import ALONE, Pair, submission_order
from perdure_node.gateway.passing import pass_on
from perdure_node.gateway.rounds import RelayTerms
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import is_home, sent, sites_of
from tools.relay_desk import RelayDesk
from tools.site_network import Message, SiteNetwork

pytestmark = pytest.mark.slow

SECOND_KEY = b"\x22" * 32
PATIENCE = 20.0

digests = st.binary(min_size=32, max_size=32).map(Hash32)
accounts = st.lists(st.binary(min_size=20, max_size=20).map(Address), min_size=1, max_size=6, unique=True)


@given(digests, accounts, st.randoms(use_true_random=False))
def test_all_compute_one_order_whatever_order_they_name_the_accounts_in(
    digest: Hash32, named: list[Address], chance: object
) -> None:
    order = submission_order(digest, named)
    assert sorted(order) == sorted(named)
    shuffled = [*named, named[0]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert submission_order(digest, shuffled) == order
    # whoever is dead leaves the order of the others as it is
    assert submission_order(digest, order[1:]) == order[1:]
    waits = [Pair(tuple(shuffled), 7.0).wait_of(digest, account) for account in order]
    assert waits == [7.0 * place for place in range(len(order))]


@given(digests)
def test_who_is_alone_or_a_stranger_waits_for_nobody(digest: Hash32) -> None:
    me, other = Address(b"\x01" * 20), Address(b"\x02" * 20)
    assert ALONE.wait_of(digest, me) == 0
    assert Pair((other,)).wait_of(digest, me) == 0
    assert Pair((me,)).wait_of(digest, me) == 0


def test_the_work_is_shared_evenly() -> None:
    pair = [Address(bytes([number]) * 20) for number in (1, 2)]
    firsts = Counter(submission_order(Hash32(number.to_bytes(32, "big")), pair)[0] for number in range(2000))
    assert min(firsts.values()) > 900


class Node:
    """One of the pair."""

    def __init__(self, network: SiteNetwork, folder: Path, key: bytes | None) -> None:
        self.desk = GatewayDesk(network, folder, relay_key=key)
        self.relay = RelayDesk(self.desk)
        self.other: Node | None = None
        self.is_dead = False

    @property
    def account(self) -> Address:
        return self.desk.keys.relay().address

    def join(self, other: "Node", patience: float = PATIENCE) -> None:
        self.other = other
        self.relay.terms = RelayTerms(pair=Pair((self.account, other.account), patience))
        self.relay.begin_again()

    def receive(self, octets: bytes) -> None:
        if self.is_dead:
            raise RpcUnreachable("cannot reach the other node")
        network = self.desk.network
        take_in(self.desk.gateway, self.relay.chain, read_bundle(octets), network.clock, to_pass=True)

    def work(self) -> None:
        """What the node's threads do now and then."""
        if self.is_dead:
            return
        assert self.other is not None
        self.relay.rounds.run(self.relay.chain)
        pass_on(self.desk.gateway.database, self.other.receive, self.desk.network.clock.now)


@pytest.fixture
def pair(network: SiteNetwork, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    first = Node(network, tmp_path / "first", None)
    second = Node(network, tmp_path / "second", SECOND_KEY)
    first.join(second)
    second.join(first)
    yield first, second
    for node in (first, second):
        node.desk.gateway.close()


def run(pair: tuple[Node, Node], done: Callable[[], bool], seconds: float = 1.0) -> None:
    for _ in range(150):
        for node in pair:
            node.work()
        if done():
            return
        pair[0].desk.network.pass_time(seconds)
    raise AssertionError("not done")


def topics(network: SiteNetwork) -> list[bytes]:
    with network.anchor_chain() as chain:
        found = chain.client.fetch_events(chain.registry.address, (), 1, chain.client.head_number())
    return [each.log.topics[0] for each in found]


def all_home(nodes: tuple[Node, ...], sites: list[LightSite]) -> Callable[[], bool]:
    def done() -> bool:
        return all(
            is_home(node.desk, site)
            for node in nodes
            for site in sites
            if node.desk.gateway.database.row("SELECT 1 FROM site WHERE origin = ?", site.origin.text)
        ) and all(len(node.desk.gateway.database.rows("SELECT * FROM site")) == len(sites) for node in nodes)

    return done


def test_both_get_everything_and_each_checkpoint_is_submitted_once(
    network: SiteNetwork, pair: tuple[Node, Node]
) -> None:
    first, second = pair
    sites = sites_of(network, 10)
    for number, site in enumerate(sites):
        site.seal(2)
        (first if number % 3 else second).relay.take_in(site, to_pass=True)
    run(pair, all_home(pair, sites))
    assert topics(network).count(ANCHORED_TOPIC) == 10
    assert ANCHORED_BEFORE_TOPIC not in topics(network)
    assert sent(first.desk) + sent(second.desk) == 10
    assert sent(first.desk) > 0
    assert sent(second.desk) > 0
    # nothing goes back and forth
    for node in pair:
        assert node.desk.gateway.database.number("SELECT count(*) FROM passing_on") == 0


@pytest.mark.parametrize("dies", [0, 1])
def test_if_one_is_dead_the_other_takes_over(
    network: SiteNetwork, pair: tuple[Node, Node], dies: int
) -> None:
    """It took checkpoints in and passed them on, and was killed before it sent any."""
    dead, alive = pair[dies], pair[1 - dies]
    sites = sites_of(network, 8)
    for site in sites:
        site.seal(2)
        dead.relay.take_in(site, to_pass=True)
    pass_on(dead.desk.gateway.database, alive.receive, network.clock.now)
    dead.is_dead = True
    began = network.time
    alive.work()
    # its own share at once, the rest once its patience is over
    network.pass_time(2)
    share = sent(alive.desk)
    assert 0 < share < 8
    run(pair, all_home((alive,), sites))
    assert PATIENCE <= network.time - began <= PATIENCE + 10
    assert sent(alive.desk) == 8
    # who comes back finds everything anchored
    dead.is_dead = False
    dead.relay.begin_again()
    run(pair, all_home(pair, sites))
    assert sent(dead.desk) == 0
    assert topics(network).count(ANCHORED_TOPIC) == 8


def test_a_halt_makes_nobody_take_over_from_one_who_has_sent(
    network: SiteNetwork, pair: tuple[Node, Node]
) -> None:
    first, second = pair
    sites = sites_of(network, 6)
    for site in sites:
        site.seal(2)
        first.relay.take_in(site, to_pass=True)
    network.makes_blocks = False
    for _ in range(30):
        for node in pair:
            node.work()
        network.pass_time(PATIENCE / 5)
    network.makes_blocks = True
    network.pass_time(2)
    run(pair, all_home(pair, sites))
    assert sent(first.desk) + sent(second.desk) == 6
    assert topics(network).count(ANCHORED_TOPIC) == 6


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


def test_one_that_is_killed_while_it_sends_is_no_harm(network: SiteNetwork, pair: tuple[Node, Node]) -> None:
    first, second = pair
    sites = sites_of(network, 14)
    for kill_at in (1, 3):
        for site in sites:
            site.seal(1)
            first.relay.take_in(site, to_pass=True)
        pass_on(first.desk.gateway.database, second.receive, network.clock.now)
        left = [kill_at]

        def dying(request: Message, ask: Callable[[], Message], left: list[int] = left) -> Message:
            left[0] -= 1
            answer = ask()
            if not left[0]:
                raise Killed
            return answer

        network.faults["eth_sendRawTransaction"] = dying
        with pytest.raises(Killed):
            first.work()
        network.faults.clear()
        first.is_dead = True
        run(pair, all_home((second,), sites))
        first.is_dead = False
        first.relay.begin_again()
        run(pair, all_home(pair, sites))
    assert topics(network).count(ANCHORED_TOPIC) == 28


def test_what_is_to_be_passed_on_waits_through_restarts_with_growing_pauses(
    network: SiteNetwork, pair: tuple[Node, Node]
) -> None:
    first, second = pair
    sites = sites_of(network, 3)
    for site in sites:
        site.seal(1)
        first.relay.take_in(site, to_pass=True)
        first.relay.take_in(site, to_pass=True)  # a second bundle of the same checkpoint
    second.is_dead = True
    tries = 0

    def counted(octets: bytes) -> None:
        nonlocal tries
        tries += 1
        second.receive(octets)

    network.makes_blocks = False
    began = int(network.time)
    for _ in range(600):
        passed = pass_on(first.desk.gateway.database, counted, network.clock.now)
        network.pass_time(1)
    assert tries == 9  # after 2, 4, 8 seconds and so on
    assert (passed.left, passed.oldest, passed.sent) == (6, began, 0)
    first.relay.begin_again()
    second.is_dead = False
    network.time -= 7 * 86400  # a clock that is set back holds nothing up
    passed = pass_on(first.desk.gateway.database, counted, network.clock.now)
    assert (passed.left, passed.oldest, passed.sent, passed.fault) == (0, None, 6, None)


def test_what_the_other_node_will_never_take_is_let_go(network: SiteNetwork, pair: tuple[Node, Node]) -> None:
    first, second = pair
    one, two = sites_of(network, 2)
    for site in (one, two):
        site.seal(1)
        first.relay.take_in(site, to_pass=True)
    refused = VerificationError("no")

    def send(octets: bytes) -> None:
        if read_bundle(octets).head.origin == one.origin:
            raise refused
        second.receive(octets)

    passed = pass_on(first.desk.gateway.database, send, network.clock.now)
    assert (passed.sent, passed.refused, passed.left) == (1, (refused,), 0)
