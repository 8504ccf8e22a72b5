"""A devnet whose time runs fast, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import fast_devnet


@contextmanager
def fast_network(directory: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, fast_devnet.__file__, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        url = process.stdout.readline().strip()
        try:
            assert url
            yield url
        finally:
            process.stdin.close()
            process.wait(20)
