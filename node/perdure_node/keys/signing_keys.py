"""The site's signing keys in the vault: one after the other, the newest signs, each wrapped to every recipient.

An old one is kept for as long as the registry may still know no newer one: then only it can sign what the registry takes.
"""

from dataclasses import dataclass

from perdure_anchor.hashes import Address
from perdure_anchor.secp256k1 import address_from_private_key

from perdure_node.clock import Randomness
from perdure_node.database import Database
from perdure_node.encryption.hybrid import wrap
from perdure_node.errors import VaultDamaged
from perdure_node.keys.data_keys import Recipient, active_recipients, secret_key_info

# what HPKE binds a wrapped site key to; which of the site's keys it is, its address tells
SITE_KEY_INFO = secret_key_info("site")
# the order of secp256k1's group: a private key is an integer from 1 to below it (SEC 2, section 2.4.1)
_GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True)
class SiteKey:
    """A key of the site's; ``made_at`` in seconds. ``is_held``: the vault still has its private half."""

    number: int
    address: Address
    made_at: int
    is_held: bool


def new_signing_key(randomness: Randomness) -> bytes:
    """A private key of secp256k1."""
    while True:
        candidate = randomness(32)
        if 0 < int.from_bytes(candidate, "big") < _GROUP_ORDER:
            return candidate


def site_keys(database: Database) -> list[SiteKey]:
    """All keys that the vault ever had, oldest first."""
    rows = database.rows(
        "SELECT number, address, made_at, EXISTS (SELECT 1 FROM wrapped_site_key WHERE site_key = number) "
        "FROM site_key ORDER BY number"
    )
    return [SiteKey(number, Address(address), made_at, bool(held)) for number, address, made_at, held in rows]


def newest_site_key(database: Database) -> SiteKey:
    """The key that signs now; raises `VaultDamaged`."""
    found = site_keys(database)
    if not found:
        raise VaultDamaged("site key: missing", hint="restore the vault from a backup")
    return found[-1]


def held_site_key(database: Database, address: Address | None) -> SiteKey | None:
    """The site's key with this address, if the vault has its private half."""
    return next((key for key in site_keys(database) if key.is_held and key.address == address), None)


def store_site_key(database: Database, private_key: bytes, now: int) -> SiteKey:
    """Keep a key for all active recipients; from now on it signs. Inside a transaction of the caller's."""
    address = address_from_private_key(private_key)
    number = database.insert("INSERT INTO site_key (address, made_at) VALUES (?, ?)", address, now)
    for recipient in active_recipients(database):
        wrap_site_key(database, number, private_key, recipient)
    return SiteKey(number, address, now, is_held=True)


def wrap_site_key(database: Database, number: int, private_key: bytes, recipient: Recipient) -> None:
    """Let a recipient have one of the site's keys; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO wrapped_site_key (site_key, recipient, wrapped) VALUES (?, ?, ?)",
        number,
        recipient.number,
        wrap(private_key, recipient.public_key, SITE_KEY_INFO),
    )


def forget_site_key(database: Database, key: SiteKey) -> None:
    """Destroy the vault's copies of a private key, for good; copies elsewhere, such as backups, are out of reach."""
    rows = database.rows("SELECT wrapped FROM wrapped_site_key WHERE site_key = ?", key.number)
    with database.transaction():
        database.execute("DELETE FROM wrapped_site_key WHERE site_key = ?", key.number)
    database.forget(*(bytes(wrapped) for (wrapped,) in rows))
