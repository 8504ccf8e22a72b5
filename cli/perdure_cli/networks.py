"""Where a new site will anchor, and with whose keys: a devnet's folder, or a real chain as the user describes it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import ChainError
from perdure_node.clock import Randomness
from perdure_node.errors import PartnerUnknown

from perdure_cli.site import ask_passphrase, read_passphrase_file
from perdure_cli.trust_store import TrustSource, read_trust_file, user_store

if TYPE_CHECKING:
    from perdure_devnet.info import DevnetInfo


LOCAL_ENDPOINT: Final = "http://127.0.0.1:8545"


class DevnetStopped(ChainError):
    """The devnet that should be asked does not run."""


@dataclass(frozen=True, slots=True, repr=False)
class Network:
    """``relay_key`` submits checkpoints; ``partner_key`` registers sites, and is only known of a devnet."""

    trust: TrustSource
    rpc_url: str
    relay_key: bytes
    partner_key: bytes | None


@dataclass(frozen=True, slots=True)
class RealChain:
    """What the user says of a real chain; None for what was left out."""

    trust_file: Path | None
    rpc_url: str | None
    relay_keystore: Path | None
    relay_passphrase_file: Path | None

    @property
    def is_described(self) -> bool:
        return (self.trust_file, self.rpc_url, self.relay_keystore) != (None, None, None)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether the chain is only named, by its trust file: nobody said how to reach it."""
        return self.trust_file is not None and self.rpc_url is None and self.relay_keystore is None


def devnet_network(directory: Path, origin: Origin) -> Network:
    """A running devnet, with the keys of the site's partner and of the relay; raises `DevnetStopped` or `PartnerUnknown`."""
    from perdure_devnet.info import TRUST_NAME
    from perdure_devnet.network import partner_key, relay_key

    info, url = _running(directory)
    if origin.partner not in info.partners:
        raise PartnerUnknown(
            f"partner: got {origin.partner}, but the devnet's partners are {', '.join(info.partners)}",
            hint="the part of the site's name before the slash is its partner",
        )
    return Network(
        trust=read_trust_file(directory / TRUST_NAME, user_store(os.environ)),
        rpc_url=url,
        relay_key=relay_key(directory).private_key,
        partner_key=partner_key(directory, origin.partner).private_key,
    )


@dataclass(frozen=True, slots=True, repr=False)
class GatewayChain:
    """Where a gateway relays; ``relay_key`` None: somebody else has it."""

    trust: TrustSource
    rpc_url: str
    relay_key: bytes | None


def chain_of_gateway(
    devnet: Path | None, real: RealChain, *, with_key: bool, randomness: Randomness
) -> GatewayChain:
    """A running devnet, with a new account, which pays nothing there, or a real chain as the user describes it."""
    if devnet is not None:
        from perdure_devnet.info import TRUST_NAME
        from perdure_node.keys.signing_keys import new_signing_key

        _, url = _running(devnet)
        trust = read_trust_file(devnet / TRUST_NAME, user_store(os.environ))
        return GatewayChain(trust, url, new_signing_key(randomness) if with_key else None)
    if with_key:
        network = real_network(real)
        return GatewayChain(network.trust, network.rpc_url, network.relay_key)
    if real.trust_file is None or real.rpc_url is None:
        raise click.UsageError("want --trust FILE and --rpc URL, or --devnet DIR")
    return GatewayChain(read_trust_file(real.trust_file, user_store(os.environ)), real.rpc_url, None)


def _running(directory: Path) -> tuple["DevnetInfo", str]:
    from perdure_devnet.info import read_info

    info = read_info(directory)
    if not info.is_running or info.url is None:
        raise DevnetStopped(
            f"{directory}: the devnet is not running",
            hint=f"start it with: perdure devnet up --dir {directory}",
        )
    return info, info.url


def offline_network(trust_file: Path, randomness: Randomness) -> Network:
    """No network yet: the usual endpoint of a node on this machine, to be set later, and a new account that submits."""
    from perdure_node.keys.signing_keys import new_signing_key

    trust = read_trust_file(trust_file, user_store(os.environ))
    return Network(trust, LOCAL_ENDPOINT, new_signing_key(randomness), partner_key=None)


def real_network(chain: RealChain) -> Network:
    """A real chain; the relay's keystore is opened with its own passphrase."""
    from perdure_node.keys.keystore import read_keystore

    if chain.trust_file is None or chain.rpc_url is None or chain.relay_keystore is None:
        raise click.UsageError(
            "want either --devnet DIR, or --trust and --node, or all of --trust, --rpc and --relay-keystore"
        )
    trust = read_trust_file(chain.trust_file, user_store(os.environ))
    if chain.relay_passphrase_file is not None:
        passphrase = read_passphrase_file(chain.relay_passphrase_file)
    else:
        passphrase = ask_passphrase(
            "Passphrase of the relay's keystore", hint="use --relay-passphrase-file FILE"
        )
    return Network(trust, chain.rpc_url, read_keystore(chain.relay_keystore, passphrase), partner_key=None)
