"""People of another vault: who is who in this one, and, where this one names nobody yet, all of them with roles, keys and policy.

Without them a recovered vault would ask nobody for a second person, and every operator would have to get a new key. Each goes on with
his own passphrase, passkey and one-time codes; what he reads by is wrapped to him anew. A vault that has people or a policy of its own
keeps them, and is told how the other's differ: which of the two is right nobody can know here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from perdure_anchor.hashes import Hash32

from perdure_node.database import Database
from perdure_node.encryption.hybrid import PublicKey
from perdure_node.files import write_whole
from perdure_node.keys.data_keys import OWNER, wrap_operator_key
from perdure_node.keys.keyring import KeyRing
from perdure_node.operators.alike import looks
from perdure_node.operators.operator_keys import operator_key_file, wrap_identity
from perdure_node.operators.policy import POLICY_FILE
from perdure_node.records import record_by_leaf
from perdure_node.recovering.tally import Tally
from perdure_node.vault import Vault


class Counterparts:
    """The operators of another vault, by their numbers there: the same by a key, or else by name, as two who are named alike may be one."""

    def __init__(self, vault: Vault, other: Vault) -> None:
        self._here: dict[int, int] = {OWNER: OWNER}
        if not other.database.has_table("credential"):
            return
        keys = dict(vault.database.rows("SELECT public_key, operator FROM credential"))
        names = {
            looks(name): number
            for name, number in vault.database.rows(
                "SELECT name, number FROM operator WHERE name IS NOT NULL ORDER BY removed_at IS NULL"
            )
        }
        for number, name in other.database.rows("SELECT number, name FROM operator WHERE name IS NOT NULL"):
            his = other.database.rows("SELECT public_key FROM credential WHERE operator = ?", number)
            found = [keys[key] for (key,) in his if key in keys]
            here = found[0] if found else names.get(looks(name))
            if here is not None:
                self._here[number] = here

    def of(self, number: int) -> int:
        """Who he is here; the owner, where he is nobody here."""
        return self._here.get(number, OWNER)

    def named(self, number: int | None) -> int | None:
        """The same of somebody by name; None where he is nobody here."""
        return None if number is None else self._here.get(number)


@dataclass(slots=True)
class People(Tally):
    """What came of them: how many ``operators`` came, whether the ``policy`` did, and whose names and what else ``differ``."""

    operators: int = 0
    policy: bool = False
    differ: list[str] = field(default_factory=list)


def bring_people(vault: Vault, other: Vault, keys: KeyRing) -> None:
    """Let a vault that names nobody, and has no policy, have the people of another one; before its records come.

    ``keys`` have to open the vault, where there is somebody to come. They count once `settle_people` knows their records.
    """
    database = vault.database
    if (
        not other.database.has_table("second_factor")
        or _names_anybody(database)
        or not _names_anybody(other.database)
    ):
        return
    # opened before anybody has to wait for us
    keys.private_key()
    with database.transaction():
        for number, reading_key, is_keeper in _copy_tables(database, other.database):
            file = operator_key_file(other.folder, number)
            if file.is_file():
                to = operator_key_file(vault.folder, number)
                to.parent.mkdir(mode=0o700, exist_ok=True)
                write_whole(to, file.read_bytes())
            for (key,) in database.rows("SELECT DISTINCT data_key FROM wrapped_data_key"):
                wrap_operator_key(database, keys.data_key(key), number, reading_key)
            if is_keeper:
                wrapped = wrap_identity(keys.private_key(), reading_key)
                database.execute("UPDATE operator SET wrapped_identity = ? WHERE number = ?", wrapped, number)


def _names_anybody(database: Database) -> bool:
    return (
        database.number(
            "SELECT (SELECT count(*) FROM operator WHERE name IS NOT NULL) + (SELECT count(*) FROM policy)"
        )
        > 0
    )


def _copy_tables(database: Database, other: Database) -> Iterator[tuple[int, PublicKey, bool]]:
    """Who reads by himself, with whether he keeps the site, once all that is not wrapped to anybody has come."""
    rows = other.rows(
        "SELECT number, added_at, name, removed_at, reading_key, wrapped_identity IS NOT NULL FROM operator WHERE name IS NOT NULL"
    )
    for number, added_at, name, removed_at, reading_key, _ in rows:
        database.insert(
            "INSERT INTO operator (number, added_at, name, removed_at, reading_key) VALUES (?, ?, ?, ?, ?)",
            number,
            added_at,
            name,
            removed_at,
            reading_key,
        )
    for table, columns in (
        ("operator_role", "operator, role"),
        (
            "credential",
            "number, operator, kind, public_key, members, label, added_at, removed_at, credential_id, through",
        ),
        (
            "second_factor",
            "operator, encrypted, enabled_at, last_step, wrong_codes, last_wrong_at, told_steps",
        ),
    ):
        places = ", ".join("?" * len(columns.split(",")))
        database.execute_each(
            f"INSERT INTO {table} ({columns}) VALUES ({places})",  # noqa: S608  # constants
            other.rows(f"SELECT {columns} FROM {table}"),  # noqa: S608  # constants
        )
    for number, _, _, removed_at, reading_key, is_keeper in rows:
        if reading_key is not None and removed_at is None:
            yield number, PublicKey(reading_key), bool(is_keeper)


def settle_people(vault: Vault, other: Vault) -> People:
    """After the records came: who somebody is, and which policy is in force, by their records here; and what differs."""
    people = People()
    if not other.database.has_table("second_factor"):
        return people
    database = vault.database
    theirs = other.database.rows(
        "SELECT number, name, record.leaf_hash FROM operator JOIN record ON record.sequence = own_record ORDER BY number"
    )
    with database.transaction():
        for number, _, leaf in theirs:
            own = record_by_leaf(database, Hash32(leaf))
            if own is not None:
                people.operators += database.execute(
                    "UPDATE operator SET own_record = ? WHERE number = ? AND name IS NOT NULL AND own_record IS NULL",
                    own.sequence,
                    number,
                )
        people.policy = _bring_policy(vault, other)
    people.differ = [name for _, name, leaf in theirs if not _is_known(database, leaf)]
    policies = "SELECT sha256 FROM policy ORDER BY number DESC"
    newest = other.database.row(policies)
    if newest is not None and newest not in database.rows(policies):
        people.differ.append("the policy")
    return people


def _is_known(database: Database, leaf: bytes) -> bool:
    """Whether somebody here is who this record says, or was until a newer one."""
    query = (
        "SELECT 1 FROM operator JOIN record ON record.sequence = own_record WHERE leaf_hash = ?1 "
        "UNION ALL SELECT 1 FROM supersession WHERE superseded = ?1"
    )
    return database.row(query, leaf) is not None


def _bring_policy(vault: Vault, other: Vault) -> bool:
    """Whether there was none here, and there is now; inside a transaction of the caller's.

    Where the other one's file is not what was put in force, it stays behind: then this vault too says that it is gone.
    """
    database = vault.database
    if database.number("SELECT count(*) FROM policy"):
        return False
    rows = other.database.rows(
        "SELECT sha256, adopted_at, leaf_hash FROM policy JOIN record ON record.sequence = own_record ORDER BY policy.number"
    )
    found = [(digest, at, record_by_leaf(database, Hash32(leaf))) for digest, at, leaf in rows]
    placed = [(digest, at, own.sequence) for digest, at, own in found if own is not None]
    if not placed:
        return False
    file = other.folder / POLICY_FILE
    raw = file.read_bytes() if file.is_file() else b""
    if sha256(raw).digest() == bytes(placed[-1][0]):
        write_whole(vault.folder / POLICY_FILE, raw)
    database.execute_each("INSERT INTO policy (sha256, adopted_at, own_record) VALUES (?, ?, ?)", placed)
    return True
