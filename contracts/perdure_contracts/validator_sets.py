"""Which validators a node names for a block: each client has a method of its own, and some have none.

Source: the private-network API of Besu (``qbft_``, ``ibft_``), GoQuorum's (``istanbul_``) and geth's (``clique_``). Besu's methods
answer for the validators of the block itself; the others read the votes up to and with the block, which is the set of the next
one, so they are asked for the block before. An answer is the node's word: nothing signs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import Address

from perdure_contracts.answers import read_address, read_list, write_integer
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc_errors import RpcBadAnswer, RpcRefused

# far above any set that a chain could run with
_MOST_VALIDATORS: Final = 4096


class NoValidatorMethod(ChainError):
    """The node offers no method that names the validators of this kind of chain, or does not let us call it."""


@dataclass(frozen=True, slots=True)
class ValidatorMethod:
    """A method, and how many blocks before the one in question it has to be asked for."""

    name: str
    blocks_before: int


@dataclass(frozen=True, slots=True)
class NamedValidators:
    """What a node says: the accounts in ascending order, and the method that it said it by."""

    validators: tuple[Address, ...]
    method: str


METHODS: Final[Mapping[str, tuple[ValidatorMethod, ...]]] = {
    "qbft": (
        ValidatorMethod("qbft_getValidatorsByBlockNumber", 0),
        ValidatorMethod("istanbul_getValidators", 1),
    ),
    "ibft2": (ValidatorMethod("ibft_getValidatorsByBlockNumber", 0),),
    "clique": (ValidatorMethod("clique_getSigners", 1),),
}


def fetch_validators(client: ChainClient, consensus: str, block_number: int) -> NamedValidators:
    """The validators of a block above genesis, as the node names them; raises `NoValidatorMethod` where it does not.

    ``consensus`` is that of a trust file's epoch.
    """
    refusals = []
    for method in METHODS.get(consensus, ()):
        try:
            answer = client.rpc.call(method.name, write_integer(block_number - method.blocks_before))
        except RpcRefused as error:
            refusals.append(error.reason)
            continue
        if answer is None:
            raise RpcBadAnswer(f"answer of the node: {method.name}: nothing for block {block_number}")
        accounts = read_list(answer, method.name, _MOST_VALIDATORS)
        return NamedValidators(
            tuple(sorted(read_address(value, method.name) for value in accounts)), method.name
        )
    raise NoValidatorMethod(
        f"the node does not name the validators of {consensus} blocks: {'; '.join(refusals) or 'no method is known'}",
        hint="enable the consensus engine's api on the node, or ask another node",
    )
