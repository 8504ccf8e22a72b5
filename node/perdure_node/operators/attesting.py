"""Attesting: how somebody signs that he recorded or confirmed a record, with whichever credential he has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from perdure_anchor.confirmation import Attestation, Credential, Signature, Statement, statement_digest
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.typed_data import RegistryDomain, digest_signer


class Signer(Protocol):
    """Signs a digest; ``part`` (recorded or confirmed) and ``slots`` are what it is of, for whoever wants to see it first."""

    def __call__(self, digest: Hash32, part: int, slots: Mapping[str, JsonValue], /) -> Signature: ...


class KeySigner:
    """Signs with a key that a passphrase has opened; it can be sent to other processes. Raises `PrivateKeyMalformed`."""

    def __init__(self, private_key: bytes) -> None:
        self._private_key = private_key
        self._sign = digest_signer(private_key)

    def __call__(self, digest: Hash32, _part: int, _slots: Mapping[str, JsonValue], /) -> bytes:
        return self._sign(digest)

    def __reduce__(self) -> tuple[type["KeySigner"], tuple[bytes]]:
        return KeySigner, (self._private_key,)


@dataclass(frozen=True, slots=True)
class Attestor:
    """Somebody who has shown that he is there, and signs with ``sign``.

    ``number`` is his in the vault, ``operator`` the leaf hash of the record of his key.
    """

    number: int
    name: str
    operator: Hash32
    domain: RegistryDomain
    site: Hash32
    credential: Credential
    sign: Signer = field(repr=False)

    @property
    def asks(self) -> bool:
        """Whether somebody has to do something for each signature, and nothing may be kept waiting meanwhile."""
        return not isinstance(self.sign, KeySigner)

    def attest(
        self,
        part: int,
        content: Hash32,
        slots: Mapping[str, JsonValue],
        *,
        at: int,
        after: Hash32 | None,
        saw_document: bool,
        recorded: Hash32 | None = None,
    ) -> Attestation:
        """His signature under a record's content, which is the `content_digest` of its ``slots``; ``at`` in seconds since 1970."""
        statement = Statement(self.name, self.operator, at, after, saw_document)
        digest = statement_digest(self.domain, self.site, content, part, statement, self.credential, recorded)
        return Attestation(statement, self.credential, self.sign(digest, part, slots))
