"""Epochs in words: every engine that a trust file may name has its own, and none is passed over."""

import itertools
from dataclasses import replace

import pytest
from perdure_anchor.epoch_words import block_worth, epoch_end, epoch_lines, epoch_range
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.trust import Epoch
from perdure_anchor.trust_file import CLIENTS, CONSENSUS

VALIDATORS = tuple(Address(bytes([number]) * 20) for number in range(1, 7))
OPEN = Epoch(1, None, "besu", "qbft", "header", "ceil(2n/3)", "secp256k1", VALIDATORS)


def text(epoch: Epoch) -> str:
    return "\n".join(line for _, line in epoch_lines(epoch))


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_has_words(client: str) -> None:
    worths = [block_worth(replace(OPEN, client=client, consensus=consensus)) for consensus in CONSENSUS]
    assert any("nothing is known" not in worth.lists + worth.coinbases for worth in worths)


@pytest.mark.parametrize("consensus", CONSENSUS)
def test_every_consensus_has_words(consensus: str) -> None:
    worths = [block_worth(replace(OPEN, client=client, consensus=consensus)) for client in CLIENTS]
    assert any("nothing is known" not in worth.lists + worth.coinbases for worth in worths)


def test_the_words_say_what_the_verifier_believes() -> None:
    for client, selection in itertools.product(("besu", "goquorum", "devnet"), ("header", "contract")):
        epoch = replace(OPEN, client=client, selection=selection)
        worth = block_worth(epoch)
        assert ("every validator compares" in worth.lists) == epoch.lists_are_checked
        assert ("distinct proposers" in worth.coinbases) == epoch.coinbase_is_proposer


def test_what_nobody_knows_is_said_to_be_unknown() -> None:
    assert block_worth(replace(OPEN, client="reth")).lists == "nothing is known of these lists"


def test_open_closed_and_weak() -> None:
    closed = replace(OPEN, to_block=9)
    assert (epoch_range(OPEN), epoch_range(closed)) == ("blocks from 1 on", "blocks 1 to 9")
    assert epoch_end(OPEN).startswith("open: ")
    assert epoch_end(closed).startswith("closed: ")
    assert "anchored, not final" in text(replace(OPEN, quorum_rule="2f+1"))
    assert "anchored, not final" not in text(OPEN)
    assert checksum_address(VALIDATORS[5]) in text(OPEN)
