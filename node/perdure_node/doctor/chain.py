"""The nodes of the chain: each by itself, all beside each other, and the relay's account on it."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_anchor.errors import ConfigError, PerdureError
from perdure_anchor.hashes import Address, Hash32, checksum_address, to_hex
from perdure_anchor.timestamp import told_time
from perdure_anchor.trust import TrustFile
from perdure_contracts.answers import read_integer

from perdure_node.chain.anchor_chain import AnchorChain, connect_to
from perdure_node.clock import Clock
from perdure_node.doctor.finding import Finding, fine, found_by_error, guarded, unknown, warning, wrong
from perdure_node.gateway.access import access_of
from perdure_node.gateway.folder import DATABASE_FILE
from perdure_node.gateway.settings import EndpointSettings, NodeSettings

PATIENCE: Final = 10.0
# blocks by which nodes that work may differ
_HEADS_APART: Final = 5
# a relay with less can pay for no round of anchors
_GAS_FOR_ANCHORS: Final = 260_000 * 10


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A node of the pinned chain that answered, with its newest block."""

    about: str
    chain: AnchorChain
    head: int


def connect_endpoint(folder: Path, trust: TrustFile, settings: EndpointSettings) -> AnchorChain:
    """The chain through one endpoint; nothing is asked yet. Raises what `perdure_contracts.access` does."""
    return connect_to(trust, access_of(folder, settings), (), PATIENCE)


def check_endpoints(
    folder: Path,
    settings: NodeSettings,
    trust: TrustFile,
    clock: Clock,
    found: list[Endpoint],
    stack: contextlib.ExitStack,
) -> Iterator[Finding]:
    """Each endpoint, then all together; those that work are put into ``found``, and closed by ``stack``."""
    for number, each in enumerate(settings.endpoint, 1):
        about = f"endpoint {number}"
        try:
            chain = connect_endpoint(folder, trust, each)
        except ConfigError as error:
            yield found_by_error(about, error)
            continue
        yield from guarded(about, _endpoint(about, chain, settings, clock, found, stack))
    if not found:
        yield unknown("chain", "no endpoint answers for it: it was not looked at", "see the endpoints above")
        return
    yield from guarded("endpoints", _agreement(found))
    yield from _epochs(trust, max(each.head for each in found))


def _endpoint(
    about: str,
    chain: AnchorChain,
    settings: NodeSettings,
    clock: Clock,
    found: list[Endpoint],
    stack: contextlib.ExitStack,
) -> Iterator[Finding]:
    stack.enter_context(chain)
    chain.check()
    head, head_time = chain.client.head_number(), chain.client.newest_timestamp()
    found.append(Endpoint(about, chain, head))
    yield fine(
        about, f"{chain.client.rpc.endpoint} is on the pinned chain, with its contracts, at block {head}"
    )
    yield from _age(about, clock.now() - head_time, head_time, settings)


def _age(about: str, age: float, head_time: int, settings: NodeSettings) -> Iterator[Finding]:
    skew, period = settings.alarms.clock_skew_seconds, settings.chain.period
    told = f"its newest block is of {told_time(head_time)}"
    if age < -skew:
        yield wrong(
            f"{about}: clock",
            f"{told}, {-age:.0f} s after what this machine's clock says",
            "see whether NTP works here",
        )
    elif period and age > skew + 6 * period:
        yield wrong(
            f"{about}: age",
            f"{told}, {age:.0f} s ago; the chain has a block every {period:g} s",
            "the chain halts, or this chain client does not get its blocks, or this machine's clock is ahead",
        )
    else:
        yield fine(f"{about}: age", told)


def _agreement(found: Sequence[Endpoint]) -> Iterator[Finding]:
    if len(found) == 1:
        return
    low, high = min(each.head for each in found), max(each.head for each in found)
    # the very newest block may still be taken back on a chain without finality
    number = max(low - 1, 0)
    hashes: dict[Hash32, list[str]] = {}
    for each in found:
        hashes.setdefault(each.chain.client.fetch_block_hash(number), []).append(each.about)
    if len(hashes) > 1:
        told = "; ".join(f"{' and '.join(names)}: {to_hex(name)}" for name, names in hashes.items())
        yield wrong(
            "endpoints",
            f"they disagree about block {number}: {told}",
            "one of them lies, or is on a fork: find out with the other partners which, before anything is anchored",
        )
    elif high - low > _HEADS_APART:
        slow = " and ".join(each.about for each in found if high - each.head > _HEADS_APART)
        yield warning(
            "endpoints", f"they agree about block {number}, but {slow} is up to {high - low} blocks behind"
        )
    else:
        yield fine("endpoints", f"they agree about block {number}")


def _epochs(trust: TrustFile, head: int) -> Iterator[Finding]:
    last = trust.epochs[-1]
    if last.to_block is not None and head > last.to_block:
        yield wrong(
            "trust file",
            f"it knows the validators up to block {last.to_block}, the chain is at {head}",
            "get the newer version from the consortium: perdure trust pin",
        )


def check_account(account: Address, endpoint: Endpoint, folder: Path) -> Iterator[Finding]:
    """The relay's account on the chain: funds, and whether its transactions follow each other."""
    yield from guarded("relay account", _funds(account, endpoint.chain))
    yield from guarded("relay nonce", _nonces(account, endpoint.chain, folder))


def _funds(account: Address, chain: AnchorChain) -> Iterator[Finding]:
    client, name = chain.client, checksum_address(account)
    balance = read_integer(client.rpc.call("eth_getBalance", to_hex(account), "latest"), "balance", 256)
    price = client.gas_price()
    if price == 0:
        yield fine("relay account", f"{name}; the chain is free of fees")
    elif balance < price * _GAS_FOR_ANCHORS:
        told = f"{name} has {balance} wei; ten anchors may need {price * _GAS_FOR_ANCHORS} at {price} a unit of gas"
        yield (warning if balance >= price * _GAS_FOR_ANCHORS // 10 else wrong)(
            "relay account", told, "fund it"
        )
    else:
        yield fine("relay account", f"{name} has {balance} wei")


def _nonces(account: Address, chain: AnchorChain, folder: Path) -> Iterator[Finding]:
    mined = chain.client.transaction_count(account, "latest")
    waiting = stored_nonces(folder / DATABASE_FILE)
    ours = [each for each in waiting if each >= mined]
    gap = next((each for number, each in enumerate(ours) if each != mined + number), None)
    if gap is not None:
        yield warning(
            "relay nonce",
            f"{mined} is the next on the chain, but the stored transactions have none before {gap}",
            "the relay fills the gap in its next round; if it stays, somebody else uses the account",
        )
    elif len(ours) < len(waiting) and not ours:
        yield warning(
            "relay nonce",
            f"{len(waiting)} stored transactions have nonces that are used; the next round looks at them",
        )
    else:
        yield fine(
            "relay nonce", f"{mined} is the next on the chain; {len(ours)} transactions are on their way"
        )


def stored_nonces(path: Path) -> list[int]:
    """The nonces of the transactions that may be on their way, ascending; none if the database cannot be read."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            rows = connection.execute(
                "SELECT DISTINCT nonce FROM relay_transaction WHERE outcome IS NULL ORDER BY nonce"
            )
            return [row[0] for row in rows]
    except sqlite3.DatabaseError:
        return []


def account_error(error: PerdureError) -> Finding:
    """That the relay's account could not be made out."""
    return found_by_error("relay account", error)
