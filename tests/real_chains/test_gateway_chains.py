"""A gateway on chains that are not ours: many sites on geth, and what anvil does to transactions and blocks.

Nobody seals anvil's blocks, so evidence does not come home there: what the registry has is what counts.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.trust_file import encode_trust_file
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, TransactionNotMined, transact
from perdure_contracts.unsigned_transaction import parse_signed
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import AnchorNotVerified, BlocksNotVerified
from perdure_node.clock import Clock, system_clock
from perdure_node.gateway.checkpoints import State, checkpoints_of, stored_anchor
from perdure_node.gateway.delivery import Delivered, deliver
from perdure_node.gateway.folder import GatewayKeys, NewGateway, create_gateway
from perdure_node.gateway.settings import settings_for
from perdure_node.gateway.sites import all_sites
from perdure_node.gateway.transactions import open_transactions
from tools.anvil import FUNDED_KEY, running_anvil
from tools.delivery_worker import work_late
from tools.geth import GethRules, ask, running_geth
from tools.light_site import LightSite, register_all
from tools.real_site import PATIENCE, RealAccounts, founded_trust
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes

pytestmark = pytest.mark.real_chain

NOBODY = Epoch(
    0, None, "besu", "qbft", "header", "ceil(2n/3)", "secp256k1", (Address(keccak256(b"nobody")[12:]),)
)
RELAY_KEY = keccak256(b"a gateway's relay")


class RealGateway:
    """A gateway, and sites that are registered."""

    def __init__(self, folder: Path, url: str, trust: TrustFile, partner: bytes, relay: bytes) -> None:
        self.url, self.trust = url, trust
        new = NewGateway(encode_trust_file(trust), settings_for(url), PASSPHRASE, relay, CHEAP)
        self.gateway = create_gateway(folder, new, randomness=counted_bytes(b"gateway"))
        self.keys = GatewayKeys(self.gateway, lambda: PASSPHRASE)
        self.partner = partner

    def sites(self, count: int) -> list[LightSite]:
        sites = [LightSite(self.trust.domain, f"acme/site-{number}") for number in range(count)]
        with self.chain() as chain:
            register_all(chain.client, chain.registry, self.partner, self.trust.chain_id, sites)
            names = [site.origin.site for site in sites]
            deadline = time.monotonic() + 60
            while None in chain.registry.sites(names):
                assert time.monotonic() < deadline
                time.sleep(0.2)
        for site in sites:
            site.seal(2)
        return sites

    def chain(self) -> AnchorChain:
        return AnchorChain(ChainClient(JsonRpc(self.url)), self.trust)

    def deliver(
        self, sites: Sequence[LightSite], wait: float = 60.0, clock: Clock | None = None
    ) -> Delivered:
        bundles = [site.bundle() for site in sites]
        with self.chain() as chain:
            return deliver(self.gateway, chain, self.keys, bundles, clock=clock or system_clock(), wait=wait)

    def anchored(self, sites: Sequence[LightSite]) -> bool:
        with self.chain() as chain:
            heads = chain.registry.heads([site.origin.site for site in sites])
        return [head.size for head in heads] == [site.log.size for site in sites]

    def sent(self) -> int:
        with self.chain() as chain:
            return chain.client.transaction_count(self.keys.relay().address)


def test_many_sites_on_geth(tmp_path: Path) -> None:
    (tmp_path / "geth").mkdir()
    with running_geth(tmp_path / "geth", GethRules(signers=1)) as network:
        partner, relay, _ = network.accounts
        rule = ("geth", "clique", "header", "floor(n/2)+1", "secp256k1")
        trust = founded_trust(
            network.url, RealAccounts(partner, relay), [Epoch(0, None, *rule, network.signers)]
        )
        made = RealGateway(tmp_path / "gateway", network.url, trust, partner, relay)
        sites = made.sites(60)
        assert made.deliver(sites).unfinished == ()
        assert made.anchored(sites)
        assert made.sent() == 60
        database = made.gateway.database
        for site in all_sites(database):
            (found,) = checkpoints_of(database, site, State.ANCHORED)
            assert stored_anchor(database, found.digest) is not None
            assert site.mirrored == 2
        assert made.deliver(sites).unfinished == ()
        assert made.sent() == 60
        made.gateway.close()


@pytest.fixture
def on_anvil(tmp_path: Path) -> Iterator[RealGateway]:
    """Blocks come only when they are asked for; the relay has funds."""
    with running_anvil("--hardfork", "prague") as url:
        trust = founded_trust(url, RealAccounts(FUNDED_KEY, FUNDED_KEY), [NOBODY])
        made = RealGateway(tmp_path / "gateway", url, trust, FUNDED_KEY, RELAY_KEY)
        fund(made, 10**20)
        yield made
        made.gateway.close()


def fund(made: RealGateway, wei: int) -> None:
    ask(made.url, "anvil_setBalance", to_hex(made.keys.relay().address), hex(wei))


def mining_clock(url: str) -> Clock:
    """While somebody waits, blocks come."""

    def sleep(seconds: float) -> None:
        ask(url, "evm_mine")
        time.sleep(min(seconds, 0.02))

    return Clock(time.time, time.monotonic, sleep)


def kinds(delivered: Delivered) -> set[type]:
    return {type(each) for each in delivered.unfinished}


def drain(made: RealGateway, sites: Sequence[LightSite], already: int = 0) -> None:
    """A delivery while blocks come: the registry has everything then, each once."""
    assert kinds(made.deliver([], clock=mining_clock(made.url))) <= {AnchorNotVerified, BlocksNotVerified}
    assert made.anchored(sites)
    assert made.sent() == len(sites) + already
    assert open_transactions(made.gateway.database) == []


def stopped(made: RealGateway, count: int) -> list[LightSite]:
    sites = made.sites(count)
    ask(made.url, "evm_setAutomine", False)
    assert TransactionNotMined in kinds(made.deliver(sites, wait=0.5))
    return sites


def dropped(made: RealGateway) -> int:
    """One of several gets lost; those after it wait for its nonce."""
    lost = open_transactions(made.gateway.database)[1]
    ask(made.url, "anvil_dropTransaction", to_hex(lost.hash))
    return 0


def all_dropped(made: RealGateway) -> int:
    ask(made.url, "anvil_dropAllTransactions")
    return 0


def contested(made: RealGateway) -> int:
    """Somebody else uses the first nonce, for another transaction."""
    ask(made.url, "anvil_dropAllTransactions")
    signer = LocalSigner(RELAY_KEY)
    ask(made.url, "evm_setAutomine", True)
    with made.chain() as chain:
        call = ContractCall(signer.address, b"")
        transact(chain.client, signer, call, chain_id=made.trust.chain_id, patience=PATIENCE)
    ask(made.url, "evm_setAutomine", False)
    return 1


def halted(_made: RealGateway) -> int:
    return 0


@pytest.mark.parametrize("happens", [halted, dropped, all_dropped, contested])
def test_the_queue_drains_after_what_happened(
    on_anvil: RealGateway, happens: Callable[[RealGateway], int]
) -> None:
    sites = stopped(on_anvil, 4)
    stored = {each.raw for each in open_transactions(on_anvil.gateway.database)}
    assert len(stored) == 4
    drain(on_anvil, sites, happens(on_anvil))


def test_a_relay_without_funds_and_then_with_funds(on_anvil: RealGateway) -> None:
    sites = on_anvil.sites(3)
    ask(on_anvil.url, "evm_setAutomine", False)
    fund(on_anvil, 0)
    (fault, *_) = on_anvil.deliver(sites, wait=1.0).unfinished
    assert "funds" in str(fault).lower()
    fund(on_anvil, 10**20)
    drain(on_anvil, sites)


def test_anchors_that_a_reorganisation_takes_back(on_anvil: RealGateway) -> None:
    sites = stopped(on_anvil, 3)
    drain(on_anvil, sites)
    with on_anvil.chain() as chain:
        head = chain.client.head_number()
        first = min(
            chain.registry.anchor_status(site.digest).block_number  # type: ignore[union-attr]
            for site in sites
        )
    ask(on_anvil.url, "anvil_reorg", head - first + 1, [])
    assert not on_anvil.anchored(sites)
    drain(on_anvil, sites)


def later_clock(url: str, seconds: float) -> Clock:
    """As `mining_clock`, some time later by the calendar."""
    mining = mining_clock(url)
    return Clock(lambda: time.time() + seconds, time.monotonic, mining.sleep)


def test_transactions_that_the_market_left_behind_are_replaced(on_anvil: RealGateway) -> None:
    sites = stopped(on_anvil, 3)
    with on_anvil.chain() as chain:
        base_fee = chain.client.base_fee()
        assert base_fee is not None
        ask(on_anvil.url, "anvil_setNextBlockBaseFeePerGas", hex(20 * base_fee))
        ask(on_anvil.url, "evm_mine")
        assert chain.client.base_fee() == 20 * base_fee
    database = on_anvil.gateway.database
    assert len(open_transactions(database)) == 3
    drain_late(on_anvil, sites)
    rows = database.rows("SELECT nonce, outcome FROM relay_transaction ORDER BY number")
    assert rows == [*((n, "replaced") for n in range(3)), *((n, "mined") for n in range(3))]


def test_nonces_keep_their_calls_whenever_the_relay_is_killed_while_it_replaces(
    on_anvil: RealGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    sites = stopped(on_anvil, 3)
    database, folder = on_anvil.gateway.database, on_anvil.gateway.folder
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tools.delivery_worker"])
    for number in (1, 3, 4, 6):
        with on_anvil.chain() as chain:
            base_fee = chain.client.base_fee()
        assert base_fee is not None
        ask(on_anvil.url, "anvil_setNextBlockBaseFeePerGas", hex(4 * base_fee))
        ask(on_anvil.url, "evm_mine")
        # the check takes five round trips, and what follows up to the sending of new versions a few more
        arguments = (folder, on_anvil.url, 6 + number, 300.0 * number)
        process = context.Process(target=work_late, args=arguments)
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    raws = [bytes(row[0]) for row in database.rows("SELECT raw FROM relay_transaction")]
    assert len(raws) > 3
    signed = [parse_signed(raw).transaction for raw in raws]
    assert len({each.nonce for each in signed}) == len({(each.nonce, each.call) for each in signed}) == 3
    drain_late(on_anvil, sites, 4000)


def drain_late(made: RealGateway, sites: Sequence[LightSite], seconds: float = 300) -> None:
    """As `drain`, some time later."""
    assert kinds(made.deliver([], clock=later_clock(made.url, seconds))) <= {
        AnchorNotVerified,
        BlocksNotVerified,
    }
    assert made.anchored(sites)
    assert made.sent() == len(sites)
    assert open_transactions(made.gateway.database) == []


def test_clique_takes_back_what_was_anchored_and_at_home(tmp_path: Path) -> None:
    (tmp_path / "geth").mkdir()
    with running_geth(tmp_path / "geth", GethRules(signers=1)) as network:
        partner, relay, _ = network.accounts
        rule = ("geth", "clique", "header", "floor(n/2)+1", "secp256k1")
        trust = founded_trust(
            network.url, RealAccounts(partner, relay), [Epoch(0, None, *rule, network.signers)]
        )
        made = RealGateway(tmp_path / "gateway", network.url, trust, partner, relay)
        sites = made.sites(4)
        with made.chain() as chain:
            before = chain.client.head_number()
        assert made.deliver(sites).unfinished == ()
        database = made.gateway.database
        kept = database.rows("SELECT digest FROM anchor")
        assert len(kept) == 4
        ask(network.url, "miner_stop")
        ask(network.url, "debug_setHead", hex(before))
        assert not made.anchored(sites)
        ask(network.url, "miner_start")
        assert made.deliver([]).unfinished == ()
        assert made.anchored(sites)
        with made.chain() as chain:
            for digest, number in database.rows("SELECT digest, block_number FROM anchor"):
                status = chain.registry.anchor_status(Hash32(digest))
                assert status is not None
                assert status.block_number == number
        made.gateway.close()
