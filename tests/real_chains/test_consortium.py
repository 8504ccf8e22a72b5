"""Three partners with three keys in three folders found a consortium on geth, admit a fourth, and expel one."""

from pathlib import Path

import pytest
from perdure_anchor.hashes import keccak256
from perdure_anchor.trust_file import parse_trust_file
from tools.consortium_story import SITE_KEY, Founded, carry_a_step, decide
from tools.geth import GethRules, running_geth
from tools.partner_desk import PartnerDesk

pytestmark = pytest.mark.real_chain


def test_found_admit_expel(tmp_path: Path) -> None:
    (tmp_path / "geth").mkdir()
    (tmp_path / "desks").mkdir()
    # the genesis file pays three accounts, so the fourth partner takes the first block's signer's
    with running_geth(tmp_path / "geth", GethRules(signers=3)) as network:
        fourth = keccak256(b"signer 0")
        founded = Founded(tmp_path / "desks", network.url, (*network.accounts, fourth))
        trust = parse_trust_file(founded.trust_file.read_bytes())
        (epoch,) = trust.epochs
        assert (epoch.client, epoch.consensus, epoch.validators) == ("geth", "clique", network.signers)
        assert not trust.devnet
        offline = PartnerDesk(founded.acme.folder, "offline", None, founded.acme.key)
        offline.pin(founded.trust_file)
        carry_a_step(founded, offline, "register-site", "acme/rotterdam", SITE_KEY)
        decide(founded)
