"""A node's folder as the pages are looked at: sites with and without trouble, a long history, and evidence of a real record."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import sha256
from perdure_node.api.app import create_app
from perdure_node.clock import system_clock
from perdure_node.database import Database
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.settings import ListenSettings
from perdure_node.gateway.sites import KnownSite, add_site
from perdure_node.service.alarms import AlarmName
from perdure_node.service.listening import listen, serving, url_of
from perdure_node.service.state import EndpointView, NodeState, WorkerView
from tools.node_pages import opened_context


@dataclass(frozen=True, slots=True)
class History:
    """So many anchors of a site, one after so many seconds each from ``begin`` on, with ``step`` more records each."""

    count: int
    every: int
    begin: int
    step: int = 10


def store_history(database: Database, origin: Origin, history: History) -> KnownSite:
    """A site with anchors; their proofs are not looked at by what shows them."""
    with database.transaction():
        site = add_site(database, origin, history.begin)
        rows = [
            (
                sha256(b"%s %d" % (origin.text.encode(), number)),
                history.step * (number + 1),
                history.begin + number * history.every,
                100 + number,
            )
            for number in range(history.count)
        ]
        database.execute_each(
            "INSERT INTO checkpoint (digest, site, size, root, sealed_at, signature, last_slot_digests, last_path, state, taken_at) "
            "VALUES (?, ?, ?, ?, ?, zeroblob(65), x'', x'', 'anchored', ?)",
            ((digest, site.number, size, digest, time - 30, time - 10) for digest, size, time, _ in rows),
        )
        database.execute_each(
            "INSERT INTO anchor (digest, size, block_number, block_time, receipt_index, receipt_nodes, log_position, headers, "
            "time_run_open) VALUES (?, ?, ?, ?, 0, x'c0', 0, x'c0', 0)",
            ((digest, size, block, time) for digest, size, time, block in rows),
        )
        _, size, time, _ = rows[-1]
        database.execute("UPDATE site SET mirrored = ? WHERE number = ?", size, site.number)
        database.execute(
            "INSERT INTO bundle (id, site, made_at, taken_at) VALUES (?, ?, ?, ?)",
            sha256(origin.text.encode())[:16],
            site.number,
            time - 30,
            time - 10,
        )
    return site


def store_checkpoint_row(
    database: Database, site: KnownSite, size: int, state: str, taken_at: int, reason: str | None = None
) -> bytes:
    """A checkpoint that is not anchored; gives its digest."""
    digest = hashlib.sha256(f"{site.origin.text} {size} {state}".encode()).digest()
    with database.transaction():
        database.execute(
            "INSERT INTO checkpoint (digest, site, size, root, sealed_at, signature, last_slot_digests, last_path, state, reason, "
            "taken_at) VALUES (?, ?, ?, ?, ?, zeroblob(65), x'', x'', ?, ?, ?)",
            digest,
            site.number,
            size,
            digest,
            taken_at - 20,
            state,
            reason,
            taken_at,
        )
    return digest


def store_sent(database: Database, digest: bytes, nonce: int, stored_at: int) -> None:
    """A transaction on its way."""
    with database.transaction():
        database.execute(
            "INSERT INTO relay_transaction (digest, nonce, hash, raw, stored_at) VALUES (?, ?, ?, x'', ?)",
            digest,
            nonce,
            hashlib.sha256(b"transaction" + digest).digest(),
            stored_at,
        )


def troubled(state: NodeState, now: int) -> None:
    """What the workers of a node in some trouble know."""
    state.saw_chain(endpoint="https://besu.example:8545", head=184_223, head_time=now - 4, seen_at=now - 1)
    state.saw_chain(followed=184_200)
    state.note_endpoint(EndpointView("https://besu.example:8545", 184_223))
    state.note_endpoint(
        EndpointView("https://spare.example:8545", None, "no connection to https://spare.example:8545")
    )
    state.note_worker(WorkerView("relay", now - 2.0))
    state.note_worker(WorkerView("follower", now - 340.0, 5, "no connection to https://besu.example:8545"))
    state.alarms.raise_(
        AlarmName.WORKER_FAILING,
        "follower fails: no connection to https://besu.example:8545",
        "follower",
        "see whether the chain client runs, and what its log says",
    )
    state.alarms.raise_(
        AlarmName.TWO_HISTORIES,
        "the site has signed two histories: they part after 1,204 records",
        "globex/lagos",
        "keep the proof, and call the site before anything else is anchored for it",
    )


@contextmanager
def served_pages(gateway: Gateway) -> Iterator[tuple[str, NodeState]]:
    """The gateway's pages over HTTP, without workers; the url, and the state to fill."""
    clock = system_clock()
    settings = ListenSettings(port=0)
    listener = listen(settings)
    with (
        opened_context(gateway, clock) as context,
        serving(create_app(context), listener, settings, gateway.folder),
    ):
        yield url_of(listener, settings), context.state
