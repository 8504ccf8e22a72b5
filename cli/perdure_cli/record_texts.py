"""Records, checkpoints and blocks of a vault in words and as JSON, for the commands that show them."""

from typing import TYPE_CHECKING

from perdure_anchor.timestamp import told_time

if TYPE_CHECKING:
    from perdure_node.listing import RecordSummary
    from perdure_node.log.sealing import Sealed


def summary_members(record: "RecordSummary") -> dict[str, object]:
    """A record as one line of JSON."""
    return {
        "sequence": record.sequence,
        "index": record.index,
        "state": record.state.value,
        "leaf_hash": record.leaf_hash.hex(),
        "document_sha256": None if record.document_sha256 is None else record.document_sha256.hex(),
        "document_name": record.document_name,
        "document_type": record.document_type,
        "recorded_at": record.recorded_at,
        "erased": record.is_erased,
    }


def summary_line(record: "RecordSummary") -> str:
    """A record on one line: index, state, when, digest, what."""
    index = "-" if record.index is None else str(record.index)
    begin = f"{index:>6}  {record.state.value:<9}  {record.recorded_at or '':<20}  "
    if record.document_sha256 is None:
        return f"{begin}{record.leaf_hash.hex()[:16]}  (erased; this is the leaf hash)"
    kind = f" ({record.document_type})" if record.document_type else ""
    return f"{begin}{record.document_sha256.hex()[:16]}  {record.document_name or '(no name)'}{kind}"


def sealed_line(sealed: "Sealed") -> str:
    """What a seal did."""
    return f"sealed {plural(sealed.size - sealed.previous_size, 'record')}, the log has {sealed.size}"


def sealed_members(sealed: "Sealed | None") -> dict[str, object] | None:
    """What a seal did as JSON; null for nothing."""
    if sealed is None:
        return None
    return {
        "size": sealed.size,
        "previous_size": sealed.previous_size,
        "root": sealed.root.hex(),
        "sealed_at": time_text(sealed.sealed_at),
    }


def time_text(seconds: int | None) -> str | None:
    """Seconds since 1970 as RFC 3339, None as it is; where no date can be written, the number: some times are somebody's word."""
    return None if seconds is None else told_time(seconds)


def plural(count: int, word: str, words: str | None = None) -> str:
    """``1 record``, ``2 records``; ``words`` where the plural is no -s."""
    return f"{count} {word}" if count == 1 else f"{count} {words or word + 's'}"
