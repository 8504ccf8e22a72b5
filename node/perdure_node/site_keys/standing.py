"""Where the site's keys stand: rotations that were signed, what the registry last said, and so which are still under way.

A rotation is under way if it is the next step from the key that the registry knows, or a step after such a one; that is computed
from what the registry said last, and never noted, so that a lie about it does no lasting harm.
"""

from dataclasses import dataclass
from typing import Protocol

from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.key_rotation import KeyRotation, SignedRotation

from perdure_node.database import Database
from perdure_node.keys.signing_keys import SiteKey, held_site_key, newest_site_key, site_keys

# within SQLite's integers, with room to count on: what a lying node says in uint64 must not stop anything
_MAX_INTEGER = 2**62
_SELECT_ROTATION = "SELECT number, site, old_key, new_key, grace_period, nonce, signature, signed_at FROM key_rotation WHERE "


@dataclass(frozen=True, slots=True)
class StoredRotation:
    """A rotation as the vault keeps it, signed by ``old_key``; ``signed_at`` in seconds is the site's clock."""

    number: int
    signed: SignedRotation
    old_key: Address
    signed_at: int

    @property
    def rotation(self) -> KeyRotation:
        return self.signed.rotation


class SiteStateView(Protocol):
    """What the registry says of a site: `perdure_contracts.registry.SiteState` has all of it."""

    @property
    def key(self) -> Address | None: ...
    @property
    def previous_key(self) -> Address | None: ...
    @property
    def previous_key_until(self) -> int: ...
    @property
    def key_nonce(self) -> int: ...
    @property
    def compromised_since(self) -> int | None: ...
    @property
    def successor(self) -> Hash32 | None: ...


@dataclass(frozen=True, slots=True)
class RegistryKeys:
    """What the registry last said of the site's keys, as of a block; known since ``seen_at`` (seconds, the site's clock).

    As `perdure_contracts.registry.SiteState`; not ``is_registered``: it did not know the site, and the rest is empty.
    """

    is_registered: bool
    key: Address | None
    previous_key: Address | None
    previous_key_until: int
    key_nonce: int
    compromised_since: int | None
    successor: Hash32 | None
    block_number: int
    seen_at: int

    @property
    def is_revoked(self) -> bool:
        """Whether no key signs for the site until its partner sets one."""
        return self.is_registered and self.key is None


def last_known_keys(database: Database) -> RegistryKeys | None:
    """What the registry last said; None if it was never asked, or by a Perdure that did not keep it."""
    if not _has_site_keys(database):
        return None
    row = database.row(
        "SELECT is_registered, key, previous_key, previous_key_until, nonce, compromised_since, successor, "
        "block_number, seen_at FROM registry_keys"
    )
    if row is None:
        return None
    registered, key, previous, until, nonce, compromised, successor, block_number, seen_at = row
    return RegistryKeys(
        bool(registered),
        _address(key),
        _address(previous),
        until,
        nonce,
        compromised,
        _hash(successor),
        block_number,
        seen_at,
    )


def note_site_keys(database: Database, state: SiteStateView | None, *, block_number: int, now: int) -> None:
    """Keep what the registry says at a block, None: that it does not know the site; inside a transaction of the caller's.

    It takes the place of what was known.
    """
    empty = (0, None, None, 0, 0, None, None)
    values = empty if state is None else (1, *_columns(state))
    database.execute(
        "INSERT OR REPLACE INTO registry_keys (only, is_registered, key, previous_key, previous_key_until, nonce, "
        "compromised_since, successor, block_number, seen_at) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *values,
        min(block_number, _MAX_INTEGER),
        now,
    )


def note_told_keys(
    database: Database, state: SiteStateView | None, *, block_number: int, final: int, now: int
) -> None:
    """As `note_site_keys`, by a gateway's word: what is of an older block than what is known is passed over.

    ``final`` is the newest block that is known to be there: see `perdure_node.courier.out.store_view`.
    """
    known = last_known_keys(database)
    if known is None or block_number >= min(known.block_number, final):
        note_site_keys(database, state, block_number=block_number, now=now)


def rotations_under_way(database: Database) -> list[SignedRotation]:
    """The rotations that the registry does not have yet and can still take, in the order in which it takes them."""
    return [each.signed for each in stored_rotations_under_way(database)]


