"""The options by which `perdure verify` and `perdure report` are told whom to believe, and how far clocks may be off."""

import os
from pathlib import Path

import click
from perdure_anchor.time_bounds import DEFAULT_CLOCK_ALLOWANCE

from perdure_cli.trust_store import read_trust_file, user_store
from perdure_cli.verifying.trust_choice import TrustChoice, trust_file_around, vault_trust

trust_file_option = click.option(
    "--trust",
    "trust_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The trust file to believe.",
)

clock_allowance_option = click.option(
    "--clock-allowance",
    type=click.IntRange(0, 3600),
    default=DEFAULT_CLOCK_ALLOWANCE,
    show_default=True,
    metavar="SECONDS",
    help="How far honest validators' clocks may be off.",
)

believed_vault_option = click.option(
    "--vault",
    "vault_folder",
    type=click.Path(path_type=Path),
    envvar="PERDURE_VAULT",
    metavar="DIR",
    help="Your own vault, to believe its trust file where none is pinned; by default PERDURE_VAULT.",
)


def trust_choice(trust_file: Path | None, vault_folder: Path | None) -> TrustChoice:
    """Whom to believe, as the options say; raises what reading a trust file does."""
    store = user_store(os.environ)
    named = None if trust_file is None else read_trust_file(trust_file, store)
    return TrustChoice(store, named, vault_trust(vault_folder, store), trust_file_around)
