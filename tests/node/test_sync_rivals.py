"""Vaults, chains and registries that do not belong together, and anchors that others made."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.log import append_proof
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import encode_trust_file
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import verify
from perdure_contracts.block_receipts import ReceiptsIncomplete
from perdure_contracts.rpc import RpcUnreachable
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import Patience, WrongChain, transact
from perdure_node.chain.errors import (
    AnchorNotVerified,
    AnchorUnprovable,
    BlocksNotVerified,
    CheckpointOvertaken,
    RivalLog,
    SiteTaken,
    WithoutContracts,
)
from perdure_node.chain.relay_transactions import open_transaction
from perdure_node.evidence.block_runs import fetch_known_block
from perdure_node.evidence.proving import prove
from perdure_node.log.site_log import checkpoint_of_size, newest_checkpoint, nodes_at
from perdure_node.selectors import parse_selector
from perdure_node.site_keys.registration import is_registered, register_site, registration_request
from perdure_node.status import read_status
from perdure_node.syncing import sync as sync_module
from perdure_node.vault import replace_trust_file
from tools.site_desk import Site, copy_of, document
from tools.site_network import Message, copied, open_network, unreachable, with_refusal


def relay_for(site: Site, partner: str = "globex", size: int | None = None) -> None:
    """Somebody else brings the site's newest checkpoint to the registry, or that of a size."""
    stored = newest_checkpoint(site.vault) if size is None else checkpoint_of_size(site.vault, size)
    assert stored is not None
    with site.network.anchor_chain() as chain:
        head = chain.registry.head(site.vault.origin.site)
        proof = (
            append_proof(nodes_at(site.vault.database, stored.size), head.size, stored.size)
            if stored.size > head.size
            else ()
        )
        call = chain.registry.anchor_call(stored.checkpoint, proof, stored.signature)
        signer = LocalSigner(site.network.partner_private_key(partner))
        clock = site.network.clock
        patience = Patience(sleep=clock.sleep, clock=clock.monotonic)
        transact(chain.client, signer, call, chain_id=chain.trust.chain_id, patience=patience)


def test_an_anchor_that_somebody_else_relayed_is_brought_home(site: Site) -> None:
    site.add(1)
    site.seal()
    relay_for(site)
    site.network.pass_time(100)
    result = site.sync()
    assert [anchor.size for anchor in result.anchored] == [1]
    assert site.sent() == 0
    assert site.is_final(1)


def test_a_transaction_that_others_made_pointless_is_neither_waited_for_nor_shown(site: Site) -> None:
    """Ours never reached a node; the checkpoint got into the registry by somebody else's."""
    site.add(1)
    site.network.faults["eth_sendRawTransaction"] = unreachable
    with pytest.raises(RpcUnreachable):
        site.sync()
    site.network.faults.clear()
    assert read_status(site.vault).open_transaction is not None
    relay_for(site)
    began = site.network.time
    assert [anchor.size for anchor in site.sync().anchored] == [1]
    assert site.network.time - began < 10
    assert read_status(site.vault).open_transaction is None
    site.add(2)
    site.sync()
    assert site.is_final(1, 2)
    assert open_transaction(site.vault.database) is None


def test_an_anchor_that_was_overtaken_in_the_same_moment_is_brought_home(site: Site) -> None:
    """Both transactions are on their way at once: ours is answered with AnchoredBefore, and the first anchor is shown."""
    site.add(1)

    def overtake(_request: Message, ask: Any) -> Message:
        site.network.faults.clear()
        relay_for(site)
        return ask()  # type: ignore[no-any-return]  # of whatever answers

    site.network.faults["eth_sendRawTransaction"] = overtake
    site.sync()
    verdict = site.verdict(1)
    assert verdict.ok
    assert verdict.anchor is not None
    assert verdict.anchor.first_block is None
    assert site.sent() == 1


