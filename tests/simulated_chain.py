"""A chain in memory, of QBFT unless another engine is asked for, told as a story: validators, headers, seals, receipts with the registry's events, evidence.

There is no EVM: receipts are written as a contract would cause them to be. Everything follows from labels, so each run makes the
same bytes. `tell` gives valid final evidence with both time runs; a `Story` changes one thing in it *before* hashes and seals are
made, so that a test meets exactly the fault that it means. Faults that an attacker adds afterwards are made by the tests.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from perdure_anchor import qbft, rlp
from perdure_anchor.checkpoint import (
    Checkpoint,
    Origin,
    RegistryDomain,
    checkpoint_digest,
    parse_origin,
    sign_checkpoint,
)
from perdure_anchor.engines import ENGINES
from perdure_anchor.evidence import AnchorProof, Evidence, Headers, SignedCheckpoint, Slot
from perdure_anchor.hashes import ZERO_ADDRESS, Address, Hash32, keccak256, sha256, to_hex
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.log import MemoryLog, inclusion_proof, leaf_hash
from perdure_anchor.receipt import EventLog, Receipt, encode_receipt, logs_bloom
from perdure_anchor.record import (
    SLOTS,
    Record,
    disclosure_digest,
    disclosures,
    leaf_from_digests,
    make_record,
)
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_anchor.secp256k1 import sign
from perdure_anchor.time_bounds import wanted_proposers
from perdure_anchor.trie import trie_proof, trie_root
from perdure_anchor.trust import ContractPin, Epoch, Partner, PinnedSite, TrustFile
from perdure_anchor.verify import Document
from tools.accounts import Account, account, accounts, addresses
from tools.engine_kits import KITS

START = 1_767_225_600  # 2026-01-01T00:00:00Z
PERIOD = 2
CHAIN_ID = 20_260


REGISTRY = account("registry").address
CONSORTIUM = account("consortium").address
SITE_KEY = account("key of acme/rotterdam")
ORIGIN: Origin = parse_origin("acme/rotterdam")
DOMAIN = RegistryDomain(CHAIN_ID, REGISTRY)


# --- headers and seals


def plain_header(number: int, field_count: int = 21) -> BlockHeader:
    """A header of QBFT's form with nothing in it, with any of the allowed field counts."""
    london_and_later = (rlp.encode_int(7), bytes(32), b"", b"", bytes(32), bytes(32))
    fields = (
        bytes(32),
        keccak256(rlp.encode([])),
        bytes(ZERO_ADDRESS),
        keccak256(b"state %d" % number),
        keccak256(rlp.encode(b"")),
        trie_root([]),
        bytes(256),
        rlp.encode_int(qbft.DIFFICULTY),
        rlp.encode_int(number),
        rlp.encode_int(30_000_000),
        b"",
        rlp.encode_int(START + PERIOD * number),
        b"",
        qbft.MIX_HASH,
        qbft.NONCE,
        *london_and_later,
    )
    return BlockHeader(fields[:field_count])


# positions of the fields that stories change, in RLP order
PARENT_HASH, COINBASE, RECEIPTS_ROOT, DIFFICULTY, TIMESTAMP, MIX_HASH, NONCE = 0, 2, 5, 7, 11, 13, 14


def with_field(header: BlockHeader, position: int, octets: bytes) -> BlockHeader:
    return BlockHeader((*header.fields[:position], octets, *header.fields[position + 1 :]))


def with_extra(header: BlockHeader, **changes: object) -> BlockHeader:
    """The header with parts of its extraData (see `qbft.ExtraData`) changed; old seals stay as they are."""
    extra = replace(qbft.parse_extra_data(header.extra_data), **changes)  # type: ignore[arg-type]
    return header.with_extra_data(qbft.encode_extra_data(extra))


def sealed(header: BlockHeader, sealers: Sequence[Account]) -> BlockHeader:
    """The header with the commit seals of ``sealers``, in this order, and no others."""
    digest = qbft.commit_hash(header)
    return with_extra(header, seals=tuple(sign(digest, sealer.private_key) for sealer in sealers))


def copy_of(header: BlockHeader, sealers: Sequence[Account], round: int = 0) -> BlockHeader:
    """The same block as another node stored it: same hash, another round, other seals."""
    return sealed(with_extra(header, round=round), sealers)


# --- the chain

Sealers = Callable[[int, tuple[Account, ...]], Sequence[Account]]
Proposer = Callable[[int, tuple[Account, ...]], Account]
EditHeader = Callable[[BlockHeader], BlockHeader]


