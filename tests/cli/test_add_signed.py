"""`perdure add` of signed documents: what it finds out by itself, what it tells, and what the vault keeps."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from perdure_anchor.hashes import sha256
from perdure_node.records import OpenedRecord, open_record, record_by_sequence
from perdure_node.signatures.material_store import named_material, read_material
from perdure_node.vault import Vault, open_vault
from tools.commands import Run, RunJson
from tools.signed_documents import fill_trust_folder, plain_pdf, sign_cms, sign_pdf
from tools.signing_authority import SigningAuthority, real_now
from tools.site_desk import keys_of
from tools.site_network import PASSPHRASE, new_vault
from tools.wallet import ADA, wallet_export

CONTENT = b"We agree on 100 EUR.\n"


@pytest.fixture
def desk(chain_folder: Path, own_user: Path) -> Path:
    """A folder with a vault and a contract that Ada's account has signed."""
    new_vault(chain_folder, own_user / ".perdure").close()
    (own_user / "contract.txt").write_bytes(CONTENT)
    (own_user / "contract.txt.sig.json").write_bytes(wallet_export(CONTENT, version="3"))
    return own_user


def opened(vault: Vault, sequence: int = 1) -> OpenedRecord:
    stored = record_by_sequence(vault.database, sequence)
    assert stored is not None
    return open_record(stored, keys_of(vault))


def test_a_signature_beside_the_document_is_checked_and_fills_in_who_signed(desk: Path, run: Run) -> None:
    code, out, err = run("add", "contract.txt")
    assert code == 0
    assert f"  signature        valid (eip191), by {ADA.address}\n" in out
    assert "warning" not in err
    with open_vault(desk / ".perdure") as vault:
        record = opened(vault).record
        assert record.value("signers") == [{"name": ADA.address}]
        slot = record.value("signature")
        assert isinstance(slot, dict)
        assert (slot["format"], slot["verdict"]) == ("eip191", "valid")
        raw = (desk / "contract.txt.sig.json").read_bytes()
        assert slot["material"] == {"signature": [sha256(raw).hex()]}
        kept = list(read_material(vault.database, vault.lookup_key, keys_of(vault), named_material(slot)))
        assert [file.octets for file in kept] == [raw]
    for file in (desk / ".perdure").iterdir():
        assert ADA.address[2:].encode() not in file.read_bytes()


def test_added_again_it_is_the_same_record(desk: Path, run_json: RunJson) -> None:
    _, [first] = run_json("add", "contract.txt")
    assert first["signature"]["verdict"] == "valid"
    assert first["signature"]["file"] == "contract.txt.sig.json"
    _, [again] = run_json("add", "contract.txt")
    assert (again["was_there"], again["leaf_hash"]) == (True, first["leaf_hash"])


def test_a_bad_signature_is_recorded_as_bad(desk: Path, run: Run) -> None:
    (desk / "contract.txt").write_bytes(CONTENT.replace(b"100", b"900"))
    code, out, _ = run("add", "contract.txt")
    assert code == 0
    assert f"invalid (eip191), by {ADA.address}: HASH_FAILURE, it was made over something else" in out
    with open_vault(desk / ".perdure") as vault:
        record = opened(vault).record
        assert record.value("signers") is None
        slot = record.value("signature")
        assert isinstance(slot, dict)
        assert slot["verdict"] == "invalid"


def test_what_the_owner_says_wins_and_a_difference_is_told(desk: Path, run: Run) -> None:
    code, _, err = run("add", "contract.txt", "--signer", "Bob <bob@acme.example>")
    assert code == 0
    assert (
        f"contract.txt: signers: you say Bob <bob@acme.example>; by the signatures they are {ADA.address}"
        in err
    )
    with open_vault(desk / ".perdure") as vault:
        assert opened(vault).record.value("signers") == [{"name": "Bob", "id": "bob@acme.example"}]


def test_no_difference_where_the_owner_names_the_address(desk: Path, run: Run) -> None:
    _, _, err = run("add", "contract.txt", "--signer", f"Ada <{ADA.address.lower()}>")
    assert "warning" not in err


