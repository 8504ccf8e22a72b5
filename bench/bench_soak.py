"""Whether a node's memory stays flat while thirty sites hand checkpoints to it and its ways to the chain fail now and then.

The last of a soak's nodes is never killed: its resident memory, sampled all the time, must not grow by more than a twentieth in the
second half. A minute shows gross leaks only; `make soak SECONDS=7200` shows others.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from tools.soak.chains import devnet_chain
from tools.soak.chaos import Chaos
from tools.soak.checks import check_registry, memory_growth, wait_for_rest
from tools.soak.nodes import soak_nodes
from tools.soak.sites import Drivers, registered_sites

SITES, SECONDS, SEED = 30, 120.0, 7
MOST = 0.05


def rows() -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory() as folder,
        devnet_chain(Path(folder)) as chain,
        soak_nodes(Path(folder), chain) as nodes,
    ):
        sites = registered_sites(chain, SITES)
        for node in nodes:
            node.start()
        drivers = Drivers(sites, nodes, SEED)
        drivers.start()
        Chaos(chain, nodes, SEED).run(SECONDS)
        drivers.stop()
        wait_for_rest(chain, sites)
        anchors = check_registry(chain, sites)["anchors"]
        growth = memory_growth(nodes[-1])
        assert growth is not None, "too few samples"
        samples = nodes[-1].memory
        yield Row(
            f"memory of a node, {SECONDS:.0f} s of soak, {anchors} anchors",
            f"{samples[-1] >> 20} MB, {growth:+.1%}",
            f"at most {MOST:.0%} growth in the second half",
            min(99.0, MOST / growth) if growth > 0 else 99.0,
            1.0,
        )
        for node in nodes:
            node.stop()
