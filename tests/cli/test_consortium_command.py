"""A consortium on the devnet: partners with a folder and a key each, steps that are signed offline, and what is refused."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import checksum_address, keccak256, to_hex
from perdure_anchor.key_rotation import KeyRotation, sign_key_rotation
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.abi import contract_abi
from perdure_contracts.chain import ChainClient
from perdure_contracts.fees import MarketFee
from perdure_contracts.registry import RegistryContract
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.unsigned_transaction import (
    ContractCall,
    UnsignedTransaction,
    created_address,
    parse_signed,
    signing_payload,
)
from perdure_node.consortium.rotation_message import encode_rotation_message
from tools.chains_under_test import DEVNET, chain_under_test
from tools.consortium_story import SITE_KEY, Founded, carry_a_step, decide
from tools.json_lines import check
from tools.partner_desk import PASSPHRASE, PartnerDesk, carry
from tools.web3signer import running_web3signer

pytestmark = pytest.mark.slow

OLD_KEY, NEW_KEY = keccak256(b"a site's key"), keccak256(b"the site's next key")
ORIGIN = parse_origin("acme/rotterdam")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chain_under_test(DEVNET, tmp_path_factory.mktemp("devnet")) as chain:
        yield chain.client.rpc.endpoint.url


@pytest.fixture
def founded(url: str, tmp_path: Path) -> Founded:
    return Founded(tmp_path, url)


def address(key: bytes) -> str:
    return checksum_address(address_from_private_key(key))


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


class TestOffline:
    def test_each_step_can_be_carried(self, founded: Founded) -> None:
        """The first partner's key is on a machine without network, which has the trust file and nothing else."""
        offline = PartnerDesk(founded.acme.folder, "offline", None, founded.acme.key)
        offline.pin(founded.trust_file)
        for words in (
            ("register-site", ORIGIN.text, address(OLD_KEY)),
            ("rotate-key", ORIGIN.text, address(NEW_KEY), "--grace", "1d"),
            ("mark-compromised", ORIGIN.text, "--since", "1700000000"),
            ("propose", "admit", "umbrella", founded.umbrella.account),
        ):
            carry_a_step(founded, offline, *words)
        founded.globex.step("approve", "1", "--no-execute")
        carry_a_step(founded, offline, "execute", "1")
        assert "umbrella" in [partner["name"] for partner in founded.acme.show()["partners"]]

    def test_what_is_shown_is_what_is_signed(self, founded: Founded) -> None:
        """A carrier changes what the file says: what is signed is read from the bytes, and a claim is called one."""
        acme, globex = founded.acme, founded.globex
        acme.step("propose", "expel", "initech")
        globex.json("approve", "1", *self.unsigned(founded, globex))
        members = json.loads((globex.folder / "step.json").read_text())
        assert members["claims"] == ["proposal 1 is to expel initech; approved by acme; 2 votes carry it"]
        members["claims"] = ["proposal 1 is to admit a friend"]
        members["names"] = ["a friend"]
        (globex.folder / "step.json").write_text(json.dumps(members))
        code, out, err = self.sign(globex)
        assert code == 0
        assert "vote for proposal 1" in out
        assert "the file says, and nothing that is signed shows: proposal 1 is to admit a friend" in err
        assert "friend" not in out

    def test_another_transaction_in_the_file(self, founded: Founded) -> None:
        """A vote to expel in place of a harmless registration shows as what it is."""
        globex = founded.globex
        trust = parse_trust_file(founded.trust_file.read_bytes())
        globex.json("register-site", "globex/lab", SITE_KEY, *self.unsigned(founded, globex))
        members = json.loads((globex.folder / "step.json").read_text())
        calldata = contract_abi("Consortium").encode_call("proposeExpulsion", keccak256(b"acme"))
        self.put(globex, members, ContractCall(trust.consortium.address, calldata), trust.chain_id)
        _, out, _ = self.sign(globex)
        assert "propose to expel the partner acme, and vote for it" in out

    @pytest.mark.parametrize("kind", ["elsewhere", "trailing", "unknown", "view", "creation", "chain"])
    def test_what_is_not_understood_is_not_signed(self, founded: Founded, kind: str) -> None:
        globex = founded.globex
        trust = parse_trust_file(founded.trust_file.read_bytes())
        globex.json("register-site", "globex/lab", SITE_KEY, *self.unsigned(founded, globex))
        members = json.loads((globex.folder / "step.json").read_text())
        with JsonRpc(founded.url) as rpc:
            registry = RegistryContract(ChainClient(rpc), trust.registry.address)
            good = registry.revoke_key_call(ORIGIN.site)
        call, chain_id = good, trust.chain_id
        match kind:
            case "elsewhere":
                call = ContractCall(founded.acme.address, good.calldata)
            case "trailing":
                call = ContractCall(good.to, good.calldata + b"\0")
            case "unknown":
                call = ContractCall(good.to, b"\1\2\3\4" + good.calldata[4:])
            case "view":
                call = ContractCall(good.to, keccak256(b"headOf(bytes32)")[:4] + good.calldata[4:])
            case "creation":
                call = ContractCall(None, b"\x60\x00")
            case "chain":
                chain_id += 1
        self.put(globex, members, call, chain_id)
        code, out, err = self.sign(globex)
        assert (code, out) == (2, "")
        assert "do not sign" in err
        assert not (globex.folder / "signed.json").exists()

    def test_a_registry_that_asks_somebody_elses_consortium(self, url: str, tmp_path: Path) -> None:
        desk = PartnerDesk(tmp_path, "acme", url)
        desk.json(
            *("found", "--name", "One", f"--partner=acme={desk.account}", "--rpc", url),
            *("--account", desk.account, "--unsigned", "step.json"),
        )
        members = json.loads((desk.folder / "step.json").read_text())
        raw = bytes.fromhex(members["transactions"][1][2:])
        at = raw.rindex(bytes(12))
        members["transactions"][1] = to_hex(raw[: at + 12] + b"\x66" * 20 + raw[at + 32 :])
        (desk.folder / "step.json").write_text(json.dumps(members))
        code, _, err = self.sign(desk)
        assert (code, "asks another consortium" in err or "would ask another consortium" in err) == (2, True)

    def test_another_account(self, founded: Founded) -> None:
        founded.acme.step("propose", "expel", "initech")
        founded.acme.json(
            *("approve", "1", "--account", founded.globex.account, "--rpc", founded.url),
            *("--unsigned", "step.json"),
        )
        code, _, err = self.sign(founded.acme)
        assert (code, "was prepared for" in err) == (2, True)

    def test_overtaken(self, founded: Founded) -> None:
        """A signed step that waits while its account does something else can never be carried out, and says so."""
        acme = founded.acme
        acme.json("register-site", ORIGIN.text, SITE_KEY, *self.unsigned(founded, acme))
        assert self.sign(acme)[0] == 0
        acme.step("register-site", "acme/lab", SITE_KEY)
        code, _, err = acme.run("consortium", "send", "signed.json", "--rpc", founded.url)
        assert (code, "has sent another transaction of the number" in err) == (1, True)

    @pytest.mark.parametrize("change", ["cut", "kind", "both", "order", "member", "none", "signature"])
    def test_files_that_are_no_step(self, founded: Founded, change: str) -> None:
        acme = founded.acme
        acme.json("register-site", ORIGIN.text, SITE_KEY, *self.unsigned(founded, acme))
        members = json.loads((acme.folder / "step.json").read_text())
        match change:
            case "kind":
                members["kind"] = "signed"
            case "both":
                members["transactions"] *= 2
            case "member":
                members["title"] = "harmless"
            case "none":
                members["transactions"] = []
            case "order":
                members["format"] = "perdure-step/2"
            case "signature":
                members["account"] = "0x12"
        text = json.dumps(members)
        (acme.folder / "step.json").write_text(text[: len(text) // 2] if change == "cut" else text)
        code, out, _ = self.sign(acme)
        assert (code, out) == (1, "")

    def test_nothing_is_signed_unasked(self, founded: Founded) -> None:
        acme = founded.acme
        acme.json("register-site", ORIGIN.text, SITE_KEY, *self.unsigned(founded, acme))
        words = ("sign", "step.json", "--keystore", "key.json", "--output", "signed.json")
        code, _, err = acme.run("consortium", *words)
        assert (code, "there is no terminal to ask" in err) == (2, True)
        code, _, err = acme.run(
            *("consortium", "register-site", ORIGIN.text, SITE_KEY),
            *("--rpc", founded.url, "--keystore", "key.json"),
        )
        assert (code, "there is no terminal to ask" in err) == (2, True)
        assert not acme.show()["sites"]

    def unsigned(self, founded: Founded, desk: PartnerDesk) -> tuple[str, ...]:
        return ("--rpc", founded.url, "--account", desk.account, "--unsigned", "step.json")

    def sign(self, desk: PartnerDesk) -> tuple[int, str, str]:
        words = ("sign", "step.json", "--keystore", "key.json", "--output", "signed.json", "--yes")
        return desk.run("consortium", *words)

    def put(self, desk: PartnerDesk, members: dict[str, object], call: ContractCall, chain_id: int) -> None:
        transaction = UnsignedTransaction(chain_id, 0, 100_000, MarketFee(0, 0), call)
        members["transactions"] = [to_hex(signing_payload(transaction))]
        (desk.folder / "step.json").write_text(json.dumps(members))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--keystore", "key.json", "--web3signer", "http://127.0.0.1:1"), "are two keys"),
        (("--web3signer", "http://127.0.0.1:1"), "goes with --account"),
        ((), "want the key that signs"),
        (("--account", "0x" + "11" * 20), "want the key that signs"),
        (("--account", "0x" + "11" * 20, "--passphrase-file", "key.json"), "is for --keystore"),
        (("--keystore", "key.json", "--web3signer-token", "key.json"), "are for --web3signer"),
    ],
)
def test_whose_key(founded: Founded, words: tuple[str, ...], message: str) -> None:
    arguments = ("consortium", "register-site", ORIGIN.text, SITE_KEY, "--rpc", founded.url, "--yes")
    code, _, err = founded.acme.run(*arguments, *words)
    assert code == 2
    assert message in err


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
