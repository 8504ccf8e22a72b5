"""Options of `perdure init` about the nodes that will anchor for the site."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from perdure_node.config import NodeSettings, node_url

from perdure_cli.option_groups import as_one_argument
from perdure_cli.options import READABLE_FILE

F = TypeVar("F", bound=Callable[..., object])


def _absolute(path: Path | None) -> str:
    return "" if path is None else str(path.absolute())


_OPTIONS = (
    click.option(
        "--node",
        "node_urls",
        multiple=True,
        metavar="URL",
        help="A Perdure node of the consortium that anchors for the site, in place of --rpc and --relay-keystore; repeatable: the others are "
        "used when the first does not answer.",
    ),
    click.option(
        "--node-token-file",
        type=READABLE_FILE,
        metavar="FILE",
        help="File whose first line the nodes want as a token; it stays where it is.",
    ),
    click.option(
        "--node-ca",
        type=READABLE_FILE,
        metavar="FILE",
        help="Certificates (PEM) that vouch for the nodes, in place of the system's.",
    ),
    click.option(
        "--node-certificate",
        type=READABLE_FILE,
        metavar="FILE",
        help="This site's certificate for the nodes, with its key (PEM).",
    ),
)


def _node_settings(
    node_urls: tuple[str, ...],
    node_token_file: Path | None,
    node_ca: Path | None,
    node_certificate: Path | None,
) -> NodeSettings:
    files = (node_token_file, node_ca, node_certificate)
    if any(files) and not node_urls:
        raise click.UsageError("--node-token-file, --node-ca and --node-certificate go with --node URL")
    return NodeSettings(tuple(map(node_url, node_urls)), *map(_absolute, files))


def node_options(command: F) -> F:
    """Add the options; the command gets them as ``nodes``, a `NodeSettings`."""
    return as_one_argument("nodes", _node_settings, _OPTIONS)(command)