def test_an_anchor_whose_receipts_are_gone_is_confirmed_anew(site: Site) -> None:
    site.add(1)
    site.seal()
    relay_for(site)
    first = next(iter(anchored_blocks(site)))
    site.network.pass_time(50)

    def pruned(request: Message, ask: Any) -> Message:
        if int(request["params"][0], 16) == first:
            return {"jsonrpc": "2.0", "id": request["id"], "result": []}
        return ask()  # type: ignore[no-any-return]  # of whatever answers

    site.network.faults["eth_getBlockReceipts"] = pruned
    site.sync()
    verdict = site.verdict(1)
    assert verdict.ok
    assert verdict.anchor is not None
    assert verdict.anchor.first_block == first
    assert verdict.anchor.block_number > first + 40
    assert site.sent() == 1


def test_a_head_that_another_relay_moves_while_a_transaction_is_made_is_gone_on_from(site: Site) -> None:
    """The append proof leads from a head that is the registry's no more, so it would refuse the log as another one."""
    site.add(1)
    site.seal()
    site.add(2)
    site.seal()

    def move_head(_request: Message, ask: Any) -> Message:
        site.network.faults.clear()
        relay_for(site, size=1)
        return ask()  # type: ignore[no-any-return]  # of whatever answers

    site.network.faults["eth_estimateGas"] = move_head
    assert [anchor.size for anchor in site.sync().anchored] == [2]
    assert site.is_final(1, 2)
    assert site.sent() == 1


