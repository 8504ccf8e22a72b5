"""The epochs' validators against those that the node names, and against the seals on the newest blocks."""

from collections.abc import Iterator, Sequence

from perdure_anchor.engines import ENGINES
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.trust import Epoch, TrustFile
from perdure_contracts.chain import ChainClient
from perdure_contracts.validator_sets import NamedValidators, NoValidatorMethod, fetch_validators

from perdure_node.trust_check.comparison import Comparison, Outcome, not_checked


def compare_validators(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """Each epoch's validators at its first and its last block, or the newest block where it goes on."""
    head = client.head_number()
    for epoch in trust.epochs:
        is_last = epoch is trust.epochs[-1]
        for number in _blocks_to_ask(epoch, head):
            yield _compare_set(epoch, number, client, essential=is_last)
        if head < epoch.from_block:
            reason = f"the node has come to block {head} only"
            yield not_checked(f"validators from block {epoch.from_block}", reason, essential=is_last)
    newest = trust.epochs[-1]
    if newest.to_block is not None and newest.to_block < head:
        reason = f"no epoch covers the newest block, {head}: a newer version of the file is needed for it"
        yield not_checked("newest block", reason, essential=False)


def _blocks_to_ask(epoch: Epoch, head: int) -> list[int]:
    """Genesis has no validators of its own: nobody sealed it."""
    last = head if epoch.to_block is None else min(epoch.to_block, head)
    return sorted(
        {number for number in (max(epoch.from_block, 1), last) if epoch.from_block <= number <= last}
    )


def _compare_set(epoch: Epoch, number: int, client: ChainClient, *, essential: bool) -> Comparison:
    field, want = f"validators of block {number}", _accounts(epoch.validators)
    try:
        named = _named(epoch, number, client)
    except NoValidatorMethod as error:
        return not_checked(field, str(error), want, essential=essential)
    outcome = Outcome.OK if set(named.validators) == set(epoch.validators) else Outcome.DIFFERS
    note = f"{len(named.validators)} accounts, by {named.method}"
    return Comparison(field, outcome, want, _accounts(named.validators), note, essential)


def _named(epoch: Epoch, number: int, client: ChainClient) -> NamedValidators:
    """By the client's method, else by the header's list, where validators compare it before they seal."""
    try:
        return fetch_validators(client, epoch.consensus, number)
    except NoValidatorMethod:
        if epoch.consensus not in ENGINES or not epoch.lists_are_checked:
            raise
        listed = ENGINES[epoch.consensus](client.fetch_header(number)).listed
        if listed is None:
            raise
        return NamedValidators(listed, "the header's list")


def compare_seals(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """Whether those who sealed the newest blocks are validators of their epoch: the one thing that a node cannot make up."""
    head = client.head_number()
    epoch = trust.epoch_of(head)
    if epoch is None or head == 0:
        return
    numbers = _sealed_blocks(epoch, head)
    field, want = _seals_field(numbers), f"{epoch.wanted_seals} of its validators"
    if epoch.consensus not in ENGINES:
        yield not_checked(field, f"seals of {epoch.consensus} are not read here", want, essential=False)
        return
    signers: set[Address] = set()
    for number in numbers:
        signers.update(ENGINES[epoch.consensus](client.fetch_header(number)).signers())
    strangers = sorted(signers - set(epoch.validators))
    got = f"{len(signers) - len(strangers)} of its validators"
    if strangers:
        yield Comparison(field, Outcome.DIFFERS, want, f"{got}, and {_accounts(strangers)}")
    elif len(signers) < epoch.wanted_seals:
        reason = f"this node shows {got} only, want {epoch.wanted_seals}; others may show more"
        yield not_checked(field, reason, want, essential=False)
    else:
        yield Comparison(field, Outcome.OK, want, got, essential=False)


def _sealed_blocks(epoch: Epoch, head: int) -> range:
    """The newest block; of an engine with one seal a block as many as have to be by different signers (EIP-225)."""
    count = epoch.wanted_seals if epoch.consensus == "clique" else 1
    return range(max(epoch.from_block, 1, head - count + 1), head + 1)


def _seals_field(numbers: range) -> str:
    blocks = f"block {numbers[0]}" if len(numbers) == 1 else f"blocks {numbers[0]} to {numbers[-1]}"
    return f"seals of {blocks}"


def _accounts(addresses: Sequence[Address]) -> str:
    return ", ".join(map(checksum_address, addresses)) or "nobody"
