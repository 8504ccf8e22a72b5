"""The vault's encryption, held against its standards, and against whoever changes what is stored."""

import hashlib
import hmac
import json
import pickle
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import Hash32
from perdure_anchor.record import SEED_SIZE
from perdure_node.encryption.contents import DataKey, decrypt_content, encrypt_content
from perdure_node.encryption.hybrid import PrivateKey, new_private_key, public_key_of, unwrap, wrap
from perdure_node.encryption.identity import KdfCost, decrypt_identity, encrypt_identity
from perdure_node.encryption.lookup import LookupKey
from perdure_node.encryption.recovery import format_recovery_key, parse_recovery_key
from perdure_node.errors import IdentityUnreadable, RecoveryKeyError, VaultDamaged, WrongPassphrase
from tools.site_network import CHEAP, counted_bytes

SECRET = bytes(range(32))
INFO = b"perdure data key 7\nv1"

octets32 = st.binary(min_size=32, max_size=32)


# HPKE's receiver, from RFC 9180 and RFC 5869 alone: the suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM
KEM_SUITE = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0002))


def extracted(salt: bytes, key: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), key, "sha256")


def expanded(key: bytes, info: bytes, length: int) -> bytes:
    block = out = b""
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
    """RFC 9180, section 4."""
    return extracted(salt, b"HPKE-v1" + suite + label + key)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return expanded(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def shared_secret(encapsulated: bytes, private_key: bytes) -> bytes:
    """Section 4.1, Decap."""
    own = X25519PrivateKey.from_private_bytes(private_key)
    exchanged = own.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    context = encapsulated + own.public_key().public_bytes_raw()
    prk = labeled_extract(KEM_SUITE, b"", b"eae_prk", exchanged)
    return labeled_expand(KEM_SUITE, prk, b"shared_secret", context, 32)


def key_schedule(shared: bytes, info: bytes, suite: bytes = SUITE, key_size: int = 32) -> tuple[bytes, bytes]:
    """Section 5.1, base mode: the key and the base nonce."""
    context = (
        b"\0"
        + labeled_extract(suite, b"", b"psk_id_hash", b"")
        + labeled_extract(suite, b"", b"info_hash", info)
    )
    secret = labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", context, key_size)
    return key, labeled_expand(suite, secret, b"base_nonce", context, 12)


def opened_by_the_rfc(wrapped: bytes, private_key: bytes, info: bytes) -> bytes:
    key, nonce = key_schedule(shared_secret(wrapped[:32], private_key), info)
    return AESGCM(key).decrypt(nonce, wrapped[32:], b"")


def test_the_receiver_above_gives_the_values_of_the_rfc() -> None:
    """RFC 9180, appendix A.1.1: the same KEM and KDF with AES-128-GCM, whose number alone differs."""
    encapsulated = bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
    private_key = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    shared = shared_secret(encapsulated, private_key)
    assert shared.hex() == "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"
    suite = SUITE[:-2] + (0x0001).to_bytes(2, "big")
    key, nonce = key_schedule(shared, info, suite, 16)
    assert key.hex() == "4531685d41d65f03dc48f6b8302c05b0"
    assert nonce.hex() == "56d890e5accaaf011cff4b7d"


@given(octets32, st.binary(max_size=100), st.binary(max_size=60))
def test_what_is_wrapped_opens_as_the_rfc_says(private_key: bytes, secret: bytes, info: bytes) -> None:
    key = PrivateKey(private_key)
    wrapped = wrap(secret, public_key_of(key), info)
    assert len(wrapped) == 32 + len(secret) + 16
    assert opened_by_the_rfc(wrapped, key, info) == unwrap(wrapped, key, info) == secret


def test_what_is_wrapped_opens_with_one_key_in_one_place_unchanged() -> None:
    randomness = counted_bytes()
    key, other = new_private_key(randomness), new_private_key(randomness)
    wrapped = wrap(SECRET, public_key_of(key), INFO)
    assert SECRET not in wrapped
    assert wrap(SECRET, public_key_of(key), INFO) != wrapped
    for changed in (*flipped(wrapped), wrapped[:-1], wrapped + b"\0", b"", bytes(32), bytes(80)):
        with pytest.raises(VaultDamaged, match="perdure data key 7: "):
            unwrap(changed, key, INFO)
    for private_key, info in ((other, INFO), (key, b"perdure data key 8\nv1"), (key, b"")):
        with pytest.raises(VaultDamaged):
            unwrap(wrapped, private_key, info)


def flipped(octets: bytes) -> list[bytes]:
    """Each byte changed by one bit, one at a time."""
    return [
        octets[:place] + bytes([octets[place] ^ 1 << place % 8]) + octets[place + 1 :]
        for place in range(len(octets))
    ]


@given(st.text(max_size=200), octets32, octets32)
def test_content_opens_as_what_it_was_in_its_place_only(slots: str, seed: bytes, name: bytes) -> None:
    key = DataKey(1, SECRET)
    stored = encrypt_content(key, slots, seed[:SEED_SIZE], Hash32(name), counted_bytes(seed))
    assert decrypt_content(key, stored, Hash32(name)) == (slots, seed[:SEED_SIZE])
    for wrong_key, wrong_name in ((DataKey(1, bytes(32)), name), (key, hashlib.sha256(name).digest())):
        with pytest.raises(VaultDamaged):
            decrypt_content(wrong_key, stored, Hash32(wrong_name))


def test_content_that_was_changed_or_cut_does_not_open() -> None:
    key, name = DataKey(1, SECRET), Hash32(bytes(32))
    stored = encrypt_content(key, '{"a":1}', bytes(SEED_SIZE), name, counted_bytes())
    for changed in (*flipped(stored), *(stored[:size] for size in range(len(stored))), stored + b"\0"):
        with pytest.raises(VaultDamaged):
            decrypt_content(key, changed, name)


def test_keys_do_not_show_and_can_be_sent_to_other_processes() -> None:
    key = DataKey(3, SECRET)
    stored = key.encrypt(b"text", b"place", counted_bytes())
    again = pickle.loads(pickle.dumps(key))
    assert again.decrypt(stored, b"place") == b"text"
    for text in (repr(key), str(key), repr(LookupKey(SECRET))):
        assert SECRET.hex() not in text
        assert repr(SECRET) not in text


def test_nonces_are_new_each_time() -> None:
    key, randomness = DataKey(3, SECRET), counted_bytes()
    assert len({key.encrypt(b"text", b"", randomness)[:12] for _ in range(100)}) == 100


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "identity.json"
    path.write_bytes(encrypt_identity(PrivateKey(SECRET), "secret words", counted_bytes(), CHEAP))
    return path


def test_an_identity_opens_with_its_passphrase_only(identity: Path) -> None:
    assert decrypt_identity(identity, "secret words") == SECRET
    assert SECRET.hex() not in identity.read_text()
    assert "secret words" not in identity.read_text()
    for wrong in ("", "secret word", "secret words ", "Secret words", "secret\udcffwords", "🙂" * 1000):
        with pytest.raises(WrongPassphrase):
            decrypt_identity(identity, wrong)


def test_a_passphrase_may_be_any_text_that_can_be_typed_or_set(tmp_path: Path) -> None:
    for passphrase in ("🙂", "é", "a\0b", "\udcff from the environment", " ", "x" * 10_000):
        path = tmp_path / "identity.json"
        path.write_bytes(encrypt_identity(PrivateKey(SECRET), passphrase, counted_bytes(), CHEAP))
        assert decrypt_identity(path, passphrase) == SECRET


CHANGES = [
    {"format": "perdure-identity/2"},
    {"public_key": "00" * 31},
    {"public_key": "zz" * 32},
    {"public_key": 7},
    {"private_key": None},
    {"private_key": "0"},
    {"kdf": None},
    {"kdf": {}},
    {"kdf.name": "scrypt"},
    {"kdf.salt": ""},
    {"kdf.salt": "00" * 7},
    {"kdf.salt": "00" * 1000},
    {"kdf.memory_kib": 2**40},
    {"kdf.memory_kib": 2**22 + 1},
    {"kdf.memory_kib": 7},
    {"kdf.memory_kib": 0},
    {"kdf.memory_kib": -8},
    {"kdf.memory_kib": "8"},
    {"kdf.iterations": 0},
    {"kdf.iterations": 2**31},
    {"kdf.lanes": 0},
    {"kdf.lanes": 2**20},
    {"kdf.lanes": 2},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_an_identity_that_was_altered_is_refused_at_once(identity: Path, change: dict[str, object]) -> None:
    members = json.loads(identity.read_text())
    for name, value in change.items():
        group, _, member = name.rpartition(".")
        (members[group] if group else members)[member] = value
    identity.write_text(json.dumps(members))
    began = time.monotonic()
    with pytest.raises(IdentityUnreadable) as caught:
        decrypt_identity(identity, "secret words")
    assert time.monotonic() - began < 1
    assert "perdure key passphrase --recovery-key" in str(caught.value.hint)


@pytest.mark.parametrize(
    "octets", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 4000, b" " * 5000, b"{}" * 3000]
)
def test_a_file_that_is_no_identity_is_named(identity: Path, octets: bytes) -> None:
    identity.write_bytes(octets)
    with pytest.raises(IdentityUnreadable):
        decrypt_identity(identity, "secret words")
    identity.unlink()
    with pytest.raises(IdentityUnreadable, match="no such file"):
        decrypt_identity(identity, "secret words")


def test_each_changed_digit_of_an_identity_is_seen(identity: Path) -> None:
    whole = identity.read_text()
    members = json.loads(whole)
    for secret in (members["public_key"], members["private_key"], members["kdf"]["salt"]):
        for place in range(len(secret)):
            digit = "0" if secret[place] != "0" else "1"
            identity.write_text(whole.replace(secret, secret[:place] + digit + secret[place + 1 :]))
            with pytest.raises((WrongPassphrase, IdentityUnreadable)):
                decrypt_identity(identity, "secret words")


def test_a_machine_without_the_memory_says_so(identity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def derive(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr("perdure_node.encryption.identity.stretched", derive)
    with pytest.raises(IdentityUnreadable, match="8 KiB of memory"):
        decrypt_identity(identity, "secret words")


def test_the_default_cost_is_the_one_of_the_documents(tmp_path: Path) -> None:
    members = json.loads(encrypt_identity(PrivateKey(SECRET), "secret words", counted_bytes()))
    assert members["kdf"] | {"salt": ""} == {
        "name": "argon2id", "memory_kib": 19456, "iterations": 2, "lanes": 1, "salt": "",
    }  # fmt: skip
    assert KdfCost() == KdfCost(19456, 2, 1)


ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
RECOVERY = format_recovery_key(PrivateKey(hashlib.sha256(b"recovery").digest()))


@given(octets32)
def test_a_recovery_key_is_read_as_people_write_it(octets: bytes) -> None:
    text = format_recovery_key(PrivateKey(octets))
    for written in (text, text.upper(), text.replace("-", " "), f"  {text}\r\n", "\n".join(text.split("-"))):
        assert parse_recovery_key(written) == octets


def test_every_slip_in_one_character_of_a_recovery_key_is_noticed() -> None:
    for place, right in enumerate(RECOVERY):
        for wrong in ALPHABET + "0189-é߀ \0":
            text = RECOVERY[:place] + wrong + RECOVERY[place + 1 :]
            if right == wrong or right + wrong == "- ":
                continue
            with pytest.raises(RecoveryKeyError):
                parse_recovery_key(text)


def test_characters_that_are_lost_doubled_or_swapped_are_noticed() -> None:
    for place, character in enumerate(RECOVERY):
        lost = RECOVERY[:place] + RECOVERY[place + 1 :]
        doubled = RECOVERY[:place] + character + RECOVERY[place:]
        swapped = RECOVERY[:place] + RECOVERY[place + 1 : place + 2] + character + RECOVERY[place + 2 :]
        for text in (lost, doubled, swapped):
            if plain(text) != plain(RECOVERY):
                with pytest.raises(RecoveryKeyError):
                    parse_recovery_key(text)


def plain(text: str) -> str:
    return text.replace("-", "")


@pytest.mark.parametrize(
    "text", ["", "perdure-recovery-1", "perdure-recovery-2-aaaa", "a" * 10_000, "é", "\0"]
)
def test_other_texts_are_no_recovery_keys(text: str) -> None:
    with pytest.raises(RecoveryKeyError) as caught:
        parse_recovery_key(text)
    assert caught.value.hint


def test_look_ups_agree_with_blake2_and_part_their_purposes() -> None:
    key, digest = LookupKey(SECRET), Hash32(hashlib.sha256(b"a").digest())
    want = hashlib.blake2b(digest, digest_size=16, key=SECRET, person=b"document").digest()
    assert key.of_document(digest) == want
    assert len({key.of_document(digest), key.of_list(digest), LookupKey(bytes(32)).of_document(digest)}) == 3


def test_words_are_the_same_in_any_order_and_without_what_is_empty() -> None:
    key = LookupKey(SECRET)
    words = {"document_name": "a", "extra": {"b": 1, "a": [1, None]}}
    again = {"extra": {"a": [1, None], "b": 1}, "document_type": None, "document_name": "a"}
    assert key.of_words(words) == key.of_words(again)
    for other in ({}, {"document_name": "a"}, {**words, "document_name": "b"}, {**words, "extra": {"a": 1}}):
        assert key.of_words(other) != key.of_words(words)
