"""Where vaults lie and what lies in them. Imports next to nothing: `perdure verify` asks it for the pinned trust file."""

from pathlib import Path

from perdure_node.errors import VaultNotFound

VAULT_FOLDER = ".perdure"
DATABASE_FILE = "vault.sqlite"
TRUST_FILE = "trust.json"
CONFIG_FILE = "config.toml"
IDENTITY_FILE = "identity.json"
LOOKUP_KEY_FILE = "lookup.key"


def find_vault(start: Path, explicit: Path | None = None, environment: str | None = None) -> Path:
    """The vault's folder: the one named on the command line, else in the environment, else in ``start`` or above it.

    Whoever names one may name the folder that it lies in as well. Raises `VaultNotFound`. Whether the folder is a sound
    vault is seen when it is opened.
    """
    named = explicit or (Path(environment) if environment else None)
    if named is not None:
        return _vault_in(named)
    for folder in (start, *start.absolute().parents):
        if is_vault(folder / VAULT_FOLDER):
            return folder / VAULT_FOLDER
    raise VaultNotFound(
        f"no vault in {start} or above it", hint="`perdure init` makes one; --vault DIR names another place"
    )


def _vault_in(named: Path) -> Path:
    for folder in (named, named / VAULT_FOLDER):
        if is_vault(folder):
            return folder
    raise VaultNotFound(f"no vault in {named}", hint="`perdure init` makes one")


def is_vault(folder: Path) -> bool:
    """Whether the folder is a vault, or the remains of one; raises `VaultNotFound` if that cannot be seen."""
    try:
        return any((folder / name).is_file() for name in (DATABASE_FILE, IDENTITY_FILE))
    except PermissionError:
        raise VaultNotFound(
            f"{folder}: permission denied", hint="use the vault as the user who made it"
        ) from None


def vault_trust_file(folder: Path) -> Path:
    """Where a vault's pinned trust file lies."""
    return folder / TRUST_FILE
