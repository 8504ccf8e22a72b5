"""Sites without vaults: a key and a log of records of which only digests exist. Quick enough to have a hundred of them."""

from collections.abc import Sequence
from dataclasses import replace

from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, parse_origin, sign_checkpoint
from perdure_anchor.hashes import Address, Hash32, sha256
from perdure_anchor.key_rotation import KeyRotation, SignedRotation, sign_key_rotation
from perdure_anchor.log import MemoryLog, append_proof, decomposition, inclusion_proof, leaf_hash
from perdure_anchor.record import SLOTS, leaf_from_digests
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_contracts.chain import ChainClient
from perdure_contracts.fees import choose_fee
from perdure_contracts.registry import RegistryContract
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import sign_call
from perdure_node.courier.bundle import (
    BundleHead,
    CarriedCheckpoint,
    CarriedProof,
    Kind,
    LeafRange,
    Request,
)
from perdure_node.courier.bundle_file import Bundle, encode_bundle, read_bundle

SEALED_AT = 1_767_225_600


class LightSite:
    """A site of this origin; ``seed`` makes the records, so that sites of one origin and two seeds have rival logs."""

    def __init__(self, domain: RegistryDomain, origin: str, seed: bytes = b"") -> None:
        self.domain, self.origin = domain, parse_origin(origin)
        self.key = sha256(b"key of " + origin.encode())
        self.seed = seed or origin.encode()
        self.log = MemoryLog()
        self.slots: list[tuple[Hash32, ...]] = []
        self.checkpoints: list[CarriedCheckpoint] = []
        self.rotations: list[SignedRotation] = []
        self._bundles = 0

    @property
    def address(self) -> Address:
        return address_from_private_key(self.key)

    @property
    def digest(self) -> Hash32:
        """The EIP-712 digest of the newest checkpoint."""
        from perdure_anchor.checkpoint import checkpoint_digest

        return checkpoint_digest(self.domain, self.checkpoints[-1].checkpoint)

    def grow(self, count: int = 1) -> None:
        """Records that are not sealed yet."""
        for number in range(self.log.size, self.log.size + count):
            slots = tuple(sha256(self.seed + b"%d %d" % (number, slot)) for slot in range(len(SLOTS)))
            self.slots.append(slots)
            self.log.append([leaf_hash(leaf_from_digests(slots))])

    def seal(self, count: int = 1, key: bytes | None = None) -> CarriedCheckpoint:
        """A signed checkpoint over the log with so many more records."""
        self.grow(count)
        checkpoint = Checkpoint(self.origin.site, self.log.size, self.log.root(), SEALED_AT)
        self.checkpoints.append(self.carried(checkpoint, key or self.key))
        return self.checkpoints[-1]

    def carried(self, checkpoint: Checkpoint, key: bytes) -> CarriedCheckpoint:
        size = checkpoint.size
        path = inclusion_proof(self.log.node_at, size - 1, size)
        signature = sign_checkpoint(self.domain, checkpoint, key)
        return CarriedCheckpoint(checkpoint, signature, self.slots[size - 1], path)

    def rotate(self, new_key: bytes, grace_period: int, nonce: int) -> SignedRotation:
        """Hand over to another key, which signs from now on."""
        rotation = KeyRotation(self.origin.site, address_from_private_key(new_key), grace_period, nonce)
        signed = SignedRotation(rotation, sign_key_rotation(self.domain, rotation, self.key))
        self.rotations.append(signed)
        self.key = new_key
        return signed

    def head(self, *, begin: int = 0, proofs_from: Sequence[int] | None = None) -> BundleHead:
        """All checkpoints and rotations, the leaf hashes from ``begin`` on, and proofs from these sizes (each there may be)."""
        self._bundles += 1
        sizes = [each.size for each in self.checkpoints]
        newest = sizes[-1] if sizes else 0
        if proofs_from is None:
            proofs_from = [0, *sizes[:-1]] if sizes else []
        peaks = tuple(self.log.node_at(level, index) for level, index in decomposition(0, begin))
        return BundleHead(
            kind=Kind.OUTGOING,
            nonce=sha256(self.seed + self.origin.text.encode() + b"%d" % self._bundles)[:16],
            domain=self.domain,
            origin=self.origin,
            made_at=SEALED_AT,
            leaves=LeafRange(begin, newest - begin, peaks) if newest > begin else LeafRange(0, 0),
            checkpoints=tuple(self.checkpoints),
            append_proofs=tuple(
                CarriedProof(size, append_proof(self.log.node_at, size, newest)) for size in proofs_from
            ),
            rotations=tuple(self.rotations),
            request=Request(),
            answer=None,
        )

    def bundle(self, head: BundleHead | None = None, **changes: object) -> Bundle:
        """As `head` gives it, with some of its members changed."""
        head = replace(head or self.head(), **changes)
        leaves = [self.log.node_at(0, index) for index in range(head.leaves.begin, head.leaves.end)]
        return read_bundle(b"".join(encode_bundle(head, leaves)))


def register_all(
    client: ChainClient,
    registry: RegistryContract,
    partner_key: bytes,
    chain_id: int,
    sites: Sequence[LightSite],
) -> None:
    """Register sites of one partner in one go; whoever calls this lets blocks come."""
    signer, fee = LocalSigner(partner_key), choose_fee(client)
    first = client.transaction_count(signer.address, "pending")
    raws = [
        sign_call(
            signer,
            registry.register_site_call(site.origin, site.address),
            chain_id=chain_id,
            nonce=nonce,
            gas=300_000,
            fee=fee,
        ).raw
        for nonce, site in enumerate(sites, first)
    ]
    client.send_transactions(raws)
