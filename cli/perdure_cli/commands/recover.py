"""`perdure recover`: bring a site's log and records together from what is left of them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import checksum_address
from perdure_node.clock import system_clock
from perdure_node.errors import OtherVault
from perdure_node.keys.keyring import KeyRing
from perdure_node.vault import Vault, open_vault

from perdure_cli.merged_texts import (
    merged_members,
    people_members,
    print_merged,
    print_people,
    warn_of_other_people,
    warn_of_unmerged,
)
from perdure_cli.networks import RealChain
from perdure_cli.options import READABLE_FILE, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import key_ring, open_site, site_passphrase

if TYPE_CHECKING:
    from perdure_contracts.registry import SiteState
    from perdure_node.adopting.true_log import KnownLog
    from perdure_node.chain.anchor_chain import AnchorChain
    from perdure_node.recovering.merging import Merged
    from perdure_node.recovering.recovery import OtherVaultSource, Recovered

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The command's options that say where to look."""

    other_vaults: Sequence[Path]
    bundles: Sequence[Path]
    sheet: Path | None
    offline: bool
    rpc_url: str | None
    passphrase_file: Path | None
    from_passphrase_file: Path | None


@click.command(short_help="Bring back a log after a loss, or adopt the true one.")
@click.option(
    "--from",
    "other_vaults",
    type=_FOLDER,
    multiple=True,
    metavar="VAULT",
    help="Another vault of the site, such as a restored backup: its records are taken in. Repeatable.",
)
@click.option(
    "--bundle",
    "bundles",
    type=READABLE_FILE,
    multiple=True,
    metavar="FILE",
    help="A return bundle of the gateway with all leaf hashes. Repeatable.",
)
@click.option(
    "--sheet", type=READABLE_FILE, metavar="FILE", help="A recovery sheet, typed or scanned into a text file."
)
@click.option(
    "--offline",
    is_flag=True,
    help="Ask no chain, though it could be: the comparison with the registry stays due.",
)
@click.option(
    "--successor-of",
    "successor_of",
    type=_FOLDER,
    metavar="VAULT",
    help="Take over what waits in the vault of a closed site that this one continues.",
)
@click.option(
    "--from-passphrase-file",
    type=READABLE_FILE,
    metavar="FILE",
    help="File with the passphrase of the other vaults, if it is another one.",
)
@click.option(
    "--rpc", "rpc_url", metavar="URL", help="Ask this endpoint; for a new vault, the one it will use."
)
@click.option(
    "--devnet", type=_FOLDER, metavar="DIR", help="For a new vault: the folder of a running devnet."
)
@click.option(
    "--trust",
    "trust_file",
    type=READABLE_FILE,
    metavar="FILE",
    help="For a new vault: the consortium's trust file.",
)
@click.option(
    "--relay-keystore",
    type=READABLE_FILE,
    metavar="FILE",
    help="For a new vault: the account that submits checkpoints (Ethereum V3 keystore).",
)
@click.option(
    "--relay-passphrase-file",
    type=READABLE_FILE,
    metavar="FILE",
    help="File with that keystore's passphrase.",
)
@click.option(
    "--recovery-key",
    "recovery_file",
    type=READABLE_FILE,
    metavar="FILE",
    help="The recovery key, where the sheet is locked to it.",
)
@passphrase_option
@vault_option
@json_option
def recover(
    other_vaults: tuple[Path, ...],
    bundles: tuple[Path, ...],
    sheet: Path | None,
    offline: bool,
    successor_of: Path | None,
    from_passphrase_file: Path | None,
    rpc_url: str | None,
    devnet: Path | None,
    trust_file: Path | None,
    relay_keystore: Path | None,
    relay_passphrase_file: Path | None,
    recovery_file: Path | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Make the registry's log of this site the vault's, with all that is left of it.

    What the vault itself has signed beside that log is kept apart, and its records are sealed again at the log's end: nothing is
    lost, and nothing forks. Leaf hashes and records come from wherever they are left: backups (--from), the gateway's mirror
    (--bundle), and what the chain tells. Records whose slots survive are whole again; the others are known by their leaf hash, or
    counted as a gap, and the log goes on over them. What was done to records comes along: holds, notes, and who waits for whom. A
    vault that names no operators and has no policy gets those of --from.

    With --sheet and no vault here, a new vault is made with the sheet's key; with --trust, and neither --rpc nor
    --relay-keystore, without a network. `perdure help recover` and docs/guide-recovery.md say
    which way helps in which case.
    """
    network = RealChain(trust_file, rpc_url, relay_keystore, relay_passphrase_file)
    offline = offline or (sheet is not None and devnet is None and network.is_out_of_reach)
    asked = _Asked(other_vaults, bundles, sheet, offline, rpc_url, passphrase_file, from_passphrase_file)
    if successor_of is not None:
        _take_over(successor_of, asked, vault_folder, as_json)
        return
    from perdure_cli.sheet_vault import open_or_make

    with open_or_make(vault_folder, sheet, recovery_file, devnet, network, passphrase_file) as (vault, log):
        recovered, key_doubt, is_compared = _recovered(vault, asked, log)
        if as_json:
            print_json(_members(vault, recovered, key_doubt))
        else:
            _print(vault, recovered)
            _tell_doubt(key_doubt)
        _warn_of_gap(vault, recovered)
        warn_of_unmerged(recovered.merged)
        warn_of_other_people(recovered.people)
        if not as_json:
            tell_next(_next_step(recovered, is_compared=is_compared, key_doubt=key_doubt))


def _recovered(vault: Vault, asked: _Asked, sheet: "KnownLog | None") -> "tuple[Recovered, str | None, bool]":
    """What was recovered, why the registry would not take the vault's key, and whether the registry was asked."""
    from perdure_node.courier.bundle_file import load_bundle
    from perdure_node.courier.receiving import receive
    from perdure_node.recovering.recovery import Sources
    from perdure_node.recovering.recovery import recover as recover_vault

    clock = system_clock()
    with ExitStack() as stack:
        chain = _asked_chain(vault, asked, stack)
        others = _opened(asked, vault, stack)
        keys = key_ring(vault, asked.passphrase_file)
        loaded = [load_bundle(path, lambda: [keys.private_key()]) for path in asked.bundles]
        progress = stack.enter_context(TerminalProgress())
        sources = Sources(chain, loaded, others, sheet)
        recovered = recover_vault(
            vault, sources, clock=clock, randomness=os.urandom, keys=keys, progress=progress
        )
        for bundle in loaded:
            receive(vault, bundle, clock=clock)
        return recovered, None if chain is None else _key_doubt(vault, chain), chain is not None


def _asked_chain(vault: Vault, asked: _Asked, stack: ExitStack) -> "AnchorChain | None":
    """The chain, None where it shall not be asked, or cannot be while something else says what is true."""
    if asked.offline:
        return None
    try:
        return stack.enter_context(_connected(vault, asked.rpc_url))
    except ChainError as error:
        if not (asked.bundles or asked.sheet):
            tell(
                "the chain cannot be asked now: with --bundle, --sheet or another vault, --offline does without"
            )
            raise
        tell(f"the chain cannot be asked now: {error}")
        return None


@contextmanager
def _connected(vault: Vault, rpc_url: str | None) -> "Iterator[AnchorChain]":
    from perdure_node.syncing.sync import connect

    with connect(vault, rpc_url=rpc_url, wait=vault.config.wait) as chain:
        chain.check()
        yield chain


def _opened(asked: _Asked, vault: Vault, stack: ExitStack) -> "list[OtherVaultSource]":
    from perdure_node.recovering.recovery import OtherVaultSource

    file = asked.from_passphrase_file or asked.passphrase_file
    passphrases: list[str] = []

    def passphrase() -> str:
        if not passphrases:
            passphrases.append(site_passphrase(file, os.environ))
        return passphrases[0]

    found = []
    for path in asked.other_vaults:
        if path.resolve() == vault.folder.resolve():
            raise OtherVault(f"{path}: is this very vault")
        other = stack.enter_context(_open_other(path))
        found.append(OtherVaultSource(other, KeyRing(other, passphrase)))
    return found


def _open_other(path: Path) -> Vault:
    """A vault's folder, or the folder that holds one."""
    inner = path / ".perdure"
    return open_vault(inner if inner.is_dir() else path)


def _key_doubt(vault: Vault, chain: "AnchorChain") -> str | None:
    """Why the registry would not take what the vault's key signs, if it would not."""
    state = chain.registry.site(vault.origin.site)
    if state is None:
        return f"the registry does not know the site {vault.origin.text}"
    if state.successor is not None:
        from perdure_node.chain.successors import site_name

        return f"the log is closed, and goes on as {site_name(chain, state.successor)}"
    if state.key != vault.site_address and not _is_in_grace(vault, state, chain):
        current = "none" if state.key is None else checksum_address(state.key)
        return f"the registry's key of the site is {current}, this vault's is {checksum_address(vault.site_address)}"
    return None


def _is_in_grace(vault: Vault, state: "SiteState", chain: "AnchorChain") -> bool:
    """Whether the registry still takes what this vault's key signs, beside the newer one, by the clock of its blocks."""
    if state.key is None or state.previous_key != vault.site_address:
        return False
    now = chain.client.fetch_header(chain.client.head_number()).timestamp
    return now < state.previous_key_until


def _tell_doubt(doubt: str | None) -> None:
    if doubt is not None:
        tell_warning(doubt)


def _next_step(recovered: "Recovered", *, is_compared: bool, key_doubt: str | None) -> str:
    if key_doubt is not None:
        return "the partner sets the site's key (rotateKey), or names a successor; then perdure sync"
    if not is_compared:
        return "perdure sync, or perdure courier pack: nothing is sealed until the log was compared with the registry"
    return "perdure sync" if recovered.adopted.queued or recovered.merged.added else "perdure status"


def _print(vault: Vault, recovered: "Recovered") -> None:
    adopted, merged = recovered.adopted, recovered.merged
    print_line(
        f"{vault.origin.text}: the log has {plural(adopted.size, 'record')}, as {recovered.source} has it",
        style="bold",
    )
    if adopted.was_rival:
        print_row("rival", f"this vault had {adopted.old_size}, of which {adopted.prefix} are the same")
    if merged.added or merged.there:
        print_row("records", f"{merged.added} taken in, {merged.there} were here already")
    print_merged(merged)
    print_people(recovered.people)
    if adopted.found:
        print_row("found", f"{plural(adopted.found, 'waiting record')} had a place in the log already")
    if adopted.queued:
        print_row("sealed again", f"{plural(adopted.queued, 'record')} of this vault, at the log's end")
    if adopted.without_record:
        print_row(
            "known by hash", f"{plural(adopted.without_record, 'leaf', 'leaves')} without a record here"
        )
    if adopted.unknown:
        print_row("gap", f"{plural(adopted.unknown, 'leaf', 'leaves')} whose hashes are lost too")


def _warn_of_gap(vault: Vault, recovered: "Recovered") -> None:
    """Whoever seals now may give a record a second place in the log: leaves in a gap cannot be compared with what waits."""
    waiting = vault.database.number("SELECT count(*) FROM queue")
    if recovered.adopted.unknown and waiting:
        tell_warning(
            f"{plural(waiting, 'record')} not sealed yet may have a place in the gap already, and get a second one: "
            "if there is a gateway, its mirror tells (`perdure gateway mirror`, and here `perdure recover --bundle`)"
        )


def _members(vault: Vault, recovered: "Recovered", key_doubt: str | None) -> dict[str, object]:
    adopted, merged = recovered.adopted, recovered.merged
    return {
        "ok": True,
        "site": vault.origin.text,
        "vault": str(vault.folder),
        "source": recovered.source,
        "old_size": adopted.old_size,
        "common_prefix": adopted.prefix,
        "size": adopted.size,
        "queued": adopted.queued,
        "found": adopted.found,
        "known_by_hash": adopted.without_record,
        "unknown_leaves": adopted.unknown,
        "taken_in": merged.added,
        "were_there": merged.there,
        **merged_members(merged),
        **people_members(recovered.people),
        "key_doubt": key_doubt,
    }


def _take_over(old_folder: Path, asked: _Asked, vault_folder: Path | None, as_json: bool) -> None:
    """Records of a closed site that its log never took."""
    from perdure_node.operators.people import operators
    from perdure_node.operators.policy import adopted_digest
    from perdure_node.recovering.successor import take_over

    if asked.offline or asked.sheet or asked.bundles or asked.other_vaults:
        raise click.UsageError("--successor-of stands alone: the registry says whose successor a site is")
    with open_site(vault_folder) as vault, _open_other(old_folder) as old, TerminalProgress() as progress:
        keys = key_ring(old, asked.from_passphrase_file or asked.passphrase_file)
        with _connected(vault, asked.rpc_url) as chain:
            merged = take_over(
                vault, old, keys, chain, clock=system_clock(), randomness=os.urandom, progress=progress
            )
        if old.database.has_table("policy") and (
            operators(old.database) or adopted_digest(old.database) is not None
        ):
            tell_warning(
                f"operators and policy of {old.origin.text} do not come along: they are recorded in its log alone; "
                "`perdure operator add` and `perdure policy set` make them here"
            )
    warn_of_unmerged(merged)
    _tell_taken_over(merged, old.origin.text, vault.origin.text, as_json)


def _tell_taken_over(merged: "Merged", old: str, new: str, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": True,
                "site": new,
                "successor_of": old,
                "taken_in": merged.added,
                "were_there": merged.there,
                **merged_members(merged),
                "signed": merged.signed,
            }
        )
        return
    print_line(f"{new} has taken over {plural(merged.added, 'record')} that waited in {old}")
    print_merged(merged)
    tell_next("perdure sync")
