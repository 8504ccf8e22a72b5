"""What the members of a bundle's head have to do with each other, and the bounds on several of them together (SPEC.md, section 12.2)."""

from collections.abc import Sequence
from itertools import pairwise

from perdure_anchor.checkpoint import MAX_TREE_SIZE
from perdure_anchor.evidence import (
    MAX_RUN_SIZE,
)
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import MAX_INTEGER

from perdure_node.courier.bundle import (
    MAX_CARRIED_HOPS,
    MAX_CHECKPOINTS,
    MAX_HOPS_SIZE,
    MAX_IDS,
    MAX_LEAVES,
    MAX_PROOFS,
    MAX_ROTATIONS,
    Answer,
    BundleHead,
    Kind,
)
from perdure_node.courier.errors import BundleError, BundleTooLarge


def check_form(head: BundleHead) -> None:
    """What the members have to do with each other, and the bounds that hold for several together; for writers and readers."""
    has = (head.request is not None, head.answer is not None)
    if has != ((True, False) if head.kind is Kind.OUTGOING else (False, True)):
        raise BundleError(
            "bundle: one that goes out has a request, one that returns has an answer, and neither has both"
        )
    _check_numbers(head)
    _check_lists(head)
    _check_leaf_range(head)
    if head.answer is not None:
        _check_answer(head.answer, {(each.size, each.checkpoint.root) for each in head.checkpoints})


def _check_numbers(head: BundleHead) -> None:
    """What a reader takes as a number: a registry's, which is of a node's making, may be larger."""
    rotations = [each.rotation for each in head.rotations]
    numbers = [head.made_at, head.domain.chain_id, *(each.checkpoint.sealed_at for each in head.checkpoints)]
    numbers += [number for each in rotations for number in (each.nonce, each.grace_period)]
    sizes = [each.size for each in head.checkpoints] + [each.old_size for each in head.append_proofs]
    told = head.answer
    if told is not None:
        numbers.append(told.block_number)
        sizes += [told.head_size, told.mirrored]
        sizes += [each.size for each in told.anchors] + [each.size for each in told.set_aside]
    if told is not None and told.keys is not None:
        numbers += [told.keys.previous_key_until, told.keys.key_nonce, told.keys.compromised_since or 0]
    if head.request is not None:
        sizes += [head.request.anchors_above, head.request.leaves_from or 0]
    for what, found, at_most in (("number", numbers, MAX_INTEGER), ("size", sizes, MAX_TREE_SIZE)):
        wrong = next((each for each in found if not 0 <= each <= at_most), None)
        if wrong is not None:
            raise BundleError(f"bundle: got {wrong} as a {what}, want 0 to {at_most}")


def _check_lists(head: BundleHead) -> None:
    sizes = [each.size for each in head.checkpoints]
    starts = [each.old_size for each in head.append_proofs]
    _check_ascending("checkpoints: their sizes", sizes, MAX_CHECKPOINTS)
    _check_ascending("append_proofs: their old sizes", starts, MAX_PROOFS)
    _check_ascending(
        "rotations: their nonces", [each.rotation.nonce for each in head.rotations], MAX_ROTATIONS
    )
    if starts and (not sizes or starts[-1] >= sizes[-1]):
        raise BundleError(f"append_proofs: one from {starts[-1]} leads to no checkpoint")


def _check_leaf_range(head: BundleHead) -> None:
    leaves = head.leaves
    if leaves.count > MAX_LEAVES or leaves.end > MAX_TREE_SIZE:
        raise BundleTooLarge(
            f"leaves: got {leaves.count} from {leaves.begin} on, want at most {MAX_LEAVES} in a log below 2^48"
        )
    if len(leaves.peaks) != leaves.begin.bit_count():
        raise BundleError(
            f"leaves: got {len(leaves.peaks)} peaks of a log of {leaves.begin}, want {leaves.begin.bit_count()}"
        )
    if not leaves.count and leaves.begin:
        raise BundleError("leaves: where there are none they begin at 0, and have no peaks")
    if leaves.count and leaves.end not in {each.size for each in head.checkpoints}:
        raise BundleError(f"leaves: they end at {leaves.end}, and no checkpoint in the bundle does")


def _check_answer(answer: Answer, carried: set[tuple[int, Hash32]]) -> None:
    anchors = [(each.size, each.root) for each in answer.anchors]
    _check_ascending("anchors: their sizes", [size for size, _ in anchors], MAX_CHECKPOINTS)
    if not carried.issuperset(anchors):
        raise BundleError("anchors: one of a checkpoint that is not in the bundle")
    runs = [("anchor headers", each.proof.headers) for each in answer.anchors]
    runs += [("hop", each.headers) for each in answer.hops]
    runs += [] if answer.known_block is None else [("known_block", answer.known_block)]
    for what, headers in runs:
        _check_together(what, headers, MAX_RUN_SIZE)
    _check_together("hops", [header for hop in answer.hops for header in hop.headers], MAX_HOPS_SIZE)
    _check_distinct("taken_in", answer.taken_in, MAX_IDS)
    _check_distinct("hops", answer.hops, MAX_CARRIED_HOPS)
    _check_distinct("set_aside", [(each.size, each.root) for each in answer.set_aside], MAX_CHECKPOINTS)


def _check_ascending(what: str, numbers: list[int], at_most: int) -> None:
    if any(before >= after for before, after in pairwise(numbers)):
        raise BundleError(f"{what} do not ascend")
    _check_count(what, len(numbers), at_most)


def _check_distinct(what: str, items: Sequence[object], at_most: int) -> None:
    _check_count(what, len(items), at_most)
    if len(set(items)) != len(items):
        raise BundleError(f"{what}: one of them stands twice")


def _check_count(what: str, count: int, at_most: int) -> None:
    if count > at_most:
        raise BundleTooLarge(f"{what}: got {count}, want at most {at_most}")


def _check_together(what: str, parts: Sequence[bytes], at_most: int) -> None:
    size = sum(map(len, parts))
    if size > at_most:
        raise BundleTooLarge(f"{what}: got {size} bytes together, want at most {at_most}")
