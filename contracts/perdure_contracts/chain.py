"""The chain as Perdure asks it: headers as they are hashed, receipts that are whole, events, calls, transactions.

Source: Ethereum's execution API, and the ways in which Besu, GoQuorum, geth and anvil differ from it (ADR 0006). Every
answer is checked for type and length before it is used, and what a header commits to is compared with the header. Whether
the header itself is to be believed is not decided here: that is `perdure_anchor.verify`'s affair.
"""

from collections.abc import Sequence
from typing import TypeAlias

from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex

from perdure_contracts.answers import (
    read_bytes,
    read_hash,
    read_integer,
    read_list,
    read_object,
    write_integer,
)
from perdure_contracts.block_reader import BlockReader, BlockTag, Missing, tag
from perdure_contracts.block_receipts import (
    ChainEvent,
    TransactionReceipt,
    event_from_answer,
    receipt_from_answer,
)
from perdure_contracts.many_calls import answers, calls_at_once, program
from perdure_contracts.refused import SendFault, SendRefused, as_reverted, as_send_refused
from perdure_contracts.rpc import AnswerText, Json, Request
from perdure_contracts.rpc_errors import RpcBadAnswer, RpcRefused

TopicFilter: TypeAlias = Sequence[Hash32 | None]
"""Wanted topics by position; None takes any."""

# a node that writes each transaction to its disk shall answer long before anybody takes it for silent
_SENT_AT_ONCE = 50
_MANY_CALLS = "eth_call of many calls"


