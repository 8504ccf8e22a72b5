"""A devnet in a process of its own whose time runs fast: a block every twentieth of a second, each a second after the last.

``python fast_devnet.py DIRECTORY`` serves a network that was founded there, prints its URL, and ends with its standard input.
"""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from perdure_devnet.server import listen, serving, url_of
from tools.site_network import open_network

PACE = 0.05


def main(directory: Path) -> None:
    listener = listen("127.0.0.1", 0)
    ended = threading.Event()
    with open_network(directory) as network, listener, serving(network.node, listener):
        print(url_of(listener), flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        while not ended.wait(PACE):
            network.pass_time(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
