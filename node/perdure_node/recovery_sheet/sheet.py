"""What a recovery sheet says, and its bytes (SPEC.md, section 13.1). Pure."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from perdure_anchor.checkpoint import MAX_TREE_SIZE, Origin, RegistryDomain, parse_origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, Hash32, sha256
from perdure_anchor.log import root_from_peaks
from perdure_anchor.strict_json import MAX_INTEGER
from perdure_anchor.timestamp import MAX_SECONDS

from perdure_node.encryption.identity import KdfCost, check_cost
from perdure_node.errors import SheetError

VERSION: Final = 1
SALT_SIZE: Final = 16
SIGNATURE_SIZE: Final = 65
# AES-256-GCM: nonce, key, tag; HPKE: encapsulated key, key, tag
BOX_SIZE: Final = 12 + 32 + 16
WRAPPED_SIZE: Final = 32 + 32 + 16
CHECK_SIZE: Final = 8
_NO_KEY, _PASSPHRASE, _RECOVERY_KEY = 0, 1, 2
_NOT_MADE = "no Perdure has printed this: use another sheet, or the chain (`perdure recover` without a sheet)"
_PRINT_AGAIN = "compare the rows with the page, or scan its codes again"


@dataclass(frozen=True, slots=True)
class NoKey:
    """The sheet carries no key: the partner gives the site a new one. ``signature`` is the checkpoint's; empty without one."""

    signature: bytes


@dataclass(frozen=True, slots=True)
class UnderPassphrase:
    """The site's key under a passphrase: Argon2id's salt and cost, and the box (AES-256-GCM)."""

    salt: bytes
    cost: KdfCost
    box: bytes


@dataclass(frozen=True, slots=True)
class ToRecoveryKey:
    """The site's key, wrapped to the vault's recovery key (HPKE)."""

    wrapped: bytes


Lock: TypeAlias = NoKey | UnderPassphrase | ToRecoveryKey


@dataclass(frozen=True, slots=True)
class SheetState:
    """Which site, in which registry, and how its log stands: the newest checkpoint that was anchored, by its peaks.

    ``fingerprint`` is SHA-256 of the trust file; times are seconds since 1970; ``size`` 0: nothing was anchored yet. ``key`` is the
    account of the site's key, ``key_nonce`` how often the registry had seen it change.
    """

    origin: Origin
    domain: RegistryDomain
    fingerprint: Hash32
    made_at: int
    size: int
    sealed_at: int
    peaks: tuple[Hash32, ...]
    key: Address
    key_nonce: int

    @property
    def root(self) -> Hash32:
        return root_from_peaks(self.peaks)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole sheet."""

    state: SheetState
    lock: Lock


def encode_state(state: SheetState) -> bytes:
    """The part that is in the open, and to which the locked key is bound."""
    name = state.origin.text.encode("ascii")
    return b"".join(
        (
            bytes((VERSION, len(name))),
            name,
            state.domain.chain_id.to_bytes(8, "big"),
            state.domain.registry,
            state.fingerprint,
            state.made_at.to_bytes(8, "big"),
            state.size.to_bytes(6, "big"),
            state.sealed_at.to_bytes(8, "big"),
            *state.peaks,
            state.key,
            state.key_nonce.to_bytes(8, "big"),
        )
    )


def encode_sheet(sheet: Sheet) -> bytes:
    """The sheet's bytes, with a checksum over all before it."""
    octets = encode_state(sheet.state) + _encode_lock(sheet.lock)
    return octets + _check(octets)


def _encode_lock(lock: Lock) -> bytes:
    match lock:
        case NoKey(signature):
            return bytes((_NO_KEY,)) + signature
        case UnderPassphrase(salt, cost, box):
            numbers = cost.memory_kib.to_bytes(4, "big") + bytes((cost.iterations, cost.lanes))
            return bytes((_PASSPHRASE,)) + salt + numbers + box
        case ToRecoveryKey(wrapped):
            return bytes((_RECOVERY_KEY,)) + wrapped


