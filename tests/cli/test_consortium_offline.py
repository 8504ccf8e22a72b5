"""`perdure consortium` where keys are kept offline: steps are written, signed elsewhere, and carried."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.hashes import keccak256, to_hex
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.abi import contract_abi
from perdure_contracts.chain import ChainClient
from perdure_contracts.fees import MarketFee
from perdure_contracts.registry import RegistryContract
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.unsigned_transaction import (
    ContractCall,
    UnsignedTransaction,
    signing_payload,
)
from tools.chains_under_test import DEVNET, chain_under_test
from tools.consortium_story import NEW_KEY, OLD_KEY, ORIGIN, SITE_KEY, Founded, address, carry_a_step
from tools.partner_desk import PartnerDesk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chain_under_test(DEVNET, tmp_path_factory.mktemp("devnet")) as chain:
        yield chain.client.rpc.endpoint.url


@pytest.fixture
def founded(url: str, tmp_path: Path) -> Founded:
    return Founded(tmp_path, url)


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
