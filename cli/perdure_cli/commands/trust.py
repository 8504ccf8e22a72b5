"""`perdure trust`: look at trust files, compare and extend them, and pin those whose fingerprint was compared with the consortium's."""

import os
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError, PerdureError
from perdure_anchor.hashes import Address, parse_hex
from perdure_anchor.trust_changes import changes, successor_faults

from perdure_cli.commands.trust_adopt import adopt
from perdure_cli.commands.trust_extend import extend
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE
from perdure_cli.new_files import check_new_file, write_new, write_over
from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.trust_store import NoTrustFile, TrustSource, TrustStore, named_source, user_store
from perdure_cli.trusting import as_json as members
from perdure_cli.trusting import as_text

FILE = click.Path(path_type=Path)


class WrongFingerprint(ConfigError):
    """The file is not the one whose fingerprint the user was told."""


@click.group(short_help="Show, compare, pin and extend trust files.")
def trust() -> None:
    """Show, compare, pin and extend trust files: what a verifier believes before it reads any evidence.

    Where a command takes a FILE, the first digits of a pinned file's fingerprint do as well, four at least.
    """


trust.add_command(adopt)
trust.add_command(extend)


@trust.command()
@click.argument("file", type=FILE, required=False)
@json_option
def show(file: Path | None, as_json: bool) -> None:
    """Show what a trust FILE says, or list all that are pinned."""
    store = user_store(os.environ)
    sources = list(store.sources()) if file is None else [named_source(file, store)]
    for source in sources:
        if as_json:
            print_json(members.whole(source, store))
        elif file is None:
            as_text.print_summary(source)
        else:
            as_text.print_whole(source, store)
    if as_json:
        return
    if not sources:
        tell(f"no trust file is pinned in {store.folder}")
    if not all(source.pinned for source in sources) or not sources:
        tell_next(f"perdure trust pin {file or 'FILE'}, once you have compared its fingerprint")


@trust.command()
@click.argument("file", type=FILE)
@click.option(
    "--fingerprint", metavar="HEX", help="Pin only if the file has this fingerprint; spaces do not matter."
)
@click.option(
    "--replace",
    is_flag=True,
    help="Pin it even if it rewrites the past, and forget other pinned files for the same registry.",
)
@json_option
def pin(file: Path, fingerprint: str | None, replace: bool, as_json: bool) -> None:
    """Keep a copy of a trust FILE, and believe it from now on.

    Compare its fingerprint first with one that you got from the consortium by another way, such as the phone. A newer version
    of a pinned file is shown with what it changes, and refused if it rewrites the past.
    """
    store = user_store(os.environ)
    given = named_source(file, store)
    if fingerprint is not None and "".join(fingerprint.split()).lower() != given.digest:
        raise WrongFingerprint(
            f"{file}: its fingerprint is {given.fingerprint}",
            hint="this is not the file that you were told of; ask the consortium for the right one",
        )
    before = None if given.pinned else store.by_digest(given.trust.predecessor)
    found = () if before is None else changes(before.trust, given.trust)
    if before is not None and not as_json:
        print_line(f"{as_text.title(before)} -> {as_text.title(given)}")
        as_text.print_changes(found)
    source = store.pin(given.raw, replace=replace)
    if as_json:
        listed = None if before is None else members.changes(found)
        print_json({**members.whole(source, store), "changes": listed})
        return
    print_line(f"pinned {as_text.title(source)}")
    print_row("fingerprint", source.fingerprint)
    if fingerprint is None:
        tell("compare the fingerprint with the consortium's, if you have not yet")
    tell_next("perdure verify FILE...")


@trust.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@json_option
def diff(old: Path, new: Path, as_json: bool) -> int:
    """Say what changes from the trust file OLD to NEW, and whether NEW may follow OLD.

    Ends with 1 if it may not: if it names no or another predecessor, does not count up, changes the chain or the registry, or
    rewrites a closed epoch.
    """
    store = user_store(os.environ)
    before, after = named_source(old, store), named_source(new, store)
    found = changes(before.trust, after.trust)
    broken = successor_faults(before.trust, before.digest, after.trust)
    if as_json:
        print_json(
            {
                "ok": not broken,
                "old": members.reference(before),
                "new": members.reference(after),
                "changes": members.changes(found),
                "faults": members.faults(broken),
            }
        )
        return ANSWER_IS_NO if broken else DONE
    for source in (before, after):
        print_line(as_text.title(source))
        print_row("fingerprint", source.fingerprint)
    if before.raw == after.raw:
        print_line("the two are the same file")
    as_text.print_changes(found)
    as_text.print_judgement(broken)
    if before.trust.predecessor == after.digest:
        tell("OLD names NEW as its predecessor: they are given the wrong way round")
    return ANSWER_IS_NO if broken else DONE


