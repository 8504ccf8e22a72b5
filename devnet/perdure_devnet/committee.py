"""The validators: who proposes a block, and who seals it.

Proposers take turns as Besu's ``ProposerSelector`` has it with one proposer a block: the validators ascending, each block
the one after the last block's coinbase, each round one further. A devnet holds its validators' keys itself and lets some
be absent, which is how rounds other than 0 come about.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from perdure_anchor.hashes import Address
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import ExtraData, commit_hash, encode_extra_data, parse_extra_data, quorum
from perdure_anchor.secp256k1 import address_from_private_key, sign

from perdure_devnet.errors import TooFewValidators

VANITY = b"perdure devnet".ljust(32, b"\0")


def proposer_for(validators: Sequence[Address], parent_coinbase: Address, round_number: int) -> Address:
    """Whose turn it is in this round after a block by ``parent_coinbase``; ``validators`` ascend."""
    # a coinbase outside the set (genesis has zero) hands on to the next higher address, so both cases are one
    following = bisect_right(validators, parent_coinbase)
    return validators[(following + round_number) % len(validators)]


def unsealed_extra_data(validators: Sequence[Address], round_number: int) -> bytes:
    """ExtraData of a proposal: the set and the round, no vote, no seals."""
    return encode_extra_data(
        ExtraData(vanity=VANITY, validators=tuple(validators), vote=None, round=round_number, seals=())
    )


@dataclass(frozen=True, slots=True)
class Committee:
    """All validators, ascending, with the private keys of those that are present here."""

    validators: tuple[Address, ...]
    keys: Mapping[Address, bytes] = field(repr=False)

    @property
    def quorum(self) -> int:
        """How many have to seal a block."""
        return quorum(len(self.validators))

    def next_round(self, parent_coinbase: Address) -> int:
        """The first round whose proposer is present; raises `TooFewValidators` where no block could be sealed."""
        if len(self.keys) < self.quorum:
            raise TooFewValidators(
                f"validators present: got {len(self.keys)} of {len(self.validators)}, want {self.quorum}"
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

    def seal(self, header: BlockHeader) -> BlockHeader:
        """The header with the commit seals of exactly a quorum: the proposer, then those after it in the set."""
        digest = commit_hash(header)
        start = self.validators.index(header.coinbase)
        in_turn = (*self.validators[start:], *self.validators[:start])
        sealers = [address for address in in_turn if address in self.keys][: self.quorum]
        seals = tuple(sign(digest, self.keys[address]) for address in sealers)
        extra = replace(parse_extra_data(header.extra_data), seals=seals)
        return header.with_extra_data(encode_extra_data(extra))


def committee_of(private_keys: Sequence[bytes]) -> Committee:
    """The committee of these private keys (32 bytes each), all present."""
    keys = {address_from_private_key(key): key for key in private_keys}
    return Committee(tuple(sorted(keys)), keys)
