"""Deploying, registering, anchoring and being refused, through JSON-RPC, on every kind of chain that can be had here."""

import pytest
from perdure_anchor.checkpoint import (
    Checkpoint,
    RegistryDomain,
    checkpoint_digest,
    parse_origin,
    sign_checkpoint,
)
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.log import CompactRange, MemoryLog, append_proof, leaf_hash
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.registry_event import Anchored, AnchoredBefore, parse_registry_event
from perdure_anchor.secp256k1 import sign
from perdure_contracts.artifacts import load_artifact
from perdure_contracts.consortium import ConsortiumContract, Member, partner_id
from perdure_contracts.deploy import CodeMismatch, FoundingPartner, NoContract, check_code, deploy
from perdure_contracts.fees import LegacyFee, MarketFee, choose_fee
from perdure_contracts.refused import SendFault, SendRefused
from perdure_contracts.registry import AnchorStatus, Frontier, Head, RegistryContract, RegistryRefusal
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import (
    Patience,
    TransactionNotMined,
    WrongChain,
    prepare_transaction,
    transact,
    wait_for_receipt,
)
from tools.chains_under_test import BEFORE_LONDON, FEE_MARKETS, KINDS, chain_under_test

ORIGIN = parse_origin("acme/rotterdam")
SITE_KEY = LocalSigner(keccak256(b"a site's key in a test"))
NEW_KEY = LocalSigner(keccak256(b"another site key"))
STRANGER = Address(bytes([9]) * 20)
PATIENCE = Patience(seconds=30, pause=0.02)


class Consortium:
    """A deployed consortium of one partner, whose account is the chain's funded one, and its registry."""

    def __init__(self, chain):
        self.chain, self.client = chain, chain.client
        partners = [FoundingPartner("acme", chain.signer.address), FoundingPartner("globex", STRANGER)]
        self.deployment = deploy(
            chain.client, chain.signer, partners, chain_id=chain.chain_id, patience=PATIENCE
        )
        self.registry = RegistryContract(chain.client, self.deployment.registry.address)
        self.consortium = ConsortiumContract(chain.client, self.deployment.consortium.address)
        self.domain = RegistryDomain(chain.chain_id, self.registry.address)
        self.log = MemoryLog(leaf_hash(bytes([number])) for number in range(20))

    def prepare(self, call, **options):
        return prepare_transaction(
            self.client, self.chain.signer, call, chain_id=self.chain.chain_id, **options
        )

    def transact(self, call):
        return transact(self.client, self.chain.signer, call, chain_id=self.chain.chain_id, patience=PATIENCE)

    def refused(self, call):
        with pytest.raises(RegistryRefusal) as caught:
            self.prepare(call)
        return caught.value

    def checkpoint(self, size, sealed_at=1_700_000_000):
        return Checkpoint(ORIGIN.site, size, self.log.root(size), sealed_at)

    def anchor_call(self, checkpoint, previous_size, signer_key=b"a site's key in a test"):
        proof = append_proof(self.log.node_at, previous_size, checkpoint.size)
        signature = sign_checkpoint(self.domain, checkpoint, keccak256(signer_key))
        return self.registry.anchor_call(checkpoint, proof, signature)

    def anchor(self, size, previous_size):
        return self.transact(self.anchor_call(self.checkpoint(size), previous_size))

    def events(self, receipt):
        return [log for log in receipt.logs if log.address == self.registry.address]


@pytest.fixture(scope="module", params=KINDS)
def consortium(request, tmp_path_factory):
    """A site with an anchor of 3 leaves and one of 7 on a running chain."""
    with chain_under_test(request.param, tmp_path_factory.mktemp("chain")) as chain:
        founded = Consortium(chain)
        founded.transact(founded.registry.register_site_call(ORIGIN, SITE_KEY.address))
        founded.receipts = [founded.anchor(3, 0), founded.anchor(7, 3)]
        yield founded


def test_the_fee_is_what_the_chain_takes(consortium):
    fee = choose_fee(consortium.client)
    if consortium.chain.kind in BEFORE_LONDON:
        assert isinstance(fee, LegacyFee)
    elif consortium.chain.kind in FEE_MARKETS:
        assert isinstance(fee, MarketFee)
        assert fee.max_fee_per_gas >= fee.max_priority_fee_per_gas > 0
    else:
        assert fee == MarketFee(0, 0)


def test_the_deployment(consortium):
    deployment, client = consortium.deployment, consortium.client
    assert deployment.consortium.block_number < deployment.registry.block_number <= client.head_number()
    check_code(client, deployment.registry.address, load_artifact("AnchorRegistry"))
    with pytest.raises(CodeMismatch, match="AnchorRegistry at 0x"):
        check_code(client, deployment.consortium.address, load_artifact("AnchorRegistry"))
    with pytest.raises(NoContract):
        check_code(client, STRANGER, load_artifact("AnchorRegistry"))


