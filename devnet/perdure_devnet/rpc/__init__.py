"""The devnet's JSON-RPC methods, by theme; `perdure_devnet.rpc.dispatch` finds and calls them.

Names, parameters and results are those of Ethereum's execution API specification, Besu's ``qbft_`` and ``txpool_`` methods, and
geth's ``debug_getRaw*``.
"""
