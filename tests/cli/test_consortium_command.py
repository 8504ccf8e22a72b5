"""A consortium on the devnet: partners with a folder and a key each, steps that are signed offline, and what is refused."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.hashes import checksum_address, keccak256
from perdure_anchor.key_rotation import KeyRotation, sign_key_rotation
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.unsigned_transaction import (
    created_address,
    parse_signed,
)
from perdure_node.consortium.rotation_message import encode_rotation_message
from tools.chains_under_test import DEVNET, chain_under_test
from tools.consortium_story import NEW_KEY, OLD_KEY, ORIGIN, SITE_KEY, Founded, address, decide
from tools.json_lines import check
from tools.partner_desk import PASSPHRASE, PartnerDesk, carry
from tools.web3signer import running_web3signer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chain_under_test(DEVNET, tmp_path_factory.mktemp("devnet")) as chain:
        yield chain.client.rpc.endpoint.url


@pytest.fixture
def founded(url: str, tmp_path: Path) -> Founded:
    return Founded(tmp_path, url)


class TestFounding:
    def test_what_the_trust_file_says(self, founded: Founded) -> None:
        trust = parse_trust_file(founded.trust_file.read_bytes())
        assert trust.name == "Ports of the North"
        assert [partner.name for partner in trust.partners] == ["acme", "globex", "initech"]
        assert [each.account for each in trust.partners] == [desk.address for desk in founded.desks[:3]]
        (epoch,) = trust.epochs
        assert (epoch.client, epoch.consensus, epoch.selection) == ("devnet", "qbft", "header")
        assert epoch.from_block == trust.consortium.deployment_block
        assert len(epoch.validators) == 4
        code, out, _ = founded.globex.run("trust", "check", str(founded.trust_file), "--rpc", founded.url)
        assert code == 0, out
        assert not list(founded.acme.folder.glob("*.founding"))

    def test_offline_and_from_a_file(self, url: str, tmp_path: Path) -> None:
        """Prepared with a network, signed without, sent, and only then described."""
        online, offline = PartnerDesk(tmp_path, "acme", url), PartnerDesk(tmp_path, "vault", None)
        (online.folder / "founding.toml").write_text(
            f'name = "Two"\n[[partner]]\nname = "acme"\naccount = "{online.account}"\nlegal_name = "Acme B.V."\n'
            f'contact = "ops@acme.example"\n[[partner]]\nname = "globex"\naccount = "{offline.account}"\n'
        )
        found = ("found", "founding.toml", "--rpc", url)
        (prepared,) = online.json(*found, "--account", offline.account, "--unsigned", "step.json")
        assert prepared["trust_file"] is None
        assert prepared["steps"][0]["details"][0] == {"label": "partner acme", "text": online.account}
        carry("step.json", online, offline)
        (signed,) = offline.json(
            "sign", "step.json", "--keystore", "key.json", "--output", "signed.json", "--yes"
        )
        assert [step["title"] for step in signed["steps"]] == [
            "create a consortium of 2 founding partners",
            "create a registry of checkpoints",
        ]
        carry("signed.json", offline, online)
        online.json("send", "signed.json", "--rpc", url)
        online.json(*found, "--sent", "signed.json", "--output", "ours.json")
        trust = parse_trust_file((online.folder / "ours.json").read_bytes())
        assert (trust.partners[0].legal_name, trust.partners[0].contact) == ("Acme B.V.", "ops@acme.example")

    def test_broken_off(self, url: str, tmp_path: Path) -> None:
        """The signed founding is kept before it is sent; the same file goes on with it, and founds nothing twice."""
        desk = PartnerDesk(tmp_path, "acme", url)
        words = ("found", "--name", "One", f"--partner=acme={desk.account}")
        message = desk.refused(*words, "--consensus", "ibft2", code=2)
        assert "is not of the form of ibft2" in message
        assert not (desk.folder / "consortium.json.founding").exists()
        assert "is in no block after 0 s" in desk.refused(*words, "--wait", "0", code=3)
        assert (desk.folder / "consortium.json.founding").exists()
        assert "is there already" in desk.refused(*words, code=2)
        kept = json.loads((desk.folder / "consortium.json.founding").read_text())
        first = parse_signed(bytes.fromhex(kept["transactions"][0][2:])).transaction
        sent = ("--sent", "consortium.json.founding", "--rpc", url)
        desk.json(*words, *sent)
        trust = parse_trust_file((desk.folder / "consortium.json").read_bytes())
        assert trust.registry.address == created_address(desk.address, first.nonce + 1)
        with JsonRpc(url) as rpc:
            assert ChainClient(rpc).transaction_count(desk.address) == first.nonce + 2
        assert trust.partners[0].account == desk.address

    def test_a_signed_founding_of_others(self, url: str, tmp_path: Path) -> None:
        desk = PartnerDesk(tmp_path, "acme", url)
        desk.json(
            *("found", "--name", "One", f"--partner=acme={desk.account}", "--rpc", url),
            *("--account", desk.account, "--unsigned", "step.json"),
        )
        desk.json("sign", "step.json", "--keystore", "key.json", "--output", "signed.json", "--yes")
        words = ("found", "--name", "One", f"--partner=globex={desk.account}", "--sent", "signed.json")
        assert "creates a consortium of other partners" in desk.refused(*words, code=2)

    @pytest.mark.parametrize(
        ("partners", "message"),
        [
            (["acme"], "want NAME=ACCOUNT"),
            (["Acme=0x" + "11" * 20], "want 1 to 32 of a-z"),
            (["acme=0x" + "00" * 20], "the zero address"),
            (["acme=0x" + "11" * 20, "globex=0x" + "11" * 20], "stands twice"),
            (["acme=0x" + "11" * 20, "acme=0x" + "12" * 20], "stands twice"),
            (["acme=0x12"], "got 1 bytes, want 20"),
            ([], "want a FOUNDING file, or"),
        ],
    )
    def test_partners_that_cannot_found(
        self, url: str, tmp_path: Path, partners: list[str], message: str
    ) -> None:
        desk = PartnerDesk(tmp_path, "acme", url)
        words = ("found", "--name", "One", *(f"--partner={text}" for text in partners))
        assert message in desk.refused(*words, code=2)
        assert not (desk.folder / "consortium.json").exists()

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "name = 1",
            'name = "x"\npartner = 3',
            'name = "x"\n[[partner]]\nname = "acme"',
            'name = "x"\n[[partner]]\nname = "acme"\naccount = "0x00"',
            'name = "x"\n[[partner]]\nname = 1\naccount = "0x00"',
            'name = "x"\nmore = 1\n[[partner]]\nname = "acme"\naccount = "0x1111111111111111111111111111111111111111"',
        ],
    )
    def test_files_that_found_nothing(self, url: str, tmp_path: Path, text: str) -> None:
        desk = PartnerDesk(tmp_path, "acme", url)
        (desk.folder / "founding.toml").write_text(text)
        assert "perdure: error" in desk.refused("found", "founding.toml", code=2)
        assert not list(desk.folder.glob("consortium.json*"))


def test_admit_and_expel(founded: Founded) -> None:
    decide(founded)
    words = [line["words"] for line in founded.umbrella.json("history", "--rpc", founded.url)]
    assert words[0] == f"acme is a partner, with the account {founded.acme.account}"
    assert words[-2:] == ["proposal 2 is carried out", "initech is expelled, its sites are frozen"]
    assert f"umbrella/lab is registered with the key {SITE_KEY}" in words
    blocks = [line["block_number"] for line in founded.umbrella.json("history", "--rpc", founded.url)]
    assert blocks == sorted(blocks)
    later = founded.umbrella.json("history", "--rpc", founded.url, "--from", str(blocks[-1]))
    assert [line["words"] for line in later][-1] == words[-1]


class TestKeys:
    def test_through_its_life(self, founded: Founded) -> None:
        acme = founded.acme
        acme.step("register-site", ORIGIN.text, address(OLD_KEY))
        acme.step("rotate-key", ORIGIN.text, address(NEW_KEY), "--grace", "30d")
        (site,) = acme.show()["sites"]
        assert (site["key"], site["previous_key"]) == (address(NEW_KEY), address(OLD_KEY))
        acme.step("mark-compromised", ORIGIN.text, "--since", "2026-01-01T00:00:00.9Z")
        acme.step("revoke-key", ORIGIN.text)
        (site,) = acme.show()["sites"]
        assert (site["key"], site["compromised_since"]) == (None, "2026-01-01T00:00:00Z")
        assert "was revoked" in acme.refused("retire-site", ORIGIN.text)
        acme.step("register-site", "acme/rotterdam-2", address(NEW_KEY))
        closed = acme.step("succeed", ORIGIN.text, "acme/rotterdam-2")
        assert closed["steps"][0]["title"] == (
            "close the log of the site acme/rotterdam, which goes on as acme/rotterdam-2"
        )
        site = acme.show()["sites"][0]
        assert site["successor"] == "acme/rotterdam-2"
        assert "goes on as" in acme.refused("rotate-key", ORIGIN.text, address(OLD_KEY))

    def test_what_verifiers_learn_of_it(self, founded: Founded) -> None:
        """The next version of the trust file: accounts, all keys that the site had, and which of them are not believed since when."""
        acme = founded.acme
        fresh = ("trust-file", "--rpc", founded.url, "--output")
        assert acme.json(*fresh, "none.json")[0]["new"] is None
        assert not (acme.folder / "none.json").exists()
        acme.step("register-site", ORIGIN.text, address(OLD_KEY))
        acme.step("register-site", "acme/lab", address(OLD_KEY))
        acme.step("revoke-key", ORIGIN.text)
        acme.step("mark-compromised", ORIGIN.text, "--since", "1700000000")
        acme.step("rotate-key", ORIGIN.text, address(NEW_KEY))
        acme.step("rotate-key", "acme/lab", address(NEW_KEY), "--grace", "1d")
        acme.step("revoke-key", "acme/lab")
        (line,) = acme.json(*fresh, "second.json", "--pin-sites")
        assert line["new"]["version"] == 2
        trust = parse_trust_file((acme.folder / "second.json").read_bytes())
        said = [
            (each.origin.text, checksum_address(each.key), each.compromised) for each in trust.revocations
        ]
        assert said == [
            ("acme/lab", address(NEW_KEY), False),
            ("acme/rotterdam", address(OLD_KEY), True),
        ]
        assert trust.revocations[1].since == 1_700_000_000
        pinned = {site.origin.text: set(map(checksum_address, site.keys)) for site in trust.sites}
        assert pinned == {
            "acme/lab": {address(OLD_KEY), address(NEW_KEY)},
            ORIGIN.text: {address(OLD_KEY), address(NEW_KEY)},
        }
        acme.pin(acme.folder / "second.json")
        assert acme.json(*fresh, "third.json")[0]["new"] is None
        code, out, _ = acme.run("trust", "show", "second.json")
        assert code == 0
        assert (
            f"acme/rotterdam, key {address(OLD_KEY)}: may be in other hands since 2023-11-14T22:13:20Z" in out
        )

    def test_the_old_keys_own_message(self, founded: Founded) -> None:
        """Anybody relays it; changed by a letter, or in another turn, nobody can."""
        founded.acme.step("register-site", ORIGIN.text, address(OLD_KEY))
        trust = parse_trust_file(founded.trust_file.read_bytes())
        rotation = KeyRotation(ORIGIN.site, address_from_private_key(NEW_KEY), 3600, 0)
        signature = sign_key_rotation(trust.domain, rotation, OLD_KEY)
        raw = encode_rotation_message(ORIGIN, rotation, signature)
        carrier = founded.globex
        (carrier.folder / "bad.json").write_bytes(raw.replace(b"3600", b"3601"))
        message = carrier.refused("rotate-key", ORIGIN.text, "--message", "bad.json")
        assert "which is not a key of the site" in message
        (carrier.folder / "good.json").write_bytes(raw)
        done = carrier.step("rotate-key", ORIGIN.text, "--message", "good.json")
        assert {"label": "by", "text": "the old key's signed message"} in done["steps"][0]["details"]
        assert founded.acme.show()["sites"][0]["key"] == address(NEW_KEY)
        carrier.refused("rotate-key", ORIGIN.text, "--message", "good.json")
        other = carrier.refused("rotate-key", "acme/lab", "--message", "good.json", code=1)
        assert "of another site than acme/lab" in other

    def test_an_account_that_is_replaced(self, founded: Founded) -> None:
        initech = founded.initech
        founded.acme.step("propose", "expel", "globex")
        initech.step("approve", "1", "--no-execute")
        fresh = keccak256(b"the next account")
        initech.step("rotate-account", address(fresh))
        assert founded.acme.show()["proposals"][0]["approved_by"] == ["acme"]
        assert "is not that of a current partner" in initech.refused("approve", "1")
        initech.use_key(fresh)
        assert len(initech.step("approve", "1")["transactions"]) == 2

    def test_by_a_web3signer(self, founded: Founded) -> None:
        acme = founded.acme
        with running_web3signer(acme.key) as server:
            remote = ("--web3signer", server.url, "--account", acme.account, "--rpc", founded.url, "--yes")
            acme.json("register-site", ORIGIN.text, address(OLD_KEY), *remote)
            server.signs_with = founded.globex.key
            code, _, err = acme.run("consortium", "revoke-key", ORIGIN.text, *remote)
            assert (code, "signed by" in err) == (3, True)
            server.status = 403
            code, _, err = acme.run("consortium", "revoke-key", ORIGIN.text, *remote)
            assert (code, "refuses: http status 403" in err) == (2, True)
        code, _, err = acme.run("consortium", "revoke-key", ORIGIN.text, *remote)
        assert (code, "no connection to the web3signer" in err) == (3, True)
        assert acme.show()["sites"][0]["key"] == address(OLD_KEY)


class TestWhatItMeansForEvidence:
    """A site anchors, its key is stolen: what a verifier with the next trust file is told of the evidence."""

    @pytest.fixture
    def evidence(self, founded: Founded) -> Path:
        """A final evidence file of a site of acme, whose key is the registry's."""
        acme = founded.acme
        (acme.folder / "passphrase").write_text(PASSPHRASE)
        (acme.folder / "letter.txt").write_text("a letter")
        made = self.done(
            *(acme, "init", ORIGIN.text, "--trust", "consortium.json", "--rpc", founded.url),
            *("--relay-keystore", "key.json", "--relay-passphrase-file", "passphrase", "--no-recovery-key"),
        )
        acme.step("register-site", ORIGIN.text, made["key"])
        self.done(acme, "add", "letter.txt")
        self.done(acme, "sync")
        self.done(acme, "prove", "letter.txt")
        return acme.folder / "letter.txt.evidence.json"

    @pytest.mark.parametrize("since", ["before", "after"])
    def test_stolen(self, founded: Founded, evidence: Path, since: str) -> None:
        acme, globex = founded.acme, founded.globex
        before = self.verdict(globex, evidence, founded.trust_file)
        assert (before["key_doubt"], before["grade"]) == (None, "final")
        with JsonRpc(founded.url) as rpc:
            client = ChainClient(rpc)
            anchored_at = client.fetch_header(before["block_number"]).timestamp
            latest = int(datetime.fromisoformat(before["not_after"]).timestamp())
            self.wait_for_time(acme, client, latest + 1)
        acme.step("revoke-key", ORIGIN.text)
        moment = anchored_at - 1 if since == "before" else latest + 1
        acme.step("mark-compromised", ORIGIN.text, "--since", str(moment))
        acme.json("trust-file", "--rpc", founded.url, "--output", "second.json", "--pin-sites")
        verdict = self.verdict(globex, evidence, acme.folder / "second.json")
        assert (verdict["ok"], verdict["grade"], verdict["key"]) == (True, "final", "pinned")
        if since == "before":
            assert "and this checkpoint may have been anchored later" in verdict["key_doubt"]
        else:
            assert verdict["key_doubt"] is None
            assert "this checkpoint was anchored before" in " ".join(verdict["notes"])
        code, out, _ = globex.run("verify", str(evidence), "--trust", str(acme.folder / "second.json"))
        assert (code, "key in doubt" in out) == (0, since == "before")

    def wait_for_time(self, desk: PartnerDesk, client: ChainClient, seconds: int) -> None:
        """Until the chain's time is there: each step is a block or two."""
        number = 0
        while client.fetch_header(client.head_number()).timestamp < seconds:
            desk.step("register-site", f"acme/site-{number}", SITE_KEY)
            number += 1

    def verdict(self, desk: PartnerDesk, evidence: Path, trust: Path) -> dict[str, Any]:
        code, out, err = desk.run("verify", str(evidence), "--trust", str(trust), "--json")
        assert code == 0, (out, err)
        line = json.loads(out)
        check("verify", line)
        return line

    def done(self, desk: PartnerDesk, *words: str) -> dict[str, Any]:
        code, out, err = desk.run(*words, "--json")
        assert code == 0, (words, out, err)
        return json.loads(out.splitlines()[-1])
