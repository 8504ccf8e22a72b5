"""A new vault whose site anchors by nodes: the trust file, never the nodes' own, and whether the nodes are of its consortium."""

import os
from pathlib import Path

import click
from perdure_anchor.checkpoint import Origin
from perdure_node.config import NodeSettings, VaultConfig, config_with

from perdure_cli.networks import LOCAL_ENDPOINT, Network, RealChain, devnet_network, offline_network
from perdure_cli.output import tell, tell_warning


def network_by_nodes(origin: Origin, devnet: Path | None, real: RealChain, nodes: NodeSettings) -> Network:
    """A devnet, whose partner's key registers the site, or no chain: then the trust file is the user's, never the node's.

    Raises `OtherConsortium` or another `ConfigError` about the nodes, and what `devnet_network` raises.
    """
    if devnet is not None:
        network = devnet_network(devnet, origin)
        _greet(config_with(VaultConfig(origin, network.rpc_url), nodes), network)
        return network
    if real.rpc_url is not None or real.relay_keystore is not None:
        raise click.UsageError("--node takes the place of --rpc and --relay-keystore: leave these out")
    if real.trust_file is None:
        raise click.UsageError(
            "--node wants --trust FILE as well (on a devnet: --devnet DIR), since a node is believed nothing: get the consortium's trust file from your partner, see its "
            "fingerprint with `perdure trust fingerprint FILE`, and compare that on the telephone"
        )
    network = offline_network(real.trust_file, os.urandom)
    _greet(config_with(VaultConfig(origin, LOCAL_ENDPOINT), nodes), network)
    return network


def _greet(config: VaultConfig, network: Network) -> None:
    """Say which of the nodes do not work now; the vault is made all the same, since recording needs none."""
    from perdure_node.by_node.access import greet

    for each in greet(config, Path.cwd(), network.trust.trust):
        if each.trouble is not None:
            tell_warning(f"the node could not be asked: {each.trouble}")
        elif not each.is_ready:
            tell_warning(f"{each.node} answers, and says that it is not ready for work yet")
        else:
            tell(f"{each.node} answers")
