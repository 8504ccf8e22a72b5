"""A folder that is watched, with a clock that the test moves."""

import json
import os
from dataclasses import replace
from pathlib import Path

from perdure_node.clock import Clock
from perdure_node.listing import list_records
from perdure_node.records import open_record, record_by_leaf
from perdure_node.vault import Vault
from perdure_node.watch.watcher import Recorded, Refused, Watcher, WatchOptions
from tools.site_desk import keys_of
from tools.site_network import START


class Desk:
    """A folder, its vault, and a clock that a test turns."""

    def __init__(self, vault: Vault, folder: Path) -> None:
        self.vault, self.folder, self.now = vault, folder, 0.0
        self.clock = Clock(lambda: START + self.now, lambda: self.now, lambda _: None)
        self.options = WatchOptions(settle=5)
        folder.mkdir()
        self.start()

    def start(self, **options: object) -> None:
        """Begin a watch, as a new process would."""
        self.options = replace(self.options, **options)
        self.watcher = Watcher(self.vault, self.folder, self.options, clock=self.clock, randomness=os.urandom)

    def write(self, place: str, text: str | dict[str, object] = "a document") -> Path:
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return path

    def look(self) -> list[Recorded | Refused]:
        return list(self.watcher.round())

    def settled(self) -> list[Recorded | Refused]:
        """Two looks, with more between them than a file takes to settle."""
        first = self.look()
        self.now += 5
        return first + self.look()

    def names(self) -> list[str | None]:
        return sorted(each.document_name or "" for each in list_records(self.vault, keys_of(self.vault)))

    def record(self, event: Recorded | Refused) -> dict[str, object]:
        assert isinstance(event, Recorded), event
        assert event.added is not None
        stored = record_by_leaf(self.vault.database, event.added.leaf_hash)
        assert stored is not None
        record = open_record(stored, keys_of(self.vault)).record
        return {
            slot: record.value(slot)
            for slot in ("document_type", "signers", "extra", "document_name", "recorded_by")
        }


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refusal(events: list[Recorded | Refused]) -> Exception:
    (event,) = events
    assert isinstance(event, Refused)
    return event.error
