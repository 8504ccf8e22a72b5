"""Signing by a Web3Signer: what it signs, what is not believed, and each way in which it fails."""

import json

import pytest
from perdure_anchor.hashes import Address, keccak256, to_hex
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_contracts.access import CertificateFileError, EndpointAccess
from perdure_contracts.endpoint import EndpointError
from perdure_contracts.fees import LegacyFee, MarketFee
from perdure_contracts.signer import LocalSigner
from perdure_contracts.unsigned_transaction import ContractCall, UnsignedTransaction, to_members
from perdure_contracts.web3signer import (
    SignedByAnother,
    SignerBadAnswer,
    SignerRefused,
    SignerUnreachable,
    Web3Signer,
)
from tools.certificates import self_signed, server_tls
from tools.web3signer import running_web3signer

KEY, OTHER_KEY = keccak256(b"a partner's key in a test"), keccak256(b"another key")
ACCOUNT = address_from_private_key(KEY)
CALL = ContractCall(Address(b"\5" * 20), b"calldata")
MARKET = to_members(UnsignedTransaction(20241, 7, 90_000, MarketFee(9, 2), CALL))
LEGACY = to_members(UnsignedTransaction(20241, 7, 90_000, LegacyFee(0), CALL))


def signed(server, members=MARKET, *, url=None, account=ACCOUNT, **access):
    with Web3Signer(EndpointAccess(url or server.url, **access), account, timeout=5) as signer:
        return signer.sign_transaction(members)


@pytest.mark.parametrize("members", [MARKET, LEGACY])
def test_the_same_transaction_as_with_the_key_at_hand(members):
    with running_web3signer(OTHER_KEY, KEY) as server:
        assert signed(server, members) == LocalSigner(KEY).sign_transaction(members)


def test_what_is_asked():
    with running_web3signer(KEY) as server, Web3Signer(EndpointAccess(server.url), ACCOUNT) as signer:
        signer.check()
        signer.sign_transaction(MARKET)
        signer.sign_transaction(MARKET)
        (name,) = server.keys
        sign = ("POST", f"/api/v1/eth1/sign/{name}")
        keys = ("GET", "/api/v1/eth1/publicKeys")
        assert server.requests == [("GET", "/upcheck"), keys, sign, sign]


def test_a_signature_by_another_key_is_not_used():
    with running_web3signer(KEY) as server:
        server.signs_with = OTHER_KEY
        with pytest.raises(SignedByAnother, match="signed by 0x"):
            signed(server)


@pytest.mark.parametrize("change", [lambda text: text[:-2], lambda text: "", lambda text: "0x" + "0" * 130])
def test_nonsense_in_place_of_a_signature(change):
    with running_web3signer(KEY) as server:
        server.change_signature = change
        with pytest.raises(SignerBadAnswer):
            signed(server)


def test_quotation_marks_around_the_signature():
    with running_web3signer(KEY) as server:
        server.change_signature = json.dumps
        assert signed(server) == LocalSigner(KEY).sign_transaction(MARKET)


@pytest.mark.parametrize("listed", [[], {}, "0x", [1, None, "0x12", "zz" * 64]])
def test_a_key_that_it_does_not_have(listed):
    with running_web3signer(KEY) as server:
        server.listed = listed
        with pytest.raises(SignerRefused, match="has no key of the account"):
            signed(server)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, SignerRefused),
        (401, SignerRefused),
        (403, SignerRefused),
        (404, SignerRefused),
        (500, SignerUnreachable),
        (503, SignerUnreachable),
        (302, SignerUnreachable),
    ],
)
def test_refusals(status, fault):
    with running_web3signer(KEY) as server:
        server.status = status
        with pytest.raises(fault, match=f"http status {status}: Host not authorized"):
            signed(server)


def test_nobody_there():
    with running_web3signer(KEY) as server:
        pass
    with pytest.raises(SignerUnreachable):
        signed(server)


def test_password_in_the_url():
    with running_web3signer(KEY, authorization="Basic cGFydG5lcjpzZWNyZXRzZWNyZXQ=") as server:
        address = server.url.removeprefix("http://")
        assert signed(server, url=f"http://partner:secretsecret@{address}")
        with pytest.raises(SignerRefused) as caught:
            signed(server, url=f"http://partner:wrongsecret@{address}")
        assert "wrongsecret" not in str(caught.value)


def test_token(tmp_path):
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("abc.def\n")
    with running_web3signer(KEY, authorization="Bearer abc.def") as server:
        assert signed(server, token_file=token)
        with pytest.raises(SignerRefused):
            signed(server)
        server.authorization = "Bearer another"
        with pytest.raises(SignerRefused):
            signed(server, token_file=token)


def test_a_token_that_is_replaced_while_we_run(tmp_path):
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("the-first")
    with (
        running_web3signer(KEY, authorization="Bearer the-first") as server,
        Web3Signer(EndpointAccess(server.url, token), ACCOUNT) as signer,
    ):
        signer.sign_transaction(MARKET)
        server.authorization = "Bearer the-second"
        token.write_text("the-second")
        assert signer.sign_transaction(MARKET) == LocalSigner(KEY).sign_transaction(MARKET)


def test_behind_a_path():
    """A proxy may have the server under a path of its own."""
    with running_web3signer(KEY) as server:
        with pytest.raises(SignerRefused, match="404"):
            signed(server, url=server.url + "/signer")
        assert server.requests == [("GET", "/signer/api/v1/eth1/publicKeys")]


def test_certificates(tmp_path):
    certificate = self_signed(tmp_path, "127.0.0.1")
    with running_web3signer(KEY, tls=server_tls(certificate)) as server:
        assert signed(server, authorities=certificate)
        with pytest.raises(SignerUnreachable, match="no connection"):
            signed(server)


def test_a_client_certificate(tmp_path):
    certificate = self_signed(tmp_path, "127.0.0.1")
    with running_web3signer(KEY, tls=server_tls(certificate, clients=certificate)) as server:
        assert signed(server, authorities=certificate, client_certificate=certificate)
        with pytest.raises(SignerUnreachable):
            signed(server, authorities=certificate)


@pytest.mark.parametrize("member", ["authorities", "client_certificate"])
def test_certificates_that_are_none(tmp_path, member):
    path = tmp_path / "empty.pem"
    path.touch(mode=0o600)
    path.write_text("nothing")
    with pytest.raises(CertificateFileError):
        Web3Signer(EndpointAccess("https://127.0.0.1:1", **{member: path}), ACCOUNT)


def test_no_url():
    with pytest.raises(EndpointError, match="web3signer url: want the scheme"):
        Web3Signer(EndpointAccess("ftp://somewhere"), ACCOUNT)


def test_secrets_are_not_shown():
    assert "secret" not in repr(EndpointAccess("http://user:secretsecret@127.0.0.1:1"))


def test_ether_is_never_sent():
    with running_web3signer(KEY) as server:
        from perdure_contracts.unsigned_transaction import TransactionMalformed

        with pytest.raises(TransactionMalformed):
            signed(server, {**MARKET, "value": 1})
        assert not server.requests


def test_the_calldata_reaches_it_whole():
    """What is signed is computed here: the server is never told of a transaction's parts."""
    members = {**MARKET, "data": to_hex(bytes(range(256)) * 40)}
    with running_web3signer(KEY) as server:
        assert signed(server, members) == LocalSigner(KEY).sign_transaction(members)
