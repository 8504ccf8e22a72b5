"""What the newest block and the node's own name say of the epoch's client, consensus, selection and quorum rule."""

from collections.abc import Iterator
from typing import Final

from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import PerdureError
from perdure_anchor.header import BlockHeader
from perdure_anchor.trust import Epoch, TrustFile
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc_errors import quoted

from perdure_node.trust_check.comparison import Comparison, Outcome, compared, not_checked

# what a client's name for itself holds, in lower case; the first that fits wins, since GoQuorum calls itself Geth too
CLIENT_MARKS: Final = (
    ("devnet", "perdure-devnet/"),
    ("goquorum", "quorum"),
    ("besu", "besu/"),
    ("geth", "geth/"),
)
_DEVNET: Final = "devnet"


def client_of(version: str) -> str | None:
    """The epoch client's name for what ``web3_clientVersion`` says; None for a client that no epoch can name."""
    lowered = version.lower()
    return next((name for name, mark in CLIENT_MARKS if mark in lowered), None)


def compare_engine(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """The newest block's epoch; where none covers it there is nothing to compare."""
    head = client.head_number()
    epoch = trust.epoch_of(head)
    version = client.rpc.call("web3_clientVersion")
    yield _compare_devnet(trust, quoted(version))
    if epoch is None or head == 0:
        return
    yield _compare_client(epoch, quoted(version))
    yield from _compare_form(epoch, client.fetch_header(head))
    reason = "no node tells which rule its chain runs by: ask the partners for the genesis file"
    yield not_checked("quorum rule", reason, epoch.quorum_rule, essential=False)


def _compare_devnet(trust: TrustFile, version: str) -> Comparison:
    """A devnet that is not marked as one is a fault; a mark on another chain is its author's to explain."""
    is_devnet = client_of(version) == _DEVNET
    if trust.devnet and not is_devnet:
        return not_checked(
            "devnet", f"the node is {version}; the mark may be right all the same", "yes", essential=False
        )
    return compared("devnet", "yes" if trust.devnet else "no", "yes" if is_devnet else "no", essential=False)


def _compare_client(epoch: Epoch, version: str) -> Comparison:
    if client_of(version) == epoch.client:
        note = "this node only: whether all validators run it, the partners know"
        return Comparison("client", Outcome.OK, epoch.client, version, note, essential=False)
    reason = f"this node is {version}: whether all validators run {epoch.client}, the partners know"
    return not_checked("client", reason, epoch.client, essential=False)


def _compare_form(epoch: Epoch, header: BlockHeader) -> Iterator[Comparison]:
    engine = ENGINES.get(epoch.consensus)
    if engine is None:
        yield not_checked("consensus", f"{epoch.consensus} headers are not read here", essential=False)
        return
    try:
        listed = engine(header).listed
    except PerdureError as error:
        yield Comparison("consensus", Outcome.DIFFERS, epoch.consensus, "headers of another form", str(error))
        return
    note = f"block {header.number} has its form"
    yield Comparison("consensus", Outcome.OK, epoch.consensus, epoch.consensus, note, essential=False)
    if listed is not None:
        yield compared("selection", epoch.selection, "header" if listed else "contract", essential=False)
