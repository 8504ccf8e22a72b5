"""The signatures of one checkpoint, where a site has signed it anew after a rotation: which of them counts, the registry decides.

The EIP-712 digest does not hold the signer, so that both are of the same checkpoint. Evidence needs the one that the registry's event
names.
"""

from collections.abc import Sequence

from perdure_anchor.checkpoint import RegistryDomain, recover_checkpoint_signer
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.secp256k1 import SignatureError
from perdure_contracts.registry import AnchorStatus

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.database import Database
from perdure_node.gateway.folder import Gateway
from perdure_node.log.site_log import StoredCheckpoint


def keep_signature(database: Database, digest: Hash32, signature: bytes) -> None:
    """Keep a signature whose signer is known to be the site; inside a transaction of the caller's."""
    database.execute(
        "INSERT OR IGNORE INTO checkpoint_signature (digest, signature) VALUES (?, ?)", digest, signature
    )


def has_several(database: Database, digest: Hash32) -> bool:
    """Whether a checkpoint came with more than one signature."""
    return database.number("SELECT count(*) FROM checkpoint_signature WHERE digest = ?", digest) > 1


def let_sign(
    database: Database, domain: RegistryDomain, stored: StoredCheckpoint, signers: Sequence[Address]
) -> bool:
    """Put the signature by the first of the signers who has signed in the checkpoint's place, inside a transaction of the caller's.

    Returns whether it is another one than before.
    """
    rows = database.rows("SELECT signature FROM checkpoint_signature WHERE digest = ?", stored.digest)
    by_signer = {
        recover_checkpoint_signer(domain, stored.checkpoint, signature): bytes(signature)
        for (signature,) in rows
    }
    chosen = next((by_signer[each] for each in signers if each in by_signer), None)
    if chosen is None:
        return False
    return bool(
        database.execute(
            "UPDATE checkpoint SET signature = ? WHERE digest = ? AND signature <> ?",
            chosen,
            stored.digest,
            chosen,
        )
    )


def sign_as_anchored(gateway: Gateway, chain: AnchorChain, stored: StoredCheckpoint) -> bool:
    """Let an anchored checkpoint have the signature that the registry took, from a bundle, or from the transaction that brought it.

    Returns whether it is another one than before. Raises what the chain client raises.
    """
    status = chain.registry.anchor_status(stored.digest)
    if status is None:
        return False
    database, domain = gateway.database, gateway.trust.domain
    signature = _in_transaction(chain, domain, stored, status)
    with database.transaction():
        if signature is not None:
            keep_signature(database, stored.digest, signature)
        return let_sign(database, domain, stored, [status.signer])


def _in_transaction(
    chain: AnchorChain, domain: RegistryDomain, stored: StoredCheckpoint, status: AnchorStatus
) -> bytes | None:
    """The signature in the transaction that anchored the checkpoint, if the node shows it and it is by the event's signer."""
    block = status.block_number
    for step in chain.registry.fetch_anchored_logs(stored.checkpoint.site, block, block):
        call = chain.registry.fetch_anchor_call(step.transaction_hash)
        if call is not None and call.checkpoint == stored.checkpoint:
            try:
                signer = recover_checkpoint_signer(domain, stored.checkpoint, call.signature)
            except SignatureError:
                continue
            if signer == status.signer:
                return call.signature
    return None
