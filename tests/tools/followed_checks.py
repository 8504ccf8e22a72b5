"""A follower's work on an `AnchoredStory`: following it to its end, making much happen, and checking what is stored against it."""

import random
from typing import Any

from perdure_anchor.engines import ENGINES
from perdure_anchor.evidence import AnchorProof
from perdure_anchor.finality import check_final, link_run, parse_headers
from perdure_anchor.header import parse_header
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.registry_event import parse_registry_event
from perdure_anchor.time_bounds import not_after
from perdure_anchor.trie import value_from_trie_proof
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock
from perdure_node.follower.following_chain import Doing, Follower, FollowStep
from perdure_node.follower.reading import (
    anchor_count,
    anchors_of_site,
    followed_site,
    header_of,
    newest_anchors,
)
from simulated_chain import DOMAIN
from tools.anchored_story import AnchoredStory, Home

CLOCK = Clock(lambda: 0.0, lambda: 0.0, lambda _: None)
SITES = ("acme/rotterdam", "acme/antwerp", "globex/oslo")


def followed(home: Home, chain: AnchorChain, *, steps: int = 200, **options: Any) -> list[FollowStep]:
    """Steps until there is nothing to do; ``options`` are the follower's."""
    done: list[FollowStep] = []
    with Follower(home, chain, CLOCK, ahead=False, **options) as follower:
        while not done or done[-1].doing is not Doing.WAITING:
            done.append(follower.step())
            assert len(done) < steps
    return done


def busy(story: AnchoredStory, blocks: int, seed: int = 1) -> None:
    """Blocks with up to three anchors in each second of them."""
    chance = random.Random(seed)
    for _ in range(blocks):
        for _ in range(chance.choice((0, 1, 0, 3))):
            story.anchor(chance.choice(SITES), chance.randint(1, 9))
        story.block()


def check_all(home: Home, story: AnchoredStory) -> None:
    """Each anchor of the story is stored, once, in its order, and nothing else."""
    database = home.database
    found = newest_anchors(database, DOMAIN, 1000)
    assert [each.digest for each in reversed(found)] == story.digests
    assert anchor_count(database) == len(story.digests)
    for origin, size in story.sizes.items():
        site = followed_site(database, origin)
        own = anchors_of_site(database, DOMAIN, origin, 1000)
        assert site is not None
        assert (site.size, site.anchors) == (size, len(own))
        assert own == [each for each in found if each.origin == origin]
        assert [each.previous_size for each in own] == [each.checkpoint.size for each in own[1:]] + [
            0
        ] * bool(own)
    for each in found:
        block = story.chain.blocks[each.block_number]
        assert (each.block_hash, each.block_time) == (block.name, block.header.timestamp)
        raw = header_of(database, each.block_number)
        assert raw is not None
        assert ENGINES[story.engine](parse_header(raw)).hash == block.name


def check_proof(home: Home, story: AnchoredStory, proof: AnchorProof, digest: bytes) -> None:
    """The parts are what a verifier takes: the event under the header, final, its time bounded."""
    headers = parse_headers(proof.headers)
    raw = value_from_trie_proof(headers[0].receipts_root, proof.receipt_index, proof.receipt_nodes)
    assert parse_registry_event(parse_receipt(raw).logs[proof.log_position]).digest == digest
    run, position = link_run(headers, home.trust)
    check_final(run, position)
    assert not_after(run, 1).complete or headers[-1].number == story.head
