"""A devnet in a process of its own, as `perdure devnet up --detach` starts it, but for the import of an EVM each time."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure_devnet.info import read_info
from perdure_devnet.network import NetworkSettings, found
from perdure_devnet.serve import LOG_NAME, stop
from tools.command_server import start_devnet
from tools.processes import wait_until


@contextmanager
def running_devnet(directory: Path, period: int = 1) -> Iterator[str]:
    """Found and run a devnet in a directory; its URL. ``period`` in seconds, 0 for blocks on demand."""
    found(directory, NetworkSettings(), now=time.time(), randomness=os.urandom)
    words = (str(directory), "--port", "0", "--period", str(period))
    process = start_devnet(words, directory / LOG_NAME)
    try:
        wait_until(lambda: read_info(directory).pid == process, f"the devnet in {directory} runs")
        url = read_info(directory).url
        assert url is not None
        yield url
    finally:
        stop(directory)
