"""The whole story on an embedded chain, step by step, with the command that does each: what `make demo` runs.

Each step is a `perdure` process of its own, as a user would start it. All that the story makes stays in one folder; its
devnet is stopped at the end, and nothing outside of the folder is touched.
"""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from perdure_cli.exit_codes import ANSWER_IS_NO, DONE, INTERRUPTED, USAGE

_MARK = ".perdure-demo"
_WITH_PASSPHRASE = ("--passphrase-file", "../passphrase.txt")
_WIDTH = 100
_CONTRACT_LINES = ("Charter party", "Acme Shipping and Globex Trading", "Rotterdam, 4 May 2026")
_REGISTER = """\
file,document_type,signer,signed_at,extra.ward
letters/consent-0017.txt,consent,Ada Example <ada@acme.example>,2026-05-04T09:12Z,3 west
letters/consent-0018.txt,consent,Bela Example <bela@acme.example>,2026-05-04T09:40Z,3 east
letters/receipt.txt,receipt,Ada Example <ada@acme.example>,2026-05-04T10:05Z,
"""
_LETTERS = {
    "consent-0017.txt": "I agree to the treatment that was explained to me.\n",
    "consent-0018.txt": "I agree to the treatment that was explained to me, but not to photographs.\n",
    "receipt.txt": "Received: 40 pallets, one of them damaged.\n",
}


class _StepFailed(Exception):
    """A command of the story ended with another exit code than the story tells."""


