"""A verdict on a proof of two histories in words for people, as in `perdure_anchor.verdict_words`. Nothing here judges."""

from collections.abc import Iterator

from perdure_anchor.hashes import checksum_address
from perdure_anchor.rivals_verdict import RivalsVerdict, SignedHistory, Vouching
from perdure_anchor.timestamp import MAX_SECONDS, format_seconds
from perdure_anchor.verdict_words import Words

_KEYS = {
    Vouching.PINNED: "the site's, pinned in the trust file",
    Vouching.BY_REGISTRY: "the site's, by the registry's word",
    Vouching.BY_ROTATION: "the site's, by the word of the key before it",
    Vouching.UNKNOWN: "nobody vouches for it",
}


def rivals_words(verdict: RivalsVerdict) -> Iterator[Words]:
    """What the proof shows, who must have lied for it to be false, and both histories."""
    if verdict.two_histories:
        yield Words("two histories", ("no log has both of these roots",))
    yield Words("false only by", (verdict.who_must_have_lied,))
    for history in verdict.histories:
        yield Words("log", tuple(_history(history)))


def _history(history: SignedHistory) -> Iterator[str]:
    sealed_at = format_seconds(history.sealed_at) if history.sealed_at <= MAX_SECONDS else "no time"
    yield f"of {history.size} with the root {history.root.hex()}, sealed at {sealed_at} by its word"
    if history.signer is not None:
        yield f"signed by {checksum_address(history.signer)}: {_KEYS[history.key]}"
    if history.key_doubt is not None:
        yield f"key in doubt: {history.key_doubt}"
    if history.anchor is not None:
        yield f"anchored in block {history.anchor.block_number}, 0x{history.anchor.block_hash.hex()}"