def test_without_signatures_nothing_is_looked_for(desk: Path, run_json: RunJson) -> None:
    _, [line] = run_json("add", "contract.txt", "--no-signatures")
    assert line["signature"] is None
    with open_vault(desk / ".perdure") as vault:
        assert opened(vault).record.value("signature") is None


def test_in_a_folder_a_signature_is_no_document(desk: Path, run_json: RunJson) -> None:
    _, lines = run_json("add", ".")
    assert [line["file"] for line in lines] == ["contract.txt"]
    _, lines = run_json("add", ".", "--no-signatures", "--dry-run", "--again")
    assert [line["file"] for line in lines] == ["contract.txt", "contract.txt.sig.json"]


def test_a_named_signature_is_taken(desk: Path, run_json: RunJson) -> None:
    (desk / "contract.txt.sig.json").rename(desk / "elsewhere.json")
    _, [line] = run_json("add", "contract.txt", "--signature", "elsewhere.json")
    assert (line["signature"]["verdict"], line["signature"]["file"]) == ("valid", "elsewhere.json")


@pytest.fixture(scope="module")
def authority() -> SigningAuthority:
    return SigningAuthority(real_now())


def test_a_signed_pdf_fills_in_who_signed_and_when(
    desk: Path, run_json: RunJson, authority: SigningAuthority
) -> None:
    fill_trust_folder(desk / ".perdure" / "signatures", authority)
    anna = authority.signer("Anna Signer")
    (desk / "charter").write_bytes(sign_pdf(plain_pdf(), authority, anna))
    _, [line] = run_json("add", "charter")
    check = line["signature"]
    assert (check["format"], check["verdict"], check["notes"]) == ("pades", "valid", [])
    with open_vault(desk / ".perdure") as vault:
        record = opened(vault).record
        [signer] = record.value("signers")  # type: ignore[misc]
        assert signer["name"] == "Anna Signer"  # type: ignore[index,call-overload]
        assert signer["certificate_sha256"] == sha256(anna.der).hex()  # type: ignore[index,call-overload]
        assert record.value("signed_at") == check["signatures"][0]["claimed_at"]
        assert record.value("media_type") == "application/pdf"
        named = named_material(record.value("signature"))
        kept = {
            file.kind.value for file in read_material(vault.database, vault.lookup_key, keys_of(vault), named)
        }
        assert {"anchor", "certificate", "crl"} <= kept


