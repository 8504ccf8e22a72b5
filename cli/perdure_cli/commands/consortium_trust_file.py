"""`perdure consortium trust-file`: the next version of a trust file, from what the contracts say."""

import os
from pathlib import Path

import click
from perdure_anchor.trust_changes import changes
from perdure_anchor.trust_file import encode_trust_file

from perdure_cli.consortium.options import chosen_trust, connected, rpc_option, trust_option
from perdure_cli.new_files import check_new_file, write_new
from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.trust_store import TrustSource, user_store
from perdure_cli.trusting import as_json as trust_members
from perdure_cli.trusting import as_text


@click.command("trust-file", short_help="Write a trust file's next version.")
@rpc_option
@trust_option
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NEW",
    help="Where to write the newer version; nothing is written if nothing changes.",
)
@click.option(
    "--pin-sites",
    is_flag=True,
    help="Name all keys of all sites too, so that evidence signed by them needs no registry's word.",
)
@json_option
def trust_file(rpc_url: str, trust_file: Path | None, output: Path, pin_sites: bool, as_json: bool) -> None:
    """Write the next version of the trust file: partners and their accounts, and keys of sites that are revoked or may be stolen.

    Verifiers offline learn of a revocation from here only: what such a key signed and what was anchored before stays good, what was
    anchored later is named. A file with revocations is of the format perdure-trust/2, which versions of perdure before it refuse. Validators
    are followed by perdure trust extend. What is written is the node's word: let each partner confirm what is said of it.
    """
    from perdure_node.consortium.next_trust import next_trust

    before = chosen_trust(trust_file)
    check_new_file(output)
    with connected(before, rpc_url) as chain:
        found = next_trust(before.raw, chain, pin_sites=pin_sites)
    after = None
    if found.successor is not None:
        raw = encode_trust_file(found.successor)
        write_new(output, raw)
        after = TrustSource(raw, found.successor, output, user_store(os.environ).holds(raw))
    differences = () if after is None else changes(before.trust, after.trust)
    if as_json:
        print_json(
            {
                "ok": True,
                "old": trust_members.reference(before),
                "new": None if after is None else trust_members.reference(after),
                "changes": trust_members.changes(differences),
                "block_number": found.block_number,
            }
        )
        return
    if after is None:
        print_line(f"nothing changed: {as_text.title(before)} says what the contracts say")
        return
    print_line(f"{as_text.title(before)} -> {as_text.title(after)}")
    as_text.print_changes(differences)
    print_row("as of", f"block {found.block_number}")
    print_row("fingerprint", after.fingerprint)
    print_line(f"wrote {output}")
    if pin_sites:
        tell_warning(
            "the sites' keys are the registry's word: let each partner confirm its own before you publish"
        )
    tell(
        "each partner: compare it with perdure trust check against your own node, and the fingerprint by phone"
    )
    tell_next(f"perdure trust pin {output}; for sites perdure trust adopt {output}")
