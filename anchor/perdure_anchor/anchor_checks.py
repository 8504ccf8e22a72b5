"""The checks that evidence of one anchor has in common: who sealed its blocks, what the registry said, between which times.

A site anchors a log once for thousands of records, so thousands of files hold the same headers, receipt and checkpoint. Each
check here is a function of the trust file and of its arguments, which are all that it depends on, byte for byte; what it
returned is remembered under exactly these. A fault is not: it is found anew, with the same words, each time. No check sees a
record, a document or an index in the log.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeVar, cast

from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, recover_checkpoint_signer
from perdure_anchor.errors import VerificationError
from perdure_anchor.evidence import Evidence, Headers, Hops
from perdure_anchor.finality import Run, check_final, link_run, parse_headers
from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.registry_event import Anchored, AnchoredBefore, parse_registry_event
from perdure_anchor.time_bounds import Changes, TimeBound, not_after, not_before
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.trie import value_from_trie_proof
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import Followed, follow_hops

F = TypeVar("F", bound=Callable[..., object])

# a site that anchors each day has as many anchors in a year, each with a checkpoint, a receipt and two runs of headers
REMEMBERED = 512
# so all that is remembered stays below some tens of megabytes; what is larger was made to be, and is checked by itself
MAX_REMEMBERED_SIZE = 32 * 1024
# each of them remembers anchors of its own; evidence of one site comes by way of one or two
_REMEMBERED_CHANGES = 4


class FailedTransaction(VerificationError):
    """The receipt is of a transaction that was reverted."""


class EventMissing(VerificationError):
    """The receipt has no log at the given position, or it is another contract's."""


class AnchorChecks:
    """The checks under one trust file, with what is known of its validators. Pure, but for remembering what went through."""

    __slots__ = (
        "_following",
        "changes",
        "digest",
        "earliest",
        "event",
        "final",
        "latest",
        "run",
        "signer",
        "trust",
    )

    def __init__(self, followed: Followed) -> None:
        self.trust, self.changes = followed.trust, followed.changes
        domain, registry = self.trust.domain, self.trust.registry.address
        self.signer: Callable[[Checkpoint, bytes], Address] = _remembering(
            partial(recover_checkpoint_signer, domain)
        )
        self.digest: Callable[[Checkpoint], Hash32] = _remembering(partial(checkpoint_digest, domain))
        self._following: Callable[[Hops], AnchorChecks] = lru_cache(maxsize=_REMEMBERED_CHANGES)(
            partial(_following, self.trust)
        )
        self.run: Callable[[Headers, Hash32 | None], tuple[Run, int]] = _remembering(
            partial(_run, self.trust)
        )
        self.event: Callable[[Hash32, int, tuple[bytes, ...], int], Anchored | AnchoredBefore] = _remembering(
            partial(_event, registry)
        )
        self.final: Callable[[Headers], None] = _remembering(partial(_check_final, self.run))
        self.latest: Callable[[Headers, int], TimeBound] = _remembering(
            partial(_latest, self.run, self.changes)
        )
        self.earliest: Callable[[Headers, Hash32, int], TimeBound] = _remembering(
            partial(_earliest, self.run, self.changes)
        )

    def following(self, hops: Hops) -> "AnchorChecks":
        """The checks under what is known of the validators after the hops; raises what `follow_hops` does."""
        return self._following(hops) if hops else self

    def for_evidence(self, evidence: Evidence) -> "AnchorChecks":
        """These checks, or new ones for evidence that is too large for its parts to be remembered."""
        parts = (*(evidence.not_before or ()), *(evidence.confirmed_not_before or ()))
        if evidence.anchor is not None:
            parts = (*parts, *evidence.anchor.headers, *evidence.anchor.receipt_nodes)
        size = sum(map(len, parts)) + sum(sum(map(len, hop)) for hop in evidence.hops)
        return self if size <= MAX_REMEMBERED_SIZE else AnchorChecks(Followed(self.trust))


def _remembering(check: F) -> F:
    """The check, which looks up whether it has been made with the very same arguments."""
    return cast("F", lru_cache(maxsize=REMEMBERED)(check))


def _following(trust: TrustFile, hops: Hops) -> AnchorChecks:
    """The checks under what is known of the validators after the hops."""
    return AnchorChecks(follow_hops(trust, [parse_headers(hop) for hop in hops]))


def _run(trust: TrustFile, headers: Headers, name: Hash32 | None) -> tuple[Run, int]:
    return link_run(parse_headers(headers), trust, name)


def _event(
    registry: Address, receipts_root: Hash32, receipt_index: int, nodes: tuple[bytes, ...], position: int
) -> Anchored | AnchoredBefore:
    """What the registry said at ``position`` among the logs of a receipt under ``receipts_root``."""
    receipt = parse_receipt(value_from_trie_proof(receipts_root, receipt_index, nodes))
    if receipt.status != 1:
        raise FailedTransaction("receipt: the transaction was reverted")
    if position >= len(receipt.logs):
        raise EventMissing(f"receipt: got log position {position}, but it has {len(receipt.logs)} logs")
    log = receipt.logs[position]
    if log.address != registry:
        raise EventMissing(
            f"receipt: log {position} is by {checksum_address(log.address)}, not by the registry"
        )
    return parse_registry_event(log)


_RunOf = Callable[[Headers, Hash32 | None], tuple[Run, int]]


def _check_final(run_of: _RunOf, headers: Headers) -> None:
    check_final(run_of(headers, None)[0], 0)


def _latest(run_of: _RunOf, changes: Changes, headers: Headers, allowance: int) -> TimeBound:
    return _writable(not_after(run_of(headers, None)[0], allowance, changes))


def _earliest(run_of: _RunOf, changes: Changes, headers: Headers, name: Hash32, allowance: int) -> TimeBound:
    return _writable(not_before(*run_of(headers, name), allowance, changes))


def _writable(bound: TimeBound) -> TimeBound:
    format_seconds(bound.seconds)
    return bound
