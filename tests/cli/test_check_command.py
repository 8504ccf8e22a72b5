"""`perdure check`: what it says and how it ends, of documents signed by other people's tools."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tools.commands import Run, RunJson
from tools.signed_documents import plain_pdf, sign_cms, sign_pdf
from tools.signing_authority import YEAR, Holder, SigningAuthority, real_now


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
    assert "Anna Signer, Tests Ltd" in out
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
