"""Evidence in bulk: `perdure prove --all` of a hundred thousand records that a chain has anchored, as a process.

The vault is anchored on the tests' own chain, in this process; proving needs no chain.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_vault import PASSPHRASE, import_and_seal, keys_of, new_vault, write_list
from bench_verify import launch
from measure import Row
from perdure_cli.options import usable_cores
from perdure_node.site_keys.registration import register_site
from perdure_node.syncing.sync import sync

RECORDS = 100_000


def anchored_vault(folder: Path, records: int) -> Path:
    """A vault whose records are anchored in one block, with the trust file that pins its chain."""
    from tools.site_network import open_network

    with new_vault(folder / "site") as vault:
        import_and_seal(vault, write_list(folder / "SHA256SUMS", records), usable_cores())
        with open_network(folder / "chain") as network, network.anchor_chain(vault.trust) as chain:
            key = network.partner_private_key(vault.origin.partner)
            register_site(vault, chain, key, clock=network.clock)
            sync(vault, chain, keys_of(vault), clock=network.clock)
    return folder / "site"


def rows() -> Iterator[Row]:
    os.environ["PERDURE_PASSPHRASE"] = PASSPHRASE
    perdure = Path(sys.executable).with_name("perdure")
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        folder = Path(name)
        vault = anchored_vault(folder, RECORDS)
        took = {}
        for jobs in (1, usable_cores()):
            # beside each other: ext4 takes long to make files where many have just been deleted
            command = [
                perdure,
                "prove",
                "--all",
                folder / f"out{jobs}",
                "--vault",
                vault,
                "--jobs",
                str(jobs),
            ]
            took[jobs], peak = launch(command)
    best = took[usable_cores()]
    stage = f"perdure prove --all, {RECORDS:,} files"
    yield Row(stage, f"{RECORDS / best:,.0f}/s", "at least 5,000/s", RECORDS / best / 5000, 1)
    yield Row(f"  on {usable_cores()} cores", f"{best:.0f} s", f"{took[1]:.0f} s on one", took[1] / best, 1.6)
    yield Row("  largest process", f"{peak / 1e6:.0f} MB", "at most 250 MB", 250e6 / peak, 1)
