"""What a chain can do to a transaction, done by anvil: let it wait, drop it, take its block back.

anvil has no consensus that could be judged: nobody seals its blocks. So here evidence gets no further than `signed`, and sync says
that it does not believe the anchor; what is tested is the way there. Nothing is lost, the same bytes are sent again, and an anchor
that was taken back is made again and found where it then is.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.hashes import Address, keccak256, to_hex
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.registry_event import parse_registry_event
from perdure_anchor.trie import value_from_trie_proof
from perdure_anchor.trust import Epoch
from perdure_anchor.verdict import Grade
from perdure_contracts.transactions import TransactionNotMined
from perdure_node.chain.errors import AnchorMissing, AnchorNotVerified
from perdure_node.chain.relay_transactions import open_transaction
from perdure_node.clock import Clock
from perdure_node.evidence.anchor_place import AnchorPlace, find_anchor
from perdure_node.log.site_log import newest_checkpoint
from perdure_node.syncing import sync as sync_module
from tools.anvil import FUNDED_KEY, running_anvil
from tools.geth import ask
from tools.real_site import RealAccounts, RealSite, founded_trust

pytestmark = pytest.mark.real_chain

# nobody has this key, and nobody seals: the trust file has to name somebody
NOBODY = Epoch(
    0, None, "besu", "qbft", "header", "ceil(2n/3)", "secp256k1", (Address(keccak256(b"nobody")[12:]),)
)
ACCOUNTS = RealAccounts(FUNDED_KEY, FUNDED_KEY)


@pytest.fixture
def url() -> Iterator[str]:
    with running_anvil("--hardfork", "prague") as running:
        yield running


@pytest.fixture
def site(url: str, tmp_path: Path) -> Iterator[RealSite]:
    """A registered site with three documents; from here on blocks come only when they are asked for."""
    made = RealSite(url, tmp_path / ".perdure", founded_trust(url, ACCOUNTS, [NOBODY]), ACCOUNTS)
    made.pin_key()
    made.add(1, 2, 3)
    ask(url, "evm_setAutomine", False)
    with made.vault:
        yield made


def mining_clock(url: str) -> Clock:
    """While somebody waits, blocks come."""

    def sleep(seconds: float) -> None:
        ask(url, "evm_mine")
        time.sleep(min(seconds, 0.02))

    return Clock(time.time, time.monotonic, sleep)


def anchor(site: RealSite) -> AnchorPlace:
    """Sync until the registry has everything; where the anchor then is, its receipt proved against the block's header."""
    with pytest.raises(AnchorNotVerified, match="not accepted"):
        site.sync(clock=mining_clock(site.url))
    assert site.anchored_size == site.vault.log_size
    return proved_place(site)


def proved_place(site: RealSite) -> AnchorPlace:
    stored = newest_checkpoint(site.vault)
    with site.chain() as chain:
        place = find_anchor(chain, stored)
        header = chain.client.fetch_header(place.block_number)
        raw = value_from_trie_proof(header.receipts_root, place.receipt_index, place.receipt_nodes)
        event = parse_registry_event(parse_receipt(raw).logs[place.log_position])
        assert event.digest == stored.digest
    return place


def pending(url: str) -> int:
    return int(ask(url, "txpool_status")["pending"], 16)


def hangs(site: RealSite) -> str:
    """Sync while no block comes; the transaction that is then open."""
    with pytest.raises(TransactionNotMined):
        site.sync(wait=0.5)
    transaction = open_transaction(site.vault.database)
    assert transaction is not None
    return to_hex(transaction.hash)


def test_the_anchor_is_reached_and_not_believed(site: RealSite) -> None:
    anchor(site)
    assert site.anchors == [], "what nobody sealed does not come home"
    assert site.verdict(2, Grade.SIGNED).ok


def test_a_transaction_that_waits_is_not_sent_in_other_words(site: RealSite) -> None:
    first = hangs(site)
    assert pending(site.url) == 1
    assert hangs(site) == first, "a second sync follows the first one's transaction"
    assert pending(site.url) == 1
    anchor(site)
    assert [to_hex(name) for name, _ in site.sent()] == [first]


def test_records_that_come_while_it_waits(site: RealSite) -> None:
    hangs(site)
    site.add(4, 5)
    anchor(site)
    assert site.vault.log_size == 5, "the first anchor is not believed, and keeps nothing out"
    assert [outcome for _, outcome in site.sent()] == ["mined", "mined"]


