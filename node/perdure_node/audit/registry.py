"""The registry, by each node that can be asked: whether its log of the site is the beginning of the vault's, whether it knows the anchors, and which key it names.

What the pinned validators' seals show against the vault is an error. What a node only says, and nothing shows, is told as its word.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import checksum_address
from perdure_anchor.log import UnknownLeaves
from perdure_anchor.timestamp import told_time
from perdure_contracts.transactions import WrongChain

from perdure_node.audit.findings import Found
from perdure_node.audit.registry_answers import Ask, NodeAnswer, ToldLog, contradictions
from perdure_node.by_node.errors import OtherConsortium
from perdure_node.chain.errors import WithoutContracts
from perdure_node.errors import VaultDamaged
from perdure_node.evidence.anchors import newest_anchors_over
from perdure_node.keys.signing_keys import held_site_key, newest_site_key
from perdure_node.log.gaps import log_gaps
from perdure_node.progress import Progress
from perdure_node.site_keys.standing import SiteStateView, last_known_keys
from perdure_node.vault import Vault


@dataclass(frozen=True, slots=True)
class RegistryAsked:
    """What came of asking: the ``answers``, why other nodes gave none, and what stays ``unclear``: a node says it, and nothing shows it."""

    answers: tuple[NodeAnswer, ...]
    failures: tuple[str, ...]
    unclear: tuple[str, ...]

    @property
    def anchors(self) -> int:
        """How many anchors were asked for, by the node that was asked for the most."""
        return max((each.asked for each in self.answers), default=0)

    @property
    def shown(self) -> str:
        """What was shown, and what is somebody's word."""
        return "; ".join((*map(_shown, self.answers), *self.failures))


def check_registry(vault: Vault, nodes: Sequence[Ask], found: Found, progress: Progress) -> RegistryAsked:
    """Ask each node, and hold the vault against the answers; raises `VaultDamaged`."""
    answers: list[NodeAnswer] = []
    failures: list[str] = []
    unclear: list[str] = []
    for ask in nodes:
        try:
            answers.append(ask(vault, progress))
        except VaultDamaged:
            raise
        except (WithoutContracts, WrongChain, OtherConsortium) as error:
            found.add("node_elsewhere", str(error))
            failures.append(f"not asked: {error}")
        except (PerdureError, ConnectionError, TimeoutError) as error:
            failures.append(str(error))
    for answer in answers:
        unclear += _judge_log(vault, answer, found)
        _judge_site(vault, answer, found)
    _judge_lacking(answers, found)
    _compare_nodes(answers, found)
    return RegistryAsked(tuple(answers), tuple(failures), tuple(unclear))


def _judge_log(vault: Vault, answer: NodeAnswer, found: Found) -> Iterator[str]:
    """What contradicts the vault's log is found; what nothing shows is given back too."""
    try:
        for told in contradictions(vault, answer):
            text = _difference(vault, told)
            if told.block is None:
                found.add("registry_doubted", f"{answer.node} says that {text}; not shown: {told.doubt}")
                yield f"{answer.node} says that {text}, and nothing shows it"
            else:
                kind = "registry_ahead" if told.head.size > vault.log_size else "registry_rival"
                found.add(kind, f"{text}, as the seals of block {told.block} show")
    except UnknownLeaves as error:
        yield f"the registry's log cannot be compared: {error}"
    for text in _too_short(vault, answer):
        found.add("registry_doubted", f"{answer.node} says that {text}")
        yield f"{answer.node} says that {text}"


def _too_short(vault: Vault, answer: NodeAnswer) -> Iterator[str]:
    """What speaks against it that the newest log is no longer than the node says."""
    size = answer.newest.head.size if answer.newest is not None else 0
    at_home = next(newest_anchors_over(vault.database, 0), None)
    if at_home is not None and at_home.size > size and at_home.block_number <= answer.block:
        yield (
            f"the newest log has {size} records at block {answer.block}, and the anchor of {at_home.size} in block "
            f"{at_home.block_number} is at home"
        )
    if log_gaps(vault.database).within(size, vault.log_size):
        # whoever seals knows what: this was said by a sheet, or by a vault that believed one
        yield f"the newest log has {size} records, and lost leaves of this vault lie behind"


