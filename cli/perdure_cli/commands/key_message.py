"""`perdure key message`: a rotation that is on its way, as a file for whoever brings it to the registry."""

from pathlib import Path

import click
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import checksum_address
from perdure_node.consortium.rotation_message import encode_rotation_message
from perdure_node.site_keys.standing import rotations_under_way

from perdure_cli.new_files import write_new
from perdure_cli.options import json_option, vault_option
from perdure_cli.output import print_json, print_line, tell_next
from perdure_cli.site import open_site


class NoRotation(VerificationError):
    """No rotation of the site's key is on its way."""


@click.command(short_help="Write a rotation for whoever brings it to the registry.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@vault_option
@json_option
def message(file: Path, vault_folder: Path | None, as_json: bool) -> None:
    """Write the oldest rotation that the registry has not heard of into FILE, in place of a sync or a bundle.

    It holds the new key's address and the old key's signature, and no secret. Whoever carries it can keep it back, and cannot alter it:
    anybody may send it, with `perdure consortium rotate-key --message FILE`.
    """
    with open_site(vault_folder) as vault:
        under_way = rotations_under_way(vault.database)
        if not under_way:
            raise NoRotation(
                "no rotation of the site's key is on its way", hint="`perdure key rotate` makes one"
            )
        oldest = under_way[0]
        raw = encode_rotation_message(vault.origin, oldest.rotation, oldest.signature)
        origin = vault.origin.text
    write_new(file, raw)
    new_key = checksum_address(oldest.rotation.new_key)
    if as_json:
        print_json({"ok": True, "file": str(file), "new_key": new_key, "nonce": oldest.rotation.nonce})
        return
    print_line(f"wrote {file}: {origin}'s key hands over to {new_key}")
    tell_next(f"perdure consortium rotate-key {origin} --message {file.name}, at whoever has a node")
