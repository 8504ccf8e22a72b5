"""`perdure operator credential` and `perdure operator totp` in this process, with an authenticator and an app in software."""

import io
import re
import time
from pathlib import Path

import pytest
from perdure_cli.commands import confirm as confirm_command
from perdure_cli.commands import operator_totp
from pyotp import parse_uri
from tools.commands import Run, RunJson
from tools.software_authenticator import PRESENT, SoftwareAuthenticator, Visitor
from tools.software_security_key import SoftwareSecurityKey

WORDS = "correct horse"


@pytest.fixture
def site(run: Run, devnet_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vault with Kim, who keeps the site, and Ada, who records, each with the same words for a passphrase; a document."""
    monkeypatch.setenv("PERDURE_PASSPHRASE", WORDS)
    monkeypatch.setenv("PERDURE_OPERATOR_PASSPHRASE", WORDS)
    name = f"acme/{time.monotonic_ns()}"
    assert run("init", name, "--devnet", str(devnet_folder))[0] == 0
    for words in (("Kim", "--role", "site-keeper"), ("Ada", "--role", "recorder", "--as", "Kim")):
        code, _, told = run("operator", "add", *words)
        assert code == 0, told
    Path("policy.toml").write_text('[[documents]]\ntype = "contract"\nconfirmed_by = ["confirmer"]\n')
    assert run("policy", "set", "policy.toml", "--as", "Kim")[0] == 0
    Path("contract.pdf").write_bytes(b"a contract")


def browse(monkeypatch: pytest.MonkeyPatch, authenticator: SoftwareAuthenticator) -> Visitor:
    """Whoever opens the page that a command tells of."""
    visitor = Visitor(authenticator)

    def come(address: str) -> None:
        # each command has a page of its own
        visitor.client.cookies.clear()
        visitor.answer(address)

    monkeypatch.setattr("perdure_cli.passkey_asking._open", come)
    return visitor


def test_a_passkey_confirms_rejects_and_is_taken_out_of_force(
    site: None, run: Run, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = browse(monkeypatch, SoftwareAuthenticator())
    code, (added,) = run_json("operator", "add", "Eve", "--role", "confirmer", "--passkey", "--as", "Kim")
    assert code == 0
    assert added["second_factor"]
    assert not added["one_time_codes"]
    assert run("add", "contract.pdf", "--type", "contract", "--as", "Ada")[0] == 0
    code, out, told = run("confirm", "contract.pdf", "--as", "Eve", "--yes")
    assert code == 0, told
    assert "confirmed by Eve" in out
    assert "contract.pdf" in visitor.seen[-1]
    # what signs nothing is signed for all the same
    Path("other.pdf").write_bytes(b"another")
    assert run("add", "other.pdf", "--type", "contract", "--as", "Ada")[0] == 0
    before = len(visitor.seen)
    assert run("reject", "other.pdf", "--reason", "no", "--as", "Eve")[0] == 0
    assert "Show that it is you: reject a record" in visitor.seen[before]
    # a second one, chosen by its label; the first is taken out of force
    browse(monkeypatch, SoftwareAuthenticator(credential_id=b"second"))
    code, _, told = run("operator", "credential", "add", "Eve", "--passkey", "--label", "blue", "--as", "Kim")
    assert code == 0, told
    code, listed = run_json("operator", "credential", "list", "Eve")
    assert [each["label"] for each in listed] == [None, "blue"]
    code, _, told = run("operator", "credential", "remove", "Eve", "blue", "--yes", "--as", "Kim")
    assert code == 0, told
    code, _, told = run("confirm", "--all", "--as", "Eve", "--credential", "blue")
    assert code == 2
    assert "Eve has passkey" in told
    # the one that is left goes by the beginning of its digest, and is his last
    out = run("operator", "credential", "list", "Eve")[1]
    found = re.search(r"passkey ([0-9a-f]{8})", out)
    assert found is not None
    code, _, told = run("operator", "credential", "remove", "Eve", found[1], "--yes", "--as", "Kim")
    assert code == 2
    assert "no other credential" in told
    code, _, told = run("operator", "credential", "add", "Kim", "--passkey", "--as", "Kim")
    assert code == 2
    assert "it is or was Eve's" in told


def test_who_is_not_known_to_his_authenticator_confirms_nothing(
    site: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = SoftwareAuthenticator()
    browse(monkeypatch, key)
    assert run("operator", "add", "Eve", "--role", "confirmer", "--passkey", "--as", "Kim")[0] == 0
    assert run("add", "contract.pdf", "--type", "contract", "--as", "Ada")[0] == 0
    key.flags = PRESENT
    visitor = Visitor(key)
    monkeypatch.setattr(
        "perdure_cli.passkey_asking._open", lambda address: [visitor.answer(address) for _ in range(20)]
    )
    code, _, told = run("confirm", "contract.pdf", "--as", "Eve", "--yes")
    assert code == 1
    assert "finger, a face or a PIN" in told
    code, out, _ = run("status")
    assert "Ada" in out


def test_who_signs_with_a_passkey_adds_but_imports_nothing(
    site: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = browse(monkeypatch, SoftwareAuthenticator())
    assert run("operator", "add", "Eve", "--role", "recorder", "--passkey", "--as", "Kim")[0] == 0
    code, _, told = run("add", "contract.pdf", "--as", "Eve")
    assert code == 0, told
    assert "Sign that you record this" in visitor.seen[-1]
    Path("list.csv").write_text(f"document_sha256\n{'ab' * 32}\n")
    code, _, told = run("import", "list.csv", "--as", "Eve")
    assert code == 2
    assert "one record at a time" in told


def test_a_security_key_is_asked_at_the_terminal(
    site: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, told = run("operator", "add", "Eve", "--role", "confirmer", "--security-key", "--as", "Kim")
    assert code == 2
    assert "none is" in told
    key = SoftwareSecurityKey(pin=None, reads_fingers=True)
    monkeypatch.setattr("perdure_node.operators.passkeys.usb.plugged_in", lambda: [key])
    code, out, told = run("operator", "add", "Eve", "--role", "confirmer", "--security-key", "--as", "Kim")
    assert code == 0, told
    assert "touch the security key" in told
    assert "(USB)" in out
    assert run("add", "contract.pdf", "--type", "contract", "--as", "Ada")[0] == 0
    code, _, told = run("confirm", "contract.pdf", "--as", "Eve", "--yes")
    assert code == 0, told
    assert "contract.pdf" in told


def test_codes_are_wanted_beside_the_passphrase_and_reset_by_a_keeper(
    site: None, run: Run, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(operator_totp, "_show", shown.append)
    code, _, told = run("operator", "totp", "Ada", "--enable")
    assert (code, shown) == (2, [])
    assert "no terminal" in told
    monkeypatch.setattr(operator_totp, "want_terminal", lambda *_, **__: None)
    monkeypatch.setattr(
        operator_totp,
        "ask_passphrase",
        lambda *_, **__: parse_uri(shown[0]).at(int(time.time()) - 30),  # type: ignore[union-attr]
    )
    code, (enabled,) = run_json("operator", "totp", "Ada", "--enable")
    assert code == 0
    assert enabled["one_time_codes"]
    assert enabled["second_factor"]
    assert re.search(r"otpauth://totp/Perdure%20acme", shown[0])
    code, _, told = run("add", "contract.pdf", "--as", "Ada")
    assert code == 2
    assert "PERDURE_TOTP" in told
    monkeypatch.setenv("PERDURE_TOTP", "1234567")
    code, _, told = run("add", "contract.pdf", "--as", "Ada")
    assert code == 1
    assert "code" in told
    monkeypatch.setenv("PERDURE_TOTP", parse_uri(shown[0]).at(int(time.time())))  # type: ignore[union-attr]
    assert run("add", "contract.pdf", "--as", "Ada")[0] == 0
    code, _, told = run("add", "contract.pdf", "--type", "deed", "--as", "Ada")
    assert code == 1
    assert "used already" in told
    code, (reset,) = run_json("operator", "totp", "Ada", "--reset", "--as", "Kim")
    assert code == 0
    assert not reset["second_factor"]


def test_an_operator_changes_his_own_passphrase_and_nothing_else_of_him(
    site: None, run: Run, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = (each for each in run_json("operator", "list")[1] if each["name"] == "Ada")
    monkeypatch.setenv("PERDURE_NEW_PASSPHRASE", "another battery staple")
    # who does not know the old one changes nothing
    monkeypatch.setenv("PERDURE_PASSPHRASE", "wrong horse battery")
    code, _, told = run("operator", "passphrase", "Ada")
    assert code == 2
    assert "does not open this operator's key" in told
    monkeypatch.setenv("PERDURE_PASSPHRASE", WORDS)
    code, (changed,) = run_json("operator", "passphrase", "Ada")
    assert code == 0
    assert changed == {"ok": True, **before}
    code, _, told = run("add", "contract.pdf", "--type", "note", "--as", "Ada")
    assert code == 2
    assert "does not open this operator's key" in told
    # from a file, too short to be one, then good
    Path("new").write_text("short\n")
    code, _, told = run("operator", "passphrase", "Ada", "--new-passphrase-file", "new")
    assert code == 2
    monkeypatch.setenv("PERDURE_PASSPHRASE", "another battery staple")
    code, _, told = run("operator", "passphrase", "Ada", "--new-passphrase-file", "new")
    assert code == 2
    assert "want 10 at least" in told
    Path("new").write_text("a third battery staple\n")
    code, out, told = run("operator", "passphrase", "Ada", "--new-passphrase-file", "new")
    assert (code, out) == (0, "the passphrase of Ada is changed\n"), told
    monkeypatch.setenv("PERDURE_PASSPHRASE", "a third battery staple")
    assert run("add", "contract.pdf", "--type", "note", "--as", "Ada")[0] == 0
    # the others' stay as they were
    monkeypatch.setenv("PERDURE_PASSPHRASE", WORDS)
    assert run("operator", "roles", "Ada", "--role", "recorder", "--as", "Kim")[0] == 0


def test_who_has_only_a_passkey_has_no_passphrase_to_change(
    site: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    browse(monkeypatch, SoftwareAuthenticator())
    assert run("operator", "add", "Eve", "--role", "confirmer", "--passkey", "--as", "Kim")[0] == 0
    code, _, told = run("operator", "passphrase", "Eve")
    assert code == 2
    assert "no passphrase of his own" in told


def test_of_two_who_confirm_all_at_once_each_confirms_what_is_left(
    site: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Ben", "Eve"):
        assert run("operator", "add", name, "--role", "confirmer", "--as", "Kim")[0] == 0
    for number in range(3):
        Path(f"{number}.pdf").write_bytes(b"%d" % number)
    assert run("add", "0.pdf", "1.pdf", "2.pdf", "--type", "contract", "--as", "Ada")[0] == 0
    # the other one is quicker with the second of them, once when it is shown and once after it was signed
    stored, shown = confirm_command.store_confirmed, confirm_command._show

    def taken_before_it_is_stored(*given: object, **named: object) -> object:
        monkeypatch.setattr(confirm_command, "store_confirmed", stored)
        assert run("confirm", "1.pdf", "--yes", "--as", "Ben")[0] == 0
        return stored(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(confirm_command, "store_confirmed", taken_before_it_is_stored)
    code, out, told = run("confirm", "--all", "--yes", "--as", "Eve")
    assert code == 0, told
    assert out.count("confirmed by Eve") == 2
    assert told.count("skipped, somebody else took it meanwhile") == 1

    def taken_before_it_is_signed(*given: object) -> None:
        monkeypatch.setattr(confirm_command, "_show", shown)
        assert run("confirm", "contract.pdf", "--yes", "--as", "Ben")[0] == 0
        shown(*given)  # type: ignore[arg-type]

    # also where it is the only one
    assert run("add", "contract.pdf", "--type", "contract", "--as", "Ada")[0] == 0
    monkeypatch.setattr(confirm_command, "_show", taken_before_it_is_signed)
    code, out, told = run("confirm", "--all", "--yes", "--as", "Eve")
    assert (code, out) == (0, "")
    assert "skipped" in told
    code, _, told = run("confirm", "contract.pdf", "--yes", "--as", "Eve")
    assert code == 1
    assert "does not wait" in told


def test_the_last_site_keeper_is_told_what_follows(site: None, run: Run) -> None:
    assert run("operator", "add", "Kay", "--role", "site-keeper", "--as", "Kim")[0] == 0
    code, _, told = run("operator", "remove", "Kay", "--yes", "--as", "Kim")
    assert code == 0
    assert "warning" not in told
    code, _, told = run("policy", "set", "policy.toml", "--as", "Kim")
    assert "warning: a type that no rule fits needs nobody" in told
    assert code == 0
    code, out, told = run("policy", "check", "policy.toml")
    assert code == 0
    assert "other types      nobody confirms" in out
    assert "warning: a type that no rule fits needs nobody" in told
    code, _, told = run("operator", "roles", "Kim", "--role", "auditor", "--as", "Kim")
    assert code == 0
    assert "warning: this site has no site keeper then" in told
    assert run("operator", "roles", "Kim", "--role", "site-keeper")[0] == 0
    code, _, told = run("operator", "remove", "Kim", "--yes", "--as", "Kim")
    assert code == 0
    assert "warning: this site has no site keeper then" in told


def test_a_list_corrects_nothing_alone_that_wants_two_people(site: None, run: Run, run_json: RunJson) -> None:
    assert run("operator", "add", "Ben", "--role", "confirmer", "--as", "Kim")[0] == 0
    _, (added,) = run_json("add", "contract.pdf", "--type", "contract", "--as", "Ada")
    Path("list.csv").write_text(
        f"document_sha256,document_type,supersedes\n{'ab' * 32},note,{added['leaf_hash']}\n{'cd' * 32},note,\n"
    )

    assert run("import", "list.csv", "--as", "Ada")[0] == 0

    _, waiting = run_json("list", "--state", "awaiting")
    assert len(waiting) == 2


def test_what_was_said_yes_to_is_confirmed_when_nobody_answers_any_more(
    site: None, run: Run, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("operator", "add", "Ben", "--role", "confirmer", "--as", "Kim")[0] == 0
    Path("other.pdf").write_bytes(b"another")
    assert run("add", "contract.pdf", "other.pdf", "--type", "contract", "--as", "Ada")[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    code, out, told = run("confirm", "--all", "--as", "Ben")
    assert code == 2
    assert out.count("confirmed by Ben") == 1
    assert "nobody answers" in told
    assert "--yes" in told
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, ((*_, answer)) = run_json("confirm", "other.pdf", "--as", "Ben")
    assert (code, answer["ok"]) == (2, False)
    assert run("confirm", "--all", "--as", "Ben", "--yes")[0] == 0
