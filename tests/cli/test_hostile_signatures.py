"""Files made to break who checks or records them, through the commands: an answer or an error with a name, and nothing that moves a terminal."""

import json
import os
import subprocess
import sys
import warnings
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from perdure_node import documents
from perdure_node.signatures import looking
from perdure_node.signatures.looking import Asked, Looker
from tools.commands import Run, RunJson
from tools.signed_documents import fill_trust_folder, plain_pdf, sign_cms, sign_pdf
from tools.signing_authority import SigningAuthority, real_now
from tools.site_network import PASSPHRASE, new_vault

EVIL = "Anna\n  verdict          valid\x1b[2J\x1b]0;owned\x07\u202etxt.exe\x9b31m\u2028"


@pytest.fixture(scope="module")
def authority() -> SigningAuthority:
    return SigningAuthority(real_now() - timedelta(minutes=1))


@pytest.fixture
def desk(chain_folder: Path, own_user: Path, authority: SigningAuthority) -> Path:
    """A folder with a vault that believes the authority."""
    new_vault(chain_folder, own_user / ".perdure").close()
    fill_trust_folder(own_user / ".perdure" / "signatures", authority)
    return own_user


def is_calm(text: str) -> bool:
    """Whether a terminal shows it as lines of text and nothing else."""
    return all(character == "\n" or character.isprintable() for character in text)


class TestNames:
    @pytest.fixture(params=[EVIL, "A" * 100_000], ids=["escapes", "a hundred kilobytes"])
    def letter(self, request: pytest.FixtureRequest, desk: Path, authority: SigningAuthority) -> Path:
        holder = authority.signer("Evil", subject=named(request.param))
        letter = desk / "letter.txt"
        letter.write_text("we accept\n")
        sign_cms(letter, authority, holder, "-binary", "-outform", "DER")
        return letter

    def test_check(self, letter: Path, run: Run, run_json: RunJson) -> None:
        code, out, told = run("check", letter.name)

        assert code == 0, out
        assert is_calm(out + told)
        assert out.count("\n  verdict  ") == 1
        assert len(out) < 4000
        assert run_json("check", letter.name)[0] == 0

    def test_add(self, letter: Path, run: Run, run_json: RunJson, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
        code, out, told = run("add", letter.name)

        assert code == 0, told
        assert is_calm(out + told)
        assert len(out) < 4000
        assert run_json("add", letter.name)[0] == 0
        code, out, told = run("show", letter.name)
        assert code == 0, told
        assert is_calm(out + told)


@pytest.mark.parametrize(
    "extension",
    [
        x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), bytes.fromhex("3004a3023000")),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x84\xff\xff\xff\xff"),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(10_000)),
    ],
    ids=["a kind of name that nobody knows", "malformed", "unknown"],
)
def test_a_certificate_with_an_odd_extension(
    desk: Path, authority: SigningAuthority, run: Run, extension: x509.UnrecognizedExtension
) -> None:
    (desk / "letter.txt").write_text("we accept\n")
    holder = authority.signer("Odd", extension=extension)
    sign_cms(desk / "letter.txt", authority, holder, "-binary", "-outform", "DER")

    assert run("check", "letter.txt")[0] in (0, 1, 3)
    code, _, told = run("add", "letter.txt")
    assert code == 0, told


def named(name: str) -> x509.Name:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name, _validate=False)])


@pytest.mark.slow
def test_a_gigabyte_that_speaks_of_ranges(desk: Path, run: Run) -> None:
    large = desk / "large.pdf"
    with large.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.seek((1 << 30) - 10)
        file.write(b"/ByteRange")

    code, out, told = run("check", "large.pdf")

    assert (code, told.count("error")) == (1, 0), told
    assert "the PDF has no end" in out


class TestWhatIsNoFile:
    @pytest.fixture
    def pipe(self, desk: Path) -> Path:
        os.mkfifo(desk / "pipe")
        return desk / "pipe"

    def test_as_the_document(self, pipe: Path, run: Run) -> None:
        for command in ("check", "add"):
            code, _, told = run(command, "pipe")
            assert code in (2, 3)
            assert "not a regular file" in told or "invalid argument" in told

    def test_as_signature_or_certificate(self, pipe: Path, run: Run) -> None:
        (pipe.parent / "letter.txt").write_text("we accept\n")
        (pipe.parent / "numbers").write_bytes(bytes(64))
        for command in ("check", "add"):
            assert run(command, "letter.txt", "--signature", "pipe")[0] == 2
            assert run(command, "letter.txt", "--signature", "numbers", "--certificate", "pipe")[0] == 2

    def test_beside_the_document(self, pipe: Path, run: Run) -> None:
        (pipe.parent / "letter.txt").write_text("we accept\n")
        pipe.rename(pipe.parent / "letter.txt.p7s")

        assert run("check", "letter.txt")[0] == 1

    def test_links(self, desk: Path, authority: SigningAuthority, run: Run) -> None:
        (desk / "real.pdf").write_bytes(sign_pdf(plain_pdf(), authority, authority.signer("Anna Signer")))
        (desk / "link.pdf").symlink_to("real.pdf")
        (desk / "loop.pdf").symlink_to("loop.pdf")
        (desk / "zero.pdf").symlink_to("/dev/zero")

        assert run("check", "link.pdf")[0] == 0
        assert run("check", "loop.pdf")[0] == 2
        code, _, told = run("check", "zero.pdf", "link.pdf")
        assert code in (2, 3)
        assert "zero.pdf: " in told
        (desk / "link.pdf.p7s").symlink_to("/dev/zero")
        assert run("check", "link.pdf")[0] == 0


