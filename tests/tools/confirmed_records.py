"""Records that people answered for: who they are, their keys, and the slot `confirmation` that they sign."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    Attestation,
    Confirmation,
    Credential,
    KeyCredential,
    Signature,
    Statement,
    content_digest,
    encode_confirmation,
    statement_digest,
)
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.log import leaf_hash
from perdure_anchor.operator_key import OPERATOR_TYPE, Operator, operator_document, operator_extra
from perdure_anchor.record import leaf_from_digests
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.typed_data import RegistryDomain, sign_digest
from simulated_chain import DOMAIN, ORIGIN, START, Story, Told, tell
from tools.accounts import Account, account
from tools.authenticator import Authenticator, eddsa

Signer: TypeAlias = Account | Authenticator
Confirm: TypeAlias = Callable[[tuple[Hash32, ...], Hash32], JsonValue]


def credential_of(signer: Signer) -> Credential:
    return signer.credential if isinstance(signer, Authenticator) else KeyCredential(signer.address)


def signature_of(signer: Signer, digest: Hash32) -> Signature:
    if isinstance(signer, Authenticator):
        return signer.sign(digest)
    return sign_digest(digest, signer.private_key)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs, and what he says. ``operator`` is the leaf hash of the record of his key."""

    name: str
    signer: Signer
    operator: Hash32
    at: int = START + 4
    saw_document: bool = True

    def says(self, after: Hash32 | None) -> Statement:
        return Statement(self.name, self.operator, self.at, after, self.saw_document)


ADA = Person("Ada Example", account("key of Ada"), sha256(b"record of Ada's key"))
BEN = Person("Ben Example", account("key of Ben"), sha256(b"record of Ben's key"), START + 5)
BEN_WITH_PASSKEY = replace(BEN, signer=eddsa("of Ben"))


def attested(
    digests: Sequence[Hash32],
    recorder: Person | None,
    confirmer: Person | None,
    after: Hash32 | None,
    *,
    domain: RegistryDomain = DOMAIN,
    site: Hash32 = ORIGIN.site,
    sign: Callable[[Signer, Hash32], Signature] = signature_of,
) -> Confirmation:
    """What the two sign of a record with these digests."""
    parts: dict[int, Attestation] = {}
    recorded = None
    for part, person in ((RECORDED, recorder), (CONFIRMED, confirmer)):
        if person is not None:
            statement, credential = person.says(after), credential_of(person.signer)
            digest = statement_digest(
                domain, site, content_digest(digests), part, statement, credential, recorded
            )
            parts[part] = Attestation(statement, credential, sign(person.signer, digest))
            recorded = digest
    return Confirmation(parts.get(RECORDED), parts.get(CONFIRMED))


@dataclass(frozen=True, slots=True)
class Confirming:
    """How a story's record is confirmed: a value for `Story.confirm`."""

    recorder: Person | None = ADA
    confirmer: Person | None = BEN
    names_a_block: bool = True
    # named instead of the newest
    block: Hash32 | None = None
    # the slot's value changed before it is sealed into the log
    edit: Callable[[dict[str, JsonValue]], object] = lambda value: None
    sign: Callable[[Signer, Hash32], Signature] = signature_of

    def __call__(self, digests: tuple[Hash32, ...], newest: Hash32) -> JsonValue:
        after = (self.block or newest) if self.names_a_block else None
        value = encode_confirmation(attested(digests, self.recorder, self.confirmer, after, sign=self.sign))
        assert isinstance(value, dict)
        self.edit(value)
        return value


CONFIRMED_BY_KEYS = Story(confirm=Confirming())
CONFIRMED_LATER = Story(confirm=Confirming(), waits=2)
CONFIRMED_BY_PASSKEY = Story(confirm=Confirming(confirmer=BEN_WITH_PASSKEY), waits=2)


def operator_evidence(
    operator: Operator, index: int = 1, supersedes: Hash32 | None = None, **slots: JsonValue
) -> Told:
    """Evidence of an operator's record at this place of the site's log."""
    own: dict[str, JsonValue] = {
        "document_type": OPERATOR_TYPE,
        "document_sha256": sha256(operator_document(operator)).hex(),
        "document_size": len(operator_document(operator)),
        "extra": operator_extra(operator),
        "supersedes": None if supersedes is None else supersedes.hex(),
        **slots,
    }
    story = Story(index=index, hidden=frozenset(), slots=tuple(own.items()))
    # a story with lists in it cannot be remembered
    return tell.__wrapped__(story)


def leaf_hash_of(told: Told) -> Hash32:
    return leaf_hash(leaf_from_digests([slot.digest for slot in told.evidence.slots]))


def recorded_in_log(person: Person, told: Told) -> Person:
    """The person, whose statements name this record of his key."""
    return replace(person, operator=leaf_hash_of(told))


ADA_OPERATOR = Operator(ADA.name, ("recorder",), (credential_of(ADA.signer),))
BEN_OPERATOR = Operator(
    BEN.name, ("confirmer", "reviewer"), (credential_of(BEN.signer), credential_of(BEN_WITH_PASSKEY.signer))
)
