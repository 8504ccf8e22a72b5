"""What a Perdure node says of the site in the registry: what it would return to a sync, looked at, and not taken in.

Anchors come with the proof that evidence has, and count if `verify` finds them final; the head and the keys are the node's word.
"""

from collections.abc import Callable, Sequence

from perdure_contracts.registry import Head

from perdure_node.audit.registry_answers import Ask, NodeAnswer, ToldLog, shown_at_home
from perdure_node.by_node.client import NodeClient
from perdure_node.by_node.errors import OtherConsortium
from perdure_node.courier.bundle import Answer, BundleHead, Request
from perdure_node.courier.bundle_file import read_bundle
from perdure_node.courier.errors import OtherSite, WrongDirection
from perdure_node.evidence.anchors import newest_anchors_over
from perdure_node.evidence.hops import hop_table
from perdure_node.progress import Progress
from perdure_node.recovering.bundle_log import anchored_checkpoints
from perdure_node.vault import Vault


def by_node(connect: Callable[[], NodeClient]) -> Ask:
    """Ask a Perdure node; raises what its client raises, and an `EncodingError` for an answer that is none."""

    def ask(vault: Vault, progress: Progress) -> NodeAnswer:
        progress.stage("ask the node", None)
        with connect() as client:
            client.check_consortium(vault.trust)
            newest = next(newest_anchors_over(vault.database, 0), None)
            # the newest one at home too: that the node has it shows that it is of the same registry
            above = 0 if newest is None else newest.size - 1
            head = read_bundle(client.fetch_return(vault.origin, Request(above))).head
            return _answer(vault, str(client), head)

    return ask


def _answer(vault: Vault, node: str, head: BundleHead) -> NodeAnswer:
    if head.domain != vault.trust.domain:
        raise OtherConsortium(f"{node} returned something of another chain or registry than this vault's")
    if head.origin != vault.origin:
        raise OtherSite(f"{node} returned something of the site {head.origin.text}, want {vault.origin.text}")
    answer = head.answer
    if answer is None:
        raise WrongDirection(f"{node} returned a bundle that goes to it")
    trust = hop_table(vault.database, vault.trust).followed().trust
    shown = [
        ToldLog(Head(stored.size, stored.checkpoint.root), block)
        for stored, block in anchored_checkpoints(head, trust)
    ]
    newest = _newest(vault, answer, shown)
    return NodeAnswer(
        node=node,
        block=answer.block_number,
        time=head.made_at,
        newest=newest,
        others=_others(vault, newest, shown),
        asked=len(answer.anchors),
        lacking=(),
        site=answer.keys,
    )


def _newest(vault: Vault, answer: Answer, shown: Sequence[ToldLog]) -> ToldLog | None:
    head = Head(answer.head_size, answer.head_root)
    if not head.size:
        return None
    by_node = next((told for told in shown if told.head == head), None)
    return (
        by_node or shown_at_home(vault, head) or ToldLog(head, None, "the node returns no final anchor of it")
    )


def _others(vault: Vault, newest: ToldLog | None, shown: Sequence[ToldLog]) -> tuple[ToldLog, ...]:
    """The longest log that it shows, and the longest one that is not longer than the vault's: what contradicts it, they do."""
    within = [told for told in shown if told.head.size <= vault.log_size]
    return tuple(
        told
        for told in dict.fromkeys((*shown[-1:], *within[-1:]))
        if newest is None or told.head != newest.head
    )
