"""A devnet in a process of its own that makes a block for each line on its standard input, and answers with the block's number.

``python devnet_on_demand.py DIRECTORY`` serves the network that was founded there; its first line is the URL.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from perdure_devnet.server import listen, serving, url_of
from tools.site_network import open_network


def main(directory: Path) -> None:
    listener = listen("127.0.0.1", 0)
    with open_network(directory) as network, listener, serving(network.node, listener):
        print(url_of(listener), flush=True)
        for _ in sys.stdin:
            network.pass_time(1)
            print(network.chain.head.number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
