"""One-time codes beside a passphrase (TOTP, RFC 6238: 30 seconds, six digits, SHA-1, as all authenticator apps have it).

The secret is encrypted under the operator's own, so that the passphrase comes first. This guards the use of the commands, and no more:
who has the vault's files and the passphrase needs no command. Against him a passkey helps, whose key is not in the vault.
"""

import hmac
import json
from base64 import b32encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from perdure_anchor.errors import VerificationError

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import DATA_KEY_SIZE, DataKey
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.operators.errors import CodeUsedAlready, TooManyWrongCodes, WrongCode

if TYPE_CHECKING:
    from pyotp import TOTP

STEP: Final = 30
# one step to each side: half a minute of skew, and a slow hand
_WINDOW: Final = 1
_SECRET_SIZE: Final = 20
_INFO: Final = b"perdure one-time codes\nv1"
# how far a clock is looked for that is off: half a day finds wrong time zones too
_FURTHEST: Final = 12 * 3600 // STEP
# wrong codes that cost nothing, then a wait that doubles: a hundred guesses take days
_FREE: Final = 3
_FIRST_WAIT: Final = 30
_LONGEST_WAIT: Final = 3600


@dataclass(frozen=True, slots=True)
class _Stored:
    last_step: int
    wrong_codes: int
    last_wrong_at: int
    told_steps: frozenset[int]


def new_secret(randomness: Randomness) -> bytes:
    """What the vault and the authenticator app share."""
    return randomness(_SECRET_SIZE)


def otpauth_uri(secret: bytes, name: str, site: str) -> str:
    """The secret as authenticator apps take it, from a QR code or by hand."""
    return _totp(secret).provisioning_uri(name=name, issuer_name=f"Perdure {site}")


def enable_codes(
    database: Database,
    number: int,
    own: PrivateKey,
    secret: bytes,
    code: str,
    *,
    clock: Clock,
    randomness: Randomness,
) -> None:
    """Want codes from now on, once a first one has shown that the app has the secret; raises `WrongCode`.

    ``own`` is the operator's own secret. A secret that was there before is replaced.
    """
    now = int(clock.now())
    step = _step_of(secret, code, now, frozenset())
    if step is None:
        raise _wrong(secret, code, now)
    encrypted = _key(own).encrypt(secret, str(number).encode(), randomness)
    with database.transaction():
        disable_codes(database, number)
        database.insert(
            "INSERT INTO second_factor (operator, encrypted, enabled_at, last_step) VALUES (?, ?, ?, ?)",
            number,
            encrypted,
            now,
            step,
        )


def disable_codes(database: Database, number: int) -> None:
    """Want no codes any more, inside a transaction of the caller's: the operator himself does it, or a site keeper for him."""
    database.execute("DELETE FROM second_factor WHERE operator = ?", number)


def wants_codes(database: Database, number: int) -> bool:
    """Whether an operator's passphrase needs a code beside it."""
    return (
        database.has_table("second_factor")
        and database.row("SELECT 1 FROM second_factor WHERE operator = ?", number) is not None
    )


def wait_left(database: Database, number: int, clock: Clock) -> int:
    """For how many seconds no code is taken, because of the wrong ones before."""
    row = _row(database, number)
    return 0 if row is None else _wait(_stored(row), int(clock.now()))


def check_code(database: Database, number: int, own: PrivateKey, code: str, clock: Clock) -> None:
    """Take a code, once: neither it nor an earlier one counts again, in whichever process.

    Raises `WrongCode`, `CodeUsedAlready` or `TooManyWrongCodes`; wrong ones are counted in the database.
    """
    with database.transaction():
        fault = _take(database, number, own, code, int(clock.now()))
    if fault is not None:
        raise fault


def _take(database: Database, number: int, own: PrivateKey, code: str, now: int) -> VerificationError | None:
    row = _row(database, number)
    if row is None:
        return None
    stored = _stored(row)
    left = _wait(stored, now)
    if left:
        return TooManyWrongCodes(
            f"code: {stored.wrong_codes} were wrong, and the next is taken in {left} seconds",
            hint="a site keeper can end it: `perdure operator totp NAME --reset`",
        )
    secret = _key(own).decrypt(row[0], str(number).encode())
    step = _step_of(secret, code, now, stored.told_steps)
    if step is not None and step > stored.last_step:
        database.execute(
            "UPDATE second_factor SET last_step = ?, wrong_codes = 0 WHERE operator = ?", step, number
        )
        return None
    if step is not None:
        return CodeUsedAlready(
            "code: it was used already, and each counts once",
            hint=f"wait for the next one, {STEP} seconds at most",
        )
    told = {each for each in stored.told_steps if each >= now // STEP - _WINDOW}
    other = _other_step(secret, code, now)
    database.execute(
        "UPDATE second_factor SET wrong_codes = wrong_codes + 1, last_wrong_at = ?, told_steps = ? WHERE operator = ?",
        now,
        # who guesses must not learn a code that will be right
        json.dumps(sorted(told if other is None else {*told, other})),
        number,
    )
    return _wrong(secret, code, now)


def _row(database: Database, number: int) -> tuple[Any, ...] | None:
    return database.row(
        "SELECT encrypted, last_step, wrong_codes, last_wrong_at, told_steps FROM second_factor WHERE operator = ?",
        number,
    )


def _stored(row: tuple[Any, ...]) -> _Stored:
    return _Stored(row[1], row[2], row[3], frozenset(json.loads(row[4])))


def _wait(stored: _Stored, now: int) -> int:
    if stored.wrong_codes < _FREE:
        return 0
    whole: int = min(_FIRST_WAIT << min(stored.wrong_codes - _FREE, 10), _LONGEST_WAIT)
    # a clock that was set back makes nobody wait longer than that
    return max(0, min(whole, stored.last_wrong_at + whole - now))


def _step_of(secret: bytes, code: str, now: int, told: frozenset[int]) -> int | None:
    """The newest step around now that the code is right for."""
    middle = now // STEP
    for step in range(middle + _WINDOW, middle - _WINDOW - 1, -1):
        if step not in told and _is_of(secret, code, step):
            return step
    return None


def _other_step(secret: bytes, code: str, now: int) -> int | None:
    """The nearest step at which the code would be right, by a clock that is off."""
    middle = now // STEP
    for away in range(_WINDOW + 1, _FURTHEST + 1):
        for step in (middle - away, middle + away):
            if _is_of(secret, code, step):
                return step
    return None


def _wrong(secret: bytes, code: str, now: int) -> WrongCode:
    other = _other_step(secret, code, now)
    if other is None:
        return WrongCode("code: it is wrong", hint="take the one that the app shows now, six digits")
    minutes = round((other * STEP - now) / 60)
    return WrongCode(
        f"code: it would be right {abs(minutes) or 1} minutes {'from now' if other * STEP > now else 'ago'}",
        hint="the clock of this computer, or of the device with the app, is off: set it, then take a new code",
    )


def _is_of(secret: bytes, code: str, step: int) -> bool:
    right = _totp(secret).generate_otp(step)
    return hmac.compare_digest(right.encode(), code.replace(" ", "").encode(errors="replace"))


def _totp(secret: bytes) -> "TOTP":
    from pyotp import TOTP

    return TOTP(b32encode(secret).decode(), interval=STEP)


def _key(own: PrivateKey) -> DataKey:
    """The key for the secret, from the operator's own (HKDF-SHA256, RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return DataKey(0, HKDF(algorithm=SHA256(), length=DATA_KEY_SIZE, salt=None, info=_INFO).derive(own))
