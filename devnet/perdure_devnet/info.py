"""``devnet.json``: what others need to know of a devnet, and nothing secret.

Whether it runs is told by the lock, not by this file: a killed process leaves its last words behind.
"""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, checksum_address, parse_hex

from perdure_devnet.errors import DirectoryNotADevnet
from perdure_devnet.lock import holder

INFO_NAME = "devnet.json"
TRUST_NAME = "consortium.json"
DATABASE_NAME = "chain.sqlite"
LOG_NAME = "devnet.log"
DEFAULT_PORT = 8545
DEFAULT_PERIOD = 1


@dataclass(frozen=True, slots=True)
class DevnetInfo:
    """``url``, ``port`` and ``period`` (seconds) as last served, ``pid`` None unless it runs now."""

    chain_id: int
    consortium: Address
    registry: Address
    partners: tuple[str, ...]
    url: str | None = None
    port: int = DEFAULT_PORT
    period: int = DEFAULT_PERIOD
    pid: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether a server answers at ``url`` now."""
        return self.pid is not None


def read_info(directory: Path) -> DevnetInfo:
    """What the directory's devnet is; raises `DirectoryNotADevnet`."""
    path = directory / INFO_NAME
    try:
        members = json.loads(path.read_text("utf-8"))
        written = DevnetInfo(
            chain_id=int(members["chain_id"]),
            consortium=Address(parse_hex(members["consortium"], 20, "consortium")),
            registry=Address(parse_hex(members["registry"], 20, "registry")),
            partners=tuple(map(str, members["partners"])),
            url=members["url"],
            port=int(members["port"]),
            period=int(members["period"]),
            pid=members["pid"],
        )
    except FileNotFoundError as error:
        raise DirectoryNotADevnet(
            f"{directory}: holds no devnet", hint="make one with: perdure devnet up --dir DIR"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, EncodingError) as error:
        raise DirectoryNotADevnet(f"{path}: cannot be read") from error
    # the file may name a process that was killed: only the one that holds the lock serves
    alive = written.pid is not None and holder(directory) == written.pid
    return written if alive else replace(written, pid=None)


def write_info(directory: Path, info: DevnetInfo) -> None:
    """Replace the file at once, so that readers never see half of it."""
    members = {
        "chain_id": info.chain_id,
        "consortium": checksum_address(info.consortium),
        "registry": checksum_address(info.registry),
        "partners": list(info.partners),
        "url": info.url,
        "port": info.port,
        "period": info.period,
        "pid": info.pid,
    }
    fresh = directory / f"{INFO_NAME}.new"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(members, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(directory / INFO_NAME)
