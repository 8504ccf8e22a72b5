"""The pool's rules, in geth's words."""

import pytest
from perdure_devnet.errors import TransactionRefused
from perdure_devnet.mempool import MAX_POOLED_OF_SENDER
from tools.devnets import ADA, BOB, RICH, Devnet, Sender


def test_the_same_again_is_already_known(devnet: Devnet) -> None:
    raw = Sender("ada").sign(to=BOB)
    devnet.chain.submit(raw)
    with pytest.raises(TransactionRefused, match=r"^already known$"):
        devnet.chain.submit(raw)


def test_a_mined_nonce_is_too_low(devnet: Devnet) -> None:
    raw = Sender("ada").sign(to=BOB)
    devnet.block(raw)
    for again in (raw, Sender("ada").sign(to=BOB, value=7)):
        with pytest.raises(TransactionRefused, match=r"^nonce too low"):
            devnet.chain.submit(again)


def test_a_replacement_at_the_same_price_is_underpriced(devnet: Devnet) -> None:
    devnet.chain.submit(Sender("ada").sign(to=BOB, value=1))
    with pytest.raises(TransactionRefused, match=r"^replacement transaction underpriced$"):
        devnet.chain.submit(Sender("ada").sign(to=BOB, value=2))


@pytest.mark.parametrize(("price", "enough"), [(100, False), (109, False), (110, True), (200, True)])
def test_a_replacement_has_to_offer_a_tenth_more(devnet: Devnet, price: int, enough: bool) -> None:
    devnet.chain.submit(Sender("ada").sign(to=BOB, value=1, gasPrice=100))
    better = Sender("ada").sign(to=BOB, value=2, gasPrice=price)
    if not enough:
        with pytest.raises(TransactionRefused, match="underpriced"):
            devnet.chain.submit(better)
        return
    devnet.chain.submit(better)
    assert len(devnet.chain.pool) == 1
    assert devnet.block().transactions == (better,)
    assert devnet.state_of(BOB)[1] == RICH + 2


def test_what_costs_more_than_there_is_is_refused(devnet: Devnet) -> None:
    for members in ({"value": RICH + 1}, {"gasPrice": RICH}):
        with pytest.raises(TransactionRefused, match=r"^insufficient funds for gas \* price \+ value"):
            devnet.chain.submit(Sender("ada").sign(to=BOB, **members))


def test_more_gas_than_a_block_has_is_refused(devnet: Devnet) -> None:
    with pytest.raises(TransactionRefused, match=r"^exceeds block gas limit"):
        devnet.chain.submit(Sender("ada").sign(to=BOB, gas=30_000_001))


def test_a_gap_waits_until_it_is_filled(devnet: Devnet) -> None:
    ada = Sender("ada")
    zeroth, first, second = (ada.sign(to=BOB) for _ in range(3))
    assert devnet.block(second, zeroth).transactions == (zeroth,)
    assert devnet.block().transactions == ()
    assert devnet.block(first).transactions == (first, second)
    assert len(devnet.chain.pool) == 0


def test_the_better_price_goes_first_and_then_the_earlier(devnet: Devnet) -> None:
    ada, bob = Sender("ada"), Sender("bob")
    free, dear = ada.sign(to=BOB), bob.sign(to=ADA, gasPrice=9)
    assert devnet.block(free, dear).transactions == (dear, free)
    early, late = bob.sign(to=ADA), ada.sign(to=BOB)
    assert devnet.block(early, late).transactions == (early, late)


def test_a_senders_own_order_is_its_nonces(devnet: Devnet) -> None:
    ada = Sender("ada")
    raws = [ada.sign(to=BOB, gasPrice=price) for price in (1, 5, 3)]
    assert devnet.block(*reversed(raws)).transactions == tuple(raws)


def test_the_next_nonce_counts_what_waits(devnet: Devnet) -> None:
    ada = Sender("ada")
    for _ in range(3):
        devnet.chain.submit(ada.sign(to=BOB))
    devnet.chain.submit(ada.sign(to=BOB, nonce=4))
    assert devnet.chain.pool.next_nonce(ADA, 0) == 3
    assert devnet.chain.pool.next_nonce(BOB, 0) == 0


def test_one_sender_cannot_fill_the_pool(devnet: Devnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_devnet.mempool.MAX_POOLED_OF_SENDER", 3)
    ada = Sender("ada")
    for _ in range(3):
        devnet.chain.submit(ada.sign(to=BOB))
    with pytest.raises(TransactionRefused, match="txpool is full"):
        devnet.chain.submit(ada.sign(to=BOB))
    devnet.chain.submit(Sender("bob").sign(to=ADA))
    assert MAX_POOLED_OF_SENDER > 100
