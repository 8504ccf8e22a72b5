"""node.toml: whether it can be used, and whether its parts fit each other. Asks nobody, and changes nothing."""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from perdure_anchor.errors import ConfigError, PerdureError
from perdure_anchor.hashes import HexError, parse_hex
from perdure_contracts.access import EndpointAccess
from perdure_contracts.endpoint import EndpointError, parse_endpoint

from perdure_node.api.clients import proxy_network
from perdure_node.clock import Clock
from perdure_node.doctor.files import authorities, key_pair, secret_file
from perdure_node.doctor.finding import Finding, Level, fine, found_by_error, warning, wrong
from perdure_node.errors import SettingsError, VaultNotFound
from perdure_node.gateway.access import access_of, signer_access_of
from perdure_node.gateway.settings import (
    FILE_NAME,
    AccessSettings,
    AlarmSettings,
    EndpointSettings,
    ListenSettings,
    NodeSettings,
    PairSettings,
    PeerSettings,
    RelaySettings,
    parse_settings,
)

_SHARED: Final = 0o077
_ADDRESS_SIZE: Final = 20


def read_settings(folder: Path) -> NodeSettings:
    """The settings in a node's folder; raises `VaultNotFound` or `SettingsError`."""
    path = folder / FILE_NAME
    try:
        return parse_settings(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise VaultNotFound(f"{path}: {reason}", hint="`perdure node init` makes a node's folder") from error


def check_configuration(folder: Path, clock: Clock) -> Iterator[Finding]:
    """All that can be said of node.toml without asking anybody."""
    try:
        settings = read_settings(folder)
    except PerdureError as error:
        yield found_by_error(FILE_NAME, error)
        return
    yield fine(FILE_NAME, f"{folder / FILE_NAME} can be read")
    yield from _file_mode(folder)
    yield from _endpoints(settings.endpoint, folder, clock)
    yield from _relay(settings.relay, folder, clock)
    yield from _listen(settings.listen, folder, clock)
    yield from _access(settings.access, settings.listen)
    for number, peer in enumerate(settings.peer, 1):
        yield from _endpoint(f"peer {number}", peer, folder, clock)
    yield from _doubled("peer", (each.url for each in settings.peer))
    yield from _pair(settings, folder, clock)
    yield from _alarms(settings.alarms, settings.relay)


def require_usable(folder: Path, clock: Clock) -> None:
    """Raise `SettingsError` with the first error of `check_configuration`: nobody serves a folder in another way than he wrote."""
    for each in check_configuration(folder, clock):
        if each.level is Level.ERROR:
            told = (
                each.message
                if each.message.startswith(FILE_NAME)
                else f"{FILE_NAME}: {each.about}: {each.message}"
            )
            remedy = f"{each.remedy}; " if each.remedy else ""
            raise SettingsError(told, hint=f"{remedy}`perdure node check-config` looks at all of it")


def _file_mode(folder: Path) -> Iterator[Finding]:
    path = folder / FILE_NAME
    if path.stat().st_mode & _SHARED:
        yield warning(
            FILE_NAME,
            "others on this machine may read it, and a url often holds an API key",
            f"chmod 600 {path}",
        )


def _endpoints(endpoints: tuple[EndpointSettings, ...], folder: Path, clock: Clock) -> Iterator[Finding]:
    for number, each in enumerate(endpoints, 1):
        yield from _endpoint(f"endpoint {number}", each, folder, clock)
    yield from _doubled("endpoint", (each.url for each in endpoints))
    if len(endpoints) == 1:
        yield warning(
            "endpoint",
            "there is only one: nothing takes its place, and nobody contradicts it",
            "add another table [[endpoint]]",
        )


def _endpoint(
    about: str, settings: EndpointSettings | PeerSettings | PairSettings, folder: Path, clock: Clock
) -> Iterator[Finding]:
    """A server that is asked with what lets us in."""
    yield from _access_to(about, access_of(folder, settings))
    if settings.token_file:
        yield from secret_file(f"{about}: token_file", folder, settings.token_file)
    if settings.ca:
        yield from authorities(f"{about}: ca", folder, settings.ca)
    if settings.certificate:
        yield from key_pair(
            f"{about}: certificate", folder, settings.certificate, settings.certificate, clock
        )


def _access_to(about: str, access: EndpointAccess) -> Iterator[Finding]:
    """Whether the URL can be used with the rest; what is said does not repeat it."""
    try:
        endpoint = access.endpoint("url")
    except ConfigError as error:
        yield found_by_error(f"{about}: url", error)
        return
    if endpoint.is_loopback or endpoint.origin.startswith("https://"):
        yield fine(f"{about}: url", str(endpoint))
    else:
        told = f"{endpoint}: without TLS, whoever is between can change what is said"
        yield warning(f"{about}: url", told, "use https, or a tunnel that protects it")


def _relay(settings: RelaySettings, folder: Path, clock: Clock) -> Iterator[Finding]:
    if settings.passphrase_file:
        yield from secret_file("relay: passphrase_file", folder, settings.passphrase_file)
    if not settings.signer_url:
        named = [
            name
            for name in ("account", "signer_token_file", "signer_ca", "signer_certificate")
            if getattr(settings, name)
        ]
        if named:
            yield warning(
                f"relay: {named[0]}", "means nothing without signer_url", "set signer_url, or take it out"
            )
        return
    yield from _access_to("relay: signer", signer_access_of(folder, settings))
    yield from _account("relay: account", settings.account)
    if settings.signer_token_file:
        yield from secret_file("relay: signer_token_file", folder, settings.signer_token_file)
    if settings.signer_ca:
        yield from authorities("relay: signer_ca", folder, settings.signer_ca)
    if settings.signer_certificate:
        name = settings.signer_certificate
        yield from key_pair("relay: signer_certificate", folder, name, name, clock)


def _account(about: str, text: str) -> Iterator[Finding]:
    try:
        parse_hex(text, _ADDRESS_SIZE, "account")
    except HexError as error:
        yield found_by_error(about, error)


def _listen(settings: ListenSettings, folder: Path, clock: Clock) -> Iterator[Finding]:
    try:
        address = ipaddress.ip_address(settings.address)
    except ValueError:
        yield wrong(
            "listen: address",
            f"{settings.address!a} is no IP address",
            "want 127.0.0.1, 0.0.0.0, ::1 or the like",
        )
        return
    if settings.certificate:
        key = settings.certificate_key or settings.certificate
        yield from key_pair("listen: certificate", folder, settings.certificate, key, clock)
    elif settings.certificate_key:
        yield wrong("listen: certificate_key", "there is a key, and no certificate", "set certificate too")
    elif not address.is_loopback:
        yield warning(
            "listen: address",
            f"{address} is reached from the network, and there is no TLS: tokens and answers can be read and changed on the way",
            "set certificate and certificate_key, or listen on 127.0.0.1 behind a proxy that has TLS",
        )
    else:
        yield fine("listen: address", f"{address} is for this machine only")
    if settings.public_url:
        yield from _access_to("listen: public", EndpointAccess(settings.public_url))


def _access(settings: AccessSettings, listen: ListenSettings) -> Iterator[Finding]:
    for each in settings.proxy_addresses:
        try:
            proxy_network(each)
        except SettingsError as error:
            yield found_by_error("access: proxy_addresses", error)
    if settings.reading == "proxy" and not settings.proxy_addresses:
        yield wrong(
            "access: reading", "proxy, but proxy_addresses names none: nobody may read", "name the proxy"
        )
    if settings.reading == "proxy" and not settings.proxy_subject_header:
        yield wrong("access: proxy_subject_header", "is empty: the proxy cannot say whom it lets through")
    if settings.reading == "tokens" and not listen.certificate and not _is_loopback(listen.address):
        yield wrong(
            "access: reading", "tokens, but without TLS they can be read on the way", "use TLS in [listen]"
        )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _pair(settings: NodeSettings, folder: Path, clock: Clock) -> Iterator[Finding]:
    pair = settings.pair
    if not pair.url:
        if pair.account:
            yield warning("pair: account", "means nothing without url", "set url, or take it out")
        return
    yield from _endpoint("pair", pair, folder, clock)
    yield from _account("pair: account", pair.account)
    if pair.account and pair.account.lower() == settings.relay.account.lower():
        yield wrong(
            "pair: account", "is this node's own account", "each node of a pair has an account of its own"
        )


def _alarms(settings: AlarmSettings, relay: RelaySettings) -> Iterator[Finding]:
    if settings.unmined_seconds <= relay.replace_after:
        yield warning(
            "alarms: unmined_seconds",
            f"{settings.unmined_seconds:g} s: told before the relay offers more, after {relay.replace_after:g} s",
            "let it be some times replace_after of [relay]",
        )


def _doubled(about: str, urls: Iterable[str]) -> Iterator[Finding]:
    for url, count in Counter(urls).items():
        if count > 1:
            try:
                shown = str(parse_endpoint(url))
            except EndpointError:
                continue
            yield wrong(about, f"{shown} is there {count} times: it would be compared with itself")