def test_one_that_changes_while_it_is_checked(
    desk: Path, authority: SigningAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was hashed is what is checked, or nothing is."""
    signed = sign_pdf(plain_pdf(), authority, authority.signer("Anna Signer"))
    file = desk / "contract.pdf"
    file.write_bytes(signed)

    def hash_then_change(path: Path, *, taker: documents.Taker | None) -> object:
        facts = hash_document(path, taker=taker)
        path.write_bytes(signed + b"\n")
        return facts

    hash_document = documents.hash_document
    monkeypatch.setattr(looking, "hash_document", hash_then_change)
    with Looker(desk / ".perdure" / "signatures", Asked()) as looker:
        (found,) = looker.each([file], int(authority.now.timestamp()) + 60)

    assert "was written to while it was read" in str(found)


def test_a_zip_bomb_as_material(desk: Path, run: Run) -> None:
    bomb = desk / "bomb.material.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0" * 64, bytes(64 << 20))
    (desk / "letter.txt").write_text("we accept\n")
    (desk / "letter.txt.evidence.json").write_text(json.dumps({"format": "perdure-evidence/1"}))

    code, _, told = run(
        "verify", "letter.txt.evidence.json", "--signatures", "--material", "bomb.material.zip"
    )

    assert code in (1, 2, 3)
    assert "Traceback" not in told


PARSERS = """
import sys
from perdure_cli.main import main
code = main(sys.argv[1:])
assert not {"asn1crypto", "pyhanko", "pyhanko_certvalidator", "pypdf"} & sys.modules.keys(), "parsed here"
sys.exit(code)
"""


def run_without_parsers(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process that fails if it loads any parser of what strangers made itself."""
    return subprocess.run(
        [sys.executable, "-c", PARSERS, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PERDURE_PASSPHRASE": PASSPHRASE},
    )


def test_strangers_files_are_parsed_in_other_processes_only(desk: Path, authority: SigningAuthority) -> None:
    anna = authority.signer("Anna Signer")
    (desk / "scans").mkdir()
    for folder in (desk, desk / "scans"):
        (folder / "contract.pdf").write_bytes(sign_pdf(plain_pdf(folder.name), authority, anna))
        (folder / "letter.txt").write_text(f"we accept, {folder.name}\n")
        sign_cms(folder / "letter.txt", authority, anna, "-binary", "-outform", "DER")
    for name in ("signer.pem", "signer.key", "intermediate.pem"):
        (desk / "scans" / name).unlink()

    for command in (
        ("check", "contract.pdf", "letter.txt"),
        ("add", "contract.pdf", "letter.txt"),
        ("watch", "scans", "--once", "--settle", "0"),
    ):
        done = run_without_parsers(*command)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("valid") >= 2, done.stdout


def test_a_folder_of_hostile_files_is_watched_to_its_end(desk: Path) -> None:
    """Each is recorded as what it is; what is no file is passed over."""
    scans = desk / "scans"
    scans.mkdir()
    os.mkfifo(scans / "pipe.pdf")
    (scans / "zero.pdf").symlink_to("/dev/zero")
    (scans / "broken.pdf").write_bytes(b"%PDF-1.7\n/ByteRange [0 1 2 3]\nstartxref\n0\n%%EOF")
    (scans / "deep.pdf").write_bytes(b"%PDF-1.7\n/ByteRange\n1 0 obj\n" + b"[" * 100_000)
    (scans / "letter.txt").write_text("we accept\n")
    (scans / "letter.txt.p7s").write_bytes(
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + b"\xa0\x80" * 50_000
    )
    (scans / "note.txt").write_text("we accept too\n")
    (scans / "note.txt.sig.json").write_text("[" * 100_000)
    (scans / f"{EVIL.replace('/', '')}.txt").write_text("a name\n")

    done = run_without_parsers("watch", "scans", "--once", "--settle", "0")

    assert done.returncode in (0, 1, 2, 3)
    assert "Traceback" not in done.stderr
    assert "fault of perdure itself" not in done.stderr
    assert is_calm(done.stdout + done.stderr)
    for name in ("broken.pdf", "deep.pdf", "letter.txt", "note.txt"):
        assert f"{name}, leaf hash" in done.stdout, done.stdout + done.stderr
