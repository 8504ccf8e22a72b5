"""Step 6: headers that are none, of another engine, that do not follow each other, under no known set, or sealed by others."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from perdure_anchor import qbft, rlp
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import keccak256
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.secp256k1 import sign
from simulated_chain import (
    COINBASE,
    DIFFICULTY,
    MIX_HASH,
    NONCE,
    PARENT_HASH,
    RECEIPTS_ROOT,
    TIMESTAMP,
    Story,
    accounts,
    addresses,
    copy_of,
    sealed,
    tell,
    with_anchor,
    with_extra,
    with_field,
)
from tools.accounts import account, high_s_twin
from tools.hop_stories import FOUR
from tools.vectors.base import (
    FULL,
    RAW,
    STORY,
    extra_items,
    fields_changed,
    first_header,
    raw_of,
    short,
    told,
    with_headers,
)
from tools.vectors.form import Case

OMMERS, BLOOM, NUMBER, GAS_LIMIT, EXTRA, BASE_FEE, BLOB_GAS = 1, 6, 8, 9, 12, 15, 17
BLOCK = FULL.anchor_block.header
NEXT = FULL.chain.blocks[BLOCK.number + 1].header
THEN = FULL.chain.blocks[BLOCK.number + 2].header
STRANGER = account("stranger")
Named = dict[str, tuple[str, bytes]]


def _cases(name: str, files: Named, **asked: Any) -> dict[str, Case]:
    return {key: Case(about, raw, (6, name), **asked) for key, (about, raw) in files.items()}


def _counted(count: int) -> bytes:
    """A header of a number of fields that no fork has, made of Prague's and more."""
    fields = [*tell(replace(STORY, field_count=21)).anchor_block.header.fields, *[bytes(32)] * 9]
    return with_headers(rlp.encode(fields[:count]))


def _put(position: int, octets: Any, story: Story = STORY) -> bytes:
    """The anchor's header with another item in the place of one field."""
    raw = fields_changed(lambda fields: fields.__setitem__(position, octets), story)
    return encode_evidence(with_anchor(short(tell(story).evidence), headers=(raw,)))


def _encodings() -> dict[str, Case]:
    raw, long = encode_header(BLOCK), replace(STORY, field_count=21)
    assert raw[0] == 0xF9
    number = rlp.encode_int(BLOCK.number)
    return {
        **_cases(
            "HeaderError",
            {f"header-of-{count}-fields": (f"{count} fields", _counted(count)) for count in (14, 18, 19, 22)}
            | {"header-of-no-fields": ("an empty list", with_headers(b"\xc0"))},
        ),
        **_cases(
            "RlpError",
            {
                "header-empty": ("no bytes", with_headers(b"")),
                "header-a-string": ("a string in the place of a list", with_headers(rlp.encode(raw))),
                "header-trailing-byte": ("a byte behind the list", with_headers(raw + b"\0")),
                "header-truncated": ("the last byte is missing", with_headers(raw[:-1])),
                "header-length-with-leading-zero": ("the list's length in three bytes where two do", with_headers(b"\xfa\0" + raw[1:])),
                "header-length-beyond-the-end": ("a length that goes beyond the end", with_headers(b"\xf9\xff\xff" + raw[3:])),
                "header-long-form-of-short-string": ("a hash with a length of a second byte", with_headers(_long_form())),
                "header-single-byte-with-prefix": ("a byte below 0x80 with a length before it", with_headers(_prefixed_byte())),
                "header-parent-of-31-bytes": ("a hash too short", _put(PARENT_HASH, bytes(31))),
                "header-coinbase-of-32-bytes": ("an address too long", _put(COINBASE, bytes(32))),
                "header-bloom-of-255-bytes": ("a bloom filter too short", _put(BLOOM, bytes(255))),
                "header-nonce-of-7-bytes": ("a nonce too short", _put(NONCE, bytes(7))),
                "header-number-with-leading-zero": ("a leading zero in an integer", _put(NUMBER, b"\0" + number)),
                "header-number-zero-byte": ("zero as a byte", _put(GAS_LIMIT, b"\0")),
                "header-timestamp-2-to-64": ("2^64 as timestamp", _put(TIMESTAMP, b"\1" + bytes(8))),
                "header-difficulty-2-to-256": ("2^256 as difficulty", _put(DIFFICULTY, b"\1" + bytes(32))),
                "header-base-fee-with-leading-zero": ("a leading zero in baseFeePerGas", _put(BASE_FEE, b"\0\7", long)),
                "header-blob-gas-2-to-64": ("2^64 as blobGasUsed", _put(BLOB_GAS, b"\1" + bytes(8), long)),
                "header-requests-hash-of-33-bytes": ("requestsHash too long", _put(20, bytes(33), long)),
                "header-field-a-list": ("a list in the place of a hash", _put(RECEIPTS_ROOT, [])),
                "header-number-a-list": ("a list in the place of an integer", _put(NUMBER, [])),
                "header-nested-1000-deep": ("a thousand lists in each other", with_headers(_nested(1000))),
            },
        ),
    }  # fmt: skip


