"""What the vault says beside its log of people, policies, blocks and transactions, held against what shows whether it is so."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perdure_anchor.confirmation import KeyCredential, encode_credential, parse_credential
from perdure_anchor.errors import PerdureError
from perdure_anchor.finality import link_run, parse_headers
from perdure_anchor.hashes import Hash32, keccak256
from perdure_anchor.strict_json import JsonValue, parse_json

from perdure_node.audit.contents import Contents
from perdure_node.audit.findings import Found
from perdure_node.encryption.identity import public_key_in
from perdure_node.errors import IdentityUnreadable
from perdure_node.evidence.known_blocks import KnownBlock
from perdure_node.keys.data_keys import active_recipients
from perdure_node.operators.operator_keys import operator_key_file
from perdure_node.places import IDENTITY_FILE
from perdure_node.records import ReadingKeys
from perdure_node.stored_lists import decode_list
from perdure_node.traces import unreadable_traces
from perdure_node.vault import Vault

_PAGE = 500


def check_blocks(vault: Vault, found: Found) -> int:
    """Each block that records name as known: that its headers are sealed, and are its own. How many there are."""
    last = count = 0
    while rows := vault.database.rows(
        "SELECT id, hash, number, time, headers FROM known_block WHERE id > ? ORDER BY id LIMIT ?",
        last,
        _PAGE,
    ):
        last = rows[-1][0]
        count += len(rows)
        for _, name, number, time, headers in rows:
            try:
                _check_block(vault, KnownBlock(Hash32(name), number, time, decode_list(headers)))
            except PerdureError as error:
                found.add("block_damaged", f"block {number}: {error}")
    return count


class _OtherBlock(PerdureError):
    """A block is not what the vault says of it."""


def _check_block(vault: Vault, block: KnownBlock) -> None:
    run, position = link_run(parse_headers(block.headers), vault.trust, block.hash)
    header = run.blocks[position].header
    if (header.number, header.timestamp) != (block.number, block.time):
        raise _OtherBlock(
            f"it is block {header.number} with the time {header.timestamp}, the vault says {block.time}"
        )
    if not any(run.is_final(at) for at in range(position, len(run.blocks))):
        raise _OtherBlock("no quorum of the validators sealed it")


def check_traces(vault: Vault, keys: ReadingKeys, found: Found) -> int:
    """What was noted of records decrypts; how many notes there are."""
    for number, name, why in unreadable_traces(vault.database, keys):
        found.add("trace_unreadable", f"note {number} of record {name.hex()}: {why}")
    return vault.database.number("SELECT count(*) FROM change")


def check_transactions(vault: Vault, found: Found) -> int:
    """Each transaction that was signed has the hash by which the chain is asked for it; how many there are."""
    last, count = -1, 0
    while rows := vault.database.rows(
        "SELECT number, nonce, hash, raw FROM relay_transaction WHERE number > ? ORDER BY number LIMIT ?",
        last,
        _PAGE,
    ):
        last = rows[-1][0]
        count += len(rows)
        for _, nonce, name, raw in rows:
            if keccak256(raw) != name:
                found.add("transaction_damaged", f"the transaction of nonce {nonce}, 0x{bytes(name).hex()}")
    return count


def check_key_files(vault: Vault, found: Found) -> int:
    """The vault's key and each operator's are those to which all is encrypted; how many files there are."""
    readers = [each.public_key for each in active_recipients(vault.database) if each.kind == "identity"]
    try:
        if public_key_in(vault.folder / IDENTITY_FILE) not in readers:
            found.add("key_missing", f"{IDENTITY_FILE} is not the key to which the records are encrypted")
    except IdentityUnreadable as error:
        found.add("key_missing", str(error))
    if not vault.database.has_table("credential"):
        return 1
    rows = vault.database.rows(
        "SELECT number, name, reading_key FROM operator WHERE reading_key IS NOT NULL AND removed_at IS NULL ORDER BY number"
    )
    for number, name, reading_key in rows:
        path = operator_key_file(vault.folder, number)
        try:
            if public_key_in(path) != reading_key:
                found.add("operator_key_damaged", f"{path} is not the key with which {name} reads")
        except IdentityUnreadable as error:
            found.add("operator_key_damaged", f"{name}: {error}")
    return 1 + len(rows)


def check_people(vault: Vault, contents: Contents, found: Found) -> int:
    """Operators and policies, as the vault has them and as the log's own records say; how many there are."""
    if not vault.database.has_table("policy"):
        return 0
    operators = vault.database.rows(
        "SELECT number, name, own_record, removed_at IS NOT NULL FROM operator WHERE name IS NOT NULL ORDER BY number"
    )
    recorded = {
        sequence: operator for sequence, (_, operator) in contents.own.items() if isinstance(operator, dict)
    }
    everything = [each for operator in recorded.values() for each in _list(operator, "credentials")]
    for number, name, own_record, is_removed in operators:
        if own_record in recorded:
            for what in _differences(
                vault,
                number,
                name,
                bool(is_removed),
                recorded[own_record],
                everything,
                is_erased=contents.erased > 0,
            ):
                found.add("operator_differs", f"{name}: {what}")
            _check_newest(vault, name, own_record, contents, found)
        else:
            found.add("operator_differs", f"{name}: no record says who that is")
    policies = vault.database.rows("SELECT sha256, own_record FROM policy ORDER BY number")
    for sha256, own_record in policies:
        if contents.own.get(own_record, ("", None))[0] != bytes(sha256).hex():
            found.add("policy_differs", f"the policy of the digest {bytes(sha256).hex()}")
    return len(operators) + len(policies)


