"""A process that watches a folder without end, to be killed: ``watch_worker.py VAULT FOLDER [MOVE_TO]``."""

import os
import sys
from pathlib import Path

from perdure_node.clock import system_clock
from perdure_node.intake import Details
from perdure_node.vault import open_vault
from perdure_node.watch.listing import Selection
from perdure_node.watch.watcher import Watcher, WatchOptions

SETTLE = 0.2
_PAUSE = 0.01


def work(vault_folder: Path, folder: Path, move_to: Path | None) -> None:
    """Watch until killed."""
    clock = system_clock()
    selection = Selection(leave_out=() if move_to is None else (move_to,))
    options = WatchOptions(Details("letter"), selection, settle=SETTLE, move_to=move_to)
    with open_vault(vault_folder) as vault:
        watcher = Watcher(vault, folder, options, clock=clock, randomness=os.urandom)
        print("watching", flush=True)
        while True:
            for _ in watcher.round():
                pass
            clock.sleep(_PAUSE)


if __name__ == "__main__":
    work(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
