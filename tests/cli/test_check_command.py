"""`perdure check`: what it says and how it ends, of documents signed by other people's tools."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from eth_account.messages import encode_typed_data
from tools.commands import Run, RunJson
from tools.signed_documents import openssl, plain_pdf, sign_cms, sign_pdf
from tools.signing_authority import YEAR, Holder, SigningAuthority, ec_key_of, real_now
from tools.wallet import ADA, signed_message


@pytest.fixture(scope="module")
def authority() -> SigningAuthority:
    return SigningAuthority(real_now() - timedelta(minutes=1))


@pytest.fixture(scope="module")
def anna(authority: SigningAuthority) -> Holder:
    return authority.signer("Anna Signer")


@pytest.fixture
def trust(authority: SigningAuthority, tmp_path: Path) -> Path:
    folder = tmp_path / "trust"
    for part, name, octets in (
        ("anchors", "root.pem", authority.root.pem),
        ("intermediates", "signers.der", authority.intermediate.der),
        ("crls", "signers.crl", authority.crl()),
    ):
        (folder / part).mkdir(parents=True)
        (folder / part / name).write_bytes(octets)
    return folder


@pytest.fixture
def contract(authority: SigningAuthority, anna: Holder, tmp_path: Path) -> Path:
    path = tmp_path / "contract.pdf"
    path.write_bytes(sign_pdf(plain_pdf(), authority, anna))
    return path


def test_a_valid_one(contract: Path, trust: Path, run: Run, run_json: RunJson) -> None:
    code, out, _ = run("check", str(contract), "--trust-folder", str(trust))
    assert code == 0
    assert f"{contract}: valid (pades, 1 signature)" in out
    assert "  signer           Anna Signer, Tests Ltd\n" in out
    assert "\\n" not in out
    assert f"the anchors in {trust}" in out
    assert "\\n" not in out, "a line ends where it ends, and shows no escape for it"
    assert "what was revoked later is not known" in out

    code, (line,) = run_json("check", str(contract), "--trust-folder", str(trust))
    assert (code, line["ok"], line["verdict"]) == (0, True, "valid")
    assert line["signatures"][0]["level"] == "B-B"


def test_nobody_is_believed(
    contract: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    code, out, told = run("check", str(contract))

    assert code == 3
    assert "NO_CERTIFICATE_CHAIN_FOUND" in out
    assert "no trust anchor is known" in told


def test_an_altered_one(contract: Path, trust: Path, run: Run) -> None:
    contract.write_bytes(contract.read_bytes().replace(b"Charter party", b"Charter parts"))

    code, out, _ = run("check", str(contract), "--trust-folder", str(trust))

    assert code == 1
    assert "HASH_FAILURE" in out


def test_for_another_time(contract: Path, trust: Path, authority: SigningAuthority, run: Run) -> None:
    later: datetime = authority.now + 2 * YEAR

    code, out, _ = run(
        "check", str(contract), "--trust-folder", str(trust), "--at", f"{later:%Y-%m-%dT%H:%M:%SZ}"
    )

    assert code == 3
    assert "OUT_OF_BOUNDS_NO_POE" in out
    assert run("check", str(contract), "--at", "tomorrow")[0] == 2


def test_a_signature_beside_it(
    trust: Path, authority: SigningAuthority, anna: Holder, tmp_path: Path, run: Run
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("we accept\n")
    signature = sign_cms(letter, authority, anna, "-binary", "-outform", "DER")
    assert run("check", str(letter), "--trust-folder", str(trust))[0] == 0

    named = signature.rename(tmp_path / "elsewhere.sig")
    assert run("check", str(letter), "--signature", str(named), "--trust-folder", str(trust))[0] == 0
    code, _, told = run("check", str(letter), "--trust-folder", str(trust))
    assert code == 1
    assert "no signature is in it" in told
    assert run("check", str(letter), str(letter), "--signature", str(named))[0] == 2


def test_many_by_several_processes(contract: Path, trust: Path, tmp_path: Path, run_json: RunJson) -> None:
    plain = tmp_path / "plain.pdf"
    plain.write_bytes(plain_pdf())

    code, lines = run_json(
        "check", str(contract), str(plain), str(contract), "--trust-folder", str(trust), "--jobs", "2"
    )

    assert code == 1
    assert [line["ok"] for line in lines] == [True, False, True]
    assert lines[1]["errors"][0]["error"] == "NotSigned"


class TestEveryFormatThatAddKnows:
    """Detached signatures beside documents: what `perdure add` takes is checked here too, by the same means."""

    @pytest.fixture
    def desk(self, authority: SigningAuthority, anna: Holder, tmp_path: Path) -> Path:
        """Letters, each signed in another way by other people's tools."""
        for name in ("ethereum", "typed", "rsa", "ecdsa", "named", "cms", "around", "pgp", "bare"):
            (tmp_path / name).write_text(f"we accept, by {name}\n")
        (tmp_path / "ethereum.sig.json").write_bytes(signed_message((tmp_path / "ethereum").read_text()))
        (tmp_path / "typed").write_text(typed_data())
        ec = authority.signer("Ed Curve", key=ec_key_of("Ed Curve"))
        for name, holder in (("rsa", anna), ("ecdsa", ec), ("named", anna)):
            key = tmp_path / f"{name}.key"
            key.write_bytes(holder.key_pem)
            where = tmp_path / ("elsewhere.bin" if name == "named" else f"{name}.sig")
            openssl("dgst", "-sha256", "-sign", key, "-out", where, tmp_path / name)
            certificate = tmp_path / ("elsewhere.pem" if name == "named" else f"{name}.crt")
            certificate.write_bytes(holder.pem)
        sign_cms(tmp_path / "cms", authority, anna, "-binary", "-outform", "DER")
        sign_cms(
            tmp_path / "around", authority, anna, "-binary", "-outform", "PEM", out=tmp_path / "around.p7m"
        )
        (tmp_path / "pgp.asc").write_text("-----BEGIN PGP SIGNATURE-----\n")
        (tmp_path / "bare.sig").write_bytes(bytes(256))
        return tmp_path

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_many_at_once_in_their_order(self, desk: Path, trust: Path, run_json: RunJson, jobs: str) -> None:
        names = ("ethereum", "cms", "typed", "rsa", "named", "ecdsa", "around", "pgp", "bare", "ethereum")

        code, lines = run_json(
            "check", *(str(desk / name) for name in names), "--trust-folder", str(trust), "--jobs", jobs
        )

        found = [line.get("format") or line["errors"][0]["error"] for line in lines]
        assert found == [
            "eip191",
            "cades",
            "eip712",
            "rsa",
            "NotSigned",
            "ecdsa",
            "cades",
            "NotChecked",
            "NotChecked",
            "eip191",
        ]
        assert [line["ok"] for line in lines] == [name not in ("named", "pgp", "bare") for name in names]
        assert lines[0]["signature_file"] == str(desk / "ethereum.sig.json")
        assert code == 1

    def test_a_named_one_with_its_certificate(self, desk: Path, trust: Path, run: Run) -> None:
        named = ("--signature", str(desk / "elsewhere.bin"), "--certificate", str(desk / "elsewhere.pem"))

        assert run("check", str(desk / "named"), *named, "--trust-folder", str(trust))[0] == 0
        assert run("check", str(desk / "rsa"), *named, "--trust-folder", str(trust))[0] == 1
        code, _, told = run("check", str(desk / "named"), "--signature", str(desk / "elsewhere.bin"))
        assert code == 2
        assert "--certificate FILE names its certificate" in told
        assert run("check", str(desk / "named"), str(desk / "rsa"), *named)[0] == 2

    def test_what_nothing_here_can_check(self, desk: Path, run: Run) -> None:
        code, _, told = run("check", str(desk / "pgp"))

        assert code == 3
        assert "OpenPGP signature, which is not supported" in told

    def test_an_account_needs_no_trust(self, desk: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(desk)

        code, out, told = run("check", "ethereum")

        assert code == 0
        assert "whoever has that" in out
        assert "trust anchor" not in told

    def test_altered(self, desk: Path, trust: Path, run: Run) -> None:
        for name in ("ethereum", "rsa", "ecdsa", "cms", "around"):
            with (desk / name).open("a") as file:
                file.write("and pay\n")
            assert run("check", str(desk / name), "--trust-folder", str(trust))[0] == 1, name

    def test_what_lies_beside_a_signed_document_is_passed_over(
        self, contract: Path, trust: Path, run: Run
    ) -> None:
        contract.with_name("contract.pdf.sig.json").write_bytes(signed_message("something else"))

        code, out, told = run("check", str(contract), "--trust-folder", str(trust))

        assert code == 0
        assert "valid (pades" in out
        assert "contract.pdf.sig.json lies beside it and was not looked at" in told

    def test_a_bill_with_only_ranges_has_its_signature_beside_it(
        self, trust: Path, authority: SigningAuthority, anna: Holder, tmp_path: Path, run: Run
    ) -> None:
        """A PDF that speaks of /ByteRange without being signed looks signed until it is parsed."""
        bill = tmp_path / "bill.pdf"
        bill.write_bytes(plain_pdf("about /ByteRange"))
        sign_cms(bill, authority, anna, "-binary", "-outform", "DER")

        code, out, _ = run("check", str(bill), str(bill), "--trust-folder", str(trust))

        assert code == 0
        assert out.count("valid (cades") == 2


def typed_data() -> str:
    """Typed data that carries its signature."""
    data = {
        "types": {"Contract": [{"name": "text", "type": "string"}]},
        "primaryType": "Contract",
        "domain": {"name": "Tests"},
        "message": {"text": "we accept"},
    }
    signed = ADA.sign_message(encode_typed_data(full_message=data))
    return json.dumps({**data, "address": ADA.address, "signature": f"0x{signed.signature.hex()}"})
