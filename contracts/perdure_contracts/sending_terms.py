"""All that has to be asked before transactions are signed, in one round trip: the market, the gas limit, the next nonces, the newest block."""

from dataclasses import dataclass

from perdure_anchor.hashes import Address, to_hex

from perdure_contracts.answers import read_integer, read_object
from perdure_contracts.chain import ChainClient
from perdure_contracts.fees import Market, market_of
from perdure_contracts.rpc import Json, Request
from perdure_contracts.rpc_errors import RpcRefused


@dataclass(frozen=True, slots=True)
class SendingTerms:
    """``next_nonce`` by the newest block, ``pending_nonce`` with what waits in the node's pool; ``block_time`` in seconds since 1970."""

    market: Market
    gas_limit: int
    next_nonce: int
    pending_nonce: int
    block_number: int
    block_time: int


def fetch_sending_terms(client: ChainClient, account: Address) -> SendingTerms:
    """Ask the node; the priority fee takes another round trip, on chains that are not free."""
    newest, price, latest, pending = (
        _answered(outcome)
        for outcome in client.rpc.batch(
            [
                Request("eth_getBlockByNumber", ("latest", False)),
                Request("eth_gasPrice"),
                Request("eth_getTransactionCount", (to_hex(account), "latest")),
                Request("eth_getTransactionCount", (to_hex(account), "pending")),
            ]
        )
    )
    block = read_object(newest, "block")
    base_fee = block.get("baseFeePerGas")
    return SendingTerms(
        market_of(
            None if base_fee is None else read_integer(base_fee, "baseFeePerGas", 256),
            read_integer(price, "gas price", 256),
            client.priority_fee,
        ),
        read_integer(block.get("gasLimit"), "gasLimit"),
        read_integer(latest, "nonce"),
        read_integer(pending, "nonce"),
        read_integer(block.get("number"), "block number"),
        read_integer(block.get("timestamp"), "timestamp"),
    )


def _answered(outcome: Json | RpcRefused) -> Json:
    if isinstance(outcome, RpcRefused):
        raise outcome
    return outcome