@trust.command()
@click.argument("file", type=FILE)
@click.option(
    "--rpc", "rpc_url", required=True, metavar="URL", help="The JSON-RPC endpoint of a node of its chain."
)
@json_option
def check(file: Path, rpc_url: str, as_json: bool) -> int:
    """Compare each field of a trust FILE with what a node of its chain says.

    Ends with 0 if nothing differs and all that is essential could be checked, with 1 if something differs, with 3 if an
    essential field (chain id, genesis hash, the contracts' code, the registry's consortium, partners, sites' keys, the newest
    epoch's validators) could not be checked. A node's word is not evidence: it finds slips and old versions of the file, and
    takes the place of no fingerprint.
    """
    from perdure_contracts.chain import ChainClient
    from perdure_contracts.rpc import JsonRpc
    from perdure_node.trust_check import Comparison, compare_with_chain, overall

    from perdure_cli.trusting import checking

    store = user_store(os.environ)
    source = named_source(file, store)
    before = checking.predecessor(source, store)
    with JsonRpc(rpc_url, patience=checking.PATIENCE) as rpc:
        node = str(rpc.endpoint)
        found: list[Comparison] = []
        for comparison in compare_with_chain(source.trust, ChainClient(rpc), before):
            if not as_json:
                if not found:
                    checking.print_head(source, node)
                checking.print_comparison(comparison)
            found.append(comparison)
    answer = overall(found)
    if as_json:
        print_json({**members.reference(source), **checking.as_members(found, answer, node)})
    else:
        checking.print_answer(found, answer)
    return checking.exit_code_of(answer)


@trust.command()
@click.argument("file", type=FILE)
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), metavar="HTML", help="Write a page to print."
)
@click.option("--force", is_flag=True, help="Write over a page that is there.")
@json_option
def fingerprint(file: Path, page: Path | None, force: bool, as_json: bool) -> None:
    """Show a trust FILE's fingerprint in rows that can be read out on the phone.

    With --page it is written to a page to print, with a QR code of the same digits: one HTML file without scripts, which loads
    nothing.
    """
    store = user_store(os.environ)
    source = named_source(file, store)
    if page is not None:
        from perdure_cli.trusting.page import fingerprint_page

        _write(page, fingerprint_page(source), force=force)
    if as_json:
        rows = as_text.fingerprint_rows(source)
        written = None if page is None else str(page)
        print_json({"ok": True, **members.reference(source), "rows": rows, "page": written})
        return
    as_text.print_fingerprint(source)
    if page is not None:
        tell(f"wrote {page}: print it, and hand it over by another way than the trust file")


@trust.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--fingerprint", "digits", metavar="HEX", help="The pinned file whose fingerprint begins so.")
@click.option("--chain-id", type=click.IntRange(min=0), metavar="N", help="The newest one for this chain.")
@click.option("--registry", metavar="ADDRESS", help="The newest one for this registry.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
def export(
    file: Path, digits: str | None, chain_id: int | None, registry: str | None, force: bool, as_json: bool
) -> None:
    """Write a pinned trust file to FILE, byte for byte as it was pinned.

    Without options it is the newest of those for the only registry that is pinned.
    """
    source = _pinned(user_store(os.environ), digits, chain_id, registry)
    _write(file, source.raw, force=force)
    if as_json:
        print_json({"ok": True, **members.reference(source), "file": str(file)})
        return
    print_line(f"wrote {as_text.title(source)} to {file}")
    print_row("fingerprint", source.fingerprint)


def _pinned(store: TrustStore, digits: str | None, chain_id: int | None, registry: str | None) -> TrustSource:
    if digits is not None and (chain_id is not None or registry is not None):
        raise click.UsageError("want --fingerprint, or --chain-id and --registry, not both")
    found = store.newest(chain_id, _address(registry)) if digits is None else store.starting_with(digits)
    if found is None:
        raise NoTrustFile("no such trust file is pinned", hint="perdure trust show lists what is pinned")
    return found


def _address(text: str | None) -> Address | None:
    try:
        return None if text is None else Address(parse_hex(text, 20, "--registry"))
    except PerdureError as error:
        raise click.UsageError(str(error)) from error


def _write(file: Path, raw: bytes, *, force: bool) -> None:
    if force:
        write_over(file, raw)
        return
    check_new_file(file)
    write_new(file, raw)