def test_an_anchor_that_was_buried_in_a_receipt_is_confirmed_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receipt too large to be shown, as a relay can make one: here by a bound that the first receipt, with two events, exceeds."""
    site.add(1)
    site.seal()
    relay_for(site)
    (first,) = anchored_blocks(site)
    monkeypatch.setattr("perdure_node.evidence.anchor_place.MAX_NODE_SIZE", 690)
    site.sync()
    verdict = site.verdict(1)
    assert verdict.ok
    assert verdict.anchor is not None
    assert verdict.anchor.first_block == first < verdict.anchor.block_number
    assert site.sent() == 1


def anchored_blocks(site: Site) -> list[int]:
    with site.network.anchor_chain() as chain:
        stored = newest_checkpoint(site.vault)
        assert stored is not None
        status = chain.registry.anchor_status(stored.digest)
        assert status is not None
        return [status.block_number]


def test_a_node_without_receipts_cannot_prove_an_anchor(site: Site) -> None:
    site.add(1)
    site.network.faults["eth_getBlockReceipts"] = lambda request, _ask: {
        "jsonrpc": "2.0",
        "id": request["id"],
        "result": [],
    }
    with pytest.raises(AnchorUnprovable) as caught:
        site.sync()
    assert isinstance(caught.value.__cause__, ReceiptsIncomplete)
    site.network.faults.clear()
    site.sync()
    assert site.is_final(1)


def test_an_old_copy_of_a_vault_does_not_anchor_a_rival_log(site: Site, tmp_path: Path) -> None:
    site.add(1)
    site.sync()
    copy = copy_of(site, tmp_path / "copy")
    site.add(2, 3)
    site.sync()
    copy.add(4)
    with pytest.raises(RivalLog, match="has a log of 3 records"):
        copy.sync()
    assert read_status(copy.vault).waiting == 1
    copy.vault.close()


def test_a_rival_log_of_the_same_length_is_seen(site: Site, tmp_path: Path) -> None:
    site.add(1)
    site.sync()
    copy = copy_of(site, tmp_path / "copy")
    site.add(2)
    site.sync()
    copy.add(3)
    copy.seal()
    with pytest.raises(RivalLog, match="has the root"):
        copy.sync()
    assert copy.is_final(1)
    assert copy.verdict(3, Grade.RECORDED).grade is Grade.RECORDED
    copy.vault.close()


def test_a_checkpoint_that_a_copy_has_overtaken_is_covered_by_the_next(site: Site, tmp_path: Path) -> None:
    site.add(1)
    copy = copy_of(site, tmp_path / "copy")
    site.sync()
    site.network.pass_time(10)
    copy.seal()
    with pytest.raises(CheckpointOvertaken):
        copy.sync()
    copy.add(2)
    copy.sync()
    assert copy.is_final(1, 2)
    copy.vault.close()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"chain_id": 5}, WrongChain),
        ({"genesis_hash": Hash32(bytes(32))}, WrongChain),
        ({"registry": {"address": Address(b"\1" * 20)}}, WithoutContracts),
        ({"registry": {"code_hash": keccak256(b"")}}, WithoutContracts),
        ({"consortium": {"address": Address(b"\1" * 20)}}, WithoutContracts),
        ({"consortium": {"code_hash": keccak256(b"")}}, WithoutContracts),
    ],
)
def test_another_chain_is_refused_before_anything_is_done(
    site: Site, changes: dict[str, Any], error: type[Exception]
) -> None:
    site.add(1)
    site.vault.trust = changed(site.vault.trust, changes)
    with pytest.raises(error):
        site.sync()
    status = read_status(site.vault)
    assert (status.waiting, status.open_transaction, site.sent()) == (1, None, 0)


def changed(trust: TrustFile, changes: dict[str, Any]) -> TrustFile:
    made = {
        name: replace(getattr(trust, name), **value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    return replace(trust, **made)


def with_epoch(trust: TrustFile, **changes: Any) -> TrustFile:
    return replace(trust, epochs=(replace(trust.epochs[0], **changes),))


STRANGERS = tuple(Address(bytes((number,)) * 20) for number in range(1, 5))


@pytest.mark.parametrize("changes", [{"validators": STRANGERS}, {"to_block": 3}])
def test_an_old_trust_file_delays_the_evidence_and_not_the_anchor(
    site: Site, changes: dict[str, Any]
) -> None:
    site.add(1)
    current = site.vault.trust
    site.vault.trust = with_epoch(current, **changes)
    with pytest.raises(AnchorNotVerified) as caught:
        site.sync()
    assert "newer trust file" in str(caught.value.hint)
    assert (site.sizes, site.sent()) == ([], 1)
    anchored_in = anchored_blocks(site)
    site.network.pass_time(60)
    site.vault.trust = current
    site.sync()
    verdict = site.verdict(1)
    assert verdict.ok
    assert verdict.anchor is not None
    assert [verdict.anchor.block_number] == anchored_in
    assert site.sent() == 1


def test_a_change_that_cannot_be_followed_keeps_no_checkpoint_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contradicts(*_arguments: object) -> None:
        raise BlocksNotVerified("the node shows a change of validators that does not hold")

    site.add(1)
    with monkeypatch.context() as patched:
        patched.setattr(sync_module, "follow_validators", contradicts)
        with pytest.raises(BlocksNotVerified):
            site.sync()
    assert site.sent() == 1, "the time of anchoring is not lost"
    site.sync()
    assert (site.sizes, site.sent()) == ([1], 1)


def test_an_anchor_that_is_not_believed_keeps_no_later_one_out(site: Site) -> None:
    current = site.vault.trust
    site.vault.trust = with_epoch(current, to_block=3)
    for number in (1, 2):
        site.add(number)
        with pytest.raises(AnchorNotVerified):
            site.sync()
    assert (site.sizes, site.sent()) == ([], 2)
    site.vault.trust = current
    site.sync()
    assert (site.sizes, site.sent()) == ([1, 2], 2)
    assert site.is_final(1, 2)


@pytest.mark.parametrize("changes", [{"validators": STRANGERS}, {"to_block": 3}])
def test_blocks_that_the_trust_file_does_not_cover_are_not_known(site: Site, changes: dict[str, Any]) -> None:
    site.sync()
    known = read_status(site.vault).known_block
    site.network.pass_time(5)
    site.vault.trust = with_epoch(site.vault.trust, **changes)
    with pytest.raises(BlocksNotVerified) as caught:
        site.sync()
    assert "newer trust file" in str(caught.value.hint)
    assert read_status(site.vault).known_block == known


def test_an_anchor_by_other_validators_is_not_taken_home(site: Site) -> None:
    """Between the anchor and its capture the trust file is replaced by one that ends its epoch earlier."""
    site.add(1)
    site.network.makes_blocks = True
    trust = site.vault.trust

    def replace_trust(_request: Message, ask: Any) -> Message:
        head = site.network.chain.head.number
        closed = replace(trust.epochs[0], to_block=head - 1)
        site.vault.trust = replace(trust, epochs=(closed,))
        return ask()  # type: ignore[no-any-return]  # of whatever answers

    site.network.faults["eth_getBlockReceipts"] = replace_trust
    with pytest.raises(AnchorNotVerified):
        site.sync()
    assert site.sizes == []
    site.network.faults.clear()
    site.vault.trust = trust
    site.sync()
    assert site.is_final(1)


def test_a_chain_with_a_weak_quorum_rule_gives_anchored_evidence(site: Site) -> None:
    weak = replace(site.vault.trust.epochs[0], quorum_rule="2f+1", client="goquorum", selection="header")
    trust = replace(site.vault.trust, epochs=(weak,))
    site.vault.trust = trust
    site.add(1)
    assert site.sync().time_runs_open == 0
    proof = prove(site.vault, site.keys, parse_selector(document(1).sha256.hex()))
    verdict = verify(proof.evidence, trust, require=Grade.ANCHORED)
    assert verdict.ok


def test_a_replaced_trust_file_is_used_from_then_on(site: Site) -> None:
    site.add(1)
    site.sync()
    newer = replace(site.vault.trust, version=2)
    replace_trust_file(site.vault, encode_trust_file(newer))
    site.add(2)
    site.sync()
    assert site.is_final(1, 2)


def test_a_registration_can_be_repeated(site: Site) -> None:
    with site.network.anchor_chain() as chain:
        key = site.network.partner_private_key()
        again = register_site(site.vault, chain, key, clock=site.network.clock)
        assert again.block_number is None
        assert again.key == site.vault.site_address


def test_a_name_that_is_taken_cannot_be_registered(site: Site, tmp_path: Path) -> None:
    with site.network.vault(tmp_path / "thief") as vault:
        thief = Site(site.network, vault)
        with pytest.raises(SiteTaken):
            thief.register()


def test_a_registration_whose_answer_was_lost_is_found(site: Site, tmp_path: Path) -> None:
    with site.network.vault(tmp_path / "oslo", "globex/oslo") as vault, site.network.anchor_chain() as chain:
        other = Site(site.network, vault)
        assert not is_registered(vault, chain)
        site.network.faults["eth_getTransactionReceipt"] = with_refusal("busy")
        with pytest.raises(Exception, match="busy"):
            other.register()
        site.network.faults.clear()
        other.register()
        site.network.pass_time(2)
        assert is_registered(vault, chain)


def test_the_partner_is_told_what_to_send(site: Site, tmp_path: Path) -> None:
    with site.network.vault(tmp_path / "oslo", "globex/oslo") as vault, site.network.anchor_chain() as chain:
        request = registration_request(vault)
        assert (request.partner, request.key) == ("globex", vault.site_address)
        assert request.call_text.startswith("registerSite(globex, oslo, 0x")
        signer = LocalSigner(site.network.partner_private_key("globex"))
        assert signer.address == request.account
        call = chain.registry.register_site_call(vault.origin, vault.site_address)
        assert (call.to, call.calldata) == (request.registry, request.calldata)


def test_the_known_block_is_the_newest_that_is_final(site: Site) -> None:
    with site.network.anchor_chain() as chain:
        known = fetch_known_block(chain)
        assert known.number == site.network.chain.head.number
        assert known.hash == site.network.chain.head.hash
        assert len(known.headers) == 2


def test_a_chain_that_began_anew_has_forgotten_the_anchors_and_nothing_is_hidden(
    site: Site, registered: Path, tmp_path: Path
) -> None:
    """The same genesis and contracts, but all blocks since then are gone: what is at home stays, what is new is anchored anew."""
    site.add(1)
    site.sync()
    kept = site.verdict(1)
    with open_network(copied(registered / "chain", tmp_path / "anew")) as anew:
        again = Site(anew, site.vault)
        again.add(2)
        again.sync()
        assert again.sizes == [1, 2]
        assert again.is_final(1, 2)
        assert again.verdict(1) == kept
        assert again.sent() == 1
