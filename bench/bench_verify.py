"""`perdure verify` as an auditor starts it: a new process for one evidence file, and for a folder of ten thousand.

The one is that of the tests' simulated chain: final, with both time runs and its document. Beside it a Python that does
nothing, in the same rounds; what counts is the difference. The many are what `perdure prove --all` writes of a vault whose records
were imported, sealed and anchored at once, on a devnet. Their whole process counts, with its start and all that it prints, on one
core and on two.
"""

import os
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
MANY = 10_000
MANY_ROUNDS = 5
WANTED = 8_000
# how much of a second core must be of use
WANTED_OF_TWO = 1.6


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


def write_many(folder: Path) -> list[str | Path]:
    """A folder of final evidence of `MANY` records, and the command that verifies it."""
    from perdure_anchor.hashes import sha256
    from perdure_node.evidence.block_runs import refresh_known_block
    from tools.site_desk import Site, import_file
    from tools.site_network import PASSPHRASE, found_network, open_network

    register, chain, handed_out = folder / "register.csv", folder / "chain", folder / "handed-out"
    lines = (f"{sha256(b'%d' % n).hex()},contract,Signer {n},2026-01-01T00:00:00Z" for n in range(MANY))
    header = "document_sha256,document_type,signers,signed_at"
    register.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    found_network(chain)
    perdure = Path(sys.executable).with_name("perdure")
    with open_network(chain) as network:
        site = Site(network, network.vault(folder / "vault"))
        site.register()
        with network.anchor_chain() as connection:
            refresh_known_block(site.vault, connection)
        import_file(site.vault, register, clock=network.clock)
        site.sync()
    os.environ["PERDURE_PASSPHRASE"] = PASSPHRASE
    launch([perdure, "prove", "--all", handed_out, "--vault", folder / "vault"])
    return [perdure, "verify", handed_out, "--trust", chain / "consortium.json"]


def rows() -> Iterator[Row]:
    yield from rows_of_one()
    yield from rows_of_many()


def rows_of_many() -> Iterator[Row]:
    """One core and two in turns; what is held is that of the process which was started."""
    with tempfile.TemporaryDirectory() as folder:
        command = write_many(Path(folder))
        runs = [
            (launch([*command, "--jobs", "1"]), launch([*command, "--jobs", "2"])) for _ in range(MANY_ROUNDS)
        ]
    one, two = (min(run[side][0] for run in runs) for side in (0, 1))
    stage = f"perdure verify, {MANY:,} files"
    limit = f"{WANTED:,} files/s"
    yield Row(f"{stage}, 2 processes", f"{MANY / two:,.0f} files/s", limit, MANY / two / WANTED, 1)
    yield Row(f"{stage}, 1 process", f"{MANY / one:,.0f} files/s", limit, MANY / one / WANTED)
    beside = f"1 process {one:.2f} s"
    yield Row(f"{stage}, 2 processes", f"{two:.2f} s", beside, one / two, WANTED_OF_TWO)


def rows_of_one() -> Iterator[Row]:
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
