"""Bundles for the golden files: one that goes out and one that returns, each with all of its members filled, made of plain values."""

from perdure_anchor.checkpoint import Checkpoint, Origin, RegistryDomain, sign_checkpoint
from perdure_anchor.evidence import AnchorProof
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.key_rotation import KeyRotation, SignedRotation, sign_key_rotation
from perdure_anchor.log import MemoryLog, append_proof, inclusion_proof, leaf_hash
from perdure_anchor.record import leaf_from_digests
from perdure_node.courier.bundle import (
    Answer,
    BundleHead,
    CarriedAnchor,
    CarriedCheckpoint,
    CarriedHop,
    CarriedProof,
    Kind,
    LeafRange,
    Request,
    SetAside,
    SiteKeys,
)
from perdure_node.courier.bundle_file import encode_bundle
from perdure_node.encryption.hybrid import PublicKey

DOMAIN = RegistryDomain(20_260, Address(bytes(range(0xA0, 0xB4))))
ORIGIN = Origin("acme", "rotterdam")
PRIVATE_KEY = bytes(range(1, 33))
DIGESTS = [tuple(Hash32(bytes((record, slot)) * 16) for slot in range(15)) for record in range(7)]
LOG = MemoryLog([leaf_hash(leaf_from_digests(digests)) for digests in DIGESTS])


def address(number: int) -> Address:
    return Address(bytes((number,)) * 20)


def carried(size: int) -> CarriedCheckpoint:
    root = MemoryLog([LOG.node_at(0, index) for index in range(size)]).root()
    checkpoint = Checkpoint(ORIGIN.site, size, root, 1_767_225_600 + size)
    path = inclusion_proof(LOG.node_at, size - 1, size)
    return CarriedCheckpoint(
        checkpoint, sign_checkpoint(DOMAIN, checkpoint, PRIVATE_KEY), DIGESTS[size - 1], path
    )


def leaf_range(begin: int, end: int) -> LeafRange:
    peaks = tuple(append_proof(LOG.node_at, begin, 7)[: begin.bit_count()])
    return LeafRange(begin, end - begin, peaks)


def pieces_of(head: BundleHead) -> bytes:
    """The whole file, with the leaf hashes of the log that is used here."""
    leaves = [LOG.node_at(0, index) for index in range(head.leaves.begin, head.leaves.end)]
    return b"".join(encode_bundle(head, leaves))


def outgoing() -> BundleHead:
    rotation = KeyRotation(ORIGIN.site, address(5), 3600, 1)
    return BundleHead(
        kind=Kind.OUTGOING,
        nonce=bytes(range(16)),
        domain=DOMAIN,
        origin=ORIGIN,
        made_at=1_767_225_700,
        leaves=leaf_range(3, 7),
        checkpoints=(carried(5), carried(7)),
        append_proofs=tuple(CarriedProof(old, append_proof(LOG.node_at, old, 7)) for old in (0, 3, 5)),
        rotations=(SignedRotation(rotation, sign_key_rotation(DOMAIN, rotation, PRIVATE_KEY)),),
        request=Request(3, 0, bytes(range(16, 32)), PublicKey(bytes(range(32)))),
        answer=None,
    )


def returning() -> BundleHead:
    def proof(number: int) -> AnchorProof:
        headers = (b"header %d" % number, b"header %d and more" % (number + 1))
        return AnchorProof(1, (b"root node", b"", b"\xff" * 40), 2, headers)

    first, last = carried(5), carried(7)
    return BundleHead(
        kind=Kind.RETURN,
        nonce=bytes(range(32, 48)),
        domain=DOMAIN,
        origin=ORIGIN,
        made_at=1_767_229_300,
        leaves=leaf_range(0, 5),
        checkpoints=(first, last),
        append_proofs=(),
        rotations=(),
        request=None,
        answer=Answer(
            taken_in=(bytes(range(48, 64)), bytes(range(64, 80))),
            challenge=bytes(range(16, 32)),
            mirrored=5,
            head_size=7,
            head_root=last.checkpoint.root,
            block_number=1234,
            keys=SiteKeys(address(6), address(5), 1_767_229_200, 2, 1_767_200_000, Hash32(b"\x77" * 32)),
            anchors=(
                CarriedAnchor(5, first.checkpoint.root, proof(10)),
                CarriedAnchor(7, last.checkpoint.root, proof(20)),
            ),
            known_block=(b"header 30", b"header 31"),
            hops=(CarriedHop((address(1), address(2)), (b"hop 1", b"hop 1, next")),),
            set_aside=(
                SetAside(
                    6, Hash32(b"\x66" * 32), 'the registry\'s log has "other" records\\ – sehr ärgerlich'
                ),
            ),
        ),
    )
