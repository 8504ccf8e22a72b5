"""The epochs' validators against those that the node names, and against the seals on the newest block."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from perdure_anchor import qbft
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.header import BlockHeader
from perdure_anchor.trust import Epoch, TrustFile
from perdure_contracts.chain import ChainClient
from perdure_contracts.validator_sets import NamedValidators, NoValidatorMethod, fetch_validators

from perdure_node.trust_check.comparison import Comparison, Outcome, not_checked

# engines whose headers list their validators and carry their seals; others are asked for by method only
HEADER_LISTS: Final[Mapping[str, Callable[[BlockHeader], tuple[Address, ...]]]] = {
    "qbft": lambda header: qbft.parse_extra_data(header.extra_data).validators,
}
SEAL_SIGNERS: Final[Mapping[str, Callable[[BlockHeader], tuple[Address, ...]]]] = {
    "qbft": qbft.seal_signers,
}


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
        header_list = HEADER_LISTS.get(epoch.consensus)
        if header_list is None or not epoch.lists_are_checked:
            raise
        return NamedValidators(header_list(client.fetch_header(number)), "the header's list")


def compare_seals(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """Whether those who sealed the newest block are validators of its epoch: the one thing here that a node cannot make up."""
    head = client.head_number()
    epoch = trust.epoch_of(head)
    if epoch is None or head == 0:
        return
    field, want = f"seals of block {head}", f"{epoch.wanted_seals} of its validators"
    seal_signers = SEAL_SIGNERS.get(epoch.consensus)
    if seal_signers is None:
        yield not_checked(field, f"seals of {epoch.consensus} are not read here", want, essential=False)
        return
    signers = set(seal_signers(client.fetch_header(head)))
    strangers = sorted(signers - set(epoch.validators))
    got = f"{len(signers) - len(strangers)} of its validators"
    if strangers:
        yield Comparison(field, Outcome.DIFFERS, want, f"{got}, and {_accounts(strangers)}")
    elif len(signers) < epoch.wanted_seals:
        yield not_checked(
            field, f"this node's copy carries {got} only; others may carry more", want, essential=False
        )
    else:
        yield Comparison(field, Outcome.OK, want, got, essential=False)


def _accounts(addresses: tuple[Address, ...] | list[Address]) -> str:
    return ", ".join(map(checksum_address, addresses)) or "nobody"
