"""The validators of the moment: who proposes a block, and who seals it.

Proposers take turns as Besu's ``ProposerSelector`` has it with one proposer a block: the validators ascending, each block
the one after the last block's coinbase, each round one further. A devnet holds its validators' keys itself and lets some
be absent, which is how rounds other than 0 come about. Who is in the set changes by votes (`perdure_devnet.votes`): the chain
seats a committee on the set in force before each block.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from perdure_anchor.hashes import Address
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import ExtraData, Vote, commit_hash, encode_extra_data, parse_extra_data, quorum
from perdure_anchor.secp256k1 import address_from_private_key, sign

from perdure_devnet.errors import TooFewValidators

VANITY = b"perdure devnet".ljust(32, b"\0")


def proposer_for(validators: Sequence[Address], parent_coinbase: Address, round_number: int) -> Address:
    """Whose turn it is in this round after a block by ``parent_coinbase``; ``validators`` ascend."""
    # a coinbase outside the set (genesis has zero) hands on to the next higher address, so both cases are one
    following = bisect_right(validators, parent_coinbase)
    return validators[(following + round_number) % len(validators)]


def unsealed_extra_data(validators: Sequence[Address], round_number: int, vote: Vote | None = None) -> bytes:
    """ExtraData of a proposal: the set, the proposer's vote and the round, no seals."""
    return encode_extra_data(
        ExtraData(vanity=VANITY, validators=tuple(validators), vote=vote, round=round_number, seals=())
    )


@dataclass(frozen=True, slots=True)
class Committee:
    """The set in force, ascending, and the private keys that are here: of validators that are present, and of candidates."""

    validators: tuple[Address, ...]
    keys: Mapping[Address, bytes] = field(repr=False)

    @property
    def quorum(self) -> int:
        """How many have to seal a block."""
        return quorum(len(self.validators))

    @property
    def present(self) -> tuple[Address, ...]:
        """The validators whose keys are here, ascending."""
        return tuple(validator for validator in self.validators if validator in self.keys)

    def seated(self, validators: Sequence[Address]) -> "Committee":
        """The same keys, with another set in force."""
        return replace(self, validators=tuple(sorted(validators)))

    def next_round(self, parent_coinbase: Address) -> int:
        """The first round whose proposer is present; raises `TooFewValidators` where no block could be sealed."""
        # nobody in the set is no quorum either, although the formula says 0
        if len(self.present) < max(self.quorum, 1):
            raise TooFewValidators(
                f"validators present: got {len(self.present)} of {len(self.validators)}, want {max(self.quorum, 1)}"
            )
        rounds = range(len(self.validators))
        return next(
            number for number in rounds if proposer_for(self.validators, parent_coinbase, number) in self.keys
        )

    def without(self, *absent: Address) -> "Committee":
        """The same set with some validators away."""
        return replace(
            self, keys={address: key for address, key in self.keys.items() if address not in absent}
        )

    def seal(self, header: BlockHeader, sealers: Sequence[Address] | None = None) -> BlockHeader:
        """The header with the commit seals of exactly a quorum of its list: the proposer, then those after it.

        ``sealers`` names others, in this order and however many: so another node's copy of a block is made, which has the
        same block hash. They need not even be in the list. Raises `TooFewValidators` where a key is not here.
        """
        extra = parse_extra_data(header.extra_data)
        chosen = self._sealers_in_turn(extra.validators, header.coinbase) if sealers is None else sealers
        absent = [address for address in chosen if address not in self.keys]
        if absent:
            raise TooFewValidators(f"the key of 0x{absent[0].hex()} is not here")
        digest = commit_hash(header)
        seals = tuple(sign(digest, self.keys[address]) for address in chosen)
        return header.with_extra_data(encode_extra_data(replace(extra, seals=seals)))

    def _sealers_in_turn(self, validators: Sequence[Address], proposer: Address) -> list[Address]:
        start = validators.index(proposer)
        in_turn = (*validators[start:], *validators[:start])
        return [address for address in in_turn if address in self.keys][: quorum(len(validators))]


def committee_of(private_keys: Sequence[bytes]) -> Committee:
    """The committee of these private keys (32 bytes each), all present."""
    keys = {address_from_private_key(key): key for key in private_keys}
    return Committee(tuple(sorted(keys)), keys)