def a_quorum(number: int, validators: tuple[Account, ...]) -> Sequence[Account]:
    """Exactly a quorum of the validators, another one for each block."""
    turn = number % len(validators)
    return (validators[turn:] + validators[:turn])[: qbft.quorum(len(validators))]


def in_turn(number: int, validators: tuple[Account, ...]) -> Account:
    return validators[number % len(validators)]


@dataclass(frozen=True, slots=True)
class SimulatedBlock:
    """A sealed header and the receipts under its receipts root."""

    header: BlockHeader
    receipts: tuple[bytes, ...]
    engine: str = "qbft"

    @property
    def name(self) -> Hash32:
        return ENGINES[self.engine](self.header).hash

    @property
    def signers(self) -> tuple[Address, ...]:
        return ENGINES[self.engine](self.header).signers()

    @property
    def raw(self) -> bytes:
        return encode_header(self.header)


@dataclass(slots=True)
class SimulatedChain:
    """Blocks from genesis; `add` proposes, executes nothing, and seals."""

    validators: tuple[Account, ...]
    field_count: int = 21
    lists_validators: bool = True
    sealers: Sealers = a_quorum
    proposer: Proposer = in_turn
    engine: str = "qbft"
    blocks: list[SimulatedBlock] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.blocks:
            self.blocks.append(SimulatedBlock(self.unsealed(0), (), self.engine))

    def unsealed(self, number: int, round: int = 0) -> BlockHeader:
        """A header with nothing in it but what its engine wants."""
        listed = addresses(self.validators) if self.lists_validators else ()
        return KITS[self.engine].unsealed(plain_header(number, self.field_count), listed, round)

    def add(
        self,
        receipts: Sequence[bytes] = (),
        *,
        round: int = 0,
        vote: qbft.Vote | None = None,
        edit: EditHeader = lambda header: header,
    ) -> SimulatedBlock:
        """The next block; ``edit`` changes its header before it is sealed."""
        number = len(self.blocks)
        header = self.unsealed(number, round)
        if vote is not None:
            header = with_extra(header, vote=vote)
        header = with_field(header, PARENT_HASH, self.blocks[-1].name)
        header = with_field(header, COINBASE, self.proposer(number, self.validators).address)
        header = edit(with_field(header, RECEIPTS_ROOT, trie_root(receipts)))
        header = KITS[self.engine].sealed(header, self.sealers(number, self.validators))
        block = SimulatedBlock(header, tuple(receipts), self.engine)
        self.blocks.append(block)
        return block

    def extend(self, count: int) -> None:
        for _ in range(count):
            self.add()

    def raw_headers(self, first: int, last: int) -> tuple[bytes, ...]:
        """The headers of the blocks ``first`` to ``last``, both included."""
        return tuple(block.raw for block in self.blocks[first : last + 1])


# --- what the registry emits


def _words(*items: int | bytes) -> bytes:
    """ABI words: integers and short byte strings are padded on the left."""
    return b"".join(
        item.to_bytes(32, "big") if isinstance(item, int) else item.rjust(32, b"\0") for item in items
    )


def anchored_log(
    checkpoint: Checkpoint,
    signer: Address,
    *,
    domain: RegistryDomain = DOMAIN,
    previous_size: int = 0,
) -> EventLog:
    topics = (ANCHORED_TOPIC, checkpoint.site, Hash32(_words(checkpoint.size)), checkpoint.root)
    digest = checkpoint_digest(domain, checkpoint)
    return EventLog(domain.registry, topics, _words(previous_size, checkpoint.sealed_at, signer, digest))


def anchored_before_log(
    checkpoint: Checkpoint,
    signer: Address,
    first_block: int,
    first_time: int,
    *,
    domain: RegistryDomain = DOMAIN,
) -> EventLog:
    topics = (ANCHORED_BEFORE_TOPIC, checkpoint.site, Hash32(_words(checkpoint.size)), checkpoint.root)
    payload = _words(
        first_block, first_time, checkpoint.sealed_at, signer, checkpoint_digest(domain, checkpoint)
    )
    return EventLog(domain.registry, topics, payload)


def stray_log(number: int) -> EventLog:
    """A log that is none of ours."""
    return EventLog(account("stranger").address, (keccak256(b"stray %d" % number),), b"stray")


def receipt_of(
    logs: Sequence[EventLog], *, type: int = 2, status: int = 1, gas: int = 90_000, bloom: bytes | None = None
) -> bytes:
    return encode_receipt(
        Receipt(type, status, gas, logs_bloom(logs) if bloom is None else bloom, tuple(logs))
    )


# --- the story


