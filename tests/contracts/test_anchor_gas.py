"""What an anchor costs: printed, and held below limits, so that a costly change is seen."""

import pytest
from tools.anchor_gas import BATCHES, LOG_SIZES, anchor_gas
from tools.founded import found

TRANSACTION = 21_000
FIRST_ANCHOR, LATER_ANCHOR = 150_000, 140_000
WORST_ANCHOR = 330_000


@pytest.mark.parametrize("size", LOG_SIZES)
def test_gas_of_an_anchor_by_log_size(capsys, size):
    first = anchor_gas(0, size)
    later = {batch: anchor_gas(size, size + batch) for batch in BATCHES}
    with capsys.disabled():
        costs = ", ".join(f"{batch} more leaves {gas:,}" for batch, gas in later.items())
        print(f"\n  gas of an anchor at {size:,} leaves: the first {first:,}, {costs}")
    assert TRANSACTION < first < FIRST_ANCHOR
    assert all(TRANSACTION < gas < LATER_ANCHOR for gas in later.values())


def test_gas_of_the_longest_append_proof():
    """92 hashes, near the 2^48 leaves that are the limit: far from the gas limit of any block."""
    assert anchor_gas(2**47 - 1, 3 * 2**46 - 6) < WORST_ANCHOR


def test_gas_of_a_known_checkpoint_is_less_than_half(founded, site):
    checkpoint = founded.checkpoint(site, 10)
    first = founded.anchor(checkpoint).gas_used
    assert founded.anchor(checkpoint, proof=(), signature=b"").gas_used < first / 2


def test_gas_does_not_grow_with_other_sites():
    def gas(sites: int) -> int:
        founded = found("acme")
        for number in range(sites):
            site = founded.register(f"acme/site-{number}")
        return founded.anchor_size(site, 7).gas_used

    # the calldata of two sites differs in its zero bytes only
    assert gas(1) == pytest.approx(gas(5), abs=200)
