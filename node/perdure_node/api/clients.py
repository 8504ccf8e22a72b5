"""Who asks: the address that counts, behind reverse proxies that the settings name, and nobody's word else."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from perdure_node.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# a household or a company has a /64 at least: each address of it would be a client of its own
_IPV6_PREFIX = 64
_MAX_HOPS = 32
_KNOWN = 4096


@dataclass(frozen=True, slots=True)
class Client:
    """``address`` is whom the rate is counted for; ``by_proxy`` says that a trusted proxy brought the request."""

    address: str
    by_proxy: bool


class Proxies:
    """The reverse proxies that are believed."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._networks = tuple(map(proxy_network, addresses))
        # one client asks many times
        self._known = lru_cache(_KNOWN)(self._direct)

    def client(self, peer: str | None, forwarded_for: str | None) -> Client:
        """Who asks, by the connection's other end and the header X-Forwarded-For.

        A client can write into that header whatever he likes, a proxy puts the address that it sees at its end: so it is read from
        there, as long as proxies are named that are believed.
        """
        direct = self._known(peer)
        if direct is not None:
            return direct
        address = _address(peer)
        for text in reversed((forwarded_for or "").split(",")[-_MAX_HOPS:]):
            before = _address(text.strip())
            if before is None:
                break
            address = before
            if not self._trusts(address):
                break
        return Client(_counted(address, peer), by_proxy=True)

    def _direct(self, peer: str | None) -> Client | None:
        """Who asks, if it is no proxy that is believed."""
        address = _address(peer)
        is_proxy = address is not None and self._trusts(address)
        return None if is_proxy else Client(_counted(address, peer), by_proxy=False)

    def _trusts(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def proxy_network(text: str) -> Network:
    """An address or a network in the settings; raises `SettingsError`, also where it is not clear which of the two is meant."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingsError(
            f"node.toml: access: proxy_addresses: got {text[:60]!a}, want addresses or networks, as 10.0.0.5 or 10.0.0.0/24",
            hint=_network_hint(text),
        ) from error


def _network_hint(text: str) -> str | None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return f"{text.partition('/')[0]} for that address alone, {network} for all {network.num_addresses} of its network"


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _counted(address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, peer: str | None) -> str:
    if address is None:
        return peer or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)
