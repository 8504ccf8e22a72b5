"""anvil, a development chain of the usual fee-market kind, started in a moment.

It stands for the chains that are not ours: London and later with fees, London with a base fee of zero, and the time before
London; and for what a chain can do to a transaction: drop it, let it wait, take its block back. Where it cannot be had
(`tools.chain_tools`), its tests are skipped and say so.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tools.chain_tools import ToolMissing, anvil_binary
from tools.processes import free_ports, listens, running, wait_until

# the first account of anvil's well-known mnemonic: rich on each of its chains, and on no other
FUNDED_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")


@contextmanager
def running_anvil(*options: str) -> Iterator[str]:
    """The URL of a fresh chain that makes a block for each transaction."""
    try:
        binary = anvil_binary()
    except ToolMissing as error:
        pytest.skip(str(error))
    (port,) = free_ports(1)
    command = [str(binary), "--silent", "--host", "127.0.0.1", "--port", str(port), *options]
    with (
        tempfile.TemporaryDirectory() as folder,
        running(command, Path(folder) / "log") as process,
    ):
        wait_until(lambda: listens(port), "anvil listens", process)
        yield f"http://127.0.0.1:{port}"
