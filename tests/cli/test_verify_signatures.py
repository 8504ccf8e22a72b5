"""The long road of a signed document: added, anchored, proven with what its check rested on, checked again in a clean folder; and tampered."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.hashes import sha256
from perdure_cli.main import main
from perdure_node.signatures.faults import SignatureSlotHidden
from perdure_node.signatures.material_zip import encode_material, parse_material
from perdure_node.signatures.repeating import Repetition, read_slot, repeat_check
from perdure_node.signatures.signed_file import SignedFile
from tools.commands import Run, RunJson
from tools.signed_documents import add_store, fill_trust_folder, plain_pdf, sign_cms, sign_pdf, stamp_pdf
from tools.signing_authority import DAY, YEAR, SigningAuthority, real_now
from tools.wallet import wallet_export

# of twelve years ago, by certificates that expired since
ARCHIVED = ("archived.pdf", "lapsed.pdf")
PASSPHRASE = "a passphrase of the tests"


@pytest.fixture(scope="module")
def authority() -> SigningAuthority:
    return SigningAuthority(real_now())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, devnet_folder: Path, authority: SigningAuthority) -> Path:
    """A folder with signed documents of every kind, each with its evidence and what the check of it rested on."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "passphrase").write_text(f"{PASSPHRASE}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PERDURE_CONFIG_DIR", str(folder / "settings"))
        patch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
        assert main(["init", "acme/signed", "--devnet", str(devnet_folder), "--no-recovery-key"]) == 0
        trusting = fill_trust_folder(folder / ".perdure" / "signatures", authority)
        for name, expired in archived(folder).items():
            (trusting / "anchors" / name).write_bytes(expired.root.pem)
        for name in documents(folder, authority):
            assert main(["add", name]) == 0
        for name in ARCHIVED:
            assert main(["add", name]) == 0
        assert main(["add", "scan.png", "--wet-ink", "--attested-by", "Bob"]) == 0
        assert main(["sync"]) == 0
        for name in ("charter.pdf", "letter.txt", "note.txt", "bad.txt", "scan.png", *ARCHIVED):
            assert main(["prove", name, "--material"]) == 0
    return folder


def documents(folder: Path, authority: SigningAuthority) -> list[str]:
    anna = authority.signer("Anna Signer")
    (folder / "charter.pdf").write_bytes(sign_pdf(plain_pdf(), authority, anna))
    (folder / "letter.txt").write_bytes(b"Dear Sir\n")
    sign_cms(folder / "letter.txt", authority, anna, "-binary", "-outform", "DER")
    (folder / "note.txt").write_bytes(b"We agree.\n")
    (folder / "note.txt.sig.json").write_bytes(wallet_export(b"We agree.\n"))
    (folder / "bad.txt").write_bytes(b"We do not agree.\n")
    (folder / "bad.txt.sig.json").write_bytes(wallet_export(b"We agree.\n"))
    (folder / "scan.png").write_bytes(b"not really a picture")
    return ["charter.pdf", "letter.txt", "note.txt", "bad.txt"]


def archived(folder: Path) -> dict[str, SigningAuthority]:
    """Two documents signed twelve years ago (B-LTA), and who was believed then; only the first one's newest stamp holds today."""
    old = SigningAuthority(real_now() - 12 * YEAR)
    middle, newer = (SigningAuthority(old.now + years * YEAR) for years in (2, 6))
    signed = sign_pdf(plain_pdf(), old, old.signer("Old Anna"), stamped_by=old.time_stamper(lasts=3 * YEAR))
    signed = add_store(signed, [old.intermediate.der], [old.crl()], [])
    signed = stamp_pdf(signed, old, old.time_stamper(lasts=3 * YEAR), old.now + DAY)
    signed = stamp_pdf(signed, middle, middle.time_stamper(lasts=5 * YEAR), middle.now, "Stamp2")
    (folder / "lapsed.pdf").write_bytes(signed)
    signed = stamp_pdf(signed, newer, newer.time_stamper(lasts=8 * YEAR), newer.now, "Stamp3")
    (folder / "archived.pdf").write_bytes(signed)
    return {"old": old, "middle": middle, "newer": newer}


