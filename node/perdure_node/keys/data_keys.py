"""Data keys, the relay's key and the copy of the look-up key in the vault: each wrapped to every recipient that may have it.

A record is encrypted with a data key that was made for it, or for the records around it: each process that adds makes one, and
takes another after a while, so that a key says little of when a record was made, and opens little.
"""

from dataclasses import dataclass

from perdure_anchor.hashes import Address

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import DATA_KEY_SIZE, DataKey
from perdure_node.encryption.hybrid import PublicKey, wrap
from perdure_node.encryption.lookup import LookupKey

# whoever made the vault
OWNER = 1
# a key that is at hand serves so many records at most, and so long (seconds)
RECORDS_PER_KEY = 65_536
SECONDS_PER_KEY = 900


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who can read: ``kind`` is ``identity`` for the vault's own key, ``recovery`` for the one on paper.

    Times are seconds since 1970.
    """

    number: int
    kind: str
    public_key: PublicKey
    added_at: int
    retired_at: int | None = None


def all_recipients(database: Database) -> list[Recipient]:
    """Everybody who can or could read, in the order in which they came."""
    rows = database.rows(
        "SELECT number, kind, public_key, added_at, retired_at FROM recipient ORDER BY number"
    )
    return [Recipient(number, kind, PublicKey(key), *times) for number, kind, key, *times in rows]


def active_recipients(database: Database) -> list[Recipient]:
    """Those to whom new keys are wrapped."""
    return [recipient for recipient in all_recipients(database) if recipient.retired_at is None]


def identity_recipient(database: Database) -> PublicKey:
    """The public key of the vault's own identity."""
    return next(each.public_key for each in active_recipients(database) if each.kind == "identity")


def has_recovery_key(database: Database) -> bool:
    """Whether losing the passphrase is not the end."""
    return any(recipient.kind == "recovery" for recipient in active_recipients(database))


def add_recipient(database: Database, kind: str, public_key: PublicKey, now: int) -> Recipient:
    """Let somebody read what is recorded from now on; inside a transaction of the caller's."""
    number = database.insert(
        "INSERT INTO recipient (kind, public_key, operator, added_at) VALUES (?, ?, ?, ?)",
        kind,
        public_key,
        OWNER,
        now,
    )
    return Recipient(number, kind, public_key, now)


def retire_recipient(database: Database, recipient: Recipient, now: int) -> None:
    """Wrap nothing to him any more, and forget what was; inside a transaction of the caller's."""
    database.execute("UPDATE recipient SET retired_at = ? WHERE number = ?", now, recipient.number)
    database.execute("DELETE FROM wrapped_data_key WHERE recipient = ?", recipient.number)
    database.execute("DELETE FROM wrapped_secret_key WHERE recipient = ?", recipient.number)
    database.execute("DELETE FROM wrapped_site_key WHERE recipient = ?", recipient.number)


def make_data_key(database: Database, now: int, randomness: Randomness) -> DataKey:
    """A new data key, wrapped to all active recipients; durable when this returns."""
    key = randomness(DATA_KEY_SIZE)
    with database.transaction():
        recipients = active_recipients(database)
        number = database.insert("INSERT INTO data_key (made_at) VALUES (?)", now)
        for recipient in recipients:
            wrap_data_key(database, DataKey(number, key), recipient)
        for operator, reading_key in _reading_operators(database):
            wrap_operator_key(database, DataKey(number, key), operator, reading_key)
    return DataKey(number, key)


def wrap_data_key(database: Database, key: DataKey, recipient: Recipient) -> None:
    """Let a recipient have a data key; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO wrapped_data_key (data_key, recipient, wrapped) VALUES (?, ?, ?)",
        key.number,
        recipient.number,
        wrap(key.key, recipient.public_key, data_key_info(key.number)),
    )


def _reading_operators(database: Database) -> list[tuple[int, PublicKey]]:
    """Operators who read with a passphrase of their own."""
    rows = database.rows(
        "SELECT number, reading_key FROM operator WHERE reading_key IS NOT NULL AND removed_at IS NULL"
    )
    return [(number, PublicKey(key)) for number, key in rows]


def wrap_operator_key(database: Database, key: DataKey, operator: int, reading_key: PublicKey) -> None:
    """Let an operator have a data key; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO wrapped_operator_key (data_key, operator, wrapped) VALUES (?, ?, ?)",
        key.number,
        operator,
        wrap(key.key, reading_key, data_key_info(key.number)),
    )


def wrap_secret_key(database: Database, name: str, key: bytes, recipient: Recipient) -> None:
    """Let a recipient have one of the other keys; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO wrapped_secret_key (name, recipient, wrapped) VALUES (?, ?, ?)",
        name,
        recipient.number,
        wrap(key, recipient.public_key, secret_key_info(name)),
    )


def store_secret_key(database: Database, name: str, address: Address | None, key: bytes) -> None:
    """Keep a key for all active recipients, with the address that it signs for; inside a transaction of the caller's."""
    database.execute("INSERT INTO secret_key (name, address) VALUES (?, ?)", name, address)
    for recipient in active_recipients(database):
        wrap_secret_key(database, name, key, recipient)


def store_lookup_key(database: Database, key: LookupKey) -> None:
    """Keep a copy of the look-up key, and what tells whether its file is right; inside a transaction of the caller's."""
    store_secret_key(database, "lookup", None, key.key)
    database.execute("UPDATE secret_key SET check_value = ? WHERE name = 'lookup'", key.check_value())


def data_key_info(number: int) -> bytes:
    """What HPKE binds a wrapped data key to."""
    return b"perdure data key %d\nv1" % number


def secret_key_info(name: str) -> bytes:
    """What HPKE binds a wrapped signing key to."""
    return f"perdure {name} key\nv1".encode()


class CurrentDataKey:
    """The data key with which an open vault encrypts what is added: made when it is first needed, and again after a while."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key: DataKey | None = None
        self._uses = 0
        self._made_at = 0

    def take(self, clock: Clock, randomness: Randomness) -> DataKey:
        """A data key for one more content; not inside a transaction."""
        now = int(clock.now())
        # a clock that was put back must not keep a key alive
        if (
            self._key is None
            or self._uses >= RECORDS_PER_KEY
            or not 0 <= now - self._made_at < SECONDS_PER_KEY
        ):
            self._key = make_data_key(self._database, now, randomness)
            self._uses, self._made_at = 0, now
        self._uses += 1
        return self._key
