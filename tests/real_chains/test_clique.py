"""The main job on geth's Clique, with three signers in three processes: anchored evidence, and what it takes to get it."""

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from eth_account import Account
from perdure_anchor.finality import TooFewSeals, link_run
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.trust_file import encode_trust_file
from perdure_anchor.verdict import Grade, Verdict
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, TransactionNotMined, transact
from perdure_node.chain.errors import NotFinalInTime
from perdure_node.evidence.proving import prove
from perdure_node.selectors import parse_selector
from tools.desk import Desk
from tools.geth import CHAIN_ID, GethNetwork, GethRules, running_geth
from tools.real_site import PATIENCE, RealAccounts, RealSite, founded_trust
from tools.site_desk import document, verdict_on

pytestmark = pytest.mark.real_chain

KINDS = {
    "three signers": GethRules(),
    "checkpoints every four blocks": GethRules(epoch=4),
    "before London": GethRules(london=False),
}


def clique_epoch(signers: tuple[Address, ...]) -> Epoch:
    return Epoch(0, None, "geth", "clique", "header", "floor(n/2)+1", "secp256k1", signers)


@dataclass(frozen=True)
class Founded:
    network: GethNetwork
    accounts: RealAccounts
    trust: TrustFile


@pytest.fixture(scope="module", params=KINDS)
def founded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Founded]:
    with running_geth(tmp_path_factory.mktemp("geth"), KINDS[request.param]) as network:
        accounts = RealAccounts(network.accounts[0], network.accounts[1])
        trust = founded_trust(network.url, accounts, [clique_epoch(network.signers)])
        yield Founded(network, accounts, trust)


@pytest.fixture(scope="module")
def site(founded: Founded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSite]:
    """A registered site with three documents, synced."""
    folder = tmp_path_factory.mktemp("site") / ".perdure"
    made = RealSite(founded.network.url, folder, founded.trust, founded.accounts)
    with made.vault:
        made.add(1, 2, 3)
        made.sync()
        yield made


def run_of(site: RealSite) -> list[Address]:
    """Who sealed the blocks of the anchor's run, in their order."""
    headers = [parse_header(raw) for raw in site.anchors[0].proof.headers]
    run, _ = link_run(headers, site.vault.trust)
    return [next(iter(block.sealers)) for block in run.blocks]


def test_evidence_is_anchored_and_not_final(site: RealSite, founded: Founded) -> None:
    for number in (1, 2, 3):
        verdict = site.verdict(number, Grade.ANCHORED)
        assert verdict.ok, verdict.errors
        assert verdict.grade is Grade.ANCHORED
    assert not site.verdict(1, Grade.FINAL).ok
    sealers = run_of(site)
    assert len(set(sealers)) >= 2, "more than half of the signers"
    assert set(sealers) <= set(founded.network.signers)


def test_time_is_by_one_signers_word(site: RealSite) -> None:
    verdict = site.verdict(1, Grade.ANCHORED)
    assert verdict.not_after is not None
    assert not verdict.not_after.complete
    now = time.time()
    assert now - 600 < verdict.not_after.seconds < now + 60


def test_headers_have_the_fields_of_their_time(site: RealSite, founded: Founded) -> None:
    fields = {len(parse_header(raw).fields) for raw in site.anchors[0].proof.headers}
    assert fields == {16 if founded.network.rules.london else 15}


def test_with_half_of_the_signers_it_is_not_enough(site: RealSite) -> None:
    """The anchor's block alone has one signature: two of three are asked for."""
    proof = prove(site.vault, site.keys, parse_selector(document(1).sha256.hex()))
    anchor = proof.evidence.anchor
    assert anchor is not None
    alone = replace(proof.evidence, anchor=replace(anchor, headers=anchor.headers[:1]), not_before=None)
    verdict = verdict_on(alone, site.vault.trust, 1, Grade.FINAL)
    assert not verdict.ok
    assert any(isinstance(error, TooFewSeals) for error in verdict.errors)


