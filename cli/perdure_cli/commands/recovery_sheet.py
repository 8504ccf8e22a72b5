"""`perdure recovery-sheet`: one page to print, from which the site goes on when all else is lost."""

import os
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError
from perdure_node.clock import system_clock
from perdure_node.keys.data_keys import active_recipients
from perdure_node.keys.keyring import KeyRing
from perdure_node.recovery_sheet.sheet import NoKey, Sheet, SheetState
from perdure_node.site_keys.standing import last_known_keys
from perdure_node.vault import Vault

from perdure_cli.new_files import check_new_file, write_new
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site, site_passphrase

_TEXT_SUFFIX = ".txt"


class NoRecoveryKey(ConfigError):
    """The sheet should be locked to a recovery key, and the vault has none."""


@click.command("recovery-sheet", short_help="Print what brings the site back.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--to-recovery-key",
    is_flag=True,
    help="Lock the site's key so that the vault's recovery key opens it, and no passphrase.",
)
@click.option(
    "--without-key", is_flag=True, help="Leave the site's key out: the partner then gives the site a new one."
)
@passphrase_option
@vault_option
@json_option
def recovery_sheet(
    file: Path,
    to_recovery_key: bool,
    without_key: bool,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Write a page to FILE from which the site goes on when its vault, its backups and its people's notes are gone.

    It says which site in which registry it is, how far its log is anchored, and holds the site's key, locked: by default under
    the vault's passphrase. It is an HTML page with QR codes, or plain text where FILE ends in .txt. What the records say is not on it.
    """
    if to_recovery_key and without_key:
        raise click.UsageError("want --to-recovery-key or --without-key, not both")
    check_new_file(file)
    with open_site(vault_folder) as vault:
        sheet = _sheet(vault, passphrase_file, to_recovery_key=to_recovery_key, without_key=without_key)
        behind = vault.log_size - sheet.state.size
    _write(file, sheet, behind, as_json)


def _sheet(vault: Vault, passphrase_file: Path | None, *, to_recovery_key: bool, without_key: bool) -> Sheet:
    from perdure_node.recovery_sheet.locking import lock_to_recovery_key, lock_under_passphrase
    from perdure_node.recovery_sheet.making import anchored_checkpoint, sheet_state

    known = last_known_keys(vault.database)
    state = sheet_state(vault, 0 if known is None else known.key_nonce, system_clock())
    if without_key:
        stored = anchored_checkpoint(vault)
        return Sheet(state, NoKey(b"" if stored is None else stored.signature))
    passphrase = site_passphrase(passphrase_file, os.environ)
    key = KeyRing(vault, lambda: passphrase).site_key()
    if not to_recovery_key:
        return Sheet(state, lock_under_passphrase(state, key, passphrase, os.urandom))
    recovery = [each for each in active_recipients(vault.database) if each.kind == "recovery"]
    if not recovery:
        raise NoRecoveryKey("this vault has no recovery key", hint="`perdure key recovery FILE` makes one")
    return Sheet(state, lock_to_recovery_key(state, key, recovery[-1].public_key))


def _write(file: Path, sheet: Sheet, behind: int, as_json: bool) -> None:
    from perdure_node.recovery_sheet.rows import code_texts
    from perdure_node.recovery_sheet.sheet import encode_sheet

    from perdure_cli.sheet_page import sheet_page, sheet_rows, sheet_text

    is_text = file.suffix == _TEXT_SUFFIX
    write_new(file, sheet_text(sheet) if is_text else sheet_page(sheet), mode=0o600)
    rows = sheet_rows(sheet)
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "site": sheet.state.origin.text,
                "size": sheet.state.size,
                "root": sheet.state.root.hex(),
                "key": _key_word(sheet),
                "size_bytes": len(encode_sheet(sheet)),
                "rows": len(rows),
                "codes": len(code_texts(rows)),
            }
        )
        return
    print_line(f"wrote {file}: the recovery sheet of {sheet.state.origin.text}")
    print_row("log", _log_text(sheet.state))
    print_row("site key", _key_word(sheet))
    print_row("size", f"{len(encode_sheet(sheet))} bytes, in {plural(len(code_texts(rows)), 'QR code')}")
    if behind:
        tell_warning(
            f"{plural(behind, 'sealed record')} behind it are not anchored yet: sync, and write the sheet anew"
        )
    tell("print it, keep it where the vault is not, and delete the file")
    tell_next("perdure backup: the sheet brings back the site's log and key, not what the records say")


def _log_text(state: SheetState) -> str:
    return f"{plural(state.size, 'anchored record')}" if state.size else "nothing is anchored yet"


def _key_word(sheet: Sheet) -> str:
    from perdure_node.recovery_sheet.sheet import ToRecoveryKey

    match sheet.lock:
        case NoKey():
            return "none"
        case ToRecoveryKey():
            return "recovery key"
        case _:
            return "passphrase"
