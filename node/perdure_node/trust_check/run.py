"""All comparisons in the order of a trust file's fields, each by itself: what fails in one is told, and does not end the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import to_hex
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_changes import successor_faults
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc_errors import RpcUnreachable

from perdure_node.trust_check.comparison import Comparison, Outcome, compared, not_checked
from perdure_node.trust_check.contracts import (
    compare_code,
    compare_deployments,
    compare_partners,
    compare_registry_consortium,
    compare_sites,
)
from perdure_node.trust_check.engines import compare_engine
from perdure_node.trust_check.validators import compare_seals, compare_validators

Question = Callable[[TrustFile, ChainClient], Iterator[Comparison]]


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The pinned version before the file, and the SHA-256 of its bytes in hexadecimal digits."""

    digest: str
    trust: TrustFile


def compare_with_chain(
    trust: TrustFile, client: ChainClient, predecessor: Predecessor | None = None
) -> Iterator[Comparison]:
    """Every field of the file against a node; raises `ChainError` only if the node cannot be asked at all.

    ``predecessor`` is the version that the file names, if the caller has it pinned.
    """
    yield compared("chain id", str(trust.chain_id), str(client.chain_id()))
    lost: RpcUnreachable | None = None
    for field, question, essential in _QUESTIONS:
        if lost is not None:
            yield not_checked(field, f"not asked any more: {lost}", essential=essential)
            continue
        try:
            yield from question(trust, client)
        except RpcUnreachable as error:
            lost = error
            yield not_checked(field, str(error), essential=essential)
        except PerdureError as error:
            yield not_checked(field, str(error), essential=essential)
    yield _compare_predecessor(trust, predecessor)
    yield not_checked(
        "texts",
        "the name, legal names, registration numbers and contacts are not on the chain: they are for people to check",
        essential=False,
    )


def _compare_genesis(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    yield compared("genesis hash", to_hex(trust.genesis_hash), to_hex(client.fetch_block_hash(0)))


# the name under which a question is told that could not be asked at all
_QUESTIONS: tuple[tuple[str, Question, bool], ...] = (
    ("genesis hash", _compare_genesis, True),
    ("contracts' code", compare_code, True),
    ("registry's consortium", compare_registry_consortium, True),
    ("deployment blocks", compare_deployments, False),
    ("partners", compare_partners, True),
    ("sites", compare_sites, True),
    ("validators", compare_validators, True),
    ("seals", compare_seals, False),
    ("engine", compare_engine, False),
)


def _compare_predecessor(trust: TrustFile, predecessor: Predecessor | None) -> Comparison:
    if trust.predecessor is None:
        return Comparison("predecessor", Outcome.OK, "none", "none", "the file names none", essential=False)
    if predecessor is None:
        return not_checked(
            "predecessor", "the version before is not pinned", trust.predecessor, essential=False
        )
    broken = successor_faults(predecessor.trust, predecessor.digest, trust)
    if broken:
        told = "; ".join(map(str, broken))
        return Comparison("predecessor", Outcome.DIFFERS, trust.predecessor, predecessor.digest, told)
    note = f"version {predecessor.trust.version} is pinned, and its past is left alone"
    return Comparison("predecessor", Outcome.OK, trust.predecessor, predecessor.digest, note, essential=False)