def parse_sheet(octets: bytes) -> Sheet:
    """The inverse of `encode_sheet`; raises `SheetError`."""
    body, check = octets[:-CHECK_SIZE], octets[-CHECK_SIZE:]
    if len(octets) <= CHECK_SIZE or check != _check(body):
        raise SheetError("recovery sheet: its checksum does not fit", hint=_PRINT_AGAIN)
    if body[0] != VERSION:
        raise SheetError(
            f"recovery sheet: its format has the version {body[0]}, this Perdure knows {VERSION}",
            hint="use a newer Perdure",
        )
    try:
        return _parse(_Reader(body, 1))
    except (PerdureError, ValueError) as error:
        if isinstance(error, SheetError):
            raise
        raise SheetError(f"recovery sheet: {error}", hint=_PRINT_AGAIN) from error


class _Reader:
    """Takes bytes from the front; asking for more than there are is a `SheetError`."""

    def __init__(self, octets: bytes, at: int) -> None:
        self._octets, self._at = octets, at

    def take(self, size: int, what: str) -> bytes:
        taken = self._octets[self._at : self._at + size]
        if len(taken) != size:
            raise SheetError(f"recovery sheet: ends within its {what}", hint=_PRINT_AGAIN)
        self._at += size
        return taken

    def number(self, size: int, what: str) -> int:
        return int.from_bytes(self.take(size, what), "big")

    def bounded(self, size: int, what: str, most: int) -> int:
        number = self.number(size, what)
        if number > most:
            raise SheetError(f"recovery sheet: its {what} is {number}, want at most {most}", hint=_NOT_MADE)
        return number

    def end(self) -> None:
        if self._at != len(self._octets):
            raise SheetError("recovery sheet: has more bytes than it says", hint=_PRINT_AGAIN)


def _parse(reader: _Reader) -> Sheet:
    origin = parse_origin(reader.take(reader.number(1, "name"), "name").decode("ascii"))
    domain = RegistryDomain(reader.bounded(8, "chain id", MAX_INTEGER), Address(reader.take(20, "registry")))
    fingerprint = Hash32(reader.take(32, "fingerprint"))
    made_at = reader.bounded(8, "date", MAX_SECONDS)
    size = reader.bounded(6, "log size", MAX_TREE_SIZE)
    sealed_at = reader.bounded(8, "time of sealing", MAX_SECONDS)
    peaks = tuple(Hash32(reader.take(32, "peaks")) for _ in range(size.bit_count()))
    key = Address(reader.take(20, "key's account"))
    key_nonce = reader.bounded(8, "key's number", MAX_INTEGER)
    state = SheetState(origin, domain, fingerprint, made_at, size, sealed_at, peaks, key, key_nonce)
    lock = _parse_lock(reader, state)
    reader.end()
    return Sheet(state, lock)


def _parse_lock(reader: _Reader, state: SheetState) -> Lock:
    kind = reader.number(1, "kind of key")
    if kind == _NO_KEY:
        return NoKey(reader.take(SIGNATURE_SIZE if state.size else 0, "signature"))
    if kind == _PASSPHRASE:
        salt = reader.take(SALT_SIZE, "salt")
        cost = KdfCost(reader.number(4, "cost"), reader.number(1, "cost"), reader.number(1, "cost"))
        check_cost(cost)
        return UnderPassphrase(salt, cost, reader.take(BOX_SIZE, "key"))
    if kind == _RECOVERY_KEY:
        return ToRecoveryKey(reader.take(WRAPPED_SIZE, "key"))
    raise SheetError(f"recovery sheet: keeps its key in a way ({kind}) that this Perdure does not know")


def _check(octets: bytes) -> bytes:
    return sha256(b"perdure recovery sheet\n" + octets)[:CHECK_SIZE]