def stored_rotations_under_way(database: Database) -> list[StoredRotation]:
    """As `rotations_under_way`, with when each was signed."""
    found: list[StoredRotation] = []
    if not _has_site_keys(database):
        return found
    key, nonce = _starting_point(database)
    while (following := _signed_by(database, key, nonce)) is not None:
        found.append(following)
        key, nonce = following.rotation.new_key, nonce + 1
    return found


def key_after_rotations(database: Database) -> Address | None:
    """The key that the registry will know once all rotations under way have reached it."""
    under_way = rotations_under_way(database)
    return under_way[-1].rotation.new_key if under_way else _starting_point(database)[0]


def next_key_nonce(database: Database) -> int:
    """The nonce of the next rotation to be signed: as last known of the registry, and one for each that is under way."""
    return _starting_point(database)[1] + len(rotations_under_way(database))


def is_reachable(database: Database) -> bool:
    """Whether the key that signs now is the registry's, or will be without the partner's doing."""
    reached = key_after_rotations(database) == newest_site_key(database).address
    return reached or passed_rotation(database) is not None


@dataclass(frozen=True, slots=True)
class PassedRotation:
    """What ``holder``, the registry's key, can sign ``anew``: a rotation to the key that signs now, whose turn passed."""

    anew: KeyRotation
    holder: SiteKey


def passed_rotation(database: Database) -> PassedRotation | None:
    """The rotation to be signed anew, as the registry is last known; None if none has to be, or can be."""
    known, newest = last_known_keys(database), newest_site_key(database)
    if known is None or known.key in (None, newest.address) or stored_rotations_under_way(database):
        return None
    passed, holder = newest_rotation_to(database, newest.address), held_site_key(database, known.key)
    if passed is None or holder is None:
        return None
    told = passed.rotation
    return PassedRotation(KeyRotation(told.site, told.new_key, told.grace_period, known.key_nonce), holder)


def store_rotation(database: Database, signed: SignedRotation, old_key: Address, now: int) -> StoredRotation:
    """Keep a signed rotation; inside a transaction of the caller's."""
    rotation = signed.rotation
    number = database.insert(
        "INSERT INTO key_rotation (site, old_key, new_key, grace_period, nonce, signature, signed_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        rotation.site,
        old_key,
        rotation.new_key,
        rotation.grace_period,
        rotation.nonce,
        signed.signature,
        now,
    )
    return StoredRotation(number, signed, old_key, now)


def newest_rotation_to(database: Database, key: Address) -> StoredRotation | None:
    """The newest rotation that hands over to a key, whatever became of it."""
    return _rotation(database, "new_key = ?", key)


def _starting_point(database: Database) -> tuple[Address | None, int]:
    """The key and the count of changes that the registry has as last known; before it was asked, those of a new site."""
    known = last_known_keys(database)
    if known is None or not known.is_registered:
        first = site_keys(database)
        return (first[0].address if first else None), 0
    return known.key, known.key_nonce


def _signed_by(database: Database, key: Address | None, nonce: int) -> StoredRotation | None:
    """The newest rotation that a key signed with this nonce."""
    return _rotation(database, "old_key = ? AND nonce = ?", key, nonce)


def _rotation(database: Database, condition: str, *parameters: bytes | int | None) -> StoredRotation | None:
    row = database.row(_SELECT_ROTATION + condition + " ORDER BY number DESC LIMIT 1", *parameters)
    if row is None:
        return None
    number, site, old_key, new_key, grace, nonce, signature, signed_at = row
    rotation = KeyRotation(Hash32(site), Address(new_key), grace, nonce)
    return StoredRotation(number, SignedRotation(rotation, bytes(signature)), Address(old_key), signed_at)


def _columns(state: SiteStateView) -> tuple[bytes | int | None, ...]:
    marked = state.compromised_since
    return (
        state.key,
        state.previous_key,
        min(state.previous_key_until, _MAX_INTEGER),
        min(state.key_nonce, _MAX_INTEGER),
        None if marked is None else min(marked, _MAX_INTEGER),
        state.successor,
    )


def _has_site_keys(database: Database) -> bool:
    """A vault from before these tables has none, as long as it cannot be written to."""
    return database.row("SELECT 1 FROM sqlite_master WHERE name = 'registry_keys'") is not None


def _address(octets: bytes | None) -> Address | None:
    return None if octets is None else Address(octets)


def _hash(octets: bytes | None) -> Hash32 | None:
    return None if octets is None else Hash32(octets)
