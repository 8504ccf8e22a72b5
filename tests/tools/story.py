"""The committed story: two documents with their evidence and a trust file, and copies of them with one fault each."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perdure_anchor.evidence import Evidence, encode_evidence, parse_evidence

STORY = Path(__file__).parent.parent / "vectors" / "story"
CONTRACT, RECEIPT = "contract.pdf", "receipt.txt"
CONTRACT_EVIDENCE, RECEIPT_EVIDENCE = f"{CONTRACT}.evidence.json", f"{RECEIPT}.evidence.json"
TRUST = "consortium.json"


def copy_story(folder: Path, *names: str) -> None:
    """Copy the named files of the story, or all of them, into a folder."""
    for name in names or (CONTRACT, CONTRACT_EVIDENCE, RECEIPT, RECEIPT_EVIDENCE, TRUST):
        shutil.copy(STORY / name, folder / name)


def rewrite_evidence(path: Path, change: Callable[[Evidence], Evidence]) -> None:
    """Put a changed but well-formed piece of evidence in the place of the one in the file."""
    path.write_bytes(encode_evidence(change(parse_evidence(path.read_bytes()))))


def without_anchor(evidence: Evidence) -> Evidence:
    return replace(evidence, anchor=None)


def without_checkpoint(evidence: Evidence) -> Evidence:
    return replace(evidence, anchor=None, checkpoint=None)


def hiding_document(evidence: Evidence) -> Evidence:
    first, *others = evidence.slots
    return replace(evidence, slots=(replace(first, disclosure=None), *others))


def rewrite_trust(path: Path, **members: object) -> None:
    """Change members of the trust file, which makes it another file with another fingerprint."""
    path.write_text(json.dumps(json.loads(path.read_text()) | members))
