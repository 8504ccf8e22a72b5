"""Explains what the slot `confirmation` of evidence holds: whose keys are said to have signed the record, and what they sign."""

from collections.abc import Sequence

from perdure_anchor.checkpoint import Origin, RegistryDomain
from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    Attestation,
    Confirmation,
    content_digest,
    parse_confirmation,
    verify_confirmation,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict_words import credential_words

from perdure_cli.inspecting.parts import Part

_PARTS = {RECORDED: "recorded by", CONFIRMED: "confirmed by"}


def explain_confirmation(
    value: JsonValue, digests: Sequence[Hash32] | None, domain: RegistryDomain | None, origin: Origin | None
) -> tuple[Part, Confirmation | None]:
    """The part about the slot, and what was read of it; ``digests`` of all slots, if all could be read."""
    part = Part(
        "confirmation",
        "who answers for the record",
        "which keys signed it, after which block. Whose the keys are is the site's word, which evidence of their records in its log can show",
        steps=(11,),
    )
    # a form that verification refuses is no break of the file: the slot itself is in its form
    try:
        confirmation = parse_confirmation(value)
    except PerdureError as error:
        part.say("not in its form", str(error))
        return part, None
    if confirmation is None:
        part.say("version", "one that is not known here: nothing of it is read")
        return part, None
    for number, attestation in confirmation.parts:
        part.say(_PARTS[number], *_texts(attestation))
    if digests is not None:
        part.say("content digest", content_digest(digests).hex())
    if digests is None or domain is None or origin is None:
        part.say("signatures", "cannot be checked: parts that they are over are missing")
        return part, confirmation
    try:
        verify_confirmation(confirmation, domain, origin.site, digests)
    except PerdureError as error:
        part.say("signatures", f"DO NOT HOLD: {error}")
    else:
        part.say("signatures", "hold, for the chain, registry and site that the file names")
    return part, confirmation


def _texts(attestation: Attestation) -> list[str]:
    statement = attestation.statement
    after = "no block" if statement.after is None else f"block {to_hex(statement.after)}"
    return [
        f"{statement.name} with {credential_words(attestation)}",
        f"key recorded in the log as {statement.operator.hex()}",
        f"at {format_seconds(statement.at)}, after {after}",
        f"document {'seen' if statement.saw_document else 'not seen'}, by his word",
    ]
