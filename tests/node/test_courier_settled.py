"""When an answer settles what a bundle brought."""

from dataclasses import replace

import pytest
from perdure_anchor.hashes import Hash32
from perdure_node.courier.bundle import SetAside
from perdure_node.courier.settled import is_set_aside, is_settled
from tools.vectors.golden_bundles import outgoing, returning

OUT, BACK = outgoing(), returning()
NEWEST = OUT.newest
ROOT = NEWEST.checkpoint.root
NOTHING = replace(BACK.answer, head_size=0, anchors=(), set_aside=())


@pytest.mark.parametrize(
    ("changes", "settles"),
    [
        ({}, False),
        ({"head_size": NEWEST.size}, False),  # in the registry, but without the proof
        ({"head_size": NEWEST.size + 1}, True),
        ({"set_aside": (SetAside(NEWEST.size, ROOT, "late"),)}, True),
        ({"set_aside": (SetAside(NEWEST.size, Hash32(bytes(32)), "a rival"),)}, False),
        ({"anchors": tuple(replace(each, size=NEWEST.size) for each in BACK.answer.anchors[:1])}, True),
        ({"anchors": tuple(replace(each, size=NEWEST.size - 1) for each in BACK.answer.anchors[:1])}, False),
    ],
)
def test_what_settles(changes, settles):
    answer = replace(NOTHING, **changes)
    assert is_settled(OUT, answer) is settles
    assert is_set_aside(OUT, answer) is (settles and "set_aside" in changes)


def test_a_bundle_that_only_asks_is_settled_by_any_answer():
    assert is_settled(replace(OUT, checkpoints=(), append_proofs=()), NOTHING)
