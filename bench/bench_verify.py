"""`perdure verify` as an auditor starts it: a new process, one evidence file, its document and a trust file.

The evidence is that of the tests' simulated chain: one record, final, with both time runs. Beside it a Python that does
nothing, in the same rounds; what counts is the difference.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from measure import Row

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

ROUNDS = 15
MOST_SECONDS = 0.15
MOST_BYTES = 50_000_000


def launch(command: Sequence[str | Path]) -> tuple[float, float]:
    """Wall time and peak memory of a command that must succeed."""
    launcher = [sys.executable, HERE / "launch.py"]
    answer = subprocess.run([*launcher, *command], stdout=subprocess.PIPE, check=True, text=True).stdout
    seconds, peak = answer.split()
    return float(seconds), float(peak)


def write_case(folder: Path) -> list[str | Path]:
    """Evidence, document and trust file, and the command that verifies them."""
    from perdure_anchor.evidence import encode_evidence
    from perdure_anchor.trust_file import encode_trust_file
    from simulated_chain import DOCUMENT_BYTES, tell

    told = tell()
    evidence, document, trust = (folder / name for name in ("c.evidence.json", "c.pdf", "consortium.json"))
    evidence.write_bytes(encode_evidence(told.evidence))
    document.write_bytes(DOCUMENT_BYTES)
    trust.write_bytes(encode_trust_file(told.trust))
    perdure = Path(sys.executable).with_name("perdure")
    return [perdure, "verify", evidence, document, "--trust", trust]


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        command = write_case(Path(folder))
        nothing = [sys.executable, "-c", "pass"]
        runs = [(launch(nothing), launch(command)) for _ in range(ROUNDS)]
    empty_seconds, seconds = (min(run[side][0] for run in runs) for side in (0, 1))
    empty_bytes, peak = (max(run[side][1] for run in runs) for side in (0, 1))
    stage = "perdure verify, new process"
    took, held = seconds - empty_seconds, (peak - empty_bytes)
    yield Row(
        stage, f"{took * 1000:.0f} ms more", "at most 150 ms over python -c pass", MOST_SECONDS / took, 1
    )
    yield Row(stage, f"{held / 1e6:.1f} MB more", "at most 50 MB over python -c pass", MOST_BYTES / held, 1)
