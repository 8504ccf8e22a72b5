"""Files in the age format: their keys' texts are those of age's own tools, and damage is told from a wrong key."""

import io
import os

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_node.encryption.age import (
    MAGIC,
    AgeDamaged,
    NotAnIdentity,
    NotARecipient,
    NotForThisKey,
    decrypt_stream,
    encrypt_stream,
    identity_text,
    parse_identities,
    parse_recipient,
    recipient_text,
)
from perdure_node.encryption.hybrid import PrivateKey, PublicKey, new_private_key, public_key_of

KEYS = st.binary(min_size=32, max_size=32)


def encrypted(plaintext: bytes, *recipients: PublicKey) -> bytes:
    target = io.BytesIO()
    encrypt_stream(io.BytesIO(plaintext), target, recipients)
    return target.getvalue()


def decrypted(ciphertext: bytes, *identities: PrivateKey) -> bytes:
    target = io.BytesIO()
    decrypt_stream(io.BytesIO(ciphertext), target, identities)
    return target.getvalue()


@settings(deadline=None)
@given(KEYS)
def test_texts_are_those_of_age(key: bytes) -> None:
    private = PrivateKey(key)
    identity = pyrage.x25519.Identity.from_str(identity_text(private))
    assert str(identity) == identity_text(private)
    assert str(identity.to_public()) == recipient_text(public_key_of(private))
    assert parse_recipient(recipient_text(public_key_of(private))) == public_key_of(private)
    assert parse_identities(f"# a comment\n\n{identity_text(private)}\n") == [private]


@settings(deadline=None)
@given(KEYS, st.integers(0, 61), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l1bioQ é"))
def test_a_slip_is_noticed(key: bytes, place: int, letter: str) -> None:
    text = recipient_text(PublicKey(key))
    slip = text[:place] + letter + text[place + 1 :]
    if slip.strip() != text:
        with pytest.raises(NotARecipient):
            parse_recipient(slip)


@pytest.mark.parametrize(
    "text", ["", "age1", "age1qqqqqq", "ssh-ed25519 AAAA", "\x1b[31mage1", "x" * 100_000]
)
def test_what_is_no_recipient(text: str) -> None:
    with pytest.raises(NotARecipient) as caught:
        parse_recipient(text)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["", "# only a comment", "age1qqq", "AGE-SECRET-KEY-1QQQ"])
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(NotAnIdentity):
        parse_identities(text)


def test_a_line_that_is_none_beside_one_that_is() -> None:
    with pytest.raises(NotAnIdentity, match="a line that is no"):
        parse_identities(f"{identity_text(PrivateKey(bytes(31) + b'1'))}\nand more\n")


def test_upper_case_is_the_same_recipient_but_mixed_case_is_none() -> None:
    text = recipient_text(PublicKey(bytes(range(32))))
    assert parse_recipient(text.upper()) == bytes(range(32))
    with pytest.raises(NotARecipient):
        parse_recipient(text[:30] + text[30:].upper())


@settings(deadline=None)
@given(st.binary(max_size=1000), st.integers(1, 3))
def test_any_recipient_reads_alone(plaintext: bytes, count: int) -> None:
    keys = [new_private_key(os.urandom) for _ in range(count)]
    ciphertext = encrypted(plaintext, *map(public_key_of, keys))
    assert ciphertext.startswith(MAGIC)
    for key in keys:
        assert decrypted(ciphertext, key) == plaintext
        assert pyrage.decrypt(ciphertext, [pyrage.x25519.Identity.from_str(identity_text(key))]) == plaintext


def test_another_key() -> None:
    ciphertext = encrypted(b"x", public_key_of(new_private_key(os.urandom)))
    with pytest.raises(NotForThisKey):
        decrypted(ciphertext, new_private_key(os.urandom))


def test_each_changed_byte_and_each_missing_end() -> None:
    key = new_private_key(os.urandom)
    ciphertext = encrypted(b"a plaintext", public_key_of(key))
    for place in range(len(ciphertext)):
        changed = bytearray(ciphertext)
        changed[place] ^= 1
        with pytest.raises((AgeDamaged, NotForThisKey)):
            decrypted(bytes(changed), key)
        with pytest.raises((AgeDamaged, NotForThisKey)):
            decrypted(ciphertext[:place], key)


class Failing(io.BytesIO):
    def write(self, octets: object) -> int:
        raise OSError(28, "No space left on device")

    def read(self, size: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_refusals_of_the_disk_stay_what_they_are() -> None:
    key = new_private_key(os.urandom)
    ciphertext = encrypted(b"x" * 200_000, public_key_of(key))
    with pytest.raises(OSError, match="No space left"):
        encrypt_stream(io.BytesIO(b"x" * 200_000), Failing(), [public_key_of(key)])
    with pytest.raises(OSError, match="No space left"):
        decrypt_stream(io.BytesIO(ciphertext), Failing(), [key])
    with pytest.raises(OSError, match="Input/output"):
        decrypt_stream(Failing(), io.BytesIO(), [key])
    with pytest.raises(OSError, match="Input/output"):
        encrypt_stream(Failing(), io.BytesIO(), [public_key_of(key)])


def test_a_large_one() -> None:
    key = new_private_key(os.urandom)
    plaintext = os.urandom(1 << 20)
    assert decrypted(encrypted(plaintext, public_key_of(key)), key) == plaintext


@pytest.mark.parametrize("octets", [bytes(32), b"\1" + bytes(31), bytes(31) + b"\x80"])
def test_a_key_that_shares_no_secret_is_no_recipient(octets: bytes) -> None:
    with pytest.raises(NotARecipient):
        parse_recipient(recipient_text(PublicKey(octets)))
