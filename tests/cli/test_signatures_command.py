"""`perdure signatures`: anchors chosen, and revocation brought up to date from a server, which may lie."""

import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from tools.commands import Run, RunJson
from tools.signed_documents import plain_pdf, sign_pdf
from tools.signing_authority import Holder, SigningAuthority, make_crl, real_now


class Files(http.server.ThreadingHTTPServer):
    """Serves what is put into ``answers``, by method and path."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def _answer(self) -> None:
        self.server.asked.append(self.path)
        octets = self.server.answers.get(self.path)
        self.send_response(404 if octets is None else 200)
        self.send_header("Content-Length", str(len(octets or b"")))
        self.end_headers()
        self.wfile.write(octets or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Files]:
    with Files() as files:
        thread = threading.Thread(target=files.serve_forever, daemon=True)
        thread.start()
        yield files
        files.shutdown()
        thread.join()


@pytest.fixture
def authority(server: Files) -> SigningAuthority:
    return SigningAuthority(real_now() - timedelta(minutes=1), url=server.url)


@pytest.fixture
def anna(authority: SigningAuthority) -> Holder:
    return authority.signer("Anna Signer")


@pytest.fixture
def contract(authority: SigningAuthority, anna: Holder, tmp_path: Path) -> Path:
    path = tmp_path / "contract.pdf"
    path.write_bytes(sign_pdf(plain_pdf(), authority, anna))
    return path


@pytest.fixture
def folder(authority: SigningAuthority, tmp_path: Path, run: Run) -> Path:
    """With one anchor, and nothing else."""
    root = tmp_path / "root.pem"
    root.write_bytes(authority.root.pem)
    folder = tmp_path / "trust"
    assert run("signatures", "trust", "add", str(root), "--yes", "--trust-folder", str(folder))[0] == 0
    return folder


def test_anchors(
    folder: Path, authority: SigningAuthority, run: Run, run_json: RunJson, tmp_path: Path
) -> None:
    (line,) = run_json("signatures", "trust", "list", "--trust-folder", str(folder))[1]
    assert line["authority"] is True
    assert "Test Root" in line["name"]
    assert (
        " ".join(line["fingerprint"][at : at + 4] for at in range(0, 64, 4))
        in run("signatures", "trust", "list", "--trust-folder", str(folder))[1]
    )

    assert (
        run("signatures", "trust", "remove", line["fingerprint"][:3], "--trust-folder", str(folder))[0] == 2
    )
    assert (
        run("signatures", "trust", "remove", line["fingerprint"][:8], "--trust-folder", str(folder))[0] == 0
    )
    assert run("signatures", "trust", "list", "--trust-folder", str(folder))[1] == ""

    root = tmp_path / "root.pem"
    code, out, told = run("signatures", "trust", "add", str(root), "--trust-folder", str(folder))
    assert code == 2, "nobody was there to compare the fingerprint"
    assert line["fingerprint"][:4] in out
    assert "--yes" in told
    root.write_text("no certificate")
    assert run("signatures", "trust", "add", str(root), "--yes", "--trust-folder", str(folder))[0] == 2


def test_refreshed_it_can_be_checked(
    folder: Path,
    contract: Path,
    server: Files,
    authority: SigningAuthority,
    anna: Holder,
    run: Run,
    run_json: RunJson,
) -> None:
    assert run("check", str(contract), "--trust-folder", str(folder))[0] == 3
    server.answers = {"/signers.crl": authority.crl(), "/ocsp": authority.ocsp(anna)}

    code, lines = run_json("signatures", "refresh", str(contract), "--private", "--trust-folder", str(folder))

    assert code == 0, lines
    assert {line["kind"]: line["new"] for line in lines} == {"crl": True, "ocsp": True}
    assert run("check", str(contract), "--trust-folder", str(folder))[0] == 0
    (line,) = run_json("signatures", "status", "--trust-folder", str(folder))[1]
    assert (line["anchors"], line["wanted"], [each["fresh"] for each in line["answers"]]) == (
        1,
        1,
        [True, True],
    )
    # without the document, since its certificate is known now
    server.asked.clear()
    assert run("signatures", "refresh", "--private", "--trust-folder", str(folder))[0] == 0
    assert sorted(server.asked) == ["/ocsp", "/signers.crl"]


def test_what_changed_since_a_list_is_asked_for_too(
    folder: Path,
    contract: Path,
    server: Files,
    authority: SigningAuthority,
    anna: Holder,
    run: Run,
    run_json: RunJson,
) -> None:
    """A list and a delta of the same month, and a list of other certificates, take each other's places nowhere."""
    hour, delta = timedelta(hours=1), f"{server.url}/delta.crl"
    place = x509.DistributionPoint([x509.UniformResourceIdentifier(delta)], None, None, None)
    freshest, begins = x509.FreshestCRL([place]), x509.DeltaCRLIndicator(5)
    made_at = authority.now - timedelta(minutes=5)
    whole = make_crl(authority.intermediate, made_at, x509.CRLNumber(5), freshest)
    changed = make_crl(authority.intermediate, authority.now, x509.CRLNumber(6), begins)
    server.answers = {"/signers.crl": whole}
    refresh = ("signatures", "refresh", str(contract), "--private", "--trust-folder", str(folder))

    run(*refresh)
    assert run("check", str(contract), "--trust-folder", str(folder))[0] == 3
    server.answers["/delta.crl"] = changed
    _, lines = run_json(*refresh)

    assert {line["url"].rpartition("/")[2] for line in lines if line["failure"] is None} == {
        "signers.crl",
        "delta.crl",
    }
    assert run("check", str(contract), "--trust-folder", str(folder))[0] == 0
    listed = {anna.certificate.serial_number: (authority.now - hour, x509.ReasonFlags.key_compromise)}
    server.answers["/delta.crl"] = make_crl(
        authority.intermediate,
        authority.now + timedelta(seconds=5),
        x509.CRLNumber(7),
        begins,
        listing=listed,
    )
    run(*refresh)
    assert run("check", str(contract), "--trust-folder", str(folder))[0] == 1
    (line,) = run_json("signatures", "status", "--trust-folder", str(folder))[1]
    assert len(line["answers"]) == 2