def _check_newest(vault: Vault, name: str, own_record: int, contents: Contents, found: Found) -> None:
    row = vault.database.row("SELECT leaf_hash FROM record WHERE sequence = ?", own_record)
    if row is not None and bytes(row[0]).hex() in contents.superseded:
        found.add("operator_differs", f"{name}: the vault follows a record of him that a newer one replaced")


def _differences(
    vault: Vault,
    number: int,
    name: str,
    is_removed: bool,
    record: Mapping[str, JsonValue],
    everything: Sequence[JsonValue],
    *,
    is_erased: bool,
) -> Iterator[str]:
    """``everything`` are all credentials of the log; ``is_erased``: records were erased that may have named more."""
    if record.get("name") != name:
        yield f"the log calls him {str(record.get('name'))[:80]!a}"
    if record.get("removed") != is_removed:
        yield f"the log says that he was {'' if record.get('removed') else 'not '}removed"
    rows = vault.database.rows("SELECT role FROM operator_role WHERE operator = ?", number)
    if sorted(role for (role,) in rows) != record.get("roles"):
        yield f"the log gives him the roles {', '.join(map(str, _list(record, 'roles'))) or 'none'}"
    held = []
    for credential, public_key, members, removed_at in vault.database.rows(
        "SELECT number, public_key, members, removed_at FROM credential WHERE operator = ? ORDER BY number",
        number,
    ):
        encoded, octets = _credential(members)
        is_known = encoded in everything or (removed_at is not None and is_erased)
        if encoded is None or octets != public_key or not is_known:
            yield f"his credential {credential} is none that the log gives him"
        if removed_at is None:
            held.append(encoded)
    # the record of whoever was removed names what he had till then
    if not is_removed and held != _list(record, "credentials"):
        yield "the log gives him other credentials"


def _credential(members: Any) -> tuple[JsonValue, bytes]:
    try:
        text = members.encode() if isinstance(members, str) else bytes(members)
        credential = parse_credential(parse_json(text, "credential"), "credential")
    except (PerdureError, ValueError, TypeError):
        return None, b""
    octets = credential.address if isinstance(credential, KeyCredential) else credential.public_key
    return encode_credential(credential), octets


def _list(members: Mapping[str, JsonValue], name: str) -> list[JsonValue]:
    value = members.get(name)
    return value if isinstance(value, list) else []