@dataclass(frozen=True, slots=True)
class Story:
    """One record, sealed into a log, anchored on a chain, proved; each field changes one thing in it."""

    validators: int = 4
    client: str = "besu"
    selection: str = "header"
    quorum_rule: str = "ceil(2n/3)"
    field_count: int = 21
    size: int = 7
    index: int = 3
    sealed_at: int = START + 5
    receipts: int = 3
    receipt_index: int = 1
    log_position: int = 1
    receipt_type: int = 2
    anchored_before: bool = False
    pinned: bool = False
    hidden: frozenset[str] = frozenset({"signature", "extra"})
    # what the record holds beside its plain slots
    slots: tuple[tuple[str, object], ...] = ()
    # what the slot `confirmation` holds, made of the record's 15 digests and the name of the chain's newest block
    confirm: Callable[[tuple[Hash32, ...], Hash32], object] | None = None
    # blocks between the one that the record names and the anchor's: the confirmation can name the last
    waits: int = 0
    # whose chain it is: other people have other keys
    people: str = "validator"
    engine: str = "qbft"
    # the validators that follow, one set after another, each for as many blocks as its hop needs; the trust file has the first
    changes: tuple[tuple[Account, ...], ...] = ()
    sealers: Sealers = a_quorum
    proposer: Proposer = in_turn
    # the slots' texts changed before they are sealed into the log
    edit_disclosures: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda texts: texts
    edit_log: Callable[[EventLog], EventLog] = lambda log: log
    edit_receipt: Callable[[bytes], bytes] = lambda raw: raw
    edit_anchor_header: EditHeader = lambda header: header


PLAIN = Story()
DOCUMENT_BYTES = b"the contract, as it was signed\n"
DOCUMENT = Document(sha256(DOCUMENT_BYTES), len(DOCUMENT_BYTES))
SEED = hashlib.sha256(b"the record's seed").digest()


@dataclass(frozen=True, slots=True)
class Told:
    """The outcome of a story. ``run`` is how many headers each time run needs."""

    evidence: Evidence
    trust: TrustFile
    chain: SimulatedChain
    anchor_block: SimulatedBlock
    after_block: SimulatedBlock
    checkpoint: Checkpoint
    record: Record


@cache
def tell(story: Story = PLAIN) -> Told:
    """Valid evidence, unless the story says otherwise; the same object for the same story, so leave it as it is."""
    chain = SimulatedChain(
        accounts(story.validators, story.people),
        story.field_count,
        story.selection == "header",
        story.sealers,
        story.proposer,
        story.engine,
    )
    chain.extend(wanted_proposers(story.validators) + 1)
    trust = _trust(story, chain)
    hops = tuple(_change_validators(chain, validators) for validators in story.changes)
    run = wanted_proposers(len(chain.validators))
    if hops:
        chain.extend(run)
    after_block = chain.blocks[-1]
    record = _record(story, after_block.name)
    chain.extend(story.waits)
    newest = chain.blocks[-1]
    if story.confirm is not None:
        record = _confirmed(story.confirm, record, newest.name)
    slots = _slots(story, record)
    checkpoint, signed = _sealed_log(story, leaf_from_digests([slot.digest for slot in slots]))
    receipts = _receipts(story, checkpoint)
    anchor_block = chain.add(receipts, edit=story.edit_anchor_header)
    # one signature a block: so many more blocks until more than half have signed
    more = len(chain.validators) // 2 if story.engine == "clique" else 0
    chain.extend(run + more)
    number = anchor_block.header.number
    proof = AnchorProof(
        receipt_index=story.receipt_index,
        receipt_nodes=trie_proof(receipts, story.receipt_index),
        log_position=story.log_position,
        headers=chain.raw_headers(number, number + run + more - 1),
    )

    def before(block: SimulatedBlock) -> Headers:
        return chain.raw_headers(block.header.number - run + 1, block.header.number + more)

    confirmed = before(newest) if story.confirm is not None and story.waits else None
    evidence = Evidence(DOMAIN, ORIGIN, slots, signed, proof, before(after_block), hops, confirmed)
    return Told(evidence, trust, chain, anchor_block, after_block, checkpoint, record)


def _confirmed(
    confirm: Callable[[tuple[Hash32, ...], Hash32], object], record: Record, newest: Hash32
) -> Record:
    digests = tuple(map(disclosure_digest, disclosures(record, SEED)))
    return make_record({**record.values, "confirmation": confirm(digests, newest)})  # type: ignore[dict-item]


