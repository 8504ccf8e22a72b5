"""What an epoch's rule wants, and which engine reads a header."""

from dataclasses import replace

import pytest
from perdure_anchor import ibft2, qbft
from simulated_chain import Story, accounts, addresses, tell

EPOCH = tell(Story()).trust.epochs[0]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("ceil(2n/3)", [1, 2, 2, 3, 4, 4, 5, 6, 6]),
        ("2f+1", [1, 1, 1, 3, 3, 3, 5, 5, 5]),
        ("floor(n/2)+1", [1, 2, 2, 3, 3, 4, 4, 5, 5]),
    ],
)
def test_how_many_seals_each_rule_wants(rule: str, wanted: list[int]) -> None:
    epochs = [replace(EPOCH, quorum_rule=rule, validators=addresses(accounts(n))) for n in range(1, 10)]
    assert [epoch.wanted_seals for epoch in epochs] == wanted


def test_a_header_before_all_epochs_is_read_as_those_of_the_first() -> None:
    first = replace(EPOCH, from_block=5, to_block=8, consensus="ibft2")
    trust = replace(tell(Story()).trust, epochs=(first, replace(first, from_block=9, consensus="qbft")))
    engines = [trust.engine_at(number) for number in (1, 5, 8, 9, 99)]
    assert engines == [ibft2.read, ibft2.read, ibft2.read, qbft.read, qbft.read]