def test_inside_a_private_network_nothing_is_asked(
    folder: Path, contract: Path, server: Files, run: Run
) -> None:
    code, _, told = run("signatures", "refresh", str(contract), "--trust-folder", str(folder))

    assert code == 3
    assert "--private" in told
    assert server.asked == []


def test_what_the_authority_did_not_sign_is_not_kept(
    folder: Path, contract: Path, server: Files, authority: SigningAuthority, anna: Holder, run: Run
) -> None:
    forger = SigningAuthority(real_now(), url=server.url)
    forger.intermediate = Holder(forger.intermediate.certificate, anna.key)
    answer = authority.ocsp(anna)
    server.answers = {"/signers.crl": forger.crl(), "/ocsp": answer[:-1] + bytes([answer[-1] ^ 1])}

    code, _, told = run("signatures", "refresh", str(contract), "--private", "--trust-folder", str(folder))

    assert code == 3
    assert "did not sign" in told
    assert not list(folder.glob("crls/*.der"))
    assert not list(folder.glob("ocsp/*.der"))


def test_the_vault_s_own_folder(
    contract: Path, authority: SigningAuthority, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = tmp_path / "site" / ".perdure"
    vault.mkdir(parents=True)
    (vault / "vault.sqlite").touch()
    (tmp_path / "root.pem").write_bytes(authority.root.pem)
    monkeypatch.chdir(vault.parent)

    assert run("signatures", "trust", "add", str(tmp_path / "root.pem"), "--yes")[0] == 0

    code, out, _ = run("check", str(contract))
    assert code == 3
    assert "TRY_LATER" in out
    assert f"the anchors in {vault / 'signatures'}" in out
    assert (vault / "signatures").stat().st_mode & 0o077 == 0