def test_a_consortium_that_the_contract_refuses(consortium):
    chain = consortium.chain
    twins = [FoundingPartner(name, chain.signer.address) for name in ("acme", "globex")]
    for partners, name in (
        (twins, "AccountTaken"),
        ([], "NoPartners"),
        ([FoundingPartner("A", STRANGER)], "BadName"),
    ):
        with pytest.raises(RegistryRefusal) as caught:
            deploy(chain.client, chain.signer, partners, chain_id=chain.chain_id, patience=PATIENCE)
        assert caught.value.name == name


def test_the_consortiums_members(consortium):
    contract, account = consortium.consortium, consortium.chain.signer.address
    assert contract.members() == (
        Member(partner_id("acme"), "acme", account),
        Member(partner_id("globex"), "globex", STRANGER),
    )
    assert (contract.partner_count(), contract.partner_of(account)) == (2, partner_id("acme"))
    assert contract.account_of(partner_id("nobody")) is None
    assert consortium.registry.consortium() == contract.address


def test_the_site(consortium):
    site = consortium.registry.site(ORIGIN.site)
    assert (site.partner, site.key, site.key_nonce) == (partner_id("acme"), SITE_KEY.address, 0)
    assert (site.previous_key, site.compromised_since, site.successor) == (None, None, None)
    assert consortium.registry.site(Hash32(bytes(32))) is None
    deployed, head = consortium.deployment.registry.block_number, consortium.client.head_number()
    (registered, *_) = consortium.registry.fetch_registrations(deployed, head)
    assert (registered.origin, registered.key) == ("acme/rotterdam", SITE_KEY.address)


def test_the_anchors(consortium):
    registry, checkpoint = consortium.registry, consortium.checkpoint(7)
    assert registry.head(ORIGIN.site) == Head(7, consortium.log.root(7))
    assert registry.head(Hash32(bytes(32))) == (0, bytes(32))
    digest = checkpoint_digest(consortium.domain, checkpoint)
    assert registry.checkpoint_digest(checkpoint) == digest
    block_number = consortium.receipts[1].block_number
    block_time = consortium.client.fetch_header(block_number).timestamp
    assert registry.anchor_status(digest) == AnchorStatus(SITE_KEY.address, block_number, block_time)
    assert registry.anchor_status(Hash32(bytes(32))) is None


def test_the_blocks_receipts_hold_the_event(consortium):
    receipt = consortium.receipts[1]
    encoded = consortium.client.fetch_receipts(receipt.block_number)
    logs = parse_receipt(encoded[receipt.index]).logs
    assert logs == receipt.logs
    event = parse_registry_event(logs[0])
    assert isinstance(event, Anchored)
    assert (event.site, event.size, event.previous_size, event.signer) == (
        ORIGIN.site,
        7,
        3,
        SITE_KEY.address,
    )


def test_the_log_can_be_continued_from_the_chain_alone(consortium):
    frontiers = consortium.registry.fetch_frontiers(ORIGIN.site, 0, consortium.client.head_number())
    peaks = CompactRange.empty().extended(consortium.log.node_at(0, index) for index in range(7))
    assert frontiers[-1] == Frontier(ORIGIN.site, 7, peaks.hashes)


def test_an_anchor_that_is_sent_again_is_answered(consortium):
    receipt = consortium.anchor(3, 0)
    event = parse_registry_event(consortium.events(receipt)[0])
    assert isinstance(event, AnchoredBefore)
    assert (event.size, event.first_block) == (3, consortium.receipts[0].block_number)


