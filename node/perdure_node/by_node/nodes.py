"""Several nodes as one: the first that answers is asked, and the others when it does not, again and again while there is time.

What one node is asked another can be as well: bundles and answers do not depend on who carries them.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from perdure_anchor.errors import ChainError, ConfigError, PerdureError
from perdure_anchor.trust import TrustFile
from perdure_contracts.closing import Closing
from perdure_contracts.rpc_errors import quoted

from perdure_node.by_node.client import NodeClient
from perdure_node.by_node.contacts import note_answer, note_failure
from perdure_node.by_node.errors import NodeBadAnswer, NodeBusy, NodeRefused, NodeUnreachable
from perdure_node.chain.waiting import Waiting
from perdure_node.database import Database

T = TypeVar("T")
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0


class Nodes(Closing):
    """The nodes of one consortium, in the order in which they are asked; to be closed.

    ``troubles`` are those of nodes in whose place another one answered.
    """

    def __init__(
        self, clients: Sequence[NodeClient], trust: TrustFile, database: Database, waiting: Waiting
    ) -> None:
        assert clients, "whoever has no node is told so before"
        self._clients = list(clients)
        self._opened = tuple(clients)
        self._trust = trust
        self._database = database
        self.waiting = waiting
        self._checked: set[str] = set()
        self._failures: dict[str, PerdureError] = {}
        self._answered: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        for client in self._opened:
            client.close()

    @property
    def troubles(self) -> list[PerdureError]:
        return [error for name, error in self._failures.items() if name not in self._answered]

    def ask(self, question: Callable[[NodeClient], T]) -> T:
        """What the first node that answers says; it is asked first from then on.

        Raises what the question raises that another node could not mend; `NodeRefused` if one says no and no other one yes; and, once
        the time is over, why none of them answered.
        """
        pause = _FIRST_PAUSE
        while True:
            failures = []
            for client in list(self._clients):
                try:
                    return self._asked(client, question)
                except (ChainError, ConfigError, NodeRefused) as error:
                    failures.append(error)
                    self._note_failure(client, error)
            refusals = [error for error in failures if isinstance(error, NodeRefused)]
            if refusals:
                raise refusals[0]
            if not self._wait(failures, pause):
                raise _together(failures)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def pass_over(self, node: str, error: PerdureError) -> None:
        """Ask this one no more, since what it says is not believed; raises the error if no other is left."""
        self._failures[node] = error
        self._answered.discard(node)
        self._clients = [client for client in self._clients if str(client) != node]
        if not self._clients:
            raise error

    def note(self) -> None:
        """Keep when each was last heard of."""
        now = int(self.waiting.clock.now())
        with self._database.transaction():
            for name in sorted(self._answered):
                note_answer(self._database, name, now)
            for name, error in self._failures.items():
                if name not in self._answered:
                    note_failure(self._database, name, quoted(str(error)), now)

    def _asked(self, client: NodeClient, question: Callable[[NodeClient], T]) -> T:
        if str(client) not in self._checked:
            client.check_consortium(self._trust)
            self._checked.add(str(client))
        answer = question(client)
        self._answered.add(str(client))
        self._clients.remove(client)
        self._clients.insert(0, client)
        return answer

    def _note_failure(self, client: NodeClient, error: PerdureError) -> None:
        self._failures[str(client)] = error
        self._answered.discard(str(client))

    def _wait(self, failures: Sequence[PerdureError], pause: float) -> bool:
        """Sleep before all are asked again; False if there is no use, or no time."""
        passing = [error for error in failures if isinstance(error, NodeUnreachable | NodeBusy)]
        wanted = [error.retry_after for error in passing if isinstance(error, NodeBusy) and error.retry_after]
        # as soon as one of them might answer
        pause = max(pause, min(wanted)) if len(wanted) == len(passing) and wanted else pause
        left = self.waiting.deadline - self.waiting.clock.monotonic()
        if not passing or left < pause:
            return False
        self.waiting.clock.sleep(pause)
        return True


def _together(failures: Sequence[PerdureError]) -> PerdureError:
    """One error for all: of one node its own, of several a list; what may pass counts more than what has to be mended here."""
    if len(failures) == 1:
        return failures[0]
    passing = [error for error in failures if isinstance(error, ChainError)]
    hint = (passing or failures)[0].hint
    text = "none of the nodes answers: " + "; ".join(map(str, failures))
    if not passing:
        return type(failures[0])(text, hint=hint)
    return NodeUnreachable(text, hint=hint) if len(passing) > 1 else NodeBadAnswer(text, hint=hint)
