"""Epochs in words: every engine that a trust file may name has its own, and none is passed over."""

from dataclasses import replace

import pytest
from perdure_anchor.epoch_words import block_worth, epoch_end, epoch_lines, epoch_range
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.trust import Epoch
from perdure_anchor.trust_file import CLIENTS

VALIDATORS = tuple(Address(bytes([number]) * 20) for number in range(1, 7))
OPEN = Epoch(1, None, "besu", "qbft", "header", "ceil(2n/3)", "secp256k1", VALIDATORS)


def text(epoch: Epoch, *, is_last: bool = True) -> str:
    return "\n".join(line for _, line in epoch_lines(epoch, is_last=is_last))


PAIRS = [(client, consensus) for client, engines in CLIENTS.items() for consensus in engines]


@pytest.mark.parametrize(("client", "consensus"), PAIRS)
def test_every_engine_of_every_client_has_words(client: str, consensus: str) -> None:
    worth = block_worth(replace(OPEN, client=client, consensus=consensus))
    assert "nothing is known" not in worth.lists + worth.coinbases
    epoch = replace(OPEN, client=client, consensus=consensus)
    assert ("compare" in worth.lists and "nobody compares" not in worth.lists) == epoch.lists_are_checked
    assert ("distinct proposers" in worth.coinbases) == epoch.coinbase_is_proposer


def test_a_contract_lists_nobody() -> None:
    assert "the header's list is empty" in block_worth(replace(OPEN, selection="contract")).lists


def test_what_nobody_knows_is_said_to_be_unknown() -> None:
    assert block_worth(replace(OPEN, client="reth")).lists == "nothing is known of these lists"


def test_open_closed_and_weak() -> None:
    closed = replace(OPEN, to_block=9)
    assert (epoch_range(OPEN), epoch_range(closed)) == ("blocks from 1 on", "blocks 1 to 9")
    assert epoch_end(OPEN, is_last=True).startswith("open: ")
    assert epoch_end(closed, is_last=False).endswith("can forge blocks of these numbers only")
    assert epoch_end(closed, is_last=True).endswith("and a change to other validators after them")
    unfollowed = replace(closed, client="goquorum")
    assert epoch_end(unfollowed, is_last=True).endswith("can forge blocks of these numbers only")
    assert "anchored, not final" in text(replace(OPEN, quorum_rule="2f+1"))
    assert "anchored, not final" not in text(OPEN)
    assert "no finality under Clique" in text(replace(OPEN, consensus="clique", quorum_rule="floor(n/2)+1"))
    assert "whoever ever has 4 of the 6 keys" in text(OPEN)
    assert checksum_address(VALIDATORS[5]) in text(OPEN)


def test_what_comes_after_the_last_epoch() -> None:
    assert "can show by whom this set was replaced" in text(OPEN)
    assert "nothing shows by whom" in text(replace(OPEN, client="goquorum"))
    assert "by whom" not in text(OPEN, is_last=False)
