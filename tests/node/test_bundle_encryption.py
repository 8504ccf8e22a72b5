"""Bundles that are encrypted as a whole: read by whom they are for, and half copied ones recognised (SPEC.md, section 12.5)."""

import hashlib
from pathlib import Path

import pytest
from perdure_node.courier.bundle import MAX_LEAVES
from perdure_node.courier.bundle_file import load_bundle, read_bundle, write_bundle
from perdure_node.courier.encrypted_file import is_encrypted, recipients_in
from perdure_node.courier.errors import (
    BundleDamaged,
    BundleError,
    BundleForOthers,
    BundleTooLarge,
    HalfCopied,
)
from perdure_node.encryption.age import recipient_text
from perdure_node.encryption.hybrid import PrivateKey, PublicKey, public_key_of
from tools.bundles import changed_head, sealed_file
from tools.vectors.golden_bundles import outgoing, pieces_of

OURS, SPARE, THEIRS = (PrivateKey(bytes((number,)) * 32) for number in (1, 2, 3))
RECIPIENTS = [public_key_of(OURS), public_key_of(SPARE)]
SMALL = pieces_of(outgoing())
# of some chunks of 64 KiB: it is no bundle that holds, but of the length that it says
LARGE = sealed_file(b'{"format":""}'.ljust(1000) + b"\n", hashlib.shake_256(b"leaves").digest(32 * 8000))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return written(tmp_path / "small.bundle.age", SMALL)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return written(tmp_path / "large.bundle.age", LARGE)


def written(path: Path, plain: bytes) -> Path:
    write_bundle(path, [plain[:7], b"", plain[7:]], RECIPIENTS)
    return path


def load(path: Path, key: PrivateKey = OURS):
    return load_bundle(path, lambda: [key])


@pytest.mark.parametrize("key", [OURS, SPARE])
def test_each_recipient_reads_it(small: Path, key: PrivateKey) -> None:
    bundle = load(small, key)
    assert bundle.head == outgoing()
    assert bundle.id == read_bundle(SMALL).id


def test_nothing_of_it_can_be_seen(small: Path) -> None:
    raw = small.read_bytes()
    assert b"perdure" not in raw
    assert not any(SMALL[begin : begin + 16] in raw for begin in range(0, len(SMALL) - 16, 8))
    assert is_encrypted(raw[:64])
    assert recipients_in(raw) == 2
    assert not is_encrypted(SMALL[:64])


@pytest.mark.parametrize("identities", [(), (THEIRS,)])
def test_for_others_it_is_not_ours(small: Path, identities: tuple) -> None:
    with pytest.raises(BundleForOthers):
        load_bundle(small, lambda: identities)


def test_no_key_is_asked_for_where_nothing_is_encrypted(tmp_path: Path) -> None:
    def nobody():
        raise AssertionError

    (tmp_path / "plain.bundle").write_bytes(SMALL)
    assert load_bundle(tmp_path / "plain.bundle", nobody).head == outgoing()


def test_cut_anywhere_it_is_not_taken_for_whole(small: Path) -> None:
    raw = small.read_bytes()
    header = raw.index(b"\n", raw.index(b"\n--- ") + 1) + 1
    for length in (*range(header + 40), *range(header + 41, len(raw), 61), len(raw) - 1):
        small.write_bytes(raw[:length])
        # of one that has a single chunk, age cannot say which of both it is
        with pytest.raises(HalfCopied if length < header else (HalfCopied, BundleDamaged)):
            load(small)


def test_cut_behind_its_first_part_it_is_half_copied(large: Path) -> None:
    raw = large.read_bytes()
    chunk = 64 * 1024 + 16
    header = len(raw) - (16 + len(LARGE) + 16 * -(-len(LARGE) // (64 * 1024)))
    ends = [header + 16 + chunk * number + more for number in (1, 2, 3) for more in (0, 1, 5000)]
    for length in (*ends, len(raw) - 1, len(raw) - 40):
        large.write_bytes(raw[:length])
        with pytest.raises(HalfCopied):
            load(large)


def test_with_zeros_in_place_of_its_end_it_is_half_copied(large: Path) -> None:
    raw = large.read_bytes()
    for written_to in range(0, len(raw) - 32, 4096):
        large.write_bytes(raw[:written_to].ljust(len(raw), b"\0"))
        with pytest.raises(HalfCopied):
            load(large)


def test_with_old_bytes_in_place_of_its_end_it_is_damaged(large: Path) -> None:
    raw = large.read_bytes()
    old = hashlib.shake_256(b"an older file").digest(len(raw))
    for written_to in range(1024, len(raw), 16_384):
        large.write_bytes(raw[:written_to] + old[written_to:])
        with pytest.raises(BundleDamaged):
            load(large)


def test_each_octet_counts(small: Path) -> None:
    raw = small.read_bytes()
    for place in range(0, len(raw), 13):
        small.write_bytes(raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :])
        with pytest.raises((BundleError, BundleForOthers)):
            load(small)


def test_nothing_follows_it(small: Path) -> None:
    small.write_bytes(small.read_bytes() + b"\0" * 600)
    with pytest.raises((BundleDamaged, HalfCopied)):
        load(small)


def test_what_is_inside_is_judged_as_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(HalfCopied):
        load(written(tmp_path / "half.bundle.age", SMALL[:500]))
    with pytest.raises(BundleError):
        load(written(tmp_path / "other.bundle.age", b"something else"))


def test_a_file_that_none_can_be_is_not_decrypted(small: Path) -> None:
    with small.open("r+b") as stream:
        stream.truncate(32 * MAX_LEAVES + (1 << 28))
    with pytest.raises(BundleTooLarge):
        load(small)


@pytest.mark.parametrize("octets", [bytes(32), b"\1" + bytes(31), bytes(31) + b"\x80"])
def test_an_answer_to_nobody_is_refused(octets: bytes) -> None:
    """Points of small order: the library that encrypts would end the process."""
    text = recipient_text(PublicKey(octets))
    with pytest.raises(BundleError, match="answer_to"):
        read_bundle(changed_head(SMALL, lambda head: head["request"].update(answer_to=text)))


def test_an_answer_goes_to_any_other_key(tmp_path: Path) -> None:
    text = recipient_text(PublicKey(b"\xff" * 32))
    request = read_bundle(
        changed_head(SMALL, lambda head: head["request"].update(answer_to=text))
    ).head.request
    write_bundle(tmp_path / "answer.bundle.age", [SMALL], [request.answer_to])
    with pytest.raises(BundleForOthers):
        load(tmp_path / "answer.bundle.age")
