"""How one trust file differs from another, and whether it may take its place (SPEC.md, section 6.4).

A new version must name its predecessor, count up, and leave the past alone: the chain, the registry, and every closed epoch.
Each rule that is broken is an error of its own. What changes without breaking a rule is told all the same, and where it
changes what evidence of old blocks is worth, with a caution.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from perdure_anchor.epoch_words import epoch_headline, epoch_range
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Address, checksum_address, to_hex
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.trust import ContractPin, Epoch, Partner, PinnedSite, Revocation, TrustFile


class SuccessorFault(VerificationError):
    """A trust file may not take another one's place; each rule that it breaks is a class below this one."""


class PredecessorNotNamed(SuccessorFault):
    """The new version names no predecessor, or another one."""


class VersionNotHigher(SuccessorFault):
    """The new version's number does not grow."""


class ChainRewritten(SuccessorFault):
    """The new version is about another chain, or calls the same one something else."""


class RegistryRewritten(SuccessorFault):
    """The new version is about another registry, or says other things of the same one."""


class ClosedEpochRewritten(SuccessorFault):
    """A closed epoch was changed or taken out."""


_ONE_CONSORTIUM: Final = "a registry asks one consortium for ever: one of the two versions is wrong"
_IN_DOUBT: Final = "what this key signed, and what was not anchored before, is judged otherwise"
_OTHER_KEYS: Final = "checkpoints of this site are judged by other keys"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: ``before`` None for what was added, ``after`` None for what was removed.

    ``caution`` says what it does to evidence of blocks that the old version covers, where it does anything.
    """

    what: str
    before: str | None
    after: str | None
    caution: str | None = None


def successor_faults(old: TrustFile, old_digest: str, new: TrustFile) -> tuple[SuccessorFault, ...]:
    """Every rule that ``new`` breaks as the next version after ``old``; none means that it may follow.

    ``old_digest`` is the SHA-256 of the old file's bytes, 64 hexadecimal digits.
    """
    return tuple(_faults(old, old_digest, new))


def _faults(old: TrustFile, old_digest: str, new: TrustFile) -> Iterator[SuccessorFault]:
    if new.predecessor != old_digest:
        got = "none" if new.predecessor is None else new.predecessor
        yield PredecessorNotNamed(f"predecessor: got {got}, want {old_digest}")
    if new.version <= old.version:
        yield VersionNotHigher(f"version: got {new.version}, want more than {old.version}")
    for what, before, after in _chain_members(old, new):
        if before != after:
            yield ChainRewritten(f"{what}: got {after}, want {before}, as before")
    for what, before, after in _contract_members("registry", old.registry, new.registry):
        if before != after:
            yield RegistryRewritten(f"{what}: got {after}, want {before}, as before")
    yield from _epoch_faults(old, new)


def _epoch_faults(old: TrustFile, new: TrustFile) -> Iterator[SuccessorFault]:
    begins = {epoch.from_block: epoch for epoch in new.epochs}
    for closed in old.epochs:
        if closed.to_block is None or closed in new.epochs:
            continue
        other = begins.get(closed.from_block)
        if other is None:
            yield ClosedEpochRewritten(f"the closed epoch of {epoch_range(closed)} was removed")
        else:
            what = [member for member, _, _ in _epoch_members(closed, other)]
            what += ["validators"] * (closed.validators != other.validators)
            yield ClosedEpochRewritten(
                f"the closed epoch of {epoch_range(closed)} was changed: {', '.join(what)}"
            )


def changes(old: TrustFile, new: TrustFile) -> tuple[Change, ...]:
    """All differences in what the two files say, in the order of a trust file's members."""
    return tuple(_changes(old, new))


def _changes(old: TrustFile, new: TrustFile) -> Iterator[Change]:
    texts = [
        ("name", old.name, new.name),
        ("version", str(old.version), str(new.version)),
        ("predecessor", old.predecessor or "none", new.predecessor or "none"),
        *_chain_members(old, new),
        *_contract_members("registry", old.registry, new.registry),
    ]
    yield from (Change(what, before, after) for what, before, after in texts if before != after)
    for what, before, after in _contract_members("consortium", old.consortium, new.consortium):
        if before != after:
            yield Change(what, before, after, _ONE_CONSORTIUM)
    yield from _named("partner", _partners(old), _partners(new))
    yield from _named("site", _sites(old), _sites(new), _OTHER_KEYS)
    yield from _named("revocation", _revocations(old), _revocations(new), _IN_DOUBT)
    yield from _epoch_changes(old, new)


def _chain_members(old: TrustFile, new: TrustFile) -> tuple[tuple[str, str, str], ...]:
    return (
        ("devnet", _yes_or_no(old.devnet), _yes_or_no(new.devnet)),
        ("chain id", str(old.chain_id), str(new.chain_id)),
        ("genesis hash", to_hex(old.genesis_hash), to_hex(new.genesis_hash)),
    )


