"""What nodes of one chain say of the same things, side by side.

Compared is what has one truth: the chain's id, its genesis block, final blocks, and the registry's code. A block is named by the hash
that its header has under the consensus engine that the trust file gives, not by the one that the node tells: copies with other seals
are the same block. A node that is behind is asked for what it has, so that lagging is never a disagreement.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.hashes import Hash32, keccak256, to_hex
from perdure_anchor.trust import TrustFile
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc_errors import RpcBadAnswer

# blocks: where blocks are final at once, two are for nodes that show a block before they have stored it; Clique takes blocks back
_FINAL_DEPTH, _DEPTH_WITHOUT_FINALITY = 2, 64
NO_CODE: Final = "no code"

Matter: TypeAlias = tuple[str, int | None]
"""What is compared: its name, and the block's number where it is about one."""

CHAIN: Final[Matter] = ("chain", None)
CODE: Final[Matter] = ("registry's code", None)


def block_matter(number: int) -> Matter:
    """The matter of a block's name."""
    return ("block", number)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two or more nodes say different things of one matter; ``answers`` are those of all that spoke of it, by the node's label."""

    matter: Matter
    answers: Mapping[str, str]

    @property
    def stops_rounds(self) -> bool:
        """Whether nothing may be asked of any node: the trust file decides which chain is meant, but not who lies about it."""
        return self.matter != CHAIN

    @property
    def subject(self) -> str:
        name, number = self.matter
        return name if number is None else f"{name} {number}"

    def __str__(self) -> str:
        said = "; ".join(f"{label}: {text}" for label, text in sorted(self.answers.items()))
        return f"the chain's nodes disagree on the {self.subject}: {said}"


@dataclass(frozen=True, slots=True)
class View:
    """What one node says when it is asked what it is; ``code`` is None where its newest block is older than the registry."""

    chain_id: int
    genesis: Hash32
    head: int
    head_time: int
    code: bytes | None

    def is_of(self, trust: TrustFile) -> bool:
        """Whether the node says that it is of the pinned chain."""
        return (self.chain_id, self.genesis) == (trust.chain_id, trust.genesis_hash)


def fetch_view(client: ChainClient, trust: TrustFile) -> View:
    """Ask a node what it is; raises what the chain client does."""
    chain_id, genesis = client.chain_id(), client.fetch_block_hash(0)
    head, head_time = client.newest_block()
    has_registry = head >= trust.registry.deployment_block
    code = client.fetch_code(trust.registry.address) if has_registry else None
    return View(chain_id, genesis, head, head_time, code)


def fetch_named_block(client: ChainClient, trust: TrustFile, number: int) -> Hash32:
    """The name of a block, computed from its header; raises what the chain client does, and `RpcBadAnswer` for another engine's."""
    header = client.fetch_header(number)
    try:
        return trust.engine_at(number)(header).hash
    except (EncodingError, VerificationError) as error:
        raise RpcBadAnswer(f"answer of {client.rpc.endpoint}: block {number}: {error}") from error


def common_blocks(views: Iterable[View], trust: TrustFile) -> tuple[int, ...]:
    """The newest block that should be final for each node: those that have it too are asked for it."""
    depth = _FINAL_DEPTH if trust.epochs[-1].is_final else _DEPTH_WITHOUT_FINALITY
    return tuple(sorted({view.head - depth for view in views if view.head > depth}))


def compare(
    views: Mapping[str, View], ours: Mapping[str, View], blocks: Mapping[int, Mapping[str, Hash32]]
) -> list[Disagreement]:
    """The matters on which nodes differ, by their labels: all of them on the chain, those of ``ours`` on its code and blocks."""
    spoken: list[tuple[Matter, Mapping[str, str]]] = [
        (
            CHAIN,
            {label: f"id {view.chain_id}, genesis {to_hex(view.genesis)}" for label, view in views.items()},
        ),
        (CODE, {label: _code(view.code) for label, view in ours.items() if view.code is not None}),
    ]
    for number, names in sorted(blocks.items()):
        spoken.append((block_matter(number), {label: to_hex(name) for label, name in names.items()}))
    return [Disagreement(matter, answers) for matter, answers in spoken if len(set(answers.values())) > 1]


def standing(
    before: Sequence[Disagreement], found: Sequence[Disagreement], spoke: Mapping[Matter, Iterable[str]]
) -> list[Disagreement]:
    """The disagreements after a comparison: those found, and those before that are not resolved.

    Resolved is one whose parties all spoke of the matter again (``spoke``: who did, by matter) and agree. One that is not
    answered by a party any more stands: falling silent is no proof of honesty.
    """
    new = {each.matter: each for each in found}
    for old in before:
        if old.matter in new:
            answers = {**old.answers, **new[old.matter].answers}
            new[old.matter] = Disagreement(old.matter, answers)
        elif not set(old.answers) <= set(spoke.get(old.matter, ())):
            new[old.matter] = old
    return list(new.values())


def _code(code: bytes) -> str:
    return f"hash {to_hex(keccak256(code))}" if code else NO_CODE
