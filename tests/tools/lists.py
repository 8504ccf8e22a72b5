"""Lists in memory for tests of their readers."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from perdure_anchor.strict_json import JsonValue
from perdure_node.lists.reading import open_list
from perdure_node.lists.rows import ListOptions, RecordList

NOWHERE = Path("/nowhere")


def opened(content: str | bytes, name: str = "list", beside: Path = NOWHERE, **options: object) -> RecordList:
    stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return open_list(stream, name, beside, ListOptions(**options), lambda _: None)  # type: ignore[arg-type]  # spread options


def slots_of(listed: RecordList) -> list[dict[str, JsonValue]]:
    return [listed.interpreter.slots(row) for row in listed.rows]


def read(content: str | bytes, name: str = "list", **options: object) -> list[dict[str, JsonValue]]:
    return slots_of(opened(content, name, **options))  # type: ignore[arg-type]  # spread options


def filled(slots: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {slot: value for slot, value in slots.items() if value is not None}


class Endless(io.RawIOBase):
    """A list without end: what it begins with, then one text again and again; counts what was read of it."""

    def __init__(self, begin: bytes, again: bytes) -> None:
        self.begin, self.again, self.taken, self.most = begin, again, 0, 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        assert whence == 0
        self.taken = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "nobody can read it to its end"
        text = self.begin + self.again * (1 + (self.taken + size) // len(self.again))
        octets = text[self.taken : self.taken + size]
        self.taken += size
        self.most = max(self.most, self.taken)
        return octets

    def opened(self, name: str) -> RecordList:
        return open_list(cast("BinaryIO", self), name, NOWHERE, ListOptions(), lambda _: None)
