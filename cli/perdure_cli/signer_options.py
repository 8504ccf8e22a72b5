"""Options that every command with an account's key shares: a keystore file, or a Web3Signer that holds the key.

A key is opened once it is needed, never before: a command that fails earlier, or that only writes what has to be signed, asks for
no passphrase.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from perdure_anchor.hashes import Address, HexError, parse_hex

from perdure_cli.option_groups import as_one_argument, with_options
from perdure_cli.site import ask_passphrase, read_passphrase_file

if TYPE_CHECKING:
    from perdure_contracts.access import EndpointAccess
    from perdure_contracts.signer import Signer

F = TypeVar("F", bound=Callable[..., object])

KEYSTORE_VARIABLE: Final = "PERDURE_KEYSTORE_PASSPHRASE"
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


class AccountType(click.ParamType[Address]):
    """An account: 0x and 40 hexadecimal digits; the checksum's capitals are not looked at."""

    name = "account"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Address:
        """The 20 bytes."""
        if isinstance(value, bytes):
            return Address(value)
        try:
            return Address(parse_hex(value, 20, "account"))
        except HexError as error:
            self.fail(str(error), param, context)


@dataclass(frozen=True, slots=True)
class SignerChoice:
    """Whose key signs, as the user said it."""

    keystore: Path | None = None
    keystore_passphrase_file: Path | None = None
    web3signer: str | None = None
    account: Address | None = None
    token_file: Path | None = None
    authorities: Path | None = None
    client_certificate: Path | None = None

    @property
    def is_given(self) -> bool:
        """Whether there is a key to sign with."""
        return self.keystore is not None or self.web3signer is not None

    def require_key(self) -> None:
        """Raise `UsageError` unless the options name a key to sign with; opens nothing."""
        self._check()
        if not self.is_given:
            raise click.UsageError(
                "want the key that signs: --keystore FILE, or --web3signer URL with --account ADDRESS"
            )

    def address(self) -> Address:
        """The account, found out without opening its key; raises `UsageError` if the options do not say one."""
        from perdure_node.keys.keystore import read_keystore_address

        self._check()
        if self.account is not None:
            return self.account
        if self.keystore is None:
            raise click.UsageError("want --keystore FILE, or --account ADDRESS")
        return read_keystore_address(self.keystore)

    @contextmanager
    def opened(self) -> "Iterator[Signer]":
        """The signer, whose connections are closed at the end."""
        self.require_key()
        if self.web3signer is not None:
            from perdure_contracts.web3signer import Web3Signer

            with Web3Signer(self._access(self.web3signer), self.address()) as remote:
                yield remote
        else:
            yield self._local()

    def _local(self) -> "Signer":
        from perdure_contracts.signer import LocalSigner
        from perdure_node.keys.keystore import read_keystore

        assert self.keystore is not None
        signer = LocalSigner(
            read_keystore(self.keystore, keystore_passphrase(self.keystore_passphrase_file, os.environ))
        )
        if self.account not in (None, signer.address):
            raise click.UsageError("--keystore holds the key of another account than --account says")
        return signer

    def _access(self, url: str) -> "EndpointAccess":
        from perdure_contracts.access import EndpointAccess

        return EndpointAccess(url, self.token_file, self.authorities, self.client_certificate)

    def _check(self) -> None:
        if self.keystore is not None and self.web3signer is not None:
            raise click.UsageError("--keystore and --web3signer are two keys: want one")
        if self.web3signer is not None and self.account is None:
            raise click.UsageError("--web3signer goes with --account ADDRESS: whose key it should use")
        if self.keystore_passphrase_file is not None and self.keystore is None:
            raise click.UsageError("--passphrase-file is for --keystore")
        if self.web3signer is None and (self.token_file or self.authorities or self.client_certificate):
            raise click.UsageError("--web3signer-token, -ca and -cert are for --web3signer")


def keystore_passphrase(file: Path | None, environ: Mapping[str, str]) -> str:
    """The passphrase of a keystore: from a file, the environment or a prompt. Raises `NoPassphrase`."""
    if file is not None:
        return read_passphrase_file(file)
    if KEYSTORE_VARIABLE in environ:
        return environ[KEYSTORE_VARIABLE]
    return ask_passphrase(
        "Passphrase of the keystore", hint=f"use --passphrase-file FILE, or set {KEYSTORE_VARIABLE}"
    )


_OPTIONS = (
    click.option(
        "--keystore",
        type=_FILE,
        metavar="FILE",
        help="The account's key: an Ethereum keystore file, version 3.",
    ),
    click.option(
        "--passphrase-file",
        "keystore_passphrase_file",
        type=_FILE,
        metavar="FILE",
        help=f"File whose first line is the keystore's passphrase; else {KEYSTORE_VARIABLE}, else a prompt.",
    ),
    click.option("--web3signer", metavar="URL", help="A Web3Signer (eth1) that holds the key, instead."),
    click.option(
        "--account",
        type=AccountType(),
        metavar="ADDRESS",
        help="The account whose key the Web3Signer should use.",
    ),
    click.option(
        "--web3signer-token",
        "token_file",
        type=_FILE,
        metavar="FILE",
        help="File with a bearer token for it.",
    ),
    click.option(
        "--web3signer-ca",
        "authorities",
        type=_FILE,
        metavar="PEM",
        help="Certificates that vouch for it; by default the system's.",
    ),
    click.option(
        "--web3signer-cert",
        "client_certificate",
        type=_FILE,
        metavar="PEM",
        help="Our certificate for it, with the key behind.",
    ),
)


def web3signer_options(command: F) -> F:
    """Add those of the options that are about a Web3Signer; the command gets each by itself."""
    return with_options(_OPTIONS[2:])(command)


def signer_options(command: F) -> F:
    """Add the options; the command gets them together as ``signer``, a `SignerChoice`."""
    return as_one_argument("signer", SignerChoice, _OPTIONS)(command)
