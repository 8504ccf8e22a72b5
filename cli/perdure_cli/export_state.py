"""How far an export into a folder is, in a hidden file there: so it can be broken off, begun again, and grow with the log.

It is written after the disk has been made to have the evidence, so it never says more than is true. What it knows of an anchor is
how many headers its evidence rests on: evidence with a longer run bounds the time better, and is written again.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from perdure_anchor.errors import ConfigError

from perdure_cli.files import write_whole
from perdure_cli.verifying.sorting import INDEX_NAME

STATE_NAME = ".perdure-export.json"


class OtherExport(ConfigError):
    """The folder holds evidence of another site, evidence that shows other slots, or something else."""


@dataclass(slots=True)
class ExportState:
    """``anchors``: from an anchor's size to its headers and the index before which its evidence is written.

    Records before the index ``listed`` are in the list of the folder, which was so many bytes long; ``rows`` are to be added.
    ``with_material``: what the checks of signatures rested on lies beside all of it.
    """

    origin: str
    shown: tuple[str, ...]
    anchors: dict[int, tuple[int, int]] = field(default_factory=dict)
    listed: int = 0
    index_size: int = 0
    rows: list[str] = field(default_factory=list)
    with_material: bool = False

    def done(self, size: int, headers: int) -> int:
        """Before which index the evidence of an anchor is as it should be."""
        known_headers, done = self.anchors.get(size, (0, 0))
        return done if known_headers == headers else 0

    def note(self, size: int, headers: int, done: int) -> None:
        """The evidence of an anchor is written before an index."""
        self.anchors[size] = (headers, done)

    def list(self, rows: list[str], indices: list[int], end: int) -> None:
        """Rows of the records with these indices, of which those are kept that are not in the list yet; all before ``end`` came."""
        self.rows += [row for row, index in zip(rows, indices, strict=True) if index >= self.listed]
        self.listed = max(self.listed, end)


def load_state(
    folder: Path, origin: str, shown: frozenset[str], *, with_material: bool = False
) -> ExportState:
    """What an earlier export left, or a new state; raises `OtherExport`.

    Where material is wanted, and that export wrote none, all is written again.
    """
    try:
        members = json.loads((folder / STATE_NAME).read_text("utf-8"))
        anchors = {
            int(size): (int(headers), int(done)) for size, (headers, done) in members["anchors"].items()
        }
        state = ExportState(
            str(members["origin"]),
            tuple(map(str, members["shown"])),
            anchors,
            int(members["listed"]),
            int(members["index_size"]),
            with_material=bool(members.get("material")),
        )
    except FileNotFoundError:
        _check_free(folder)
        return ExportState(origin, tuple(sorted(shown)), with_material=with_material)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ExportState(origin, tuple(sorted(shown)), with_material=with_material)
    if state.origin != origin:
        raise OtherExport(f"{folder}: holds evidence of {state.origin}", hint="choose another folder")
    if set(state.shown) != shown:
        differing = ", ".join(sorted(shown.symmetric_difference(state.shown)))
        raise OtherExport(
            f"{folder}: holds evidence that shows other slots; the difference: {differing}",
            hint="choose another folder: evidence that shows more must not stay beside evidence that shall hide it",
        )
    # without its list, whole, an export begins anew
    if _size(folder / INDEX_NAME) < state.index_size:
        return ExportState(origin, state.shown, with_material=with_material)
    if with_material and not state.with_material:
        state.anchors.clear()
    state.with_material = with_material
    return state


def _check_free(folder: Path) -> None:
    """Nothing that is there is written over, and no evidence comes among documents or into a vault."""
    if folder.is_dir() and any(folder.iterdir()):
        raise OtherExport(
            f"{folder}: holds other files",
            hint="choose a new folder, or an empty one: evidence gets a folder of its own",
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def store_state(folder: Path, state: ExportState, head: str) -> None:
    """Add the new rows to the list, and remember all that is done; durable when it returns."""
    path = folder / INDEX_NAME
    with path.open("r+b" if path.exists() else "w+b") as stream:
        # what a run that was broken off has added is added again
        stream.truncate(state.index_size)
        stream.seek(state.index_size)
        stream.write(("" if state.index_size else head).encode() + "".join(state.rows).encode("utf-8"))
        state.index_size = stream.tell()
    state.rows.clear()
    members = {
        "origin": state.origin,
        "shown": state.shown,
        "anchors": {str(size): anchor for size, anchor in state.anchors.items()},
        "listed": state.listed,
        "index_size": state.index_size,
        "material": state.with_material,
    }
    write_whole(folder / STATE_NAME, json.dumps(members, indent=1).encode())
