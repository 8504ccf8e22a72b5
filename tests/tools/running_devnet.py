"""A devnet in a process of its own, as `perdure devnet up --detach` starts it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure_devnet.network import NetworkSettings, found
from perdure_devnet.serve import detach, stop


@contextmanager
def running_devnet(directory: Path, period: int = 1) -> Iterator[str]:
    """Found and run a devnet in a directory; its URL. ``period`` in seconds, 0 for blocks on demand."""
    found(directory, NetworkSettings(), now=time.time(), randomness=os.urandom)
    info = detach(directory, port=0, period=period)
    assert info.url is not None
    try:
        yield info.url
    finally:
        stop(directory)
