"""Besu's ``qbft_`` methods: who the validators are, who proposed which blocks, and what they want to vote for.

A Besu node proposes and shows its own votes. Here one node speaks for all validators, so the methods about votes take one
parameter more, which is optional: the validator that is meant. Without it, all are.
"""

from perdure_anchor.hashes import Address, to_hex
from perdure_anchor.qbft import Vote

from perdure_devnet.block import Block
from perdure_devnet.genesis import validators_of
from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.values import JsonValue, ParameterError, parse_address, parse_flag, quantity

# how far back metrics go if nothing is asked for, as in Besu
_DEFAULT_RANGE = 100


def get_validators_by_number(node: Node, reference: JsonValue) -> JsonValue:
    """The validator set that sealed a block, ascending."""
    return _validators(node.find_block(reference))


def get_validators_by_hash(node: Node, block_hash: JsonValue) -> JsonValue:
    """The validator set that sealed a block, ascending."""
    return _validators(node.find_block_by_hash(block_hash))


def _validators(block: Block | None) -> JsonValue:
    return None if block is None else [to_hex(validator) for validator in validators_of(block)]


def propose_validator_vote(
    node: Node, candidate: JsonValue, add: JsonValue, voter: JsonValue = None
) -> JsonValue:
    """Have a validator, or all, vote to add or drop somebody when their turn comes; forgotten at the server's end."""
    vote = Vote(parse_address(candidate, "candidate"), parse_flag(add, "add"))
    node.chain.propose_vote(vote, _parse_voter(voter))
    return True


def discard_validator_vote(node: Node, candidate: JsonValue, voter: JsonValue = None) -> JsonValue:
    """Have a validator, or all, vote no more on somebody; votes that are in blocks stand."""
    node.chain.discard_vote(parse_address(candidate, "candidate"), _parse_voter(voter))
    return True


def get_pending_votes(node: Node, voter: JsonValue = None) -> JsonValue:
    """What a validator, or anybody, wants: true to add an address, false to drop it."""
    proposed = node.chain.proposed_votes(_parse_voter(voter))
    return {to_hex(candidate): add for candidate, add in proposed.items()}


def _parse_voter(value: JsonValue) -> Address | None:
    return None if value is None else parse_address(value, "voter")


def get_signer_metrics(node: Node, first: JsonValue = None, end: JsonValue = None) -> JsonValue:
    """How many blocks of a range each validator proposed, and its last one; ``end`` is not in the range, as in Besu."""
    head = node.chain.head.number
    begin = max(0, head - _DEFAULT_RANGE) if first is None else node.block(first).number
    stop = head if end is None else node.block(end).number
    if begin >= stop:
        raise ParameterError("blocks: want the first below the last")
    proposed: dict[Address, list[int]] = {}
    for header in node.chain.store.headers(begin, stop - 1):
        proposed.setdefault(header.coinbase, []).append(header.number)
    # the list of the next block is the set after the last one of the range
    for validator in validators_of(node.block(quantity(stop))):
        proposed.setdefault(validator, [])
    return [_metric(address, numbers) for address, numbers in sorted(proposed.items())]


def _metric(address: Address, numbers: list[int]) -> JsonValue:
    return {
        "address": to_hex(address),
        "proposedBlockCount": quantity(len(numbers)),
        "lastProposedBlockNumber": quantity(numbers[-1] if numbers else 0),
    }


METHODS = {
    "qbft_getValidatorsByBlockNumber": get_validators_by_number,
    "qbft_getValidatorsByBlockHash": get_validators_by_hash,
    "qbft_proposeValidatorVote": propose_validator_vote,
    "qbft_discardValidatorVote": discard_validator_vote,
    "qbft_getPendingVotes": get_pending_votes,
    "qbft_getSignerMetrics": get_signer_metrics,
}
