"""What goes wrong on the devnet, under Perdure's error tree (`perdure_anchor.errors`).

Refusals of transactions and of JSON-RPC calls carry the words that geth and Besu use, since clients tell them apart by
those words.
"""

from perdure_anchor.errors import ChainError, ConfigError, EncodingError, VerificationError


class TransactionMalformed(EncodingError):
    """The bytes are not a signed transaction of a type that this chain takes."""


class TransactionRefused(VerificationError):
    """A well-formed transaction that the pool or a block may not take; the message is geth's or Besu's."""


class BlockMalformed(EncodingError):
    """The bytes are not a block."""


class BlockRefused(VerificationError):
    """A well-formed block that breaks a rule of the chain."""


class HeaderRuleBroken(BlockRefused):
    """Number, time, gas limit or one of the constants of a header is wrong."""


class ProposerRefused(BlockRefused):
    """The coinbase was not in turn in the header's round, nor in one before it."""


class ValidatorListRefused(BlockRefused):
    """The header's validator list is not the set that the votes before it give."""


class SealsRefused(BlockRefused):
    """The commit seals are too few, doubled, or not by validators."""


class ParentUnknown(BlockRefused):
    """The block does not follow the head: its parent is not here yet."""


class ForkRefused(BlockRefused):
    """The block competes with a block that is already final here."""


class ExecutionMismatch(BlockRefused):
    """Executing the block gives other roots, gas or blooms than its header claims."""


class TooManyProposals(VerificationError):
    """So many votes are proposed already that no more are taken."""


class TooFewValidators(ChainError):
    """Fewer validators than a quorum are present, so no block can be sealed."""


class ChangeNotInForce(ChainError):
    """A change of the validator set was proposed, and the blocks made since have not brought it about."""


class NotAValidator(ConfigError):
    """Who is to be dropped is not in the set, or is the last that is."""


class ClockBehind(ChainError):
    """The clock has not passed the head's timestamp, so no block may be made yet."""


class DirectoryInUse(ConfigError):
    """Another process runs a devnet in this directory."""


class DirectoryNotADevnet(ConfigError):
    """The directory holds no devnet, or one that this version cannot read."""


class DirectoryTaken(ConfigError):
    """A devnet cannot be founded here: the directory is not empty."""


class AddressInUse(ConfigError):
    """The server cannot listen where it was told to."""


class DevnetNotReady(ChainError):
    """A server that was started, or told to stop, did not do so in time."""
