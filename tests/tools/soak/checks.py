"""What must be so after a soak: each acknowledged checkpoint is in the registry once, and all evidence verifies."""

import random
import time
from collections import Counter

import httpx
from perdure_anchor.evidence import Evidence, SignedCheckpoint, Slot, encode_evidence, parse_evidence
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import inclusion_proof, root_at
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import verify
from perdure_contracts.registry import AnchoredLog, RegistryContract
from perdure_node.courier.bundle import Answer, BundleHead, CarriedCheckpoint
from perdure_node.courier.bundle_file import read_bundle
from tools.soak.chains import SoakChain
from tools.soak.nodes import NodeProcess
from tools.soak.sites import SoakSite

# no promise of ours: where other work is done at the same time, the devnet alone takes a minute
PATIENCE = 300.0


def wait_for_rest(chain: SoakChain, sites: list[SoakSite]) -> float:
    """Until the registry has the newest acknowledged checkpoint of each site; how many seconds that took."""
    client = chain.client()
    registry = RegistryContract(client, chain.trust.registry.address)
    wanted = [max((each.size for each in site.acknowledged.values()), default=0) for site in sites]
    begun = time.monotonic()
    while True:
        heads = registry.heads([site.site.origin.site for site in sites])
        late = [
            f"{site.site.origin.text}: {head.size} of {size}"
            for site, head, size in zip(sites, heads, wanted, strict=True)
            if head.size < size
        ]
        if not late:
            return time.monotonic() - begun
        assert time.monotonic() - begun < PATIENCE, f"acknowledged and not anchored: {late}"
        time.sleep(0.5)


def check_registry(chain: SoakChain, sites: list[SoakSite]) -> Counter[str]:
    """Raise unless each acknowledged checkpoint was anchored exactly once, or a longer log of which it is the beginning."""
    client = chain.client()
    registry = RegistryContract(client, chain.trust.registry.address)
    head = client.head_number()
    counts: Counter[str] = Counter()
    for site in sites:
        steps = registry.fetch_anchored_logs(site.site.origin.site, 0, head)
        counts.update(_check_site(site, steps))
    return counts


def _check_site(site: SoakSite, steps: tuple[AnchoredLog, ...]) -> Counter[str]:
    name = site.site.origin.text
    digests = Counter(step.event.digest for step in steps)
    assert max(digests.values(), default=1) == 1, f"{name}: a checkpoint was anchored twice"
    sizes = [step.event.size for step in steps]
    assert sizes == sorted(set(sizes)), f"{name}: the log did not grow: {sizes}"
    for step in steps:
        assert step.event.root == _root(site, step.event.size), f"{name}: another history was anchored"
    counts: Counter[str] = Counter(anchors=len(steps))
    for digest, checkpoint in site.acknowledged.items():
        assert checkpoint.root == _root(site, checkpoint.size), "the test signs one history"
        if digest in digests:
            counts["anchored themselves"] += 1
        else:
            assert sizes, f"{name}: nothing was anchored"
            assert checkpoint.size < sizes[-1], (
                f"{name}: {checkpoint.size} was acknowledged and is not anchored"
            )
            counts["covered by a longer log"] += 1
    return counts


def _root(site: SoakSite, size: int) -> Hash32:
    return root_at(site.site.log.node_at, size)


def check_evidence(
    chain: SoakChain, nodes: list[NodeProcess], sites: list[SoakSite], seed: int
) -> Counter[str]:
    """Raise unless evidence of each acknowledged checkpoint's last record, and of some others, verifies."""
    grade = Grade.FINAL if all(epoch.is_final for epoch in chain.trust.epochs) else Grade.ANCHORED
    dice = random.Random(seed)
    counts: Counter[str] = Counter()
    for site in sites:
        wanted = max((each.size for each in site.acknowledged.values()), default=0)
        if not wanted:
            continue
        head, answer = _covering(nodes, site, wanted)
        signatures = {each.size: each for each in head.checkpoints}
        for checkpoint in site.acknowledged.values():
            indexes = {checkpoint.size - 1, dice.randrange(checkpoint.size)}
            for index in sorted(indexes):
                evidence = _evidence(site, index, answer, signatures, chain)
                verdict = verify(parse_evidence(encode_evidence(evidence)), chain.trust, require=grade)
                assert verdict.ok, (site.site.origin.text, index, verdict.errors)
                counts["evidence verified"] += 1
    return counts


def _covering(nodes: list[NodeProcess], site: SoakSite, wanted: int) -> tuple[BundleHead, Answer]:
    """What goes back to the site from a node that has evidence over so many records."""
    deadline = time.monotonic() + PATIENCE
    while True:
        for node in nodes:
            got = httpx.get(f"{node.url}/v1/sites/{site.site.origin.text}/return", timeout=30)
            if got.status_code != httpx.codes.OK:
                continue
            head = read_bundle(got.content).head
            assert head.answer is not None
            if any(each.size >= wanted for each in head.answer.anchors):
                return head, head.answer
        assert time.monotonic() < deadline, f"{site.site.origin.text}: no node has evidence over {wanted}"
        time.sleep(0.5)


def _evidence(
    site: SoakSite, index: int, answer: Answer, signatures: dict[int, CarriedCheckpoint], chain: SoakChain
) -> Evidence:
    anchor = min((each for each in answer.anchors if each.size > index), key=lambda each: each.size)
    carried = signatures[anchor.size]
    checkpoint = carried.checkpoint
    path = inclusion_proof(site.site.log.node_at, index, anchor.size)
    signed = SignedCheckpoint(
        anchor.size, checkpoint.root, checkpoint.sealed_at, carried.signature, index, path
    )
    slots = tuple(Slot(None, digest) for digest in site.site.slots[index])
    return Evidence(chain.trust.domain, site.site.origin, slots, signed, anchor.proof, None, ())


def memory_growth(node: NodeProcess) -> float | None:
    """By which part the node's memory grew from the third quarter of its samples to the last; None if there are few."""
    samples = node.memory
    if len(samples) < 16:
        return None
    half = samples[len(samples) // 2 :]
    quarter = len(half) // 2
    first, last = sum(half[:quarter]) / quarter, sum(half[quarter:]) / (len(half) - quarter)
    return last / first - 1
