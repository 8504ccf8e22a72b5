"""The follower on chains that are not ours: what geth and anvil answer is read at once, and geth's blocks are followed."""

import time
from pathlib import Path

import pytest
from perdure_anchor.registry_event import ANCHORED_TOPIC
from perdure_anchor.trust import Epoch
from perdure_contracts.anchored_logs import logs_of, read_anchored
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import system_clock
from perdure_node.follower import following_chain
from perdure_node.follower.following_chain import Doing, Follower
from perdure_node.follower.parts import parts_of
from perdure_node.follower.reading import anchor_count, newest_anchors
from real_chains.test_gateway_chains import NOBODY, RELAY_KEY, RealGateway, fund, mining_clock
from tools.anvil import FUNDED_KEY, running_anvil
from tools.geth import GethRules, running_geth
from tools.real_site import RealAccounts, founded_trust

pytestmark = pytest.mark.real_chain


def is_read_at_once(chain: AnchorChain) -> int:
    """How many anchors the node's answer has; it has to be read both ways, and the same."""
    client, registry = chain.client, chain.trust.registry.address
    answer = client.fetch_log_answer([registry], [ANCHORED_TOPIC], 0, client.head_number())
    at_once = read_anchored(answer.text, answer.request_id, registry)
    slowly = logs_of(client.rpc.result_of(answer), registry)
    assert at_once is not None
    assert [list(column) for column in at_once.columns] == [list(column) for column in slowly.columns]
    assert at_once.block_hashes == slowly.block_hashes
    return len(at_once)


def test_geths_chain_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following_chain, "NEAR_HEAD", 6)  # so that some of it is caught up with
    (tmp_path / "geth").mkdir()
    with running_geth(tmp_path / "geth", GethRules(signers=1, period=1)) as network:
        partner, relay = network.accounts[:2]
        rule = ("geth", "clique", "header", "floor(n/2)+1", "secp256k1")
        trust = founded_trust(
            network.url, RealAccounts(partner, relay), [Epoch(0, None, *rule, network.signers)]
        )
        gateway = RealGateway(tmp_path / "gateway", network.url, trust, partner, relay)
        sites = gateway.sites(5)
        assert gateway.deliver(sites).unfinished == ()
        domain, home = trust.domain, gateway.gateway
        with gateway.chain() as chain:
            assert is_read_at_once(chain) == len(sites)
            deadline = time.monotonic() + 90
            with Follower(home, chain, system_clock()) as follower:
                while anchor_count(home.database) < len(sites) or follower.step().doing is not Doing.WAITING:
                    assert time.monotonic() < deadline
                    follower.step()
        found = newest_anchors(home.database, domain, 100)
        assert sorted(each.origin for each in found) == sorted(site.origin.text for site in sites)
        for each in found:
            assert parts_of(home, each.digest).proof.headers
        gateway.gateway.close()


def test_anvils_answers_are_read_at_once(tmp_path: Path) -> None:
    with running_anvil("--hardfork", "prague") as url:
        trust = founded_trust(url, RealAccounts(FUNDED_KEY, FUNDED_KEY), [NOBODY])
        gateway = RealGateway(tmp_path / "gateway", url, trust, FUNDED_KEY, RELAY_KEY)
        fund(gateway, 10**20)
        sites = gateway.sites(2)
        gateway.deliver(sites, wait=5, clock=mining_clock(url))
        with gateway.chain() as chain:
            assert is_read_at_once(chain) == len(sites)
        gateway.gateway.close()
