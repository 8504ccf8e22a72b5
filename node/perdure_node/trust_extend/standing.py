"""Whether a block stands under the last epochs of a trust file: listed, linked, and sealed by a quorum."""

from collections.abc import Iterator
from contextlib import contextmanager

from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.evidence import MAX_RUN
from perdure_anchor.finality import check_final, link_run
from perdure_anchor.header import BlockHeader
from perdure_anchor.trust import TrustFile

from perdure_node.chain.errors import BlocksNotVerified
from perdure_node.chain.header_source import HeaderSource


def check_sealed(trust: TrustFile, source: HeaderSource, block: int, last: int) -> None:
    """Raise `VerificationError` or `EncodingError` unless a quorum of the block's epoch sealed it, or blocks after it.

    As few blocks up to ``last`` as do are looked at. Of engines with one seal a block nothing is asked: they have no finality.
    """
    epoch = trust.epoch_of(block)
    if epoch is not None and epoch.consensus == "clique":
        return
    headers: list[BlockHeader] = []
    for number in range(block, min(last, block + MAX_RUN // 4 - 1) + 1):
        headers += source.copies(number)
        run, position = link_run(headers, trust)
        if run.is_final(position):
            return
    check_final(*link_run(headers, trust))


def check_linked(trust: TrustFile, source: HeaderSource, child: BlockHeader) -> None:
    """The same for the block before ``child``, whose own epoch may be another, and that ``child`` is its child."""
    number = child.number - 1
    headers = [*source.copies(number), child]
    run, _ = link_run(headers, trust)
    if run.epoch.consensus != "clique":
        check_final(run, 0)


@contextmanager
def as_the_node_shows_it(what: str) -> Iterator[None]:
    """A fault in what the node shows is nobody's answer about the trust file: raises `BlocksNotVerified`."""
    try:
        yield
    except (EncodingError, VerificationError) as error:
        raise BlocksNotVerified(
            f"{what}: {error}",
            hint="use another node, or name more of them; if all show the same, the trust file is of another chain, or "
            "validators changed and changed back unseen: look at every block with --every 1",
        ) from error
