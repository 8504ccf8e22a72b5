"""All that is looked at, in the order in which one thing rests on another. Changes nothing, and sends nothing to the chain."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, parse_hex

from perdure_node.clock import Clock
from perdure_node.doctor.chain import Endpoint, account_error, check_account, check_endpoints
from perdure_node.doctor.configuration import check_configuration, read_settings
from perdure_node.doctor.finding import Finding, guarded
from perdure_node.doctor.folder import check_folder, check_keys, missing_files, read_trust
from perdure_node.doctor.surroundings import check_others, check_process
from perdure_node.gateway.folder import relay_address
from perdure_node.gateway.settings import NodeSettings


def check_settings(folder: Path, clock: Clock) -> Iterator[Finding]:
    """All that can be said of node.toml without asking anybody, and which of the folder's files are missing."""
    yield from check_configuration(folder, clock)
    with contextlib.suppress(PerdureError):
        yield from missing_files(folder, read_settings(folder))


def examine(folder: Path, clock: Clock, passphrase: Callable[[], str] | None) -> Iterator[Finding]:
    """The findings about a node's folder and what is around it; ``passphrase`` None: there is none at hand."""
    yield from check_configuration(folder, clock)
    try:
        settings = read_settings(folder)
    except PerdureError:
        # said already; all else rests on the settings
        return
    yield from check_folder(folder, settings)
    yield from guarded("keys", check_keys(folder, settings, passphrase))
    trust, told = read_trust(folder)
    yield told
    with contextlib.ExitStack() as stack:
        found: list[Endpoint] = []
        if trust is not None:
            yield from check_endpoints(folder, settings, trust, clock, found, stack)
        if found:
            yield from _account(folder, settings, passphrase, found[0])
    yield from guarded("peers", check_others(settings, folder))
    yield from guarded("process", check_process(folder, settings, clock))


def _account(
    folder: Path, settings: NodeSettings, passphrase: Callable[[], str] | None, endpoint: Endpoint
) -> Iterator[Finding]:
    try:
        account = _relay_account(folder, settings, passphrase)
    except PerdureError as error:
        yield account_error(error)
        return
    if account is not None:
        yield from check_account(account, endpoint, folder)


def _relay_account(
    folder: Path, settings: NodeSettings, passphrase: Callable[[], str] | None
) -> Address | None:
    """The account, None if only the passphrase could tell."""
    if settings.relay.signer_url:
        return Address(parse_hex(settings.relay.account, 20, "account"))
    return None if passphrase is None else relay_address(folder, passphrase())
