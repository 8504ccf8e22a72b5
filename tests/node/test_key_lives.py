"""The keys of sites through their lives: what events of the registry make of them, and of a trust file."""

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import ZERO_ADDRESS
from perdure_anchor.trust import Revocation
from perdure_node.consortium.key_lives import KeyEvent, key_lives, revocations
from tools.accounts import account

ORIGIN = parse_origin("acme/rotterdam")
A, B, C = (account(name).address for name in ("first", "second", "third"))


def registered(at, key=A):
    return KeyEvent("SiteRegistered", {"site": ORIGIN.site, "origin": ORIGIN.text, "key": key}, at)


def rotated(at, old, new, grace=0):
    values = {"site": ORIGIN.site, "oldKey": old, "newKey": new, "oldKeyUntil": at + grace}
    return KeyEvent("KeyRotated", values, at)


def revoked(at, key):
    return KeyEvent("KeyRevoked", {"site": ORIGIN.site, "key": key}, at)


def marked(at, since):
    return KeyEvent("MarkedCompromised", {"site": ORIGIN.site, "since": since}, at)


def said(*events, before=()):
    return {(entry.key, entry.since, entry.compromised) for entry in revocations(key_lives(events), before)}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([registered(10)], set()),
        ([registered(10), rotated(20, A, B)], set()),
        ([registered(10), revoked(20, A)], {(A, 20, False)}),
        ([registered(10), marked(30, 20)], {(A, 20, True)}),
        # ended before the theft, even by the end of its grace period
        ([registered(10), rotated(20, A, B, grace=10), marked(40, 30)], {(B, 30, True)}),
        ([registered(10), rotated(20, A, B, grace=11), marked(40, 30)], {(A, 30, True), (B, 30, True)}),
        # revoked, stated, and set anew, in this order: the new key is clean
        (
            [registered(10), revoked(20, A), marked(21, 15), rotated(22, ZERO_ADDRESS, B)],
            {(A, 15, True)},
        ),
        # set anew before it is stated: a thief may have set it
        ([registered(10), rotated(20, A, B), marked(21, 15)], {(A, 15, True), (B, 15, True)}),
        # a mark that moves to an earlier time
        ([registered(10), marked(30, 20), marked(40, 12)], {(A, 12, True)}),
        # a revoked key that is set again is good again
        ([registered(10), revoked(20, A), rotated(30, ZERO_ADDRESS, A)], set()),
        # a revocation ends the grace period of the one before, which is not revoked by itself
        ([registered(10), rotated(20, A, B, grace=99), revoked(30, B), marked(50, 40)], {(B, 30, False)}),
        # of a site that was registered after the blocks that were asked for
        ([revoked(20, A)], set()),
    ],
)
def test_what_events_make(events, expected):
    assert said(*events) == expected


def test_nothing_is_taken_back():
    before = (
        Revocation(ORIGIN, A, 5, compromised=True),
        Revocation(ORIGIN, B, 50, compromised=False),
        Revocation(ORIGIN, C, 7, compromised=False),
    )
    events = (registered(10), rotated(20, A, B), revoked(30, B))
    assert said(*events, before=before) == {(A, 5, True), (B, 30, False), (C, 7, False)}


def test_all_keys_of_a_site_in_their_order():
    (keys,) = key_lives([registered(10), rotated(20, A, B), rotated(30, B, C)])
    assert [life.key for life in keys.lives] == [A, B, C]