class ChainClient(BlockReader):
    """One chain, through one node. Numbers are plain integers, hashes and code are bytes."""

    def chain_id(self) -> int:
        """The chain id that transactions are signed for (EIP-155)."""
        return read_integer(self.rpc.call("eth_chainId"), "chain id", 256)

    def head_number(self) -> int:
        """The number of the newest block."""
        return read_integer(self.rpc.call("eth_blockNumber"), "block number")

    def fetch_transaction_receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        """Where a transaction stands in the chain; None while it stands nowhere."""
        return _receipt_of(
            transaction_hash, self.rpc.call("eth_getTransactionReceipt", to_hex(transaction_hash))
        )

    def fetch_transaction_input(self, transaction_hash: Hash32) -> bytes | None:
        """What a transaction carried; None where the node has none of this hash (any more)."""
        answer = self.rpc.call("eth_getTransactionByHash", to_hex(transaction_hash))
        if answer is None:
            return None
        members = read_object(answer, "transaction")
        if read_hash(members.get("hash"), "transaction hash") != transaction_hash:
            raise RpcBadAnswer("answer of the node: got another transaction")
        return read_bytes(members.get("input"), "transaction input")

    def fetch_events(
        self, address: Address, topics: TopicFilter, from_block: int, to_block: int
    ) -> tuple[ChainEvent, ...]:
        """A contract's events in blocks ``from_block`` to ``to_block``, both included, in the chain's order.

        Nodes limit the blocks or events of one answer, each in its own words: a refused range is asked for in halves.
        """
        events: list[ChainEvent] = []
        begin, width = from_block, to_block - from_block + 1
        while begin <= to_block:
            end = min(begin + width - 1, to_block)
            try:
                events += self._fetch_events(address, topics, begin, end)
            except RpcRefused:
                if end == begin:
                    raise
                width = (end - begin + 1) // 2
            else:
                begin = end + 1
        return tuple(events)

    def fetch_log_answer(
        self, addresses: Sequence[Address], topics: Sequence[Hash32], begin: int, end: int
    ) -> AnswerText:
        """The answer to one eth_getLogs for events of any of the contracts and kinds, as it came; not read yet.

        Raises `RpcRefused` where the node has such ranges asked for in smaller ones.
        """
        wanted: dict[str, Json] = {
            "address": to_hex(addresses[0]) if len(addresses) == 1 else [to_hex(each) for each in addresses],
            "topics": [[to_hex(topic) for topic in topics]] if len(topics) > 1 else [to_hex(topics[0])],
            "fromBlock": write_integer(begin),
            "toBlock": write_integer(end),
        }
        return self.rpc.call_text("eth_getLogs", wanted)

    def _fetch_events(self, address: Address, topics: TopicFilter, begin: int, end: int) -> list[ChainEvent]:
        wanted: dict[str, Json] = {
            "address": to_hex(address),
            "topics": [None if topic is None else to_hex(topic) for topic in topics],
            "fromBlock": write_integer(begin),
            "toBlock": write_integer(end),
        }
        events = [
            event_from_answer(value) for value in read_list(self.rpc.call("eth_getLogs", wanted), "events")
        ]
        for event in events:
            if (
                event.log.address != address
                or not begin <= event.block_number <= end
                or not _matches(event, topics)
            ):
                raise RpcBadAnswer("answer of the node: an event that was not asked for")
        return sorted(events, key=lambda event: (event.block_number, event.log_index))

    def transaction_count(self, address: Address, block: BlockTag = "latest") -> int:
        """How many transactions the account sent: its next nonce; "pending" counts the waiting ones."""
        return read_integer(self.rpc.call("eth_getTransactionCount", to_hex(address), tag(block)), "nonce")

    def fetch_code(self, address: Address, block: BlockTag = "latest") -> bytes:
        """The code of a contract; empty where there is none."""
        return read_bytes(self.rpc.call("eth_getCode", to_hex(address), tag(block)), "code")

    def call(
        self, to: Address, calldata: bytes, block: BlockTag = "latest", *, sender: Address | None = None
    ) -> bytes:
        """What a call returns, without a transaction; raises `ExecutionReverted` with what the contract says."""
        return read_bytes(
            self._execute("eth_call", _call_object(to, calldata, sender), tag(block)), "call result"
        )

    def call_each(
        self, to: Address, calldatas: Sequence[bytes], result_size: int, block: BlockTag = "latest"
    ) -> list[bytes]:
        """What each of several calls of one contract returns, in few round trips and executions; raises as `call`.

        The calls are of equal length, and answered with ``result_size`` bytes each, unless something is wrong.
        """
        at_once = calls_at_once(len(calldatas[0]), result_size) if len(calldatas) > 1 else 0
        if not at_once or _MANY_CALLS in self.missing_methods:
            return self._call_one_by_one(to, calldatas, block)
        results: list[bytes] = []
        for start in range(0, len(calldatas), at_once):
            some = calldatas[start : start + at_once]
            results += self._call_together(to, some, result_size, block) or self._call_one_by_one(
                to, some, block
            )
        return results

    def _call_together(
        self, to: Address, calldatas: Sequence[bytes], result_size: int, block: BlockTag
    ) -> list[bytes] | None:
        """None where the node does not offer it, or a call fails: asked one by one, the node says why."""
        created: dict[str, Json] = {"data": to_hex(program(to, calldatas, result_size))}
        try:
            returned = read_bytes(self.rpc.call("eth_call", created, tag(block)), "call result")
        except RpcRefused as error:
            if as_reverted(error) is None:
                self.missing_methods.add(_MANY_CALLS)
            return None
        return answers(returned, len(calldatas), result_size)

    def _call_one_by_one(self, to: Address, calldatas: Sequence[bytes], block: BlockTag) -> list[bytes]:
        requests = [Request("eth_call", (_call_object(to, each, None), tag(block))) for each in calldatas]
        results = []
        for outcome in self.rpc.batch(requests):
            if isinstance(outcome, RpcRefused):
                raise as_reverted(outcome) or outcome
            results.append(read_bytes(outcome, "call result"))
        return results

    def estimate_gas(self, sender: Address, to: Address | None, calldata: bytes) -> int:
        """How much gas a transaction would use now; raises `ExecutionReverted` if it would fail."""
        return read_integer(
            self._execute("eth_estimateGas", _call_object(to, calldata, sender)), "gas estimate"
        )

    def _execute(self, method: str, *params: Json) -> Json:
        try:
            return self.rpc.call(method, *params)
        except RpcRefused as error:
            reverted = as_reverted(error)
            if reverted is None:
                raise
            raise reverted from error

    def gas_price(self) -> int:
        """What the node suggests to pay for a unit of gas, in wei."""
        return read_integer(self.rpc.call("eth_gasPrice"), "gas price", 256)

    def priority_fee(self) -> int | None:
        """What the node suggests to pay the proposer on top of the base fee, in wei; None if it has no such method."""
        answer = self.call_optional("eth_maxPriorityFeePerGas")
        return None if isinstance(answer, Missing) else read_integer(answer, "priority fee", 256)

    def send_transaction(self, raw: bytes) -> Hash32:
        """Hand over a signed transaction; returns its hash. Sending the same bytes again is no error.

        Raises `SendRefused`, which says why; a hash that is returned does not mean that a block has the transaction.
        """
        transaction_hash = keccak256(raw)
        try:
            answer = self.rpc.call("eth_sendRawTransaction", to_hex(raw))
        except RpcRefused as error:
            refused = as_send_refused(error)
            if refused.fault is SendFault.ALREADY_KNOWN:
                return transaction_hash
            raise refused from error
        _check_sent(answer, transaction_hash)
        return transaction_hash

    def send_transactions(self, raws: Sequence[bytes]) -> list[SendRefused | None]:
        """As `send_transaction` for several, in their order: what the node says against each, None for nothing."""
        outcomes: list[Json | RpcRefused] = []
        for start in range(0, len(raws), _SENT_AT_ONCE):
            some = raws[start : start + _SENT_AT_ONCE]
            outcomes += self.rpc.batch([Request("eth_sendRawTransaction", (to_hex(raw),)) for raw in some])
        found: list[SendRefused | None] = []
        for raw, outcome in zip(raws, outcomes, strict=True):
            if isinstance(outcome, RpcRefused):
                refused = as_send_refused(outcome)
                found.append(None if refused.fault is SendFault.ALREADY_KNOWN else refused)
            else:
                _check_sent(outcome, keccak256(raw))
                found.append(None)
        return found

    def fetch_transaction_receipts(self, hashes: Sequence[Hash32]) -> list[TransactionReceipt | None]:
        """As `fetch_transaction_receipt` for several; None also where the node will not say yet."""
        requests = [Request("eth_getTransactionReceipt", (to_hex(each),)) for each in hashes]
        found = []
        for name, outcome in zip(hashes, self.rpc.batch(requests), strict=True):
            found.append(None if isinstance(outcome, RpcRefused) else _receipt_of(name, outcome))
        return found


def _check_sent(answer: Json, transaction_hash: Hash32) -> None:
    if read_hash(answer, "transaction hash") != transaction_hash:
        raise RpcBadAnswer("answer of the node: the hash of another transaction than the one that was sent")


def _receipt_of(transaction_hash: Hash32, answer: Json) -> TransactionReceipt | None:
    # some clients answer for a pending transaction, without a block
    if answer is None or read_object(answer, "receipt").get("blockNumber") is None:
        return None
    receipt = receipt_from_answer(answer)
    if receipt.transaction_hash != transaction_hash:
        raise RpcBadAnswer("answer of the node: got the receipt of another transaction")
    return receipt


def _call_object(to: Address | None, calldata: bytes, sender: Address | None) -> dict[str, Json]:
    members: dict[str, Json] = {"data": to_hex(calldata)}
    if to is not None:
        members["to"] = to_hex(to)
    if sender is not None:
        members["from"] = to_hex(sender)
    return members


def _matches(event: ChainEvent, wanted: TopicFilter) -> bool:
    topics = event.log.topics
    return len(topics) >= len(wanted) and all(
        want is None or topic == want for topic, want in zip(topics, wanted, strict=False)
    )
