"""Attesting: how somebody signs that he recorded or confirmed a record, with whichever credential he has."""

from collections.abc import Callable
from dataclasses import dataclass, field

from perdure_anchor.confirmation import Attestation, Credential, Signature, Statement, statement_digest
from perdure_anchor.hashes import Hash32
from perdure_anchor.typed_data import RegistryDomain, sign_digest


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Signs with a key that a passphrase has opened; it can be sent to other processes."""

    private_key: bytes = field(repr=False)

    def __call__(self, digest: Hash32) -> bytes:
        return sign_digest(digest, self.private_key)


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
    sign: Callable[[Hash32], Signature] = field(repr=False)

    def attest(
        self,
        part: int,
        content: Hash32,
        *,
        at: int,
        after: Hash32 | None,
        saw_document: bool,
        recorded: Hash32 | None = None,
    ) -> Attestation:
        """His signature under a record's content (`content_digest`); ``at`` in seconds since 1970."""
        statement = Statement(self.name, self.operator, at, after, saw_document)
        digest = statement_digest(self.domain, self.site, content, part, statement, self.credential, recorded)
        return Attestation(statement, self.credential, self.sign(digest))
