"""The follower on a simulated chain: what it stores is what happened, however it came to it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import checkpoint_digest
from perdure_anchor.hashes import keccak256, to_hex
from perdure_node.follower.errors import NotFollowed, PartsNotKept
from perdure_node.follower.following_chain import Doing, Follower
from perdure_node.follower.parts import fetch_parts, parts_of
from perdure_node.follower.reading import (
    anchor_by_digest,
    anchors_of_site,
    consortium_notices,
    epoch_in_force,
    followed_sites,
    newest_anchors,
    newest_verified,
    next_to_follow,
    partner_notices,
    site_count,
    site_notices,
    validators_seen,
)
from simulated_chain import DOMAIN, anchored_log
from tools.accounts import account, accounts, addresses
from tools.anchored_story import AnchoredStory, Home, StoryNode, home_in
from tools.followed_checks import CLOCK, SITES, busy, check_all, check_proof, followed


@pytest.fixture
def story() -> AnchoredStory:
    made = AnchoredStory()
    made.block(2)
    made.register(*SITES)
    made.block()
    return made


@pytest.fixture
def home(story: AnchoredStory, tmp_path: Path) -> Iterator[Home]:
    found = home_in(tmp_path, story.trust())
    yield found
    found.database.close()


@pytest.mark.parametrize("blocks", [5, 90, 400])
def test_everything_that_happened_is_stored_once(story: AnchoredStory, home: Home, blocks: int) -> None:
    busy(story, blocks)
    story.block(3)
    steps = followed(home, StoryNode(story).chain())
    check_all(home, story)
    assert next_to_follow(home.database) == story.head + 1
    assert steps[-1].lag == 0
    assert any(step.doing is Doing.CATCHING_UP for step in steps) == (blocks > 60)
    newest = newest_verified(home.database)
    assert newest is not None
    assert (newest.number, newest.hash) == (story.head, story.chain.blocks[-1].name)


def test_following_on_is_the_same_as_catching_up(story: AnchoredStory, home: Home, tmp_path: Path) -> None:
    node = StoryNode(story)
    with node.chain() as chain, Follower(home, chain, CLOCK, ahead=False) as follower:
        for round_ in range(60):
            busy(story, 1 + round_ % 3, seed=round_)
            follower.step()
        while follower.step().doing is not Doing.WAITING:
            pass
        check_all(home, story)
    (tmp_path / "late").mkdir()
    late = home_in(tmp_path / "late", story.trust())
    followed(late, node.chain())
    check_all(late, story)
    late.database.close()


def test_each_anchor_has_parts_that_a_verifier_takes(story: AnchoredStory, home: Home) -> None:
    busy(story, 150)
    story.block(4)
    followed(home, StoryNode(story).chain())
    for digest in story.digests:
        parts = parts_of(home, digest)
        check_proof(home, story, parts.proof, digest)
        assert parts.anchor.has_parts
        assert len(parts.proof.headers) <= 4


def test_runs_go_on_after_a_restart(story: AnchoredStory, home: Home) -> None:
    node = StoryNode(story)
    for round_ in range(30):
        if round_ % 3 == 0:
            story.anchor(SITES[0])
        story.block()
        followed(home, node.chain())  # a follower of its own each time
    story.block(400)
    followed(home, node.chain())
    for digest in story.digests:
        check_proof(home, story, parts_of(home, digest).proof, digest)
    headers = home.database.number("SELECT count(*) FROM followed_header")
    assert headers < 256 + 40  # what nothing needs is forgotten


def test_pruned_receipts_are_said_to_be_gone(story: AnchoredStory, home: Home) -> None:
    busy(story, 120)
    node = StoryNode(story)
    node.pruned = True
    followed(home, node.chain())
    check_all(home, story)
    with pytest.raises(PartsNotKept):
        parts_of(home, story.digests[0])
    with pytest.raises(NotFollowed):
        parts_of(home, keccak256(b"another"))
    # another node still has them
    node.pruned = False
    with node.chain() as chain:
        parts = fetch_parts(home, chain, story.digests[0])
    check_proof(home, story, parts.proof, story.digests[0])


@pytest.mark.parametrize("most", [1, 7, 100])
def test_a_node_that_takes_narrow_ranges_only_is_asked_for_narrow_ones(
    story: AnchoredStory, home: Home, most: int
) -> None:
    busy(story, 200)
    followed(home, StoryNode(story, most_blocks=most).chain(), steps=600)
    check_all(home, story)


@pytest.mark.parametrize("widest", [1, 30, 100])
def test_no_question_spans_more_blocks_than_the_settings_allow(
    story: AnchoredStory, home: Home, widest: int
) -> None:
    busy(story, 200)
    node = StoryNode(story)
    followed(home, node.chain(), steps=600, widest=widest)
    check_all(home, story)
    assert node.widest_asked == widest


@pytest.mark.parametrize("blocks", [40, 200])
def test_parts_of_relayed_sites_only(story: AnchoredStory, home: Home, blocks: int) -> None:
    relayed, copied, other = SITES
    with home.database.transaction():
        for number, origin in enumerate((relayed, copied), 1):
            home.database.execute(
                "INSERT INTO site (number, origin, added_at) VALUES (?, ?, 1)", number, origin
            )
        home.database.execute(
            "INSERT INTO checkpoint (digest, site, size, root, sealed_at, signature, last_slot_digests, last_path, state, taken_at) "
            "VALUES (?, 1, 1, ?, 1, ?, x'', x'', 'waiting', 1)",
            bytes(32),
            bytes(32),
            bytes(65),
        )
    busy(story, blocks)
    story.block(4)
    followed(home, StoryNode(story).chain(), relayed_only=True)
    check_all(home, story)
    assert {each.origin for each in newest_anchors(home.database, DOMAIN, 1000)} == {relayed, copied, other}
    for anchor in newest_anchors(home.database, DOMAIN, 1000):
        assert anchor.has_parts == (anchor.origin == relayed)
        if anchor.has_parts:
            check_proof(home, story, parts_of(home, anchor.digest).proof, anchor.digest)
        else:
            with pytest.raises(PartsNotKept):
                parts_of(home, anchor.digest)
    assert home.database.number("SELECT count(*) FROM followed_header WHERE receipts = 0") == 0


def test_ranges_are_fetched_ahead_in_a_thread(story: AnchoredStory, home: Home) -> None:
    busy(story, 300)
    node = StoryNode(story, most_blocks=20)
    with node.chain() as chain, Follower(home, chain, CLOCK) as follower:
        while follower.step().doing is not Doing.WAITING:
            pass
    check_all(home, story)


def test_a_node_without_raw_headers_does_as_well(story: AnchoredStory, home: Home) -> None:
    busy(story, 120)
    followed(home, StoryNode(story, raw_headers=False).chain())
    check_all(home, story)


def test_pages_of_anchors_go_on_where_the_last_one_ended(story: AnchoredStory, home: Home) -> None:
    busy(story, 60)
    followed(home, StoryNode(story).chain())
    whole = newest_anchors(home.database, DOMAIN, 1000)
    pages, before = [], None
    while page := newest_anchors(home.database, DOMAIN, 7, before):
        pages += page
        before = page[-1].place
    assert pages == whole
    own = anchors_of_site(home.database, DOMAIN, SITES[0], 1000)
    first = anchors_of_site(home.database, DOMAIN, SITES[0], 5)
    assert first + anchors_of_site(home.database, DOMAIN, SITES[0], 1000, first[-1].place) == own
    assert anchors_of_site(home.database, DOMAIN, "acme/nobody", 5) == []
    assert [each.origin for each in followed_sites(home.database, 2)] == sorted(SITES)[:2]
    assert [each.origin for each in followed_sites(home.database, 2, sorted(SITES)[1])] == sorted(SITES)[2:]
    assert site_count(home.database) == 3
    found = anchor_by_digest(home.database, DOMAIN, whole[3].digest)
    assert found == whole[3]


def test_what_happens_to_sites_and_partners_is_known(story: AnchoredStory, home: Home) -> None:
    partner = keccak256(b"globex")
    site = followed_site_id(SITES[2])
    story.notice(
        "Consortium", "PartnerAdmitted", [partner], {"name": "globex", "account": account("g").address}
    )
    story.notice(
        "AnchorRegistry", "KeyRotated", [site],
        {"oldKey": account("o").address, "newKey": account("n").address, "oldKeyUntil": 9},
    )  # fmt: skip
    story.block()
    story.notice("AnchorRegistry", "KeyRevoked", [site], {"key": account("n").address})
    story.block(100)
    story.notice("Consortium", "PartnerExpelled", [partner], {})
    story.block(2)
    followed(home, StoryNode(story).chain())
    database = home.database
    names = [each.name for each in site_notices(database, SITES[2], 10)]
    assert names == ["KeyRevoked", "KeyRotated", "SiteRegistered"]
    rotated = json.loads(site_notices(database, SITES[2], 10)[1].details)
    assert rotated["newKey"] == to_hex(account("n").address)
    assert rotated["oldKeyUntil"] == 9
    assert [each.name for each in partner_notices(database, "globex", 9)] == [
        "PartnerExpelled",
        "PartnerAdmitted",
    ]
    assert consortium_notices(database, 1)[0].name == "PartnerExpelled"


def followed_site_id(origin: str) -> bytes:
    return keccak256(origin.encode())


def test_validators_that_change_are_followed(story: AnchoredStory, home: Home) -> None:
    busy(story, 30)
    node = StoryNode(story)
    followed(home, node.chain())
    story.chain.validators = accounts(5)
    busy(story, 150, seed=2)
    story.chain.validators = accounts(6)
    busy(story, 10, seed=3)
    story.block(3)
    followed(home, node.chain())
    check_all(home, story)
    assert epoch_in_force(home.database, home.trust).validators == addresses(accounts(6))
    seen = validators_seen(home.database, home.trust)
    assert [each.validator for each in seen] == list(addresses(accounts(6)))
    assert all(each.newest_proposed is not None and each.newest_proposed > story.head - 7 for each in seen)
    for digest in story.digests:
        parts = parts_of(home, digest)
        assert parts.hops == () or parts.anchor.block_number > 30


def test_any_time_that_a_site_claims_is_stored(story: AnchoredStory, home: Home) -> None:
    checkpoint = story.anchor(SITES[0])
    story._receipts.clear()
    story.digests.clear()
    claimed = replace(checkpoint, sealed_at=2**64 - 1)
    story._receipts.append([anchored_log(claimed, account("signer").address)])
    story.digests.append(checkpoint_digest(DOMAIN, claimed))
    story.block(100)
    followed(home, StoryNode(story).chain())
    check_all(home, story)
    assert newest_anchors(home.database, DOMAIN, 1)[0].checkpoint == claimed


def test_clique_is_followed_as_far_as_more_than_half_have_signed(tmp_path: Path) -> None:
    story = AnchoredStory(engine="clique")
    story.block(2)
    story.register(*SITES)
    story.block()
    busy(story, 120)
    home = home_in(tmp_path, story.trust())
    followed(home, StoryNode(story).chain())
    assert next_to_follow(home.database) == story.head - 1  # three of four have signed it or later ones
    story.block(2)
    followed(home, StoryNode(story).chain())
    check_all(home, story)
    assert all(each.newest_proposed for each in validators_seen(home.database, home.trust))
    home.database.close()