@pytest.fixture
def clean(site: Path, own_user: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of somebody else, with nothing but documents, evidence, material, and a trust file that he pinned."""
    monkeypatch.setenv("PERDURE_CONFIG_DIR", str(site / "settings"))
    for name in ("charter.pdf", "letter.txt", "note.txt", "bad.txt", "scan.png", *ARCHIVED):
        for suffix in ("", ".evidence.json", ".material.zip"):
            if (site / f"{name}{suffix}").exists():
                shutil.copy(site / f"{name}{suffix}", own_user)
    return own_user


def again(run_json: RunJson, name: str, *options: str) -> tuple[int, dict[str, Any]]:
    code, [line] = run_json("verify", f"{name}.evidence.json", name, "--signatures", *options)
    return code, line


@pytest.mark.parametrize(
    ("name", "verdict", "trust"),
    [
        ("charter.pdf", "valid", "site"),
        ("letter.txt", "valid", "site"),
        ("note.txt", "valid", None),
        ("bad.txt", "invalid", None),
        ("scan.png", None, None),
    ],
)
def test_the_check_is_repeated_from_what_it_rested_on(
    clean: Path, run_json: RunJson, name: str, verdict: str | None, trust: str | None
) -> None:
    code, line = again(run_json, name)
    assert (code, line["ok"], line["errors"]) == (0, True, [])
    assert (line["signatures"]["verdict"], line["signatures"]["trust"]) == (verdict, trust)
    assert line["signatures"]["differences"] == []


@pytest.mark.parametrize(("name", "verdict"), [("archived.pdf", "valid"), ("lapsed.pdf", "indeterminate")])
def test_one_whose_certificates_expired_is_checked_from_its_material_alone(
    clean: Path, run_json: RunJson, name: str, verdict: str
) -> None:
    """The chain of stamps keeps it, or does not any more; either way the check repeated says what the record says."""
    code, line = again(run_json, name)

    assert (code, line["errors"]) == (0, [])
    assert (line["signatures"]["verdict"], line["signatures"]["recorded"]) == (verdict, verdict)
    assert line["signatures"]["differences"] == []
    assert line["signatures"]["trust"] == "site"


def test_what_strangers_signed_is_parsed_in_other_processes_only(clean: Path) -> None:
    script = (
        "import sys; from perdure_cli.main import main; code = main(sys.argv[1:]); "
        "assert not {'asn1crypto', 'pyhanko', 'pypdf'} & sys.modules.keys(); sys.exit(code)"
    )
    arguments = ("verify", "letter.txt.evidence.json", "letter.txt", "--signatures")
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_the_output_says_whose_anchors_were_believed(
    clean: Path, run: Run, authority: SigningAuthority
) -> None:
    arguments = ("verify", "charter.pdf.evidence.json", "charter.pdf", "--signatures")
    code, out, _ = run(*arguments)
    assert code == 0
    assert "  trust anchors    the site's own, NOT PINNED" in out
    assert "  result           valid (pades), as the record says\n" in out
    mine = fill_trust_folder(clean / "mine", authority)
    code, out, _ = run(*arguments, "--trust-folder", "mine")
    assert code == 0
    assert f"  trust anchors    yours, in {mine.name}\n" in out


def test_with_other_anchors_it_is_another_result(clean: Path, run_json: RunJson) -> None:
    (clean / "others" / "anchors").mkdir(parents=True)
    (clean / "others" / "anchors" / "one").write_bytes(SigningAuthority(real_now()).stranger("Others").pem)
    code, line = again(run_json, "charter.pdf", "--trust-folder", "others")
    assert (code, line["ok"]) == (1, False)
    assert line["signatures"]["verdict"] == "indeterminate"
    assert any("NO_CERTIFICATE_CHAIN_FOUND" in each for each in line["signatures"]["differences"])
    assert {error["error"] for error in line["errors"]} == {"SignatureDiffers"}


def test_missing_material_is_could_not_find_out(clean: Path, run_json: RunJson) -> None:
    (clean / "charter.pdf.material.zip").unlink()
    code, line = again(run_json, "charter.pdf")
    assert (code, line["ok"]) == (3, False)
    assert [error["error"] for error in line["errors"]] == ["MaterialMissing"]


def test_each_missing_file_is_noticed(clean: Path, run_json: RunJson) -> None:
    path = clean / "charter.pdf.material.zip"
    files = parse_material(path.read_bytes())
    for digest in files:
        path.write_bytes(encode_material(octets for other, octets in files.items() if other != digest))
        code, line = again(run_json, "charter.pdf")
        assert code == 3
        assert digest.hex() in line["errors"][0]["message"]


def test_a_file_that_the_record_does_not_name_is_no_material(clean: Path, run_json: RunJson) -> None:
    path = clean / "charter.pdf.material.zip"
    files = parse_material(path.read_bytes())
    path.write_bytes(encode_material([*files.values(), b"another CRL"]))
    code, line = again(run_json, "charter.pdf")
    assert code == 1
    assert [error["error"] for error in line["errors"]] == ["ForeignMaterial"]


def test_a_damaged_archive_is_refused(clean: Path, run_json: RunJson) -> None:
    path = clean / "charter.pdf.material.zip"
    raw = bytearray(path.read_bytes())
    raw[200] ^= 1
    path.write_bytes(raw)
    code, line = again(run_json, "charter.pdf")
    assert code == 1
    assert [error["error"] for error in line["errors"]] == ["MaterialMalformed"]


def test_another_document_is_a_no_before_that(clean: Path, run_json: RunJson) -> None:
    (clean / "note.txt").write_bytes(b"We agree!\n")
    code, line = again(run_json, "note.txt")
    assert code == 1
    assert line["document"] == "different"
    assert line["signatures"] is None


def test_a_hidden_slot_and_an_absent_document_are_could_not_find_out(
    clean: Path, site: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, [line] = run_json("verify", "charter.pdf.evidence.json", "--signatures")
    assert (code, [error["error"] for error in line["errors"]]) == (3, ["DocumentNotGiven"])
    monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
    out = str(clean / "hidden.evidence.json")
    assert main(["prove", str(clean / "charter.pdf"), "--vault", str(site / ".perdure"), "-o", out]) == 0
    code, [line] = run_json("verify", "hidden.evidence.json", "charter.pdf", "--signatures")
    assert (code, [error["error"] for error in line["errors"]]) == (3, ["SignatureSlotHidden"])


def test_a_record_that_says_nothing_of_a_signature_is_not_said_to_hide_it() -> None:
    with pytest.raises(SignatureSlotHidden, match="the record says nothing of a signature"):
        read_slot(None)


def repeated(folder: Path, slot: Any) -> Repetition:
    octets = (folder / "charter.pdf").read_bytes()
    document = SignedFile(folder / "charter.pdf", sha256(octets), len(octets))
    files = parse_material((folder / "charter.pdf.material.zip").read_bytes())
    return repeat_check(read_slot(slot), document, files, None, None)


def test_how_fresh_the_knowledge_about_revocation_was_is_held_against_the_files(
    clean: Path, run_json: RunJson
):
    slot = again(run_json, "charter.pdf")[1]["disclosed"]["signature"]
    assert repeated(clean, slot).notes == ()
    (note,) = repeated(clean, {**slot, "revocation_as_of": "2099-01-01T00:00:00Z"}).notes
    assert "the record says 2099-01-01T00:00:00Z, by the files that it names it is" in note


def test_a_signed_document_that_is_recorded_as_ink_on_paper_is_told(clean: Path) -> None:
    slot = {
        "v": 1,
        "format": "wet-ink",
        "verdict": "indeterminate",
        "checked_at": "2026-01-01T00:00:00Z",
        "signatures": [{"verdict": "indeterminate", "attested_by": "Bob"}],
    }
    assert repeated(clean, slot).differences == ()
    attested, passed_over = repeated(clean, slot).notes
    assert "Bob attests it" in attested
    assert "has a digital signature (pades), of which the record says nothing" in passed_over
    (difference,) = repeated(clean, {**slot, "verdict": "valid"}).differences
    assert "the record says valid, indeterminate of ink on paper" in difference


def test_a_folder_with_material_in_it_is_verified(clean: Path, run: Run) -> None:
    code, _, err = run("verify", ".", "--signatures")
    assert code == 0
    assert "left out: charter.pdf.material.zip" in err
    assert "0 no, 0 could not be found out" in err


@pytest.fixture
def exported(site: Path, clean: Path, monkeypatch: pytest.MonkeyPatch, run_json: RunJson) -> dict[str, Any]:
    """All evidence with material, in the folder `all` of the clean one; what the command said of it."""
    monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
    code, [said] = run_json(
        "prove", "--all", str(clean / "all"), "--material", "--vault", str(site / ".perdure")
    )
    assert code == 0, said
    return dict(said)


def evidence_of(folder: Path, name: str) -> Path:
    """Where an export has the evidence of a document, by its digest."""
    digest = sha256((folder / name).read_bytes()).hex()
    (found,) = (folder / "all").glob(f"*-{digest[:16]}.evidence.json")
    return found


def material_of(folder: Path, name: str) -> Path:
    """Where it is, if there is any."""
    return Path(str(evidence_of(folder, name)).replace(".evidence.json", ".material.zip"))


def test_all_evidence_has_its_material_beside_it(
    clean: Path, exported: dict[str, Any], run: Run, run_json: RunJson
) -> None:
    """The same bytes as of one record; two that rest on the same file share it; checked again in a folder of its own."""
    assert exported["material"] == {"records": 6, "sets": 5, "missing_files": 0, "too_large": 0}
    same = [material_of(clean, name) for name in ("note.txt", "bad.txt")]
    assert same[0].samefile(same[1])
    for name in ("charter.pdf", "letter.txt", "note.txt", "bad.txt", *ARCHIVED):
        assert material_of(clean, name).read_bytes() == (clean / f"{name}.material.zip").read_bytes()
    assert not material_of(clean, "scan.png").exists()
    documents = ("charter.pdf", "letter.txt", "note.txt", "bad.txt", "scan.png", *ARCHIVED)
    code, _, err = run("verify", "all", *documents, "--signatures")
    assert code == 0, err


@pytest.mark.usefixtures("exported")
def test_material_that_was_removed_is_written_again_also_where_the_disk_knows_no_links(
    site: Path, clean: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("prove", "--all", "all", "--material", "--vault", str(site / ".perdure"))
    nothing = {"records": 0, "sets": 0, "missing_files": 0, "too_large": 0}
    code, [said] = run_json(*words)
    assert (code, said["records"], said["material"]) == (0, 0, nothing)
    same = [material_of(clean, name) for name in ("note.txt", "bad.txt")]
    there = same[0].read_bytes()
    same[1].unlink()

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    code, [said] = run_json(*words)
    assert (code, said["records"], said["material"]["records"]) == (0, 7, 6)
    assert [path.read_bytes() for path in same] == [there, there]
    assert not same[0].samefile(same[1])


@pytest.mark.usefixtures("exported")
def test_evidence_that_was_there_without_material_gets_it(site: Path, clean: Path, run_json: RunJson) -> None:
    before = (clean / "all" / "index.csv").read_bytes()
    words = ("prove", "--all", "shown", "--disclose", "signature", "--vault", str(site / ".perdure"))
    assert run_json(*words)[1][0]["material"] is None
    assert not list((clean / "shown").glob("*.material.zip"))
    code, [said] = run_json(*words, "--material")
    assert (code, said["records"], said["material"]["records"]) == (0, 7, 6)
    assert (clean / "shown" / "index.csv").read_bytes() == before


def test_without_the_flag_nothing_of_it_is_imported(clean: Path) -> None:
    program = (
        "import sys; from perdure_cli.main import main; code = main(sys.argv[1:]); "
        "heavy = {name for name in sys.modules if 'signatures' in name or name in ('pyhanko', 'asn1crypto', 'eth_account')}; "
        "print(heavy, file=sys.stderr); sys.exit(code or bool(heavy))"
    )
    command = [sys.executable, "-c", program, "verify", "charter.pdf.evidence.json", "charter.pdf"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_the_options_belong_together(clean: Path, run: Run) -> None:
    for options in (["--material", "charter.pdf"], ["--trust-folder", "."]):
        assert run("verify", "charter.pdf", *options)[0] == 2
