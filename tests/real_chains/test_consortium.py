"""Three partners with three keys in three folders found a consortium on geth, admit a fourth, and expel one."""

from pathlib import Path

import pytest
from perdure_anchor.hashes import checksum_address, keccak256
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.transactions import Patience, wait_for_receipt
from tools.consortium_story import SITE_KEY, Founded, carry_a_step, decide
from tools.geth import CHAIN_ID, running_geth
from tools.partner_desk import PartnerDesk

pytestmark = pytest.mark.real_chain

FOURTH = keccak256(b"the fourth partner's key")
ETHER = 10**18


def test_found_admit_expel(tmp_path: Path) -> None:
    (tmp_path / "geth").mkdir()
    (tmp_path / "desks").mkdir()
    with running_geth(tmp_path / "geth") as network:
        fund(network.url, network.accounts[0], FOURTH)
        founded = Founded(tmp_path / "desks", network.url, (*network.accounts, FOURTH))
        trust = parse_trust_file(founded.trust_file.read_bytes())
        (epoch,) = trust.epochs
        assert (epoch.client, epoch.consensus, epoch.validators) == ("geth", "clique", network.signers)
        assert not trust.devnet
        offline = PartnerDesk(founded.acme.folder, "offline", None, founded.acme.key)
        offline.pin(founded.trust_file)
        carry_a_step(founded, offline, "register-site", "acme/rotterdam", SITE_KEY)
        decide(founded)


def fund(url: str, rich: bytes, poor: bytes) -> None:
    """The chain has fees, and the genesis file pays three accounts only."""
    # no signer of ours sends ether
    from eth_account import Account

    with JsonRpc(url) as rpc:
        client = ChainClient(rpc)
        signed = Account.sign_transaction(
            {
                "chainId": CHAIN_ID,
                "nonce": client.transaction_count(address_from_private_key(rich)),
                "gas": 21_000,
                "gasPrice": client.gas_price(),
                "to": checksum_address(address_from_private_key(poor)),
                "value": ETHER,
            },
            rich,
        )
        sent = client.send_transaction(bytes(signed.raw_transaction))
        wait_for_receipt(client, sent, Patience(60))
