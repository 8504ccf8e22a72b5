"""Signatures of passkeys, from an authenticator in software: what holds, and each thing for which one is refused."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x25519
from perdure_anchor.base64_text import Base64Error, encode_base64
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.webauthn import (
    MAX_PUBLIC_KEY,
    MAX_SIGNATURE,
    Assertion,
    AssertionNotValid,
    PasskeyCredential,
    PasskeyUnusable,
    encode_assertion,
    parse_assertion,
)
from tools.authenticator import (
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    eddsa,
    es256,
    on_curve,
    public_key_bytes,
    rs256,
)

CHALLENGE = sha256(b"what is attested")
ALL = [es256("Ben"), eddsa("Ben"), rs256("Ben")]
NAMES = ["ES256", "EdDSA", "RS256"]


@pytest.mark.parametrize("authenticator", ALL, ids=NAMES)
def test_it_takes_what_an_authenticator_signed(authenticator: Authenticator):
    assertion = parse_assertion(encode_assertion(authenticator.sign(CHALLENGE)), "signature")
    credential = PasskeyCredential.parse(authenticator.credential.members(), "credential")
    credential.verify(assertion, CHALLENGE)
    assert assertion.user_verified


def test_it_says_if_nobody_was_verified():
    assertion = eddsa("Ben").sign(CHALLENGE, flags=USER_PRESENT)
    eddsa("Ben").credential.verify(assertion, CHALLENGE)
    assert not assertion.user_verified


@pytest.mark.parametrize("authenticator", ALL, ids=NAMES)
def test_no_byte_of_it_can_be_changed(authenticator: Authenticator):
    """One bit of each byte, in turn."""
    assertion = authenticator.sign(CHALLENGE)
    for part in ("authenticator_data", "client_data", "signature"):
        octets = getattr(assertion, part)
        for place in range(0, len(octets), 1 if len(octets) < 200 else 7):
            parts = {name: getattr(assertion, name) for name in Assertion.__slots__}
            parts[part] = octets[:place] + bytes((octets[place] ^ 0x10,)) + octets[place + 1 :]
            with pytest.raises(AssertionNotValid):
                authenticator.credential.verify(Assertion(**parts), CHALLENGE)


def test_another_challenge_is_refused():
    with pytest.raises(AssertionNotValid, match="something else was signed"):
        eddsa("Ben").credential.verify(eddsa("Ben").sign(CHALLENGE), Hash32(bytes(32)))


def test_a_signature_of_another_passkey_is_refused():
    for authenticator, other in zip(ALL, [es256("Eve"), eddsa("Eve"), rs256("Eve")], strict=True):
        with pytest.raises(AssertionNotValid, match="its key did not sign"):
            authenticator.credential.verify(other.sign(CHALLENGE), CHALLENGE)


def test_another_party_is_refused_and_shown_in_ascii():
    credential = PasskeyCredential(eddsa("Ben").credential.public_key, "evil\x1b[2J")
    with pytest.raises(AssertionNotValid, match=r"another party than 'evil\\x1b\[2J'"):
        credential.verify(eddsa("Ben").sign(CHALLENGE), CHALLENGE)


@pytest.mark.parametrize("flags", [0, USER_VERIFIED, 0xFE])
def test_nobody_present_is_refused(flags: int):
    with pytest.raises(AssertionNotValid, match="nobody touched"):
        eddsa("Ben").credential.verify(eddsa("Ben").sign(CHALLENGE, flags=flags), CHALLENGE)


@pytest.mark.parametrize(
    "client_data",
    [
        b"",
        b"null",
        b"[]",
        b'{"type":"webauthn.get"',
        b"\xff",
        b"[" * 2000,
        b'{"type":"webauthn.create"}',
        b'{"type":["webauthn.get"]}',
        b'{"type":"webauthn.get","x":NaN}',
        b'{"type":"webauthn.get","x":"\\ud800"}',
    ],
)
def test_client_data_of_another_form_are_refused(client_data: bytes):
    assertion = eddsa("Ben").sign(CHALLENGE, client_data=client_data)
    with pytest.raises(AssertionNotValid):
        eddsa("Ben").credential.verify(assertion, CHALLENGE)


def test_client_data_in_which_two_readers_see_two_challenges_are_refused():
    """One takes the first of two members of one name, another one the last."""
    honest = eddsa("Ben").sign(CHALLENGE).client_data
    for doubled in (honest[:-1] + b',"challenge":"AAAA"}', b'{"challenge":"AAAA",' + honest[1:]):
        assertion = eddsa("Ben").sign(CHALLENGE, client_data=doubled)
        with pytest.raises(AssertionNotValid):
            eddsa("Ben").credential.verify(assertion, CHALLENGE)


@pytest.mark.parametrize(
    "public_key",
    [
        public_key_bytes(rs256("Ben", 1024).key),
        public_key_bytes(rs256("Ben", 2046).key),
        public_key_bytes(on_curve("Ben", ec.SECP384R1())),
        public_key_bytes(on_curve("Ben", ec.SECP256K1())),
        public_key_bytes(ed448.Ed448PrivateKey.from_private_bytes(bytes(57))),  # type: ignore[arg-type]
        public_key_bytes(x25519.X25519PrivateKey.from_private_bytes(bytes(32))),  # type: ignore[arg-type]
        es256("Ben").credential.public_key + b"\0",
        es256("Ben").credential.public_key[:-1],
        es256("Ben").credential.public_key[:-1] + b"\1",
        b"",
        b"\x30\x80\x00\x00",
    ],
)
def test_other_keys_are_unusable(public_key: bytes):
    with pytest.raises(PasskeyUnusable):
        PasskeyCredential(public_key, eddsa("Ben").rp_id).verify(eddsa("Ben").sign(CHALLENGE), CHALLENGE)


def test_a_key_has_one_spelling():
    """Its point compressed, it is read by the library that we use; but it would count as another person's."""
    octets = es256("Ben").credential.public_key
    body = octets[2:23] + b"\x03\x22\x00" + bytes((2 + (octets[-1] & 1),)) + octets[27:59]
    compressed = b"\x30" + bytes((len(body),)) + body
    with pytest.raises(PasskeyUnusable, match="spelling"):
        PasskeyCredential(compressed, es256("Ben").rp_id).verify(es256("Ben").sign(CHALLENGE), CHALLENGE)


def test_bounds_of_sizes():
    members = {"kind": "passkey", "public_key": encode_base64(bytes(MAX_PUBLIC_KEY)), "rp_id": "a"}
    assert len(PasskeyCredential.parse(members, "credential").public_key) == MAX_PUBLIC_KEY
    with pytest.raises(Base64Error):
        PasskeyCredential.parse(
            {**members, "public_key": encode_base64(bytes(MAX_PUBLIC_KEY + 1))}, "credential"
        )
    largest = Assertion(bytes(37), b"{}", bytes(MAX_SIGNATURE))
    assert parse_assertion(encode_assertion(largest), "signature") == largest
    with pytest.raises(Base64Error):
        parse_assertion(encode_assertion(Assertion(bytes(37), b"{}", bytes(MAX_SIGNATURE + 1))), "signature")
    with pytest.raises(PasskeyUnusable, match="36 bytes"):
        parse_assertion(encode_assertion(Assertion(bytes(36), b"{}", b"")), "signature")