def test_without_the_extra_a_signed_file_is_recorded_and_the_user_is_told(
    desk: Path, run: Run, authority: SigningAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyhanko", None)
    (desk / "charter.pdf").write_bytes(sign_pdf(plain_pdf(), authority, authority.signer()))
    code, out, err = run("add", "charter.pdf")
    assert (code, out.count("recorded: ")) == (0, 1)
    assert (
        "charter.pdf: it is signed, and its signature was not checked: pip install 'perdure[signatures]'"
        in err
    )


def test_what_is_not_signed_loads_nothing_heavy(desk: Path) -> None:
    (desk / "plain.pdf").write_bytes(plain_pdf())
    program = (
        "import sys; from perdure_cli.main import main; code = main(sys.argv[1:]); "
        "heavy = {'pyhanko', 'asn1crypto', 'eth_account', 'multiprocessing'} & set(sys.modules); sys.exit(code or bool(heavy))"
    )
    ran = subprocess.run([sys.executable, "-c", program, "add", "plain.pdf"], check=False)
    assert ran.returncode == 0


def test_a_cms_signature_beside_the_document(
    desk: Path, run_json: RunJson, authority: SigningAuthority
) -> None:
    fill_trust_folder(desk / ".perdure" / "signatures", authority)
    letter = desk / "letter.txt"
    letter.write_bytes(b"Dear Sir\n")
    sign_cms(letter, authority, authority.signer("Anna Signer"), "-binary", "-outform", "DER")
    _, [line] = run_json("add", "letter.txt")
    assert (line["signature"]["format"], line["signature"]["verdict"]) == ("cades", "valid")
    assert line["signature"]["file"] == "letter.txt.p7s"


def test_a_raw_signature_wants_its_certificate(
    desk: Path, run: Run, run_json: RunJson, authority: SigningAuthority
) -> None:
    fill_trust_folder(desk / ".perdure" / "signatures", authority)
    letter, anna = desk / "letter.txt", authority.signer("Anna Signer")
    letter.write_bytes(b"Dear Sir\n")
    (desk / "letter.txt.sig").write_bytes(
        anna.key.sign(letter.read_bytes(), padding.PKCS1v15(), hashes.SHA256())
    )
    code, _, err = run("add", "letter.txt", "--dry-run")
    assert code == 0
    assert "--certificate FILE names its certificate" in err
    (desk / "anna.pem").write_bytes(anna.pem + authority.intermediate.pem)
    _, [line] = run_json("add", "letter.txt", "--certificate", "anna.pem", "--dry-run")
    assert (line["signature"]["format"], line["signature"]["verdict"]) == ("rsa", "valid")
    (desk / "anna.pem").rename(desk / "letter.txt.pem")
    _, [line] = run_json("add", "letter.txt")
    assert line["signature"]["verdict"] == "valid"
    _, lines = run_json("add", ".", "--dry-run")
    assert {line["file"] for line in lines} == {"contract.txt", "letter.txt"}


def test_an_openpgp_signature_is_told_as_not_supported(desk: Path, run: Run) -> None:
    (desk / "letter.txt").write_bytes(b"Dear Sir\n")
    (desk / "letter.txt.asc").write_bytes(b"-----BEGIN PGP SIGNATURE-----\n")
    code, _, err = run("add", "letter.txt")
    assert code == 0
    assert "letter.txt.asc: an OpenPGP signature, which is not supported" in err
    code, _, err = run("add", "letter.txt", "--signature", "letter.txt.asc")
    assert code == 2


def test_ink_on_paper_is_attested_by_a_person(desk: Path, run: Run, run_json: RunJson) -> None:
    (desk / "scan.png").write_bytes(b"not really a picture")
    _, [line] = run_json("add", "scan.png", "--wet-ink", "--attested-by", "Bob <bob@acme.example>")
    [one] = line["signature"]["signatures"]
    assert (one["verdict"], one["attested_by"]) == ("indeterminate", "Bob <bob@acme.example>")
    assert "Bob <bob@acme.example> attests it" in one["reason"]
    with open_vault(desk / ".perdure") as vault:
        slot = opened(vault).record.value("signature")
        assert isinstance(slot, dict)
        assert slot["signatures"] == [{"verdict": "indeterminate", "attested_by": "Bob <bob@acme.example>"}]
    for wrong in (["--wet-ink"], ["--attested-by", "Bob"], ["--wet-ink", "--attested-by", ""]):
        assert run("add", "scan.png", *wrong)[0] == 2
    assert run("add", "scan.png", "--wet-ink", "--attested-by", "Bob", "--no-signatures")[0] == 2


def test_erasing_takes_the_material_too(desk: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
    run("add", "contract.txt")
    run("add", "contract.txt", "--again", "--type", "contract")
    with open_vault(desk / ".perdure") as vault:
        assert vault.database.number("SELECT count(*) FROM material") == 1
        first, second = (opened(vault, sequence) for sequence in (1, 2))
        name, octets = vault.database.rows("SELECT name, encrypted FROM material")[0]
    leaf_hashes = [line.split()[-1] for line in run("add", "contract.txt")[1].splitlines()[:1]]
    assert leaf_hashes
    assert first.record.value("signature") is not None
    assert second.record.value("signature") is not None
    assert run("erase", leaf_hashes[0], "--reason", "wrong", "--yes")[0] == 0
    with open_vault(desk / ".perdure") as vault:
        assert vault.database.number("SELECT count(*) FROM material") == 1
        other = vault.database.row("SELECT leaf_hash FROM record WHERE sequence = 2")
        assert other is not None
    assert run("erase", other[0].hex(), "--reason", "wrong", "--yes")[0] == 0
    with open_vault(desk / ".perdure") as vault:
        assert vault.database.number("SELECT count(*) FROM material") == 0
        assert vault.database.number("SELECT count(*) FROM record_material") == 0
    for file in (desk / ".perdure").iterdir():
        if file.is_file():
            assert name not in file.read_bytes()
            assert octets[:12] not in file.read_bytes()
