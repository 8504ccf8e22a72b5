"""`perdure audit`, and `perdure verify` of its report."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from perdure_devnet.serve import detach, stop
from tools.commands import Run, RunJson
from tools.site_desk import stocked_folder
from tools.site_network import PASSPHRASE, copied

TRUSTING = ("--trust", ".perdure/trust.json")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a vault that has four anchored records."""
    return stocked_folder(tmp_path_factory.mktemp("stocked"))


@pytest.fixture(autouse=True)
def _files(own_user: Path, stocked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied(stocked / ".perdure", own_user / ".perdure")
    monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)


def damage(sequence: int) -> None:
    with sqlite3.connect(".perdure/vault.sqlite") as connection:
        connection.execute("UPDATE content SET encrypted = zeroblob(200) WHERE sequence = ?", (sequence,))
    connection.close()


def test_a_whole_vault(run: Run) -> None:
    code, out, err = run("audit", "--offline")
    assert code == 0
    assert "0 errors" in out
    assert "4 looked at" in out
    assert "not asked: it was not to be asked" in out
    assert "perdure audit -o" in err


def test_a_damaged_one(run: Run, run_json: RunJson) -> None:
    damage(2)
    code, out, _ = run("audit", "--offline")
    assert code == 1
    assert "error: content_unreadable" in out
    assert "leaf 1: " in out
    assert "restore the vault from a backup" in out
    code, (line,) = run_json("audit", "--offline")
    assert (code, line["ok"], line["report"]["errors"]) == (1, False, 1)


def test_findings_are_counted_and_so_are_their_kinds(run: Run) -> None:
    damage(1)
    damage(2)
    _, out, _ = run("audit", "--offline")
    # without a recovery key, a devnet, and four records that are in no backup
    assert "2 errors of 1 kind, 5 warnings of 2 kinds, 1 note\n" in out
    assert out.count("warning: ") == 2
    assert "content_unreadable (2)" in out


def test_the_report_is_verified(run: Run, run_json: RunJson) -> None:
    code, out, err = run("audit", "--offline", "-o", "june.audit.json")
    assert (code, "wrote june.audit.json, signed" in out) == (0, True)
    assert "perdure verify june.audit.json" in err
    code, out, _ = run("verify", "june.audit.json", *TRUSTING)
    assert code == 0
    assert "signed this report of an audit: 0 errors" in out
    assert "the log of 4 it names, in block" in out
    code, (line,) = run_json("verify", "june.audit.json", *TRUSTING)
    assert (code, line["key"], line["report"]["size"]) == (0, "by registry", 4)
    value = json.loads(Path("june.audit.json").read_bytes())
    value["findings"] = []
    Path("other.json").write_text(json.dumps(value))
    code, out, _ = run("verify", "other.json", *TRUSTING)
    assert code == 1
    assert "no, it is not shown that the site signed this report" in out
    code, out, _ = run("verify", "other.json", "june.audit.json", *TRUSTING)
    assert (code, "june.audit.json: yes" in out) == (1, True)


def test_since_an_earlier_report(run: Run, run_json: RunJson) -> None:
    _, rows = run_json("list")
    assert run("hold", rows[0]["leaf_hash"], "--reason", "a case")[0] == 0
    assert run("audit", "--offline", "-o", "june.audit.json")[0] == 0
    code, (line,) = run_json("audit", "--offline", "--since-report", "june.audit.json")
    assert (code, line["ok"]) == (0, True)
    with sqlite3.connect(".perdure/vault.sqlite") as connection:
        connection.execute("DELETE FROM hold")
        connection.execute("DELETE FROM change")
    connection.close()
    assert run("audit", "--offline")[0] == 0
    code, out, _ = run("audit", "--offline", "--since-report", "june.audit.json")
    assert (code, "counted 1 notes, now there are 0" in out) == (1, True)
    Path("june.audit.json").write_text("{}")
    code, _, err = run("audit", "--offline", "--since-report", "june.audit.json")
    assert (code, "Traceback" in err) == (2, False)


