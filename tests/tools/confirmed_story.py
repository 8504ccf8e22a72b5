"""The story of the simulated chain, whose record two people signed."""

from collections.abc import Sequence

from eth_account import Account
from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    Attestation,
    Confirmation,
    KeyCredential,
    Statement,
    content_digest,
    encode_confirmation,
    statement_digest,
)
from perdure_anchor.hashes import Address, Hash32, sha256
from perdure_anchor.typed_data import sign_digest
from simulated_chain import DOMAIN, ORIGIN, START, Story, Told, tell

PEOPLE = (("Ada Example", b"\x01" * 32), ("Bert <b>Example</b>", b"\x02" * 32))


def confirmed_story(people: Sequence[tuple[str, bytes]] = PEOPLE) -> Told:
    """Valid evidence, recorded by the first and confirmed by the second, names and private keys."""
    plain = tell(Story(hidden=frozenset()))
    content = content_digest([slot.digest for slot in plain.evidence.slots])
    recorded: Hash32 | None = None
    attestations = []
    for part, (name, key) in zip((RECORDED, CONFIRMED), people, strict=True):
        operator = Hash32(sha256(b"record of " + key))
        statement = Statement(
            name, operator, START + 4, plain.after_block.name, saw_document=part == RECORDED
        )
        credential = KeyCredential(Address(bytes.fromhex(Account.from_key(key).address[2:])))
        digest = statement_digest(DOMAIN, ORIGIN.site, content, part, statement, credential, recorded)
        attestations.append(Attestation(statement, credential, sign_digest(digest, key)))
        recorded = digest
    value = encode_confirmation(Confirmation(*attestations))
    return tell.__wrapped__(Story(hidden=frozenset(), slots=(("confirmation", value),)))