def _change_validators(chain: SimulatedChain, validators: tuple[Account, ...]) -> Headers:
    """Blocks under a new set until a quorum of the old one has sealed some of them, or all of it that is left."""
    before = set(addresses(chain.validators))
    wanted = min(qbft.quorum(len(before)), len(before & set(addresses(validators))))
    chain.validators, first = validators, len(chain.blocks)
    vouching: set[Address] = set()
    while len(vouching) < wanted or len(chain.blocks) == first:
        vouching |= before & set(chain.add().signers)
    return chain.raw_headers(first, len(chain.blocks) - 1)


def _record(story: Story, after: Hash32) -> Record:
    plain = {
        "document_sha256": DOCUMENT.sha256.hex(),
        "document_size": DOCUMENT.size,
        "document_name": "contract.pdf",
        "document_type": "contract",
        "signers": [{"name": "Ada Example", "id": "ada@acme.example"}],
        "signed_at": "2026-01-01T00:00:01Z",
        "recorded_at": "2026-01-01T00:00:04Z",
        "after": to_hex(after),
    }
    return make_record({**plain, **dict(story.slots)})  # type: ignore[dict-item]


def _slots(story: Story, record: Record) -> tuple[Slot, ...]:
    texts = story.edit_disclosures(disclosures(record, SEED))
    return tuple(
        Slot(None if name in story.hidden else text, disclosure_digest(text))
        for name, text in zip(SLOTS, texts, strict=True)
    )


def _sealed_log(story: Story, leaf_bytes: bytes) -> tuple[Checkpoint, SignedCheckpoint]:
    leaves = [b"leaf %d" % number for number in range(story.size)]
    leaves[story.index] = leaf_bytes
    log = MemoryLog(map(leaf_hash, leaves))
    checkpoint = Checkpoint(ORIGIN.site, story.size, log.root(), story.sealed_at)
    signature = sign_checkpoint(DOMAIN, checkpoint, SITE_KEY.private_key)
    path = inclusion_proof(log.node_at, story.index, story.size)
    return checkpoint, SignedCheckpoint(story.size, log.root(), story.sealed_at, signature, story.index, path)


def _receipts(story: Story, checkpoint: Checkpoint) -> tuple[bytes, ...]:
    """The anchor block's receipts, the registry's among others, its event after ``log_position`` stray logs."""
    if story.anchored_before:
        event = anchored_before_log(checkpoint, SITE_KEY.address, 1, START + PERIOD)
    else:
        event = anchored_log(checkpoint, SITE_KEY.address)
    logs = [*map(stray_log, range(story.log_position)), story.edit_log(event), stray_log(99)]
    receipts = [
        receipt_of([stray_log(number)], gas=50_000 * (number + 1)) for number in range(story.receipts)
    ]
    ours = receipt_of(logs, type=story.receipt_type, gas=50_000 * (story.receipt_index + 1))
    receipts[story.receipt_index] = story.edit_receipt(ours)
    return tuple(receipts)


def _trust(story: Story, chain: SimulatedChain) -> TrustFile:
    epoch = Epoch(
        from_block=0,
        to_block=None,
        client="geth" if story.engine == "clique" else story.client,
        consensus=story.engine,
        selection=story.selection,
        quorum_rule="floor(n/2)+1" if story.engine == "clique" else story.quorum_rule,
        curve="secp256k1",
        validators=addresses(chain.validators),
    )
    return TrustFile(
        name="simulated consortium",
        version=1,
        predecessor=None,
        devnet=story.client == "devnet",
        chain_id=CHAIN_ID,
        genesis_hash=chain.blocks[0].name,
        registry=ContractPin(REGISTRY, keccak256(b"code of the registry"), 1),
        consortium=ContractPin(CONSORTIUM, keccak256(b"code of the consortium"), 1),
        partners=(Partner("acme", account("acme").address, "Acme B.V.", "NL 1", "office@acme.example"),),
        sites=(PinnedSite(ORIGIN, (SITE_KEY.address,)),) if story.pinned else (),
        epochs=(epoch,),
    )


# --- evidence changed afterwards


def with_checkpoint(evidence: Evidence, **changes: object) -> Evidence:
    assert evidence.checkpoint is not None
    return replace(evidence, checkpoint=replace(evidence.checkpoint, **changes))  # type: ignore[arg-type]


def with_anchor(evidence: Evidence, **changes: object) -> Evidence:
    assert evidence.anchor is not None
    return replace(evidence, anchor=replace(evidence.anchor, **changes))  # type: ignore[arg-type]


def with_epoch(trust: TrustFile, **changes: object) -> TrustFile:
    return replace(trust, epochs=(replace(trust.epochs[0], **changes),))  # type: ignore[arg-type]
