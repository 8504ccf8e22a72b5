"""Options of `perdure init` about the nodes that will anchor for the site."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from perdure_node.config import NodeSettings, node_url

from perdure_cli.options import READABLE_FILE

F = TypeVar("F", bound=Callable[..., object])


def node_options(command: F) -> F:
    """Add the options; the command gets them as ``nodes``, a `NodeSettings`."""

    @wraps(command)
    def gathered(*args: Any, **options: Any) -> object:
        urls = options.pop("node_urls")
        files = [options.pop(name) for name in ("node_token_file", "node_ca", "node_certificate")]
        if any(files) and not urls:
            raise click.UsageError("--node-token-file, --node-ca and --node-certificate go with --node URL")
        nodes = NodeSettings(tuple(map(node_url, urls)), *map(_absolute, files))
        return command(*args, nodes=nodes, **options)

    decorated: Any = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return cast("F", decorated)


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