def test_without_the_passphrase(run: Run, run_json: RunJson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_PASSPHRASE")
    code, (line,) = run_json("audit", "--offline", "--locked", "-o", "x.audit.json")
    assert (code, line["signed"]) == (0, False)
    code, (line,) = run_json("verify", "x.audit.json", *TRUSTING)
    assert (code, line["errors"][0]["error"]) == (1, "ReportNotSigned")
    assert run("audit", "--offline")[0] == 2


def test_a_chain_that_cannot_be_reached(run: Run, run_json: RunJson) -> None:
    """Nobody is at the vault's endpoint: that is told, and counts where it is said that it shall."""
    code, (line,) = run_json("audit")
    assert (code, line["ok"], line["report"]["errors"]) == (0, True, 0)
    assert [each["name"] for each in line["report"]["checks"] if each["state"] == "could not"] == ["registry"]
    assert "registry_not_asked" in [each["kind"] for each in line["report"]["findings"]]
    for options in (("--require-registry",), ("--rpc", "http://127.0.0.1:9")):
        code, (line,) = run_json("audit", *options)
        assert (code, line["ok"], line["report"]["errors"]) == (3, False, 0)
    code, out, _ = run("audit", "--require-registry")
    assert code == 3
    assert "could not: no connection to http://127.0.0.1:1" in " ".join(out.split())


def test_a_chain_that_answers(run: Run, run_json: RunJson, stocked: Path) -> None:
    """Asked over HTTP, beside a second node that is not there."""
    chain = copied(stocked.parent / "chain", Path("chain").absolute())
    url = detach(chain, port=0, period=1).url
    assert url is not None
    try:
        code, (line,) = run_json("audit", "--rpc", url)
        assert (code, line["ok"]) == (0, True)
        run("config", "set", "rpc_url", url)
        run("config", "set", "other_rpc_urls", "http://127.0.0.1:9")
        code, out, _ = run("audit", "--require-registry")
        text = " ".join(out.split())
        assert code == 0
        assert "that 4 records are anchored is shown by the seals of block" in text
        assert "no connection to http://127.0.0.1:9" in text
        # the vault as it was before the last sync
        with sqlite3.connect(".perdure/vault.sqlite") as connection:
            for table, column in (("checkpoint", "size"), ("anchor", "size"), ("entry", "log_index")):
                connection.execute(f"DELETE FROM {table} WHERE {column} > {1 if table == 'entry' else 2}")
        connection.close()
        code, (line,) = run_json("audit")
        assert (code, line["report"]["errors"] >= 1) == (1, True)
        ahead = next(each for each in line["report"]["findings"] if each["kind"] == "registry_ahead")
        assert ahead["examples"][0].startswith("the registry has a log of 4 records, this vault's has 2")
    finally:
        stop(chain)


def test_documents_and_numbers(run_json: RunJson) -> None:
    Path("documents").mkdir()
    for number in (1, 2, 4):
        Path(f"documents/{number}.txt").write_bytes(b"document %d" % number)
    code, (line,) = run_json(
        "audit", "--offline", "--documents", "documents", "--numbering", r"document_name=(\d+)\.txt"
    )
    assert code == 0
    findings = {each["kind"]: each for each in line["report"]["findings"]}
    assert findings["document_missing"]["examples"][0].startswith("3.txt, record ")
    Path("documents/3.txt").write_bytes(b"changed")
    code, (line,) = run_json("audit", "--offline", "--documents", "documents")
    assert (code, line["report"]["errors"]) == (1, 1)


def test_what_is_refused(run: Run) -> None:
    for wrong in ("x", "colour=(1)", "document_name=1", "document_name=(", "extra.=(1)"):
        assert run("audit", "--numbering", wrong)[0] == 2
    assert run("audit", "--offline", "--rpc", "http://127.0.0.1:9")[0] == 2
    assert run("audit", "--offline", "--require-registry")[0] == 2
    Path("mine.txt").write_text("mine")
    assert run("audit", "--offline", "-o", "mine.txt")[0] == 2
    assert Path("mine.txt").read_text() == "mine"


def test_it_goes_on_after_kill_9(run_json: RunJson) -> None:
    """Killed at the end of its work on the records, with one stretch for each."""
    damage(2)
    _, (whole,) = run_json("audit", "--offline")
    script = (
        "import os, signal\n"
        "from perdure_node.audit import auditing, contents\n"
        "contents.STRETCH = 1\n"
        "contents._NOTED_TOGETHER = 1\n"
        "auditing.check_site = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from perdure_cli.main import main\n"
        "main(['audit', '--offline', '--jobs', '1'])\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    script = script.replace("auditing.check_site = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n", "")
    script = (
        script.replace("'--jobs', '1'", "'--resume', '--json'")
        .replace("main([", "raise SystemExit(main([")
        .replace("'])", "']))")
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, env=dict(os.environ), capture_output=True
    )
    assert done.returncode == 1
    line = json.loads(done.stdout)
    assert line["reused"] == 4
    assert line["report"]["findings"] == whole["report"]["findings"]
    shutil.rmtree(".perdure")
