"""`perdure trust adopt`: a site goes on under a newer version of the trust file that its vault pins."""

import os
from pathlib import Path

import click
from perdure_anchor.trust_changes import changes, successor_faults
from perdure_anchor.trust_file import fingerprint, parse_trust_file

from perdure_cli.options import json_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.trust_store import NotASuccessor, TrustSource, named_source, user_store


@click.command(short_help="Let a site's vault believe a newer version.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Take it even if it does not follow from the one before.")
@vault_option
@json_option
def adopt(file: Path, force: bool, vault_folder: Path | None, as_json: bool) -> None:
    """Let the site's vault believe a newer version of its trust FILE.

    What changes is shown, and a version that rewrites the past is refused. Compare its fingerprint with the consortium's first:
    where you have pinned the one before, this one is pinned too. What was anchored before stays as it is, and evidence of it stays
    good; whoever verifies new evidence needs this version, or the validators' changes since his own.
    """
    from perdure_node.vault import replace_trust_file

    from perdure_cli.site import open_site
    from perdure_cli.trusting import as_json as members
    from perdure_cli.trusting import as_text

    store = user_store(os.environ)
    given = named_source(file, store)
    is_new = not given.pinned
    with open_site(vault_folder) as vault:
        before, digest = vault.trust, "".join(fingerprint(vault.trust_raw).split())
        is_same, was_pinned = vault.trust_raw == given.raw, store.holds(vault.trust_raw)
        _check_succession(given, () if is_same or force else successor_faults(before, digest, given.trust))
        if was_pinned:
            # evidence that the vault makes from now on is for who believes this version
            given = store.pin(given.raw, replace=force)
        replace_trust_file(vault, given.raw)
    found = changes(before, parse_trust_file(given.raw))
    if as_json:
        print_json({"ok": True, **members.reference(given), "changes": members.changes(found)})
        return
    if is_same:
        tell("the vault believes this version already")
        return
    print_line(f"{before.name}, version {before.version} -> {as_text.title(given)}")
    as_text.print_changes(found)
    print_row("fingerprint", given.fingerprint)
    if was_pinned and is_new:
        tell("pinned for this user too")
    if is_new:
        tell("compare the fingerprint with the consortium's, if you have not yet")
    tell_next("perdure sync")


def _check_succession(given: TrustSource, faults: tuple[Exception, ...]) -> None:
    if faults:
        raise NotASuccessor(
            f"{given.path}: does not follow from the version that the vault believes: {faults[0]}",
            hint="ask the consortium for the versions between, or what happened; --force takes it all the same",
        )
