"""Signatures by Ethereum accounts over documents, made by eth-account, and what becomes of them once something is altered."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from perdure_anchor.hashes import keccak256, sha256
from perdure_node.errors import DocumentUnreadable
from perdure_node.signatures.ethereum import carries_signature, check_ethereum, check_own_signature
from perdure_node.signatures.signed_file import SignedFile
from perdure_node.signatures.verdicts import DocumentCheck, Format, Indication

ADA = Account.from_key(bytes([7]) * 32)
MALLORY = Account.from_key(bytes([8]) * 32)
CHECKED_AT = "2026-05-04T10:00:00Z"
CONTENT = "Wir vereinbaren: 100 €.\n".encode()
TYPED: dict[str, Any] = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Party": [{"name": "name", "type": "string"}, {"name": "account", "type": "address"}],
        "Contract": [
            {"name": "document", "type": "bytes32"},
            {"name": "parties", "type": "Party[2]"},
            {"name": "amount", "type": "uint256"},
            {"name": "final", "type": "bool"},
        ],
    },
    "primaryType": "Contract",
    "domain": {"name": "Contracts", "chainId": 1},
    "message": {
        "document": "0x" + sha256(CONTENT).hex(),
        "parties": [
            {"name": "Ada", "account": ADA.address},
            {"name": "Bob", "account": MALLORY.address},
        ],
        "amount": "100000000000000000000",
        "final": True,
    },
}


def signed_file(folder: Path, content: bytes = CONTENT) -> SignedFile:
    path = folder / "contract.txt"
    path.write_bytes(content)
    return SignedFile(path, sha256(content), len(content))


def personal(message: bytes, account: Any = ADA) -> str:
    signature: str = account.sign_message(encode_defunct(primitive=message)).signature.hex()
    return "0x" + signature.removeprefix("0x")


def typed(full: dict[str, Any], account: Any = ADA) -> str:
    signature: str = account.sign_message(encode_typed_data(full_message=full)).signature.hex()
    return "0x" + signature.removeprefix("0x")


def exported(**members: object) -> bytes:
    return json.dumps({"address": ADA.address, "version": "3", "signer": "MEW"} | members).encode()


def check(folder: Path, raw: bytes, content: bytes = CONTENT) -> DocumentCheck:
    found = check_ethereum(signed_file(folder, content), raw, CHECKED_AT)
    assert [each.octets for each in found.material] == [raw]
    assert [each.sha256 for each in found.material] == [sha256(raw)]
    return found


def verdict(found: DocumentCheck) -> tuple[str, str | None]:
    return found.indication.text, found.signatures[0].subindication


DIGEST = sha256(CONTENT)
MESSAGES = [
    (CONTENT.decode(), CONTENT, "the whole document"),
    ("0x" + CONTENT.hex(), CONTENT, "the whole document"),
    (DIGEST.hex(), DIGEST.hex().encode(), "the document's SHA-256"),
    ("0x" + DIGEST.hex(), DIGEST, "the document's SHA-256"),
    ("0x" + DIGEST.hex(), b"0x" + DIGEST.hex().encode(), "the document's SHA-256"),
    (DIGEST.hex().upper(), DIGEST.hex().upper().encode(), "the document's SHA-256"),
    ("0x" + keccak256(CONTENT).hex(), keccak256(CONTENT), "the document's Keccak-256"),
]


@pytest.mark.parametrize(("written", "signed", "covers"), MESSAGES)
def test_what_wallets_export_is_valid(tmp_path: Path, written: str, signed: bytes, covers: str) -> None:
    found = check(tmp_path, exported(msg=written, sig=personal(signed)))
    assert verdict(found) == ("valid", None)
    assert (found.format, found.checked_at) == (Format.EIP191, CHECKED_AT)
    assert (found.signatures[0].signer, found.signatures[0].covers) == (ADA.address, covers)


@pytest.mark.parametrize(
    "signed", [signed for _, signed, _ in MESSAGES if signed != DIGEST.hex().upper().encode()]
)
def test_without_a_message_the_document_is_what_was_signed(tmp_path: Path, signed: bytes) -> None:
    assert verdict(check(tmp_path, exported(signature=personal(signed)))) == ("valid", None)


def test_a_compact_signature_is_one_too(tmp_path: Path) -> None:
    whole = bytes.fromhex(personal(DIGEST)[2:])
    compact = bytes([whole[32] | (whole[64] - 27) << 7])
    octets = whole[:32] + compact + whole[33:64]
    assert verdict(check(tmp_path, exported(sig=octets.hex()))) == ("valid", None)


def test_a_signature_of_somebody_else_is_invalid(tmp_path: Path) -> None:
    raw = exported(msg=DIGEST.hex(), sig=personal(DIGEST.hex().encode(), MALLORY))
    assert verdict(check(tmp_path, raw)) == ("invalid", "SIG_CRYPTO_FAILURE")


@pytest.mark.parametrize("content", [CONTENT + b" ", CONTENT.replace(b"100", b"900"), b""])
def test_another_document_is_not_what_was_signed(tmp_path: Path, content: bytes) -> None:
    for written, signed, _ in MESSAGES:
        raw = exported(msg=written, sig=personal(signed))
        assert verdict(check(tmp_path, raw, content)) == ("invalid", "HASH_FAILURE")
        assert check(tmp_path, exported(sig=personal(signed)), content).indication is Indication.INVALID


def test_a_message_around_the_digest_is_not_the_document(tmp_path: Path) -> None:
    message = f"I do not agree to {DIGEST.hex()}"
    raw = exported(msg=message, sig=personal(message.encode()))
    assert verdict(check(tmp_path, raw)) == ("invalid", "HASH_FAILURE")


def test_each_flipped_bit_of_a_signature_is_noticed(tmp_path: Path) -> None:
    document = signed_file(tmp_path)
    whole = bytes.fromhex(personal(DIGEST)[2:])
    for place in range(0, 65 * 8, 7):
        octets = bytearray(whole)
        octets[place // 8] ^= 1 << place % 8
        found = check_ethereum(document, exported(msg="0x" + DIGEST.hex(), sig=octets.hex()), CHECKED_AT)
        assert verdict(found) == ("invalid", "SIG_CRYPTO_FAILURE")


def test_the_second_form_of_a_signature_is_not_one(tmp_path: Path) -> None:
    whole = bytes.fromhex(personal(DIGEST)[2:])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(whole[32:64])).to_bytes(32)
    octets = whole[:32] + high + bytes([55 - whole[64]])
    assert Account.recover_message(encode_defunct(DIGEST), signature=octets) == ADA.address
    assert verdict(check(tmp_path, exported(sig=octets.hex()))) == ("invalid", "SIG_CRYPTO_FAILURE")


def test_typed_data_that_names_the_document_is_valid(tmp_path: Path) -> None:
    found = check(tmp_path, exported(typedData=TYPED, sig=typed(TYPED)))
    assert verdict(found) == ("valid", None)
    assert (found.format, found.signatures[0].covers) == (
        Format.EIP712,
        "its signed values name the document's SHA-256",
    )


@pytest.mark.parametrize("domain", [{"chainId": 2}, {"name": "Contract"}])
def test_typed_data_of_another_domain_is_another(tmp_path: Path, domain: dict[str, Any]) -> None:
    """What was signed for one chain or contract is not what is shown for another."""
    told = copy.deepcopy(TYPED)
    told["domain"] |= domain
    assert verdict(check(tmp_path, exported(typedData=told, sig=typed(TYPED)))) == (
        "invalid",
        "SIG_CRYPTO_FAILURE",
    )
    assert verdict(check(tmp_path, exported(typedData=told, sig=typed(told)))) == ("valid", None)


def test_a_document_that_is_typed_data_is_signed_as_such(tmp_path: Path) -> None:
    content = json.dumps(TYPED).encode()
    for raw in (exported(sig=typed(TYPED)), exported(typedData=TYPED, sig=typed(TYPED))):
        found = check(tmp_path, raw, content)
        assert verdict(found) == ("valid", None)
        assert found.signatures[0].covers == "the whole document"
        assert found.format is Format.EIP712


def test_a_document_that_carries_its_signature(tmp_path: Path) -> None:
    whole = TYPED | {"address": ADA.address, "signature": typed(TYPED)}
    raw = json.dumps(whole).encode()
    assert carries_signature(raw)
    found = check_own_signature(signed_file(tmp_path, raw), CHECKED_AT)
    assert verdict(found) == ("valid", None)
    altered = copy.deepcopy(whole)
    altered["message"]["amount"] = "900000000000000000000"
    raw = json.dumps(altered).encode()
    found = check_own_signature(signed_file(tmp_path, raw), CHECKED_AT)
    assert verdict(found) == ("invalid", "SIG_CRYPTO_FAILURE")
    assert not carries_signature(json.dumps(TYPED).encode())
    assert not carries_signature(b"{")


def test_what_a_type_does_not_name_is_not_signed(tmp_path: Path) -> None:
    """The library would hash the named members alone, so anybody could add a digest to what somebody signed once."""
    other = copy.deepcopy(TYPED)
    other["message"]["document"] = "0x" + bytes(32).hex()
    signature = typed(other)
    assert verdict(check(tmp_path, exported(typedData=other, sig=signature))) == ("invalid", "HASH_FAILURE")
    other["message"]["note"] = DIGEST.hex()
    assert verdict(check(tmp_path, exported(typedData=other, sig=signature))) == ("invalid", "FORMAT_FAILURE")
    other["message"].pop("note")
    other["message"]["parties"][0]["note"] = DIGEST.hex()
    assert verdict(check(tmp_path, exported(typedData=other, sig=signature))) == ("invalid", "FORMAT_FAILURE")
    for place in ("domain", "types"):
        beside = copy.deepcopy(TYPED)
        beside[place]["note"] = DIGEST.hex()
        found = check(tmp_path, exported(typedData=beside, sig=typed(TYPED)))
        assert verdict(found) == ("invalid", "FORMAT_FAILURE")


def altered(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(TYPED) | changes


LOOPING = {"A": [{"name": "a", "type": "A[]"}]}
BAD_TYPED: list[object] = [
    None,
    "typed",
    altered(primaryType="Absent"),
    altered(primaryType="EIP712Domain"),
    altered(types={}),
    altered(types={f"T{number}": [] for number in range(40)}),
    altered(types={"Contract": [{"name": f"f{number}", "type": "bool"} for number in range(300)]}),
    altered(types={"uint8": []}),
    altered(types={"A b": []}),
    altered(domain={"name": "Contracts"}),
    altered(message=[]),
    altered(message=TYPED["message"] | {"amount": -1}),
    altered(message=TYPED["message"] | {"amount": "9" * 5000}),
    altered(message=TYPED["message"] | {"amount": True}),
    altered(message=TYPED["message"] | {"final": "yes"}),
    altered(message=TYPED["message"] | {"document": None}),
    altered(message=TYPED["message"] | {"document": "0x00"}),
    altered(message=TYPED["message"] | {"parties": []}),
    altered(types=LOOPING, primaryType="A", message={"a": [{"a": []}] * 3000}, domain={}),
    altered(types={"A": [{"name": "a", "type": "bool" + "[]" * 20}]}, primaryType="A", message={"a": []}),
    altered(types={"A": [{"name": "a", "type": "nothing"}]}, primaryType="A", message={"a": 1}, domain={}),
    altered(types={"A": [{"name": "a", "type": "uint7"}]}, primaryType="A", message={"a": 1}, domain={}),
]


@pytest.mark.parametrize("value", BAD_TYPED, ids=range(len(BAD_TYPED)))
def test_typed_data_of_no_form_is_a_bad_signature(tmp_path: Path, value: object) -> None:
    found = check(tmp_path, exported(typedData=value, sig=typed(TYPED)))
    assert found.indication is Indication.INVALID
    assert found.signatures[0].reason


BAD_FILES = [
    b"",
    b"\x00",
    b"[]",
    b"[" * 100_000,
    b'{"address": 1}',
    exported(),
    exported(sig="0x00"),
    exported(sig="0x" + "00" * 300),
    exported(sig=personal(DIGEST), signature=personal(DIGEST)),
    exported(msg="a", message="a", sig=personal(b"a")),
    exported(msg="a", typedData=TYPED, sig=personal(b"a")),
    exported(sig=personal(DIGEST), version="1"),
    exported(sig=personal(DIGEST), more=1),
    exported(sig=personal(DIGEST), address="0x00"),
    exported(sig=personal(DIGEST), msg="x" * 300_000),
    exported(sig=personal(DIGEST)) + b"x",
    exported(sig=personal(DIGEST))[:-1] + b', "sig": "0x00"}',
]


@pytest.mark.parametrize("raw", BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_file_of_no_form_is_a_bad_signature(tmp_path: Path, raw: bytes) -> None:
    assert verdict(check(tmp_path, raw)) == ("invalid", "FORMAT_FAILURE")


def test_a_document_that_changed_since_it_was_hashed_is_told(tmp_path: Path) -> None:
    document = signed_file(tmp_path)
    document.path.write_bytes(CONTENT.upper())
    with pytest.raises(DocumentUnreadable, match="written to while it was read"):
        check_ethereum(document, exported(sig=personal(CONTENT)), CHECKED_AT)
