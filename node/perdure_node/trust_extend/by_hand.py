"""A set that people enter: compared with all that the chain shows of it, and still no more than a node's and their word."""

from dataclasses import dataclass, replace

from perdure_anchor.errors import ConfigError, EncodingError, VerificationError
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.trust_file import encode_trust_file, parse_trust_file
from perdure_contracts.validator_sets import NoValidatorMethod, fetch_validators

from perdure_node.trust_extend.standing import check_linked, check_sealed
from perdure_node.trust_extend.walking import How, Walk


class NewSetMisplaced(ConfigError):
    """A set entered by hand begins where the trust file has its epochs already, or where another one begins."""


class NewSetNotShown(VerificationError):
    """The chain shows something else than the set that was entered by hand."""


@dataclass(frozen=True, slots=True)
class NewSet:
    """Validators, ascending, and the rules from ``from_block`` on; None: as before."""

    from_block: int
    validators: tuple[Address, ...] | None = None
    client: str | None = None
    consensus: str | None = None
    selection: str | None = None
    quorum_rule: str | None = None

    def after(self, before: Epoch) -> Epoch:
        """The epoch that follows ``before``."""
        return replace(
            before,
            from_block=self.from_block,
            to_block=None,
            validators=before.validators if self.validators is None else self.validators,
            client=self.client or before.client,
            consensus=self.consensus or before.consensus,
            selection=self.selection or before.selection,
            quorum_rule=self.quorum_rule or before.quorum_rule,
        )


def enter(walk: Walk, new: NewSet) -> None:
    """Follow the validators up to the block before, and open an epoch with what was entered.

    Raises `NewSetMisplaced`, `NewSetNotShown`, `TrustFileError` for rules that do not go together, and what `Walk.to` does.
    """
    if new.from_block <= walk.known or new.from_block < 2:
        raise NewSetMisplaced(
            f"--from {new.from_block}: the validators up to block {walk.known} are in the file already",
            hint="a newer version leaves the past alone: give the block at which the new set begins",
        )
    walk.to(new.from_block - 1)
    before = walk.epoch
    trust = _opened(walk.trust, new.after(before))
    if new.from_block > walk.source(before).head_number():
        raise NewSetMisplaced(
            f"--from {new.from_block}: the node has no such block yet", hint="enter it then"
        )
    shown = _compare(walk, trust, before)
    walk.open(trust, How.BY_HAND, f"{shown}; no validator before it vouches for it")


def _opened(trust: TrustFile, after: Epoch) -> TrustFile:
    """With ``after`` as the last epoch, and the one before it closed; read back, so that its rules go together."""
    before = trust.epochs[-1]
    ended = before if before.to_block is not None else replace(before, to_block=after.from_block - 1)
    return parse_trust_file(encode_trust_file(replace(trust, epochs=(*trust.epochs[:-1], ended, after))))


def _compare(walk: Walk, trust: TrustFile, before: Epoch) -> str:
    """What agrees, in words."""
    after = trust.epochs[-1]
    source = walk.source(after)
    try:
        check_sealed(trust, source, after.from_block, source.head_number())
        check_linked(trust, walk.source(before), source.header(after.from_block))
    except (EncodingError, VerificationError) as error:
        raise NewSetNotShown(
            f"the set from block {after.from_block} on is not what the chain shows: {error}",
            hint="compare block, validators and rules once more, and ask another node",
        ) from error
    sealed = "" if after.consensus == "clique" else "a quorum of the set sealed the block, and "
    try:
        named = fetch_validators(walk.chain.client, after.consensus, after.from_block)
    except NoValidatorMethod:
        return f"{sealed}the node does not name the validators"
    if named.validators != after.validators:
        raise NewSetNotShown(
            f"the node names other validators of block {after.from_block} ({named.method}): "
            + ", ".join(map(checksum_address, named.validators)),
            hint="compare block and validators once more, and ask another node",
        )
    return f"{sealed}the node names the same validators ({named.method})"