def test_under_other_signers_it_is_refused(site: RealSite) -> None:
    strangers = tuple(Address(bytes([number]) * 20) for number in (1, 2, 3))
    trust = replace(site.vault.trust, epochs=(clique_epoch(strangers),))
    assert not _verdict_under(site, trust).ok


def test_each_node_gives_the_same_header(site: RealSite, founded: Founded) -> None:
    """A block of Clique has one seal: there are no copies to collect, unlike QBFT's."""
    stored = site.anchors[0]
    for node in founded.network.nodes:
        with JsonRpc(node.url) as rpc:
            assert (
                encode_header(ChainClient(rpc).fetch_header(stored.block_number)) == stored.proof.headers[0]
            )


def test_a_later_sync_anchors_what_is_new(site: RealSite) -> None:
    before = len(site.anchors)
    site.add(4)
    site.sync()
    assert len(site.anchors) == before + 1
    verdict = site.verdict(4, Grade.ANCHORED)
    assert verdict.ok
    assert verdict.not_before is not None, "the first sync has learned a block that later records name"


def _verdict_under(site: RealSite, trust: TrustFile) -> Verdict:
    proof = prove(site.vault, site.keys, parse_selector(document(1).sha256.hex()))
    return verdict_on(proof.evidence, trust, 1, Grade.ANCHORED)


def test_a_halted_chain_loses_nothing(site: RealSite, founded: Founded) -> None:
    """With two of three signers held up there is nobody who may seal; what was sent is followed when they are back."""
    held = founded.network.nodes[1:]
    site.add(5)
    with contextlib.ExitStack() as stack:
        for node in held:
            node.process.send_signal(signal.SIGSTOP)
            stack.callback(node.process.send_signal, signal.SIGCONT)
        with pytest.raises((TransactionNotMined, NotFinalInTime)):
            site.sync(wait=4)
        sent = site.sent()
    site.sync()
    assert site.verdict(5, Grade.ANCHORED).ok
    assert [name for name, _ in site.sent()] == [name for name, _ in sent], "no other bytes were signed"


@pytest.mark.parametrize("founded", ["three signers"], indirect=True)
def test_the_command_from_init_to_verify(founded: Founded, tmp_path: Path) -> None:
    """As a site does it on a chain that is not ours, with the partner's one transaction in between."""
    desk = Desk(tmp_path / "desk")
    (desk.folder / "consortium.json").write_bytes(encode_trust_file(founded.trust))
    relay = Account.encrypt(founded.network.accounts[2], "relay", kdf="pbkdf2", iterations=1)
    desk.write("relay.json", json.dumps(relay))
    desk.write("relay.txt", "relay")
    desk.write("contract.txt", "signed in a test\n")
    chain = ("--trust", "consortium.json", "--rpc", founded.network.url)
    keystore = ("--relay-keystore", "relay.json", "--relay-passphrase-file", "relay.txt")
    made = desk.run("init", "acme/delft", *chain, *keystore, "--no-recovery-key", "--json").lines[-1]
    send_as_partner(founded, made["request"])
    desk.run("add", "contract.txt", "--type", "contract")
    desk.run("sync")
    desk.run("prove", "contract.txt", "--require", "anchored")
    answer = desk.run("verify", "contract.txt.evidence.json", "contract.txt", "--require", "anchored")
    assert "yes, anchored" in answer.out
    assert "Clique" in answer.out, "the verdict says what the engine is worth"
    desk.run("verify", "contract.txt.evidence.json", "contract.txt", expected=1)


def send_as_partner(founded: Founded, request: dict[str, str]) -> None:
    signer = LocalSigner(founded.accounts.partner_private_key)
    assert request["from"] == checksum_address(signer.address)
    call = ContractCall(Address(bytes.fromhex(request["to"][2:])), bytes.fromhex(request["input"][2:]))
    with JsonRpc(founded.network.url) as rpc:
        transact(ChainClient(rpc), signer, call, chain_id=CHAIN_ID, patience=PATIENCE)
