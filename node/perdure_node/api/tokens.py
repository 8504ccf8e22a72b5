"""API tokens: who reads where the settings say that reading needs one.

A token is ``perdure_ID_SECRET``: ID finds it in the table, SECRET is 256 random bits. Of the secret only the SHA-256 is kept. That is
enough: nobody can try 2^256 secrets, so a slow hash, which is for what people choose, would protect nothing and cost each request.
"""

import enum
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from perdure_anchor.errors import ConfigError

from perdure_node.clock import Randomness
from perdure_node.database import Database

_ID_SIZE, _SECRET_SIZE = 6, 32
MAX_NAME: Final = 100
_FORM: Final = re.compile(r"perdure_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
# seconds: when a token was used is noted as seldom as that, since it is a write
USE_NOTED_EVERY: Final = 60


class Scope(enum.Enum):
    """What a token lets its holder do. ``submit`` is for sites, and bound to none: it hands in, and asks how that stands and for what returns."""

    READ = "read"
    SUBMIT = "submit"
    METRICS = "metrics"
    PEER = "peer"


class NoSuchToken(ConfigError):
    """There is no token of this id."""


class TokenRefused(ConfigError):
    """A new token was asked for that would be of no use."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token; times are seconds since 1970."""

    id: str
    name: str
    scopes: frozenset[Scope]
    made_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    used_at: int | None = None

    def lives(self, now: float) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token with the text that its holder gets, which is nowhere else."""

    token: Token
    text: str


def new_token(
    database: Database,
    name: str,
    scopes: Iterable[Scope],
    *,
    now: int,
    expires_at: int | None,
    randomness: Randomness,
) -> NewToken:
    """Make a token, durably; raises `TokenRefused`."""
    wanted = frozenset(scopes)
    if not wanted:
        raise TokenRefused("token: no scope", hint=f"want some of {', '.join(each.value for each in Scope)}")
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise TokenRefused(f"token: want a name of at most {MAX_NAME} printable characters")
    if expires_at is not None and expires_at <= now:
        raise TokenRefused("token: it would have expired already", hint="give a time that is to come")
    identity = randomness(_ID_SIZE).hex()
    secret = urlsafe_b64encode(randomness(_SECRET_SIZE)).rstrip(b"=").decode()
    token = Token(identity, name, wanted, now, expires_at)
    with database.transaction():
        database.execute(
            "INSERT INTO token (id, name, scopes, secret_sha256, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
            identity,
            name,
            " ".join(sorted(each.value for each in wanted)),
            _hashed(secret),
            now,
            expires_at,
        )
    return NewToken(token, f"perdure_{identity}_{secret}")


def all_tokens(database: Database) -> list[Token]:
    """The newest last; those that have ended too."""
    return [_token(row) for row in database.rows(f"SELECT {_COLUMNS} FROM token ORDER BY made_at, id")]  # noqa: S608  # constants


def revoke_token(database: Database, identity: str, now: int) -> Token:
    """Let a token count no more from now on; one that was revoked stays so. Raises `NoSuchToken`."""
    with database.transaction():
        database.execute("UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now, identity)
        row = database.row(f"SELECT {_COLUMNS} FROM token WHERE id = ?", identity)  # noqa: S608  # constants
    if row is None:
        raise NoSuchToken(f"token: none has the id {identity[:20]!a}", hint="`perdure node token list`")
    return _token(row)


def token_of(database: Database, text: str, now: float) -> Token | None:
    """The token that a request showed, None unless it counts now. How long that takes says nothing of any secret."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    row = database.row(f"SELECT {_COLUMNS}, secret_sha256 FROM token WHERE id = ?", form[1])  # noqa: S608  # constants
    if row is None or not hmac.compare_digest(row[-1], _hashed(form[2])):
        return None
    token = _token(row[:-1])
    return token if token.lives(now) else None


def note_use(database: Database, token: Token, now: int) -> None:
    """Keep when a token was last used, durably."""
    with database.transaction():
        database.execute("UPDATE token SET used_at = ? WHERE id = ?", now, token.id)


_COLUMNS: Final = "id, name, scopes, made_at, expires_at, revoked_at, used_at"


def _token(row: tuple[Any, ...]) -> Token:
    identity, name, scopes, made_at, expires_at, revoked_at, used_at = row
    return Token(
        identity, name, frozenset(map(Scope, scopes.split())), made_at, expires_at, revoked_at, used_at
    )


def _hashed(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