def _long_form() -> bytes:
    """parentHash as b8 20 ..., where a0 ... is its only form."""
    payload = b"\xb8\x20" + BLOCK.fields[0] + b"".join(rlp.encode(field) for field in BLOCK.fields[1:])
    return b"\xf9" + len(payload).to_bytes(2, "big") + payload


def _prefixed_byte() -> bytes:
    """The number as 81 04, where 04 is its only form."""
    parts = [rlp.encode(field) for field in BLOCK.fields]
    parts[NUMBER] = b"\x81" + BLOCK.fields[NUMBER]
    payload = b"".join(parts)
    return b"\xf9" + len(payload).to_bytes(2, "big") + payload


def _nested(levels: int) -> bytes:
    """Made by hand, since what encodes RLP may recurse."""
    raw = b"\xc0"
    for _ in range(levels):
        size = len(raw)
        prefix = bytes((0xC0 + size,)) if size < 56 else b"\xf9" + size.to_bytes(2, "big")
        raw = (b"\xf8" + bytes((size,)) if 56 <= size < 256 else prefix) + raw
    return raw


def _engines() -> dict[str, Case]:
    ibft2, clique = replace(STORY, engine="ibft2"), replace(STORY, engine="clique", validators=3)

    def wrong(position: int, octets: bytes, story: Story = STORY) -> bytes:
        return first_header(lambda header: with_field(header, position, octets), story)

    def extra(edit: Callable[[list[Any]], object], story: Story = STORY) -> bytes:
        return extra_items(edit, story)

    def put(position: int, item: Any, story: Story = STORY) -> bytes:
        return extra(lambda items: items.__setitem__(position, item), story)

    as_clique: dict[str, Any] = {"trust": "clique-three", "require": "anchored"}
    vote = [bytes(20), b"\xff"]
    return {
        **_cases(
            "WrongEngine",
            {
                "mix-hash-zero": ("another mixHash", wrong(MIX_HASH, bytes(32))),
                "difficulty-2": ("another difficulty", wrong(DIFFICULTY, b"\2")),
                "nonce-of-ff": ("another nonce", wrong(NONCE, b"\xff" * 8)),
                "clique-header-on-qbft": ("a header of Clique where the epoch says QBFT", encode_evidence(short(tell(clique).evidence))),
            },
        ),
        **_cases("WrongEngine", {"ibft2-nonce": ("a nonce that IBFT2 does not write", wrong(NONCE, b"perdure!", ibft2))}, trust="ibft2"),
        **_cases(
            "WrongEngine",
            {
                "clique-mix-hash": ("a mixHash that is not zero", wrong(MIX_HASH, b"\1" * 32, clique)),
                "clique-ommers": ("an ommers hash of some ommers", wrong(OMMERS, bytes(32), clique)),
                "clique-difficulty-3": ("the difficulty 3", wrong(DIFFICULTY, b"\3", clique)),
                "clique-nonce": ("a nonce that is no vote", wrong(NONCE, b"\1" * 8, clique)),
                "qbft-header-on-clique": ("a header of QBFT where the epoch says Clique", RAW),
            },
            **as_clique,
        ),
        **_cases(
            "ExtraDataError",
            {
                "extra-data-of-4-items": ("no seals item", extra(lambda items: items.pop())),
                "extra-data-of-6-items": ("an item more, which Besu's own decoder lets pass", extra(lambda items: items.append(b""))),
                "extra-data-vote-a-string": ("no vote as IBFT2 writes it", put(2, b"")),
                "extra-data-vote-of-three": ("a vote with a third item", put(2, [*vote, b""])),
                "extra-data-vote-for-19-bytes": ("a vote for something that is no address", put(2, [bytes(19), b"\xff"])),
                "extra-data-vote-of-another-kind": ("a vote that drops as IBFT2 writes it", put(2, [bytes(20), b"\0"])),
                "extra-data-vote-kind-a-list": ("a list as the kind of a vote", put(2, [bytes(20), []])),
                "extra-data-validators-a-string": ("a string in the place of the list", put(1, bytes(20))),
                "extra-data-seals-a-string": ("a string in the place of the seals", put(4, bytes(65))),
            },
        ),
        **_cases(
            "ExtraDataError",
            {
                "ibft2-vote-a-list": ("no vote as QBFT writes it", put(2, [], ibft2)),
                "ibft2-vote-drop-empty": ("a vote that drops as QBFT writes it", put(2, [bytes(20), b""], ibft2)),
            },
            trust="ibft2",
        ),
        **_cases(
            "ExtraDataError",
            {
                "clique-extra-data-short": ("a byte less than vanity and seal", first_header(lambda header: header.with_extra_data(header.extra_data[1:]), clique)),
                "clique-extra-data-part-of-a-signer": ("19 bytes between vanity and seal", first_header(lambda header: header.with_extra_data(bytes(19) + header.extra_data), clique)),
            },
            **as_clique,
        ),
        **_cases(
            "RlpError",
            {
                "extra-data-empty": ("no bytes", first_header(lambda header: header.with_extra_data(b""))),
                "extra-data-a-string": ("a string", first_header(lambda header: header.with_extra_data(bytes(1)))),
                "extra-data-trailing-byte": ("a byte behind the list", first_header(lambda header: header.with_extra_data(header.extra_data + b"\0"))),
                "extra-data-vanity-of-31": ("a vanity of 31 bytes", put(0, bytes(31))),
                "extra-data-validator-of-19": ("a validator of 19 bytes", put(1, [bytes(19)])),
                "extra-data-seal-of-64": ("a seal of 64 bytes", put(4, [bytes(64)])),
                "extra-data-round-with-leading-zero": ("round 0 as a zero byte", put(3, b"\0")),
                "extra-data-round-2-to-32": ("the round 2^32", put(3, b"\1" + bytes(4))),
                "extra-data-round-a-list": ("a list as round", put(3, [])),
            },
        ),
        **_cases("RlpError", {"ibft2-round-of-3-bytes": ("a round of three bytes", put(3, bytes(3), ibft2))}, trust="ibft2"),
    }  # fmt: skip


