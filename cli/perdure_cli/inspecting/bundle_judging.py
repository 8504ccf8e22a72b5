"""What verification says of a bundle's anchors and known block: asked of `verify`, each by itself, with the bundle's own hops."""

from collections.abc import Sequence

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_HOPS, Evidence, Headers, SignedCheckpoint, Slot
from perdure_anchor.finality import TooFewSeals, check_final, link_run, parse_headers
from perdure_anchor.hashes import to_hex
from perdure_anchor.header import parse_header
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import follow_hops
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify
from perdure_node.courier.bundle import BundleHead, CarriedAnchor, CarriedCheckpoint

from perdure_cli.inspecting.judging import Judgement
from perdure_cli.inspecting.parts import Explanation
from perdure_cli.trust_store import TrustSource, TrustStore, no_trust_file

_OUTGOING = (
    "what a site sends is judged by the registry: a trust file says nothing of what is not anchored yet"
)
_EACH = "each anchor is judged by itself: see there"


def judge_bundle(
    explanation: Explanation, head: BundleHead | None, named: TrustSource | None, store: TrustStore
) -> Judgement:
    """Tells of each anchor what `verify` says of it, in its part."""
    if head is None:
        return Judgement(
            why_not="the bundle is not whole, or not in the format: nothing of it would be taken in"
        )
    if head.answer is None:
        return Judgement(why_not=_OUTGOING)
    try:
        source = named or store.find(head.domain)
    except PerdureError as error:
        return Judgement(why_not=str(error))
    if source is None:
        return Judgement(why_not=str(no_trust_file(head.domain)))
    [proved] = [part for part in explanation.parts if part.name == "answer: proved"]
    carried = {(each.size, each.checkpoint.root): each for each in head.checkpoints}
    hops = [hop.headers for hop in head.answer.hops]
    for part, anchor in zip(proved.parts, head.answer.anchors, strict=True):
        verdict = _verdict(head, source.trust, carried[anchor.size, anchor.root], anchor, hops)
        part.say("verification", *_words(verdict))
    if head.answer.known_block is not None:
        proved.say("known block is", _known_block(head.answer.known_block, source.trust, hops))
    return Judgement(trust=source, why_not=_EACH)


def _words(verdict: Verdict) -> list[str]:
    grade = "nothing" if verdict.grade is None else verdict.grade.text
    words = [f"{'yes' if verdict.ok else 'no'}, shown is {grade}"]
    if verdict.ok and verdict.not_after is not None:
        words.append(f"not after {format_seconds(verdict.not_after.seconds)}")
    return words + [f"because {type(error).__name__}: {error}" for error in verdict.errors]


def _verdict(
    head: BundleHead,
    trust: TrustFile,
    carried: CarriedCheckpoint,
    anchor: CarriedAnchor,
    hops: Sequence[Headers],
) -> Verdict:
    """Of evidence of the checkpoint's last record, of which nothing is shown; with the hops only if it takes them."""
    checkpoint = carried.checkpoint
    signed = SignedCheckpoint(
        checkpoint.size,
        checkpoint.root,
        checkpoint.sealed_at,
        carried.signature,
        checkpoint.size - 1,
        carried.last_path,
    )
    slots = tuple(Slot(None, digest) for digest in carried.last_slot_digests)
    require = _highest(trust, anchor)
    plain = verify(
        Evidence(head.domain, head.origin, slots, signed, anchor.proof, None), trust, require=require
    )
    if plain.ok or not hops:
        return plain
    followed = Evidence(head.domain, head.origin, slots, signed, anchor.proof, None, tuple(hops[:MAX_HOPS]))
    return verify(followed, trust, require=require)


def _highest(trust: TrustFile, anchor: CarriedAnchor) -> Grade:
    """What the chain's rule can give at that block."""
    try:
        epoch = trust.epoch_of(parse_header(anchor.proof.headers[0]).number)
    except PerdureError:
        return Grade.FINAL
    return Grade.ANCHORED if epoch is not None and not epoch.is_final else Grade.FINAL


def _known_block(headers: Headers, trust: TrustFile, hops: Sequence[Headers]) -> str:
    """The newest of its blocks that is final, as a site would believe it."""
    try:
        followed = follow_hops(trust, [parse_headers(hop) for hop in hops[:MAX_HOPS]]).trust
        parsed = parse_headers(headers)
        run, newest = link_run(parsed, followed, followed.engine_at(parsed[-1].number)(parsed[-1]).hash)
        for position in range(newest, -1, -1):
            try:
                check_final(run, position)
            except TooFewSeals:
                continue
            block = run.blocks[position]
            return f"final: block {block.number}, {to_hex(block.hash)}"
    except PerdureError as error:
        return f"NOT believed: {type(error).__name__}: {error}"
    return "NOT final: too few seals"
