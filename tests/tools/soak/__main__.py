"""``python -m tools.soak``: run a soak and print what was done, what must be so afterwards, and whether it is; exit code 1 if not."""

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tools.chain_tools import ToolMissing
from tools.soak.chains import CHAINS
from tools.soak.chaos import Chaos
from tools.soak.checks import check_evidence, check_registry, memory_growth, wait_for_rest
from tools.soak.nodes import soak_nodes
from tools.soak.sites import Drivers, registered_sites

SITES = 30
# of a run that is long enough to tell
MEMORY_SECONDS, HIGHEST_GROWTH = 600, 0.05


def soak(name: str, seconds: float, seed: int, folder: Path) -> None:
    """One run on one kind of chain; raises AssertionError."""
    with CHAINS[name](folder) as chain, soak_nodes(folder, chain) as nodes:
        sites = registered_sites(chain, SITES)
        for node in nodes:
            node.start()
        drivers, chaos = Drivers(sites, nodes, seed), Chaos(chain, nodes, seed)
        drivers.start()
        chaos.run(seconds)
        drivers.stop()
        assert chaos.done, "nothing was done to anybody"
        assert sum(len(site.acknowledged) for site in sites) >= SITES, "hardly anything was acknowledged"
        say("faults", ", ".join(f"{what} x {count}" for what, count in sorted(chaos.done.items())))
        say("acknowledged", f"{sum(len(site.acknowledged) for site in sites)} checkpoints of {SITES} sites")
        say(
            "refused",
            f"{sum(len(site.refused) for site in sites)}, unreachable {sum(site.unreachable for site in sites)}",
        )
        for reason in sorted(
            {text.partition(" ")[0] + " " + text[4:160] for site in sites for text in site.refused}
        )[:5]:
            say("  such as", reason)
        say("all anchored", f"{wait_for_rest(chain, sites):.1f} s after the last fault")
        say("registry", show(check_registry(chain, sites)))
        say("evidence", show(check_evidence(chain, nodes, sites, seed)))
        growth = memory_growth(nodes[-1])
        say(
            "memory",
            "too few samples"
            if growth is None
            else f"{growth:+.1%} in the second half, {nodes[-1].memory[-1] >> 20} MB",
        )
        for node in nodes:
            assert node.stop() == 0, f"{node.name} did not end well"
        assert growth is None or seconds < MEMORY_SECONDS or growth < HIGHEST_GROWTH, "the memory grows"


def show(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def say(what: str, text: str) -> None:
    print(f"  {what:<14}{text}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools.soak")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the faults last, on each chain")
    parser.add_argument("--chain", choices=[*CHAINS], action="append")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 30))
    parser.add_argument("--keep", type=Path, help="a folder in which all files stay")
    options = parser.parse_args()
    for name in options.chain or CHAINS:
        print(f"{name}, {options.seconds:g} s, seed {options.seed}", flush=True)
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            folder = (options.keep or Path(temporary)) / name
            folder.mkdir(parents=True)
            try:
                soak(name, options.seconds, options.seed, folder)
            except ToolMissing as error:
                print(f"  SKIPPED: {error}", flush=True)
                continue
            except AssertionError as error:
                print(f"  FAILED: {error}", flush=True)
                return 1
        print(f"  ok, {time.monotonic() - begun:.0f} s in all", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