@dataclass(frozen=True, slots=True)
class _Story:
    """The story's folder, and how its commands are run and told."""

    folder: Path

    def tell(self, text: str) -> None:
        """Say what comes next, and why."""
        self._write("\n" + textwrap.fill(text, _WIDTH) + "\n")

    def run(self, where: str, *arguments: str, expected: int = DONE, who: str = "site") -> None:
        """Run a `perdure` command in a folder of the story; raises `_StepFailed` for an unexpected exit code."""
        shown = " ".join(f'"{argument}"' if " " in argument else argument for argument in arguments)
        self._write(f"\n{where}$ perdure {shown}\n")
        completed = subprocess.run(  # noqa: S603 - this interpreter, our own module, our own arguments
            [sys.executable, "-m", "perdure_cli", *arguments],
            cwd=self.folder / where,
            env=self._environment(who),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self._write(textwrap.indent(completed.stdout, "    "))
        if expected != DONE:
            self._write(f"    (exit code {completed.returncode})\n")
        if completed.returncode != expected:
            raise _StepFailed(f"perdure {shown}: exit code {completed.returncode}, want {expected}")

    def _environment(self, who: str) -> Mapping[str, str]:
        private = {"PERDURE_CONFIG_DIR": str(self.folder / "settings" / who), "PYTHONIOENCODING": "utf-8"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
        return inherited | private

    def _write(self, text: str) -> None:
        click.echo(text, nl=False)
        with (self.folder / "transcript.txt").open("a", encoding="utf-8") as transcript:
            transcript.write(text)


def main() -> int:
    """Play the story in the folder that the first argument names."""
    if len(sys.argv) != 2:
        click.echo("usage: python -m perdure_cli.demo FOLDER", err=True)
        return USAGE
    folder = Path(sys.argv[1]).absolute()
    if not _make_folder(folder):
        click.echo(f"{folder} is there, and no demo made it: choose another folder", err=True)
        return USAGE
    begin = time.monotonic()
    try:
        _play(_Story(folder))
    except _StepFailed as error:
        click.echo(f"\nthe story went wrong: {error}", err=True)
        return ANSWER_IS_NO
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        _end_left_over_chain(folder)
    click.echo(
        f"\nDone in {time.monotonic() - begin:.0f} s. Look around in {folder}; transcript.txt tells it all again."
    )
    return DONE


def _make_folder(folder: Path) -> bool:
    """An empty folder, in place of one that an earlier demo left; False if something else is there."""
    if folder.exists():
        if not (folder / _MARK).is_file():
            return False
        _end_left_over_chain(folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    return True


def _end_left_over_chain(folder: Path) -> None:
    from perdure_devnet.serve import stop

    if (folder / "chain").is_dir():
        stop(folder / "chain")


def _play(story: _Story) -> None:
    _write_documents(story.folder / "office")
    _found(story)
    _record(story)
    _anchor(story)
    _verify(story)
    _refuse(story)
    story.tell("12. The chain ends here; `perdure devnet up --dir chain` goes on with it.")
    story.run(".", "devnet", "down", "--dir", "chain")


def _write_documents(office: Path) -> None:
    (office / "letters").mkdir(parents=True)
    (office / "contract.pdf").write_bytes(_pdf(_CONTRACT_LINES))
    (office / "register.csv").write_text(_REGISTER, encoding="utf-8")
    for name, text in _LETTERS.items():
        (office / "letters" / name).write_text(text, encoding="utf-8")


def _found(story: _Story) -> None:
    story.tell(
        "1. A chain of four validators, in one process on this machine. A consortium would run Besu; this one has the same "
        "headers, seals and contracts, and a trust file that says what it is."
    )
    story.run(".", "devnet", "up", "--dir", "chain", "--detach", "--port", "0", "--period", "1")
    story.tell(
        "2. The office in Rotterdam gets its vault: its signing key, its log, and the pinned trust file. The partner acme "
        "registers the office with the registry contract. At a terminal it would ask for a passphrase, and whether to make a "
        "recovery key: a page to print, for the day when the passphrase is lost."
    )
    (story.folder / "passphrase.txt").write_text("correct horse battery staple\n", encoding="utf-8")
    recovery = ("--recovery-key", "../recovery-key.txt")
    story.run("office", "init", "acme/rotterdam", "--devnet", "../chain", *recovery, *_WITH_PASSPHRASE)


def _record(story: _Story) -> None:
    story.tell(
        "3. A contract was signed. Recording needs no network and no passphrase: the record is durable when the command "
        "returns, and what it says is encrypted."
    )
    who = (
        "--type",
        "contract",
        "--signer",
        "Ada Example <ada@acme.example>",
        "--signed-at",
        "2026-05-04T10:00Z",
    )
    story.run("office", "add", "contract.pdf", *who)
    story.tell("4. So are three letters that a register lists.")
    story.run("office", "import", "register.csv")
    story.tell(
        "5. What waits can still be corrected: the contract is a charter party. Who reads it gives the passphrase."
    )
    reason = ("--type", "charter party", "--reason", "the type was too general", "--by", "Bela Example")
    story.run("office", "amend", "contract.pdf", *reason, *_WITH_PASSPHRASE)
    story.run("office", "status")


def _anchor(story: _Story) -> None:
    story.tell(
        "6. With a network: the waiting records are sealed into the log, the checkpoint over it is signed and anchored, and "
        "once a quorum of validators has sealed it, the evidence comes home."
    )
    story.run("office", "sync", *_WITH_PASSPHRASE)
    story.run("office", "list", *_WITH_PASSPHRASE)
    story.tell("7. Evidence for the contract, as a file to hand out. By default it shows no names of files.")
    story.run("office", "prove", "contract.pdf", *_WITH_PASSPHRASE)


def _verify(story: _Story) -> None:
    story.tell(
        "8. The office verifies it, believing the trust file that it pinned. No network is used from here on."
    )
    story.run("office", "verify", "contract.pdf")
    auditor = story.folder / "auditor"
    auditor.mkdir()
    for source in ("office/contract.pdf", "office/contract.pdf.evidence.json", "chain/consortium.json"):
        shutil.copy(story.folder / source, auditor)
    story.tell(
        "9. An auditor elsewhere has the contract, the evidence and the consortium's trust file, and nothing else: no vault, "
        "no account, nothing pinned. The first thing to do is to compare the fingerprint, by telephone say."
    )
    story.run("auditor", "trust", "show", "consortium.json", who="auditor")
    arguments = ("contract.pdf.evidence.json", "contract.pdf", "--trust", "consortium.json")
    story.run("auditor", "verify", *arguments, who="auditor")


def _refuse(story: _Story) -> None:
    forged = story.folder / "forged"
    shutil.copytree(story.folder / "auditor", forged)
    contract, evidence = forged / "contract.pdf", forged / "contract.pdf.evidence.json"
    genuine = contract.read_bytes()
    contract.write_bytes(genuine.replace(b"4 May 2026", b"4 May 2025"))
    story.tell("10. Somebody dates the contract back by a year, in the document itself. The answer is no.")
    story.run(
        "forged", "verify", "contract.pdf", "--trust", "consortium.json", expected=ANSWER_IS_NO, who="auditor"
    )
    contract.write_bytes(genuine)
    evidence.write_text(
        evidence.read_text("utf-8").replace("2026-05-04T10", "2025-05-04T10"), encoding="utf-8"
    )
    story.tell(
        "11. Or in the evidence, with the document as it was. The record then has another leaf hash: no."
    )
    story.run(
        "forged", "verify", "contract.pdf", "--trust", "consortium.json", expected=ANSWER_IS_NO, who="auditor"
    )


def _pdf(lines: tuple[str, ...]) -> bytes:
    """A page of text as a PDF file (ISO 32000-1), so that the story's contract opens in any viewer."""
    text = "BT /F1 18 Tf 72 720 Td 28 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    entries = len(objects) + 1
    trailer = f"trailer\n<< /Size {entries} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {entries}\n0000000000 65535 f \n{table}{trailer}".encode("ascii")


if __name__ == "__main__":
    sys.exit(main())
