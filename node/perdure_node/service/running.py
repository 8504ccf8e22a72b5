"""`perdure node run`: one process with its workers and its HTTP server, until it is told to stop.

Everything durable is in the folder; a process that is killed at any moment is replaced by the next one, which goes on.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from perdure_anchor.errors import PerdureError

from perdure_node.api.app import create_app
from perdure_node.api.context import NodeContext
from perdure_node.clock import Clock
from perdure_node.doctor.configuration import require_usable
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.gateway.folder import Gateway, GatewayKeys, open_gateway
from perdure_node.locks import node_lock
from perdure_node.service.endpoints import open_pool
from perdure_node.service.listening import ServerEnded, listen, serving, url_of
from perdure_node.service.plans import WorkPlace, worker_plans
from perdure_node.service.state import new_state
from perdure_node.service.supervisor import Supervisor
from perdure_node.service.workers import Workers

_log = logging.getLogger("perdure.node")
_LOOK = 1.0


def run_node(
    folder: Path,
    ask_passphrase: Callable[[], str],
    *,
    clock: Clock,
    on_ready: Callable[[str], None] = lambda _url: None,
    stopping: threading.Event | None = None,
) -> None:
    """Serve a node's folder until SIGINT or SIGTERM, or until ``stopping`` is set where it is given.

    ``on_ready`` gets the url once it answers. Raises before it serves: `VaultBusy` where another process serves the folder,
    `SettingsError` where the settings do not fit, `WrongPassphrase`, `CannotListen` and what opening the folder raises; and later what a worker ended with that is no `PerdureError`.
    """
    with ExitStack() as stack:
        stack.enter_context(node_lock(folder, clock))
        gateway = stack.enter_context(open_gateway(folder))
        require_usable(folder, clock)
        settings, passphrase = gateway.settings, ask_passphrase()
        identity = _checked_identity(gateway, passphrase)
        event = stack.enter_context(_signals_caught(stopping))
        fault = _Fault(event)
        state, supervisor = new_state(clock), Supervisor(os.environ)
        pool = stack.enter_context(open_pool(gateway, clock))
        place = WorkPlace(folder, settings, passphrase, pool, state, clock, supervisor)
        workers = Workers(worker_plans(place), state, fault)
        context = NodeContext(
            folder, settings, state, clock, os.urandom, workers.wake, pool, identities=lambda: (identity,)
        )
        stack.callback(context.close)
        listener = stack.enter_context(listen(settings.listen))
        server = stack.enter_context(serving(create_app(context), listener, settings.listen, folder))
        stack.enter_context(workers.running())
        on_ready(url_of(listener, settings.listen))
        supervisor.ready()
        _log.info("node serves", extra={"folder": str(folder), "url": url_of(listener, settings.listen)})
        _wait(event, server)
        supervisor.stopping()
        _log.info("node stops")
    fault.raise_if_any()


def _checked_identity(gateway: Gateway, passphrase: str) -> PrivateKey:
    """The key that reads bundles. Whoever starts a node at night shall not find in the morning that its passphrase was wrong."""
    with GatewayKeys(gateway, lambda: passphrase) as keys:
        keys.relay()
        return keys.identity()


class _Fault:
    """What ended a worker: it stops the node, and is raised once all else has ended."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event
        self._error: BaseException | None = None

    def __call__(self, error: BaseException) -> None:
        _log.critical("a worker ended: %s", type(error).__name__, exc_info=error)
        self._error = self._error or error
        self._event.set()

    def raise_if_any(self) -> None:
        if isinstance(self._error, PerdureError):
            raise self._error
        if self._error is not None:
            raise RuntimeError("a worker of the node ended") from self._error


@contextmanager
def _signals_caught(given: threading.Event | None) -> Iterator[threading.Event]:
    """The given event, or one that SIGINT and SIGTERM set while the context lasts (main thread only)."""
    if given is not None:
        yield given
        return
    event = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: event.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(stopping: threading.Event, server: threading.Thread) -> None:
    while not stopping.wait(_LOOK):
        if not server.is_alive():
            raise ServerEnded("the HTTP server ended by itself", hint="see the log")