def test_a_dropped_transaction_is_sent_again_in_the_same_bytes(site: RealSite) -> None:
    first = hangs(site)
    assert ask(site.url, "anvil_dropTransaction", first) == first
    assert pending(site.url) == 0
    place = anchor(site)
    assert [to_hex(name) for name, _ in site.sent()] == [first]
    assert ask(site.url, "eth_getTransactionReceipt", first)["blockNumber"] == hex(place.block_number)


def test_a_transaction_that_is_dropped_during_the_wait(site: RealSite) -> None:
    """The node takes it and loses it; after RESEND_AFTER the same bytes come again."""
    dropped: list[str] = []
    begin = time.monotonic()

    def sleep(_seconds: float) -> None:
        transaction = open_transaction(site.vault.database)
        if not dropped and transaction is not None:
            dropped.append(ask(site.url, "anvil_dropTransaction", to_hex(transaction.hash)))
        ask(site.url, "evm_mine")

    # a second on the site's clock for each look at the chain
    ticks = iter(range(1_000_000))
    clock = Clock(time.time, lambda: begin + next(ticks), sleep)
    with pytest.raises(AnchorNotVerified):
        site.sync(wait=600, clock=clock)
    assert [to_hex(name) for name, _ in site.sent()] == dropped


def test_an_anchor_that_is_taken_back_is_made_again(site: RealSite) -> None:
    before = ask(site.url, "evm_snapshot")
    anchor(site)
    ask(site.url, "evm_revert", before)
    assert site.anchored_size == 0
    place = anchor(site)
    assert place.block_number > 0
    assert all(site.verdict(number, Grade.SIGNED).ok for number in (1, 2, 3))


def test_a_reorganisation_without_the_anchor(site: RealSite) -> None:
    """Other blocks of the same height take the place of those with the anchor, whose transaction is gone for good."""
    anchor(site)
    head = int(ask(site.url, "eth_blockNumber"), 16)
    depth = head - proved_place(site).block_number + 1
    ask(site.url, "anvil_reorg", depth, [])
    assert int(ask(site.url, "eth_blockNumber"), 16) == head
    assert site.anchored_size == 0
    with site.chain() as chain, pytest.raises(AnchorMissing):
        find_anchor(chain, newest_checkpoint(site.vault))
    anchor(site)


def test_a_reorganisation_that_moves_the_anchor(site: RealSite) -> None:
    """The same transaction stands in another block afterwards: the anchor is found there."""
    first = anchor(site)
    ask(site.url, "evm_mine")
    ask(site.url, "evm_mine")
    raw = site.vault.database.row("SELECT raw FROM relay_transaction")[0]
    head = int(ask(site.url, "eth_blockNumber"), 16)
    depth = head - first.block_number + 1
    ask(site.url, "anvil_reorg", depth, [[to_hex(raw), 1]])
    moved = anchor(site)
    assert moved.block_number == first.block_number + 1
    assert len(site.sent()) == 1, "nothing had to be sent again"


def test_a_block_that_is_taken_back_before_its_anchor_came_home(
    site: RealSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the block and the look for the event: sync says so, and the next one anchors again."""
    before = ask(site.url, "evm_snapshot")
    capture = sync_module.capture
    reverted: list[bool] = []

    def capture_after_revert(*arguments: object) -> object:
        if not reverted:
            reverted.append(ask(site.url, "evm_revert", before))
        return capture(*arguments)

    monkeypatch.setattr(sync_module, "capture", capture_after_revert)
    with pytest.raises(AnchorMissing, match="does not know"):
        site.sync(wait=2, clock=mining_clock(site.url))
    assert reverted == [True]
    anchor(site)


def test_two_sites_with_one_relay(site: RealSite, tmp_path: Path) -> None:
    """Somebody else uses the relay's nonce meanwhile: another transaction is signed, and nothing is anchored twice."""
    hanging = hangs(site)
    transaction = ask(site.url, "eth_getTransactionByHash", hanging)
    rich = {"from": transaction["from"], "to": transaction["from"], "nonce": transaction["nonce"]}
    fees = {"maxFeePerGas": hex(10**13), "maxPriorityFeePerGas": hex(10**13), "gas": hex(21_000)}
    ask(site.url, "anvil_dropTransaction", hanging)
    ask(site.url, "eth_sendTransaction", {**rich, **fees})
    ask(site.url, "evm_mine")
    anchor(site)
    assert [outcome for _, outcome in site.sent()] == ["replaced", "mined"]