class TestRefusals:
    def test_below_the_head(self, consortium):
        error = consortium.refused(consortium.anchor_call(consortium.checkpoint(5), 3))
        assert (error.name, error.arguments["size"], error.arguments["headSize"]) == (
            "SizeNotAboveHead",
            5,
            7,
        )
        assert "size 5 is not above the anchored one of size 7" in str(error)

    def test_a_rewritten_history(self, consortium):
        other = MemoryLog(leaf_hash(b"other" + bytes([number])) for number in range(9))
        checkpoint = Checkpoint(ORIGIN.site, 9, other.root(9), 0)
        call = consortium.registry.anchor_call(
            checkpoint,
            append_proof(other.node_at, 7, 9),
            sign_checkpoint(consortium.domain, checkpoint, keccak256(b"a site's key in a test")),
        )
        error = consortium.refused(call)
        assert error.name == "OldRootMismatch"
        assert error.arguments["anchored"] == consortium.log.root(7)

    def test_a_strangers_key(self, consortium):
        error = consortium.refused(consortium.anchor_call(consortium.checkpoint(9), 7, b"another site key"))
        assert error.name == "WrongSigner"
        assert error.arguments["signer"] == NEW_KEY.address
        assert error.hint

    def test_a_site_that_is_there(self, consortium):
        assert (
            consortium.refused(consortium.registry.register_site_call(ORIGIN, SITE_KEY.address)).name
            == "SiteExists"
        )

    def test_another_partners_site(self, consortium):
        call = consortium.registry.register_site_call(parse_origin("globex/lyon"), SITE_KEY.address)
        assert consortium.refused(call).name == "NotPartnersAccount"

    def test_a_successor_that_is_none(self, consortium):
        call = consortium.registry.succeed_call(ORIGIN.site, ORIGIN.site)
        assert consortium.refused(call).name == "BadSuccessor"

    def test_proposals(self, consortium):
        contract = consortium.consortium
        consortium.transact(contract.propose_admission_call("initech", Address(bytes([7]) * 20)))
        number = contract.proposal_count()
        proposal = contract.proposal(number)
        assert (proposal.name, proposal.account, proposal.executed) == ("initech", bytes([7]) * 20, False)
        assert contract.votes_for(number) == 1
        assert contract.proposal(number + 1) is None
        assert consortium.refused(contract.execute_call(number)).name == "NoMajority"
        assert consortium.refused(contract.approve_call(number)).name == "AlreadyApproved"
        assert consortium.refused(contract.approve_call(number + 1)).name == "UnknownProposal"
        assert (
            consortium.refused(contract.rotate_account_call(partner_id("x"), STRANGER)).name
            == "UnknownPartner"
        )


def test_the_sites_keys(consortium):
    """Another site, so that the first one keeps its key for the other tests."""
    registry, origin = consortium.registry, parse_origin("acme/keys")
    consortium.transact(registry.register_site_call(origin, SITE_KEY.address))
    digest = registry.key_rotation_digest(origin.site, NEW_KEY.address, 3600, 0)
    signature = sign(digest, keccak256(b"a site's key in a test"))
    handed_over = signature[:64] + bytes([signature[64] + 27])
    consortium.transact(registry.rotate_key_call(origin.site, NEW_KEY.address, 3600, handed_over))
    site = registry.site(origin.site)
    assert (site.key, site.previous_key, site.key_nonce) == (NEW_KEY.address, SITE_KEY.address, 1)
    consortium.transact(registry.mark_compromised_call(origin.site, 1_700_000_000))
    consortium.transact(registry.revoke_key_call(origin.site))
    site = registry.site(origin.site)
    assert (site.key, site.previous_key, site.compromised_since) == (None, None, 1_700_000_000)
    consortium.transact(registry.succeed_call(origin.site, ORIGIN.site))
    assert registry.site(origin.site).successor == ORIGIN.site


class TestTransactions:
    def test_another_chain(self, consortium):
        with pytest.raises(WrongChain, match=r"is on the chain \d+, want 5"):
            prepare_transaction(
                consortium.client,
                consortium.chain.signer,
                consortium.anchor_call(consortium.checkpoint(8), 7),
                chain_id=5,
            )

    def test_a_nonce_that_was_used(self, consortium):
        call = consortium.anchor_call(consortium.checkpoint(3), 0)
        used = consortium.prepare(call, nonce=0)
        with pytest.raises(SendRefused) as caught:
            consortium.client.send_transaction(used.raw)
        assert caught.value.fault is SendFault.NONCE_TOO_LOW

    def test_an_account_without_funds(self, consortium):
        poor = LocalSigner(keccak256(b"poor"))
        call = consortium.anchor_call(consortium.checkpoint(3), 0)
        client, chain_id = consortium.client, consortium.chain.chain_id
        if consortium.chain.kind not in (*BEFORE_LONDON, *FEE_MARKETS):
            assert transact(client, poor, call, chain_id=chain_id, patience=PATIENCE).status == 1
            return
        transaction = prepare_transaction(client, poor, call, chain_id=chain_id)
        with pytest.raises(SendRefused) as caught:
            client.send_transaction(transaction.raw)
        assert caught.value.fault is SendFault.NO_FUNDS

    def test_one_that_is_in_no_block(self, consortium):
        with pytest.raises(TransactionNotMined, match=r"in no block after 0\.05 s"):
            wait_for_receipt(consortium.client, Hash32(bytes(32)), Patience(seconds=0.05, pause=0.01))