def _links() -> dict[str, Case]:
    other_parent = sealed(with_field(NEXT, PARENT_HASH, bytes(32)), FOUR)
    other_number = sealed(with_field(NEXT, NUMBER, rlp.encode_int(NEXT.number + 1)), FOUR)
    other_copy = copy_of(BLOCK, FOUR[1:])
    return {
        **_cases(
            "DoubledHeader",
            {
                "doubled-header": ("the same bytes twice", with_headers(BLOCK, BLOCK)),
                "doubled-header-around-a-copy": ("the same bytes twice, with a copy between them", with_headers(BLOCK, other_copy, BLOCK)),
                "doubled-header-at-the-end": ("the last header twice", with_headers(BLOCK, NEXT, NEXT)),
            },
        ),
        **_cases(
            "BrokenRun",
            {
                "block-left-out": ("a block is left out", with_headers(BLOCK, THEN)),
                "blocks-in-wrong-order": ("the last two in each other's places", with_headers(BLOCK, THEN, NEXT)),
                "another-parent": ("the second block names another parent", with_headers(BLOCK, other_parent)),
                "another-number": ("the second block's number is one too high", with_headers(BLOCK, other_number)),
                "copies-apart": ("two copies of a block that are not neighbours", with_headers(BLOCK, NEXT, other_copy)),
                "changed-after-the-next-block": ("another timestamp, so that the next block names another parent", with_headers(with_field(BLOCK, TIMESTAMP, b"\1"), NEXT)),
            },
        ),
    }  # fmt: skip


def _sets() -> dict[str, Case]:
    def case(trust: str, name: str, about: str, raw: bytes = RAW) -> Case:
        return Case(about, raw, (6, name), trust=trust)

    all_sealed = with_headers(sealed(BLOCK, FOUR))
    without_first = raw_of(
        proposer=lambda number, members: members[1], sealers=lambda number, members: members[1:]
    )

    return {
        "epoch-ended-before": case("ends-before", "NoEpoch", "the last epoch ends a block before"),
        "epoch-begins-after": case("begins-after", "NoEpoch", "the first epoch begins a block later"),
        "epochs-with-a-gap": case("gap", "NoEpoch", "the anchor's block is in a gap between epochs"),
        "set-of-three": case("three-of-the-four", "ValidatorListMismatch", "the header lists a validator more than the epoch, who neither proposed nor sealed", without_first),
        "set-of-five": case("one-more", "ValidatorListMismatch", "the header lists a validator fewer than the epoch", all_sealed),
        "list-unsorted": Case(
            "the list in another order",
            first_header(lambda header: sealed(with_extra(header, validators=addresses(FOUR[::-1])), FOUR)),
            (6, "ValidatorListMismatch"),
        ),
        "list-with-one-doubled": Case(
            "a validator twice in the list",
            first_header(lambda header: sealed(with_extra(header, validators=addresses((FOUR[0], *FOUR))), FOUR)),
            (6, "ValidatorListMismatch"),
        ),
        "list-empty": Case(
            "an empty list, where headers list the validators",
            first_header(lambda header: sealed(with_extra(header, validators=()), FOUR)),
            (6, "ValidatorListMismatch"),
        ),
        "list-invented": Case(
            "an invented set that seals for itself",
            first_header(lambda header: sealed(with_extra(header, validators=addresses(accounts(4, "sybil"))), accounts(4, "sybil"))),
            (6, "ValidatorListMismatch"),
        ),
        "set-changed-on-goquorum": case("goquorum-three-of-the-four", "ForeignSeal", "a validator that the epoch does not know, where lists are not looked at"),
    }  # fmt: skip


