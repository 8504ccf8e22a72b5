"""The whole story on an embedded chain, step by step, with the command that does each: what `make demo` runs.

How it is told is in `perdure_cli.storytelling`; the story of sites without a network in `perdure_cli.demo_offline`.
"""

import shutil
import sys
from pathlib import Path

from perdure_cli.exit_codes import ANSWER_IS_NO
from perdure_cli.storytelling import Story, play

_WITH_PASSPHRASE = ("--passphrase-file", "../passphrase.txt")
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


def _play(story: Story) -> None:
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


def _found(story: Story) -> None:
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


def _record(story: Story) -> None:
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


def _anchor(story: Story) -> None:
    story.tell(
        "6. With a network: the waiting records are sealed into the log, the checkpoint over it is signed and anchored, and "
        "once a quorum of validators has sealed it, the evidence comes home."
    )
    story.run("office", "sync", *_WITH_PASSPHRASE)
    story.run("office", "list", *_WITH_PASSPHRASE)
    story.tell("7. Evidence for the contract, as a file to hand out. By default it shows no names of files.")
    story.run("office", "prove", "contract.pdf", *_WITH_PASSPHRASE)


def _verify(story: Story) -> None:
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


def _refuse(story: Story) -> None:
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


def main() -> int:
    """Play the story in the folder that the first argument names."""
    return play("perdure_cli.demo", _play)


if __name__ == "__main__":
    sys.exit(main())
