"""The faults of a soak, one after the other and at once: each of them first, in any order, and then by dice.

What was done is counted, so that a run that did nothing is seen.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.soak.chains import SoakChain
from tools.soak.faulty_proxy import FAULTS, any_fault
from tools.soak.nodes import NodeProcess

# seconds between one fault and the next, and how long one lasts
_BETWEEN, _LASTS = (0.5, 3.0), (2.0, 8.0)
_LONGER = 60.0


class Chaos:
    """Does harm until it is stopped, and then mends all of it. The last node is never killed: its memory is watched."""

    def __init__(self, chain: SoakChain, nodes: list[NodeProcess], seed: int) -> None:
        self._chain, self._nodes = chain, nodes
        self._dice = random.Random(seed)
        self._stopping = threading.Event()
        self._start_at: dict[str, float] = {}
        self._mend_at: dict[int, tuple[float, int, int]] = {}
        self._ballast: tuple[float, Path] | None = None
        self._first: list[Callable[[], None]] = [
            self._kill_node,
            self._kill_chain,
            *([self._fill_disk] if any(each.disk is not None for each in nodes) else []),
            *(partial(self._break_way, fault) for fault in FAULTS),
        ]
        self._dice.shuffle(self._first)
        self.done: Counter[str] = Counter()

    def run(self, seconds: float) -> None:
        """For so many seconds, or until each fault was there, if that takes a little longer."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end or (self._first and now < end + _LONGER):
            self._mend(now)
            self._supervise()
            self._strike()
            time.sleep(self._dice.uniform(*_BETWEEN))
        self._mend(float("inf"))
        self._start_at = dict.fromkeys(self._start_at, 0.0)
        self._supervise()

    def _strike(self) -> None:
        lives = any(each.lives() for each in self._nodes[:-1])
        if self._first and (lives or self._first[-1] != self._kill_node):
            harm = self._first.pop()
        else:
            harm = self._dice.choices(
                [self._kill_node, self._kill_chain, self._break_any_way, self._fill_disk],
                [3, 1, 6, 1] if lives else [0, 1, 6, 1],
            )[0]
        harm()

    def _is_due(self, node: NodeProcess) -> bool:
        return time.monotonic() >= self._start_at.get(node.name, 0)

    def _kill_node(self) -> None:
        node = self._dice.choice([each for each in self._nodes[:-1] if each.lives()])
        node.kill()
        self.done["node killed"] += 1
        self._start_at[node.name] = time.monotonic() + self._dice.uniform(0, 2)

    def _kill_chain(self) -> None:
        self._chain.process.kill()
        self.done["chain client killed"] += 1
        time.sleep(self._dice.uniform(0, 3))
        self._chain.process.start()

    def _break_any_way(self) -> None:
        self._break_way(any_fault(self._dice))

    def _break_way(self, fault: str) -> None:
        node = self._dice.choice(self._nodes)
        way = self._dice.choice(node.ways)
        way.mode = fault
        self.done[f"way: {way.mode}"] += 1
        until = time.monotonic() + self._dice.uniform(*_LASTS)
        self._mend_at[id(way)] = (until, self._nodes.index(node), node.ways.index(way))

    def _fill_disk(self) -> None:
        node = next((each for each in self._nodes if each.disk is not None), None)
        ballast = None if node is None or self._ballast is not None else node.fill_disk()
        if ballast is not None:
            self.done["disk full"] += 1
            self._ballast = (time.monotonic() + self._dice.uniform(*_LASTS), ballast)

    def _mend(self, now: float) -> None:
        for name, (until, node, way) in [*self._mend_at.items()]:
            if now >= until:
                self._nodes[node].ways[way].mode = "true"
                del self._mend_at[name]
        if self._ballast is not None and now >= self._ballast[0]:
            self._ballast[1].unlink()
            self._ballast = None

    def _supervise(self) -> None:
        """A node that has ended by itself (a full disk may be a reason) is started again, as its supervisor would."""
        for node in self._nodes:
            node.note_memory()
            if self._is_due(node) and node.revive() and self._start_at.pop(node.name, None) is None:
                self.done[f"{node.name} ended by itself"] += 1