def _seals() -> dict[str, Case]:
    seals = qbft.parse_extra_data(sealed(BLOCK, FOUR).extra_data).seals
    other_round = copy_of(BLOCK, FOUR, round=1)
    over_name = with_extra(
        other_round, seals=tuple(sign(qbft.block_hash(BLOCK), each.private_key) for each in FOUR)
    )

    def with_seals(*octets: bytes) -> bytes:
        return with_headers(with_extra(BLOCK, seals=octets))

    return {
        **_cases(
            "SignatureError",
            {
                "seal-of-zeros": ("a seal of zero bytes among good ones", with_seals(*seals[:3], bytes(65))),
                "seal-v-27": ("v as a site's signature has it", with_seals(*seals[:3], seals[3][:64] + bytes((seals[3][64] + 27,)))),
                "seal-v-2": ("recovery id 2", with_seals(*seals[:3], seals[3][:64] + b"\2")),
                "seal-r-no-point": ("r is no point's x coordinate", with_seals(*seals[:3], (5).to_bytes(32, "big") + seals[3][32:])),
                "bad-seal-in-a-later-block": ("a seal of zero bytes in the block after a final one", with_headers(BLOCK, with_extra(NEXT, seals=(bytes(65),)))),
            },
        ),
        **_cases(
            "ForeignSeal",
            {
                "foreign-seal": ("a stranger's seal beside a quorum's", with_headers(sealed(BLOCK, [*FOUR[:3], STRANGER]))),
                "foreign-seal-in-a-later-block": ("a stranger's seal in the block after a final one", with_headers(BLOCK, sealed(NEXT, [*FOUR[:3], STRANGER]))),
                "seals-over-the-block-hash": ("in round 1, seals over the block hash in the place of the commit hash", with_headers(over_name)),
                "seals-of-round-0-under-round-1": ("the round changed under the seals", with_headers(with_extra(BLOCK, round=1))),
                "vote-changed-under-the-seals": ("a vote that nobody sealed", with_headers(with_extra(BLOCK, vote=qbft.Vote(STRANGER.address, add=True)))),
                "header-changed-under-the-seals": ("another timestamp under the seals", with_headers(with_field(BLOCK, TIMESTAMP, b"\1"))),
            },
        ),
        **_cases(
            "TooManySeals",
            {
                "five-seals-of-four": ("a seal of each of four validators, and one more", with_seals(*seals, seals[0])),
                "four-and-a-stranger": ("a seal of each of four validators, and a stranger's", with_headers(sealed(BLOCK, [*FOUR, STRANGER]))),
            },
        ),
        **_cases(
            "DoubledSeal",
            {
                "doubled-seal": ("one seal twice", with_seals(*seals[:3], seals[0])),
                "doubled-seal-high-s": ("a seal and its twin with the high s", with_seals(*seals[:3], high_s_twin(seals[0]))),
                "one-validator-three-times": ("a quorum of one validator", with_seals(seals[0], high_s_twin(seals[0]), seals[0])),
            },
        ),
        "ibft2-seals-over-the-other-hash": Case(
            "seals over the hash that QBFT's validators would seal",
            _ibft2_sealed_as_qbft(),
            (6, "ForeignSeal"),
            trust="ibft2",
        ),
        "clique-stranger": Case(
            "a stranger's signature",
            encode_evidence(replace(told(engine="clique", validators=3, sealers=lambda number, members: [STRANGER]).evidence, not_before=None)),
            (6, "ForeignSeal"),
            trust="clique-three",
            require="anchored",
        ),
    }  # fmt: skip


def _ibft2_sealed_as_qbft() -> bytes:
    """The commit hash with an empty list of seals, where IBFT2 leaves the item out."""
    story = replace(STORY, engine="ibft2")

    def change(header: BlockHeader) -> BlockHeader:
        items: list[Any] = rlp.decode_list(header.extra_data, "extraData")
        unsealed = header.with_extra_data(rlp.encode([*items[:4], []]))
        digest = keccak256(encode_header(unsealed))
        seals = [sign(digest, member.private_key) for member in FOUR]
        return header.with_extra_data(rlp.encode([*items[:4], seals]))

    return first_header(change, story)


def cases() -> dict[str, Case]:
    return {**_encodings(), **_engines(), **_links(), **_sets(), **_seals()}
