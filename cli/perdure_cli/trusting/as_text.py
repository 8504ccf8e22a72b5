"""Trust files and their differences as people read them."""

from collections.abc import Iterable, Iterator

from perdure_anchor.epoch_words import epoch_lines
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.trust import ContractPin
from perdure_anchor.trust_changes import Change, SuccessorFault, partner_text, revocation_text, site_text
from perdure_contracts.artifacts import ContractName, load_artifact

from perdure_cli.output import print_line, print_row
from perdure_cli.trust_store import TrustSource, TrustStore

_GROUPS_A_ROW = 4


def print_summary(source: TrustSource) -> None:
    """By what a pinned file is told from others."""
    trust = source.trust
    print_line(title(source))
    print_row("fingerprint", source.fingerprint)
    print_row("chain id", str(trust.chain_id))
    print_row("registry", checksum_address(trust.registry.address))


def print_whole(source: TrustSource, store: TrustStore) -> None:
    """Everything that the file says, and what follows from it."""
    trust = source.trust
    print_summary(source)
    print_row("pinned", "yes" if source.pinned else "no")
    if trust.devnet:
        print_row("devnet", "one process held all keys: evidence under this file proves nothing")
    print_row("genesis hash", to_hex(trust.genesis_hash))
    _print_contract("registry", trust.registry, "AnchorRegistry")
    print_row("consortium", checksum_address(trust.consortium.address))
    _print_contract("consortium", trust.consortium, "Consortium")
    print_row("predecessor", _predecessor(trust.predecessor, store))
    for partner in trust.partners:
        print_row("partner", f"{partner.name}, {partner_text(partner)}")
    for site in trust.sites:
        print_row("site", f"{site.origin.text}: {site_text(site)}")
    for entry in trust.revocations:
        print_row(
            "revocation", f"{entry.origin.text}, key {checksum_address(entry.key)}: {revocation_text(entry)}"
        )
    for epoch in trust.epochs:
        for label, text in epoch_lines(epoch, is_last=epoch is trust.epochs[-1]):
            print_row(label, text)


def title(source: TrustSource) -> str:
    """The file's name and version."""
    return f"{source.trust.name}, version {source.trust.version}"


def _print_contract(what: str, pin: ContractPin, name: ContractName) -> None:
    known = pin.code_hash == load_artifact(name).runtime_hash
    code = f"{name} as this perdure has it" if known else f"not the {name} that this perdure has"
    print_row(f"{what} code", f"{to_hex(pin.code_hash)}, {code}")
    print_row(f"{what} since", f"block {pin.deployment_block}")


def _predecessor(digest: str | None, store: TrustStore) -> str:
    if digest is None:
        return "none"
    return f"{digest}, {'not pinned' if store.by_digest(digest) is None else 'pinned'}"


def fingerprint_rows(source: TrustSource) -> list[str]:
    """The fingerprint in rows of four groups, to be read out one after the other."""
    groups = source.fingerprint.split(" ")
    return [" ".join(groups[at : at + _GROUPS_A_ROW]) for at in range(0, len(groups), _GROUPS_A_ROW)]


def print_fingerprint(source: TrustSource) -> None:
    """The fingerprint as it is read out."""
    print_line(title(source))
    for number, row in enumerate(fingerprint_rows(source), 1):
        print_row(f"row {number}", row)


def print_changes(changes: Iterable[Change]) -> None:
    """What changes, a line each: ``+`` is new, ``-`` is gone."""
    for change in changes:
        for line in _change_lines(change):
            print_line(line)


def _change_lines(change: Change) -> Iterator[str]:
    if change.before is None:
        yield f"  + {change.what}: {change.after}"
    elif change.after is None:
        yield f"  - {change.what}: {change.before}"
    else:
        yield f"  ~ {change.what}: {change.before} -> {change.after}"
    if change.caution is not None:
        yield f"      caution: {change.caution}"


def print_judgement(faults: Iterable[SuccessorFault]) -> None:
    """Whether the newer file may take the older one's place, and what it breaks."""
    broken = tuple(faults)
    if not broken:
        print_line(
            "yes, it may follow: it names its predecessor, and no closed epoch, chain or registry changes",
            style="green",
        )
        return
    print_line("no, it may not follow", style="red")
    for fault in broken:
        print_row(type(fault).__name__, str(fault))