def _difference(vault: Vault, told: ToldLog) -> str:
    size, root = told.head
    if size > vault.log_size:
        return f"the registry has a log of {size} records, this vault's has {vault.log_size}"
    return f"the first {size} records have the root {root.hex()} in the registry, and another one here"


def _judge_lacking(answers: Sequence[NodeAnswer], found: Found) -> None:
    """An anchor that all nodes lack; what one lacks and another has, is the first one's fault."""
    if not answers:
        return
    everywhere = set(answers[0].lacking).intersection(*(each.lacking for each in answers))
    for size in sorted(everywhere):
        found.add("registry_lacks_anchor", f"the checkpoint of {size}, by the word of {_names(answers)}")
    for answer in answers:
        for size in sorted({*answer.lacking} - everywhere):
            found.add("nodes_disagree", f"{answer.node} does not know the checkpoint of {size}, others do")


def _compare_nodes(answers: Sequence[NodeAnswer], found: Found) -> None:
    """A node that has come as far as what another one shows has to know it; and there is one truth about keys."""
    proven = [each.newest for each in answers if each.newest is not None and each.newest.block is not None]
    best = max(proven, key=lambda told: told.head.size, default=None)
    for answer in answers:
        size = 0 if answer.newest is None else answer.newest.head.size
        if (
            best is not None
            and best.block is not None
            and best.block <= answer.block
            and size < best.head.size
        ):
            found.add(
                "nodes_disagree",
                f"{answer.node} knows a log of {size} records at block {answer.block}; that of {best.head.size} is in block {best.block}",
            )
    if len({_keys(each.site) for each in answers}) > 1:
        found.add(
            "nodes_disagree", f"{_names(answers)} name different keys of the site, or states of its log"
        )


def _keys(state: SiteStateView | None) -> object:
    return state and (state.key, state.compromised_since, state.successor)


def _judge_site(vault: Vault, answer: NodeAnswer, found: Found) -> None:
    """The keys and whether the log is open, by the node's word."""
    state, says = answer.site, f"by the word of {answer.node}"
    newest, known = newest_site_key(vault.database), last_known_keys(vault.database)
    if state is None:
        found.add("site_key_unknown", f"the registry does not know {vault.origin.text}, {says}")
        return
    if state.compromised_since is not None or state.key is None:
        found.add("site_key_revoked", says)
    if state.key is not None and held_site_key(vault.database, state.key) is None:
        found.add(
            "site_key_replaced",
            f"the registry names {checksum_address(state.key)}, no key of this vault, {says}",
        )
    elif state.key is not None and newest.address not in (state.key, state.previous_key):
        found.add(
            "site_key_unknown",
            f"{checksum_address(newest.address)} signs here, the registry names {checksum_address(state.key)}, {says}",
        )
    if known is not None and known.is_registered and known.key_nonce < state.key_nonce:
        found.add("site_key_news", f"{state.key_nonce - known.key_nonce} changes, {says}")
    if state.successor is not None:
        found.add("log_closed", f"it goes on as the site {state.successor.hex()}, {says}")


def _names(answers: Sequence[NodeAnswer]) -> str:
    return ", ".join(each.node for each in answers)


def _shown(answer: NodeAnswer) -> str:
    """One node's answer in words: the proof, and what nothing proves."""
    at = f"{answer.node} at block {answer.block} of {told_time(answer.time)}"
    newest = answer.newest
    if newest is None:
        return f"{at} says that nothing is anchored"
    if newest.block is None:
        return f"{at} says that {newest.head.size} records are anchored; not shown: {newest.doubt}"
    return (
        f"{at}: that {newest.head.size} records are anchored is shown by the seals of block {newest.block}; that no more are, and the "
        "keys, is its word"
    )