def _contract_members(what: str, old: ContractPin, new: ContractPin) -> tuple[tuple[str, str, str], ...]:
    return (
        (what, checksum_address(old.address), checksum_address(new.address)),
        (f"{what} code hash", to_hex(old.code_hash), to_hex(new.code_hash)),
        (f"{what} deployment block", str(old.deployment_block), str(new.deployment_block)),
    )


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _partners(trust: TrustFile) -> dict[str, str]:
    return {partner.name: partner_text(partner) for partner in trust.partners}


def partner_text(partner: Partner) -> str:
    """A partner's account and what is written of it for people, in one line."""
    texts = (
        checksum_address(partner.account),
        partner.legal_name,
        partner.registration_number,
        partner.contact,
    )
    return ", ".join(filter(None, texts))


def _sites(trust: TrustFile) -> dict[str, str]:
    return {site.origin.text: site_text(site) for site in trust.sites}


def site_text(site: PinnedSite) -> str:
    """A site's pinned keys in one line."""
    return ", ".join(map(checksum_address, site.keys)) or "no key"


def _revocations(trust: TrustFile) -> dict[str, str]:
    return {
        f"of {entry.origin.text}, key {checksum_address(entry.key)}": revocation_text(entry)
        for entry in trust.revocations
    }


def revocation_text(revocation: Revocation) -> str:
    """From when on a key is not believed, and why, in a few words."""
    since = format_seconds(revocation.since)
    return f"{'may be in other hands' if revocation.compromised else 'revoked'} since {since}"


def _named(
    kind: str, old: dict[str, str], new: dict[str, str], caution: str | None = None
) -> Iterator[Change]:
    """Differences between entries that have names; ``caution`` where something was there before."""
    for name in (*old, *(name for name in new if name not in old)):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield Change(f"{kind} {name}", before, after, caution)


def _epoch_changes(old: TrustFile, new: TrustFile) -> Iterator[Change]:
    before = {epoch.from_block: epoch for epoch in old.epochs}
    after = {epoch.from_block: epoch for epoch in new.epochs}
    for number in sorted(before.keys() | after.keys()):
        was, now = before.get(number), after.get(number)
        if was is not None and now is not None:
            yield from _changed_epoch(was, now)
        elif now is not None:
            yield from _added_epoch(old, new, now)
        else:
            assert was is not None
            caution = "blocks of this epoch are judged no more, or by another epoch"
            yield Change(_epoch_name(was), epoch_headline(was), None, caution)


def _epoch_name(epoch: Epoch) -> str:
    return f"epoch from block {epoch.from_block}"


def _added_epoch(old: TrustFile, new: TrustFile, added: Epoch) -> Iterator[Change]:
    """A new epoch, with who joins and who leaves against the epoch before it."""
    is_past = added.from_block < old.epochs[-1].from_block
    before = [epoch for epoch in new.epochs if epoch.from_block < added.from_block]
    caution = "blocks of the past that could not be judged are judged now" if is_past else None
    if before and len(set(added.validators) & set(before[-1].validators)) < before[-1].wanted_seals:
        caution = "too few validators stay for headers to show this change: whoever wrote the file answers for the new set"
    yield Change(_epoch_name(added), None, epoch_headline(added), caution)
    yield from _validator_changes(added, before[-1].validators if before else (), caution)


def _changed_epoch(was: Epoch, now: Epoch) -> Iterator[Change]:
    only_closed = replace(was, to_block=now.to_block) == now
    caution = None if only_closed else "blocks of this epoch are judged otherwise"
    for member, before, after in _epoch_members(was, now):
        yield Change(f"{_epoch_name(was)}, {member}", before, after, caution)
    yield from _validator_changes(now, was.validators, caution)


def _validator_changes(now: Epoch, before: tuple[Address, ...], caution: str | None) -> Iterator[Change]:
    what = f"{_epoch_name(now)}, validator"
    for validator in before:
        if validator not in now.validators:
            yield Change(what, checksum_address(validator), None, caution)
    for validator in now.validators:
        if validator not in before:
            yield Change(what, None, checksum_address(validator), caution)


def _epoch_members(was: Epoch, now: Epoch) -> Iterator[tuple[str, str, str]]:
    """What differs between two epochs that begin at the same block, the validators left out."""
    members = (
        ("end", _end(was), _end(now)),
        ("client", was.client, now.client),
        ("consensus", was.consensus, now.consensus),
        ("selection", was.selection, now.selection),
        ("quorum", was.quorum_rule, now.quorum_rule),
        ("curve", was.curve, now.curve),
    )
    return ((what, before, after) for what, before, after in members if before != after)


def _end(epoch: Epoch) -> str:
    return "open" if epoch.to_block is None else f"block {epoch.to_block}"
