"""A chain that takes back what it has shown: its database as it was once, put in the place of the newer one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure_devnet.chain import Chain
from perdure_devnet.database import Database
from perdure_devnet.info import DATABASE_NAME
from perdure_devnet.rpc.filters import FilterTable
from perdure_devnet.rpc.node import Node
from tools.site_network import START, SiteNetwork


@contextmanager
def taken_back(network: SiteNetwork, before: Path) -> Iterator[None]:
    """The chain as it was once, at the time that it is now: what came since is gone, and the validators go on from there."""
    network.database.close()
    shutil.copy(before, network.directory / DATABASE_NAME)
    database = Database(network.directory / DATABASE_NAME)
    try:
        network.database = database
        network.chain = Chain(database, lambda: network.time)
        network.node = Node(network.chain, FilterTable(lambda: START), "test")
        network.pass_time(3)
        yield
    finally:
        database.close()


def saved(network: SiteNetwork, path: Path) -> Path:
    """A copy of the chain as it is now."""
    network.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(network.directory / DATABASE_NAME, path)
    return path
