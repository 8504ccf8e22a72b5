"""The chain of a record's versions: what it took the place of, and what took its place, in both directions and with all branches.

A record takes another's place by superseding it, which is in its slots and so in the log, or where it was amended before it was
sealed. A later version always knows the earlier one's leaf hash or was made of it, so the chain has no circle.
"""

from dataclasses import dataclass
from typing import Final

from perdure_anchor.hashes import Hash32

from perdure_node.database import Database
from perdure_node.records import EncryptedRecord, State, anchored_size, record_by_leaf, record_by_sequence

# a correction of a correction of a correction; more is a list, and no chain
MAX_VERSIONS: Final = 256


@dataclass(frozen=True, slots=True)
class Link:
    """``newer`` took the place of ``older``, both leaf hashes; ``how`` is superseded or amended."""

    older: Hash32
    newer: Hash32
    how: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version; ``state`` None: no record here has this leaf hash."""

    leaf_hash: Hash32
    state: State | None
    is_erased: bool = False


@dataclass(frozen=True, slots=True)
class Versions:
    """All versions in the order in which they were recorded, those that are not here first; ``more``: not all are listed."""

    versions: tuple[Version, ...]
    links: tuple[Link, ...]
    more: bool = False

    def successors(self, name: Hash32) -> list[Link]:
        return [link for link in self.links if link.older == name]

    def predecessors(self, name: Hash32) -> list[Link]:
        return [link for link in self.links if link.newer == name]

    @property
    def branches(self) -> tuple[Hash32, ...]:
        """The versions of which more than one record says that it is in their place."""
        return tuple(each.leaf_hash for each in self.versions if len(self.successors(each.leaf_hash)) > 1)


def versions_of(database: Database, record: EncryptedRecord) -> Versions:
    """The versions of a record, itself among them. Needs no passphrase."""
    anchored = anchored_size(database)
    found: dict[Hash32, tuple[int, Version]] = {}
    links: dict[Link, None] = {}
    to_visit: list[EncryptedRecord] = [record]
    more = False
    while to_visit:
        each = to_visit.pop()
        if each.leaf_hash in found:
            continue
        if len(found) >= MAX_VERSIONS:
            more = True
            break
        found[each.leaf_hash] = (
            each.sequence,
            Version(each.leaf_hash, each.state(anchored), each.content is None),
        )
        for link, other in _neighbours(database, each):
            links[link] = None
            if other is not None:
                to_visit.append(other)
            else:
                found.setdefault(link.older, (0, Version(link.older, None)))
    ordered = tuple(version for _, version in sorted(found.values(), key=lambda pair: pair[0]))
    names = {version.leaf_hash for version in ordered}
    kept = [link for link in links if link.older in names and link.newer in names]
    return Versions(ordered, tuple(sorted(kept, key=lambda link: _order(found, link))), more)


def _order(found: dict[Hash32, tuple[int, Version]], link: Link) -> tuple[int, int]:
    return found[link.older][0], found[link.newer][0]


def _neighbours(database: Database, record: EncryptedRecord) -> list[tuple[Link, EncryptedRecord | None]]:
    """The links of a record, and what is at their other ends: None for a leaf of which there is no record here."""
    found: list[tuple[Link, EncryptedRecord | None]] = []
    name, sequence = record.leaf_hash, record.sequence
    if database.has_table("supersession"):
        for (superseded,) in database.rows(
            "SELECT superseded FROM supersession WHERE sequence = ?", sequence
        ):
            older = record_by_leaf(database, Hash32(superseded))
            # whoever was confirmed since has another leaf hash now
            found.append(
                (Link(Hash32(superseded) if older is None else older.leaf_hash, name, "superseded"), older)
            )
        for other in _names_of(database, record):
            for (number,) in database.rows("SELECT sequence FROM supersession WHERE superseded = ?", other):
                newer = record_by_sequence(database, number)
                assert newer is not None, "the table refers to records"
                found.append((Link(name, newer.leaf_hash, "superseded"), newer))
    for number, is_newer in database.rows(
        "SELECT successor, 1 FROM change WHERE sequence = ?1 AND kind = 'amended' UNION ALL "
        "SELECT sequence, 0 FROM change WHERE successor = ?1 AND kind = 'amended'",
        sequence,
    ):
        other_record = record_by_sequence(database, number)
        assert other_record is not None, "the table refers to records"
        ends = (name, other_record.leaf_hash) if is_newer else (other_record.leaf_hash, name)
        found.append((Link(*ends, "amended"), other_record))
    return found


def _names_of(database: Database, record: EncryptedRecord) -> list[Hash32]:
    """Its leaf hash, and those that it had before it was confirmed."""
    rows = []
    if database.has_table("draft"):
        rows = database.rows("SELECT leaf_hash FROM draft WHERE sequence = ?", record.sequence)
    return [record.leaf_hash, *(Hash32(name) for (name,) in rows)]
