"""Evidence in bulk: names of files come from digests, and a list is no program."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.evidence import Evidence, encode_evidence, parse_evidence
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.record import SLOTS
from perdure_cli import export
from perdure_cli.export import evidence_name, export_all, harmless
from perdure_cli.progress import TerminalProgress
from tools.story import CONTRACT_EVIDENCE, STORY

EVIDENCE = parse_evidence((STORY / CONTRACT_EVIDENCE).read_bytes())


@dataclass
class _Proof:
    index: int
    document_sha256: Hash32
    document_name: str | None
    evidence: Any = EVIDENCE
    block_number: int = 7

    @property
    def leaf_hash(self) -> Hash32:
        return sha256(b"leaf %d" % self.index)


def showing(evidence: Evidence, *names: str, hidden: str = "") -> Evidence:
    """Evidence that shows other slots, for the list to go by."""
    slots = [
        replace(slot, disclosure="shown" if name in names else None if name == hidden else slot.disclosure)
        for name, slot in zip(SLOTS, evidence.slots, strict=True)
    ]
    return replace(evidence, slots=tuple(slots))


@pytest.fixture
def _three_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    named = showing(EVIDENCE, "document_name")
    proofs = [
        _Proof(0, Hash32(bytes(32)), "../../etc/passwd\n", named),
        _Proof(1, Hash32(b"\1" * 32), None, named),
        _Proof(2, Hash32(bytes(32)), '@SUM("a",\x1b[2J)', named),
    ]
    monkeypatch.setattr(export, "prove_all", lambda *_, **__: iter(proofs))


@pytest.mark.usefixtures("_three_proofs")
def test_export(tmp_path: Path) -> None:
    vault: Any = None
    with TerminalProgress() as progress:
        assert export_all(vault, tmp_path / "out", disclose=set(), hide=set(), progress=progress) == 3
    with (tmp_path / "out" / "index.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    assert header == ["file", "index", "document_sha256", "leaf_hash", "block_number", "document_name"]
    assert [row[0] for row in rows] == [
        f"{'00' * 32}.evidence.json",
        f"{'01' * 32}.evidence.json",
        f"{'00' * 32}-{sha256(b'leaf 2').hex()[:16]}.evidence.json",
    ]
    assert [row[5] for row in rows] == ["../../etc/passwd\\n", "", '\'@SUM("a",\\x1b[2J)']
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"index.csv", *(row[0] for row in rows)}
    assert (tmp_path / "out" / rows[2][0]).read_bytes() == encode_evidence(showing(EVIDENCE, "document_name"))


def test_what_the_evidence_hides_is_in_no_name_and_in_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault: Any = None
    folder = tmp_path / "out"
    proof: Any = _Proof(0, Hash32(b"\xd0" * 32), "secret.pdf", showing(EVIDENCE, hidden="document_sha256"))
    monkeypatch.setattr(export, "prove_all", lambda *_, **__: iter([proof]))
    with TerminalProgress() as progress:
        export_all(vault, folder, disclose=set(), hide={"document_sha256"}, progress=progress)
    assert evidence_name(proof) == f"{proof.leaf_hash.hex()}.evidence.json"
    assert {path.name for path in folder.iterdir()} == {"index.csv", evidence_name(proof)}
    (row,) = csv.DictReader((folder / "index.csv").read_text("utf-8").splitlines())
    assert (row["document_sha256"], row["document_name"]) == ("", "")
    assert row["leaf_hash"] == proof.leaf_hash.hex()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("contract.pdf", "contract.pdf"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "'  =1+1"),
        ("\t=1+1", "'\\t=1+1"),
        ("\r=1+1", "'\\r=1+1"),
        ("\ufeff=1", "\\ufeff=1"),
        ("a=1", "a=1"),
    ],
)
def test_harmless(cell: str, text: str) -> None:
    assert harmless(cell) == text
