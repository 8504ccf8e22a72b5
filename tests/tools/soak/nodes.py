"""The nodes of a soak: processes of `perdure node run`, each with its own ways to the chain, its own account, and maybe a small disk."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from perdure_anchor.trust_file import encode_trust_file
from perdure_node.gateway.folder import NewGateway, create_gateway
from perdure_node.gateway.settings import (
    EndpointSettings,
    LimitSettings,
    ListenSettings,
    NodeSettings,
    PeerSettings,
    RelaySettings,
)
from tools.limited import fill
from tools.processes import die_with_parent, free_ports, wait_until
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes
from tools.soak.chains import SoakChain
from tools.soak.faulty_proxy import FaultyProxy, faulty_proxy

DISK_SIZE = 96 * 1024 * 1024
_ENDLESS = 100_000


class NodeProcess:
    """One node; ``ways`` are its two ways to the chain, ``disk`` a file system of its own, where one could be mounted."""

    def __init__(
        self, name: str, folder: Path, port: int, ways: list[FaultyProxy], disk: Path | None, log: Path
    ) -> None:
        self.name, self.folder, self.ways, self.disk = name, folder, ways, disk
        self.url = f"http://127.0.0.1:{port}"
        self.memory: list[int] = []
        self.kills = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = log

    def start(self) -> None:
        self.launch()
        wait_until(self.answers, f"{self.name} answers (see {self._log})", self._process)

    def launch(self) -> None:
        """Start it, and do not wait until it answers."""
        command = [sys.executable, "-m", "perdure_cli", "node", "run", "--gateway", str(self.folder)]
        environment = os.environ | {"PERDURE_GATEWAY_PASSPHRASE": PASSPHRASE}
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
                env=environment,
            )

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.kills += 1
        self.memory.clear()

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def revive(self) -> bool:
        """Start it again if it has ended by itself, as a supervisor does; True if it had."""
        if self.lives():
            return False
        self.memory.clear()
        self.launch()
        return True

    def stop(self) -> int:
        """End it as a supervisor does; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(60)

    def note_memory(self) -> None:
        """Remember the resident memory, in bytes."""
        if self._process is None or not self.lives():
            return
        with contextlib.suppress(OSError, ValueError):
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
            self.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))

    def fill_disk(self) -> Path | None:
        return None if self.disk is None else fill(self.disk)


@contextmanager
def soak_nodes(folder: Path, chain: SoakChain) -> Iterator[list[NodeProcess]]:
    """Three nodes that know each other as peers; the second has a small disk. They are not started yet."""
    with ExitStack() as stack:
        ports = free_ports(len(chain.relays))
        nodes = []
        for number, (port, relay) in enumerate(zip(ports, chain.relays, strict=True)):
            ways = [stack.enter_context(faulty_proxy(chain.process.url)) for _ in range(2)]
            disk = stack.enter_context(_small_disk(folder / f"disk-{number}")) if number == 1 else None
            home = (disk or folder) / f"node-{number}"
            others = [f"http://127.0.0.1:{each}" for each in ports if each != port]
            _make(home, chain, relay, port, ways, others, number)
            nodes.append(NodeProcess(f"node-{number}", home, port, ways, disk, folder / f"node-{number}.log"))
        yield nodes


def _make(
    home: Path,
    chain: SoakChain,
    relay: bytes,
    port: int,
    ways: list[FaultyProxy],
    others: list[str],
    number: int,
) -> None:
    settings = NodeSettings(
        endpoint=tuple(EndpointSettings(way.url) for way in ways),
        listen=ListenSettings(port=port),
        relay=RelaySettings(checkpoints_an_hour=_ENDLESS),
        limits=LimitSettings(requests_a_minute=_ENDLESS, submissions_a_minute=_ENDLESS),
        peer=tuple(map(PeerSettings, others)),
    )
    settings = replace(settings, chain=replace(settings.chain, period=5.0))
    new = NewGateway(encode_trust_file(chain.trust), settings, PASSPHRASE, relay, CHEAP)
    create_gateway(home, new, randomness=counted_bytes(b"node %d" % number)).close()


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        print("no file system can be mounted here: no disk will be full")
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
