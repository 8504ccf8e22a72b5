"""How a chain's node lets us in: tokens, certificates on both sides, and what is never shown or sent."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from perdure_contracts.access import (
    CertificateFileError,
    EndpointAccess,
    SecretExposed,
    TokenFileError,
    TokenInClear,
)
from perdure_contracts.endpoint import EndpointError
from perdure_contracts.rpc import JsonRpc, RpcRefused, RpcUnreachable
from perdure_contracts.rpc_errors import RpcDenied, RpcTlsFailed
from tools.certificates import Authority, authority, server_tls
from tools.scripted_node import Answer, Exchange, reply, scripted_node

FAR = "https://node.invalid"


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


def token_in(folder: Path, text: str = "the-token-of-ours", mode: int = 0o600) -> Path:
    path = folder / "token"
    path.touch()
    path.write_text(text)
    path.chmod(mode)
    return path


def wants(token: str, *, seen: list[str | None] | None = None) -> Answer:
    """A node that lets in whoever has the token."""

    def answer(exchange: Exchange) -> None:
        given = exchange.headers["authorization"]
        if seen is not None:
            seen.append(given)
        if given == f"Bearer {token}":
            exchange.send_json(reply(exchange.document, result="0x1"))
        else:
            exchange.send(b"<html>who are you?</html>", status=401)

    return answer


def chain_id(access: EndpointAccess, pauses: list[float] | None = None) -> object:
    with JsonRpc(access, timeout=5, sleep=(pauses if pauses is not None else []).append) as rpc:
        return rpc.call("eth_chainId")


def open_node(exchange: Exchange) -> None:
    exchange.send_json(reply(exchange.document, result="0x1"))


class TestTls:
    def test_a_node_that_an_authority_of_ours_vouches_for(self, ca):
        with scripted_node(open_node, tls=server_tls(ca.issue("node.pem"))) as node:
            assert chain_id(EndpointAccess(node.url, authorities=ca.path)) == "0x1"

    def test_a_node_that_nobody_we_know_vouches_for(self, ca, tmp_path):
        pauses: list[float] = []
        with scripted_node(open_node, tls=server_tls(ca.issue("node.pem"))) as node:
            for authorities in (None, authority(tmp_path, "other-ca.pem").path):
                with pytest.raises(RpcTlsFailed, match="certificate verify failed") as caught:
                    chain_id(EndpointAccess(node.url, authorities=authorities), pauses)
                assert "authorities" in (caught.value.hint or "")
                assert not caught.value.sent
            assert node.documents == []
        assert pauses == [], "the same certificate would come again"

    def test_an_expired_certificate(self, ca):
        expired = ca.issue("node.pem", ends_in=dt.timedelta(hours=-1))
        with (
            scripted_node(open_node, tls=server_tls(expired)) as node,
            pytest.raises(RpcTlsFailed, match="has expired"),
        ):
            chain_id(EndpointAccess(node.url, authorities=ca.path))

    def test_another_machines_certificate(self, ca):
        elsewhere = server_tls(ca.issue("node.pem", "127.0.0.2"))
        with (
            scripted_node(open_node, tls=elsewhere) as node,
            pytest.raises(RpcTlsFailed, match="IP address mismatch"),
        ):
            chain_id(EndpointAccess(node.url, authorities=ca.path))

    def test_a_node_without_tls(self, ca):
        with scripted_node(open_node) as node, pytest.raises(RpcTlsFailed):
            chain_id(EndpointAccess(node.url.replace("http:", "https:"), authorities=ca.path))

    def test_a_node_that_hangs_up_is_no_matter_of_certificates(self, ca):
        with scripted_node(Exchange.hang_up, tls=server_tls(ca.issue("node.pem"))) as node:
            with pytest.raises(RpcUnreachable) as caught:
                chain_id(EndpointAccess(node.url, authorities=ca.path))
            assert not isinstance(caught.value, RpcTlsFailed)
            assert len(node.documents) == 3

    def test_our_own_certificate(self, ca, tmp_path):
        tls = server_tls(ca.issue("node.pem"), clients=ca.path)
        ours = ca.issue("ours.pem")
        strange = authority(tmp_path, "other-ca.pem").issue("strange.pem")
        with scripted_node(open_node, tls=tls) as node:
            assert chain_id(EndpointAccess(node.url, authorities=ca.path, client_certificate=ours)) == "0x1"
            for certificate in (None, strange):
                with pytest.raises(RpcUnreachable):
                    chain_id(EndpointAccess(node.url, authorities=ca.path, client_certificate=certificate))
            assert len(node.documents) == 1

    def test_certificates_beside_an_url_without_tls(self, ca):
        for files in ({"authorities": ca.path}, {"client_certificate": ca.issue("ours.pem")}):
            with pytest.raises(TokenInClear, match="without TLS"):
                JsonRpc(EndpointAccess("http://127.0.0.1:1", **files))


class TestCertificateFiles:
    @pytest.mark.parametrize(
        ("member", "role"),
        [("authorities", "certificate authorities"), ("client_certificate", "client certificate")],
    )
    @pytest.mark.parametrize("content", [None, b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
    def test_what_is_none_is_named_by_its_role(self, tmp_path, member, role, content):
        path = tmp_path / "broken.pem"
        if content is not None:
            path.touch(mode=0o600)
            path.write_bytes(content)
        with pytest.raises(CertificateFileError, match=f"{role} .*broken.pem: ") as caught:
            JsonRpc(EndpointAccess(FAR, **{member: path}))
        assert "PEM" in (caught.value.hint or "")

    def test_a_certificate_without_its_key(self, ca):
        with pytest.raises(CertificateFileError, match="client certificate"):
            JsonRpc(EndpointAccess(FAR, client_certificate=ca.path))

    def test_a_key_that_everybody_can_read(self, ca):
        ours = ca.issue("ours.pem")
        ours.chmod(0o644)
        with pytest.raises(SecretExposed, match=r"every user .* key") as caught:
            JsonRpc(EndpointAccess(FAR, client_certificate=ours))
        assert caught.value.hint == f"chmod 600 {ours}"


class TestTokens:
    def test_it_is_sent(self, tmp_path):
        with scripted_node(wants("the-token-of-ours")) as node:
            assert (
                chain_id(EndpointAccess(node.url, token_in(tmp_path, "the-token-of-ours\n# a note"))) == "0x1"
            )
            with pytest.raises(RpcDenied, match="http status 401") as caught:
                chain_id(EndpointAccess(node.url))
            assert "token" in (caught.value.hint or "")

    def test_over_tls(self, ca, tmp_path):
        with scripted_node(wants("the-token-of-ours"), tls=server_tls(ca.issue("node.pem"))) as node:
            assert chain_id(EndpointAccess(node.url, token_in(tmp_path), ca.path)) == "0x1"

    def test_a_token_that_is_replaced_while_we_run(self, tmp_path):
        seen: list[str | None] = []
        path = token_in(tmp_path, "first")
        with (
            scripted_node(wants("first", seen=seen), wants("second", seen=seen)) as node,
            JsonRpc(EndpointAccess(node.url, path)) as rpc,
        ):
            rpc.call("eth_chainId")
            path.write_text("second")
            # not one that may be repeated: what was denied has had no effect
            assert rpc.call("eth_sendTransaction") == "0x1"
            rpc.call("eth_chainId")
        assert seen == ["Bearer first", "Bearer first", "Bearer second", "Bearer second"]

    @pytest.mark.parametrize("later", ["the-token-of-ours", "is not a token", None])
    def test_denied_once_where_the_file_has_no_other(self, tmp_path, later):
        path = token_in(tmp_path)
        with scripted_node(wants("another")) as node, JsonRpc(EndpointAccess(node.url, path)) as rpc:
            path.unlink() if later is None else path.write_text(later)
            with pytest.raises(RpcDenied):
                rpc.call("eth_chainId")
            assert len(node.documents) == 1

    def test_a_file_that_everybody_can_read_by_now_is_not_read_again(self, tmp_path):
        path = token_in(tmp_path, "first")
        with scripted_node(wants("second")) as node, JsonRpc(EndpointAccess(node.url, path)) as rpc:
            path.write_text("second")
            path.chmod(0o644)
            with pytest.raises(RpcDenied):
                rpc.call("eth_chainId")

    def test_besus_own_denial_is_an_answer(self, tmp_path):
        """Besu sends 401 with an error object also for a single method that a token does not allow."""

        def answer(exchange: Exchange) -> None:
            error = {"code": -40100, "message": "Unauthorized"}
            exchange.send_json(reply(exchange.document, error=error), status=401)

        with scripted_node(answer) as node, pytest.raises(RpcRefused, match="Unauthorized"):
            chain_id(EndpointAccess(node.url, token_in(tmp_path)))

    @pytest.mark.parametrize("content", ["", "\n", "two words", "new\x7f", "ümlaut", "="])
    def test_a_file_without_a_token(self, tmp_path, content):
        with pytest.raises(TokenFileError, match=r"token file .*token: want a bearer token") as caught:
            JsonRpc(EndpointAccess(FAR, token_in(tmp_path, content)))
        assert not content.strip() or content not in str(caught.value).replace("bearer", "")

    def test_no_file(self, tmp_path):
        with pytest.raises(TokenFileError, match="no such file"):
            JsonRpc(EndpointAccess(FAR, tmp_path / "nowhere"))

    @pytest.mark.parametrize(
        ("mode", "is_refused"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)]
    )
    def test_who_may_read_the_file(self, tmp_path, mode, is_refused):
        """The group may: that is how an administrator shares a secret with a service."""
        access = EndpointAccess(FAR, token_in(tmp_path, mode=mode))
        if is_refused:
            with pytest.raises(SecretExposed, match=r"every user .* token") as caught:
                JsonRpc(access)
            assert "the-token-of-ours" not in str(caught.value)
        else:
            JsonRpc(access).close()

    def test_it_never_goes_over_a_network_in_clear(self, tmp_path):
        with pytest.raises(TokenInClear, match="in clear"):
            JsonRpc(EndpointAccess("http://node.invalid:8545", token_in(tmp_path)))

    def test_one_of_token_and_password(self, tmp_path):
        with pytest.raises(EndpointError, match="user name"):
            JsonRpc(EndpointAccess("https://ada:hunter22@node.invalid", token_in(tmp_path)))

    def test_a_node_that_repeats_it_does_not_leak_it(self, tmp_path):
        """Nor the one before, which it may have kept."""

        def echo(exchange: Exchange) -> None:
            message = f"bad: {exchange.headers['authorization']} and first-token"
            exchange.send_json(reply(exchange.document, error={"code": -32000, "message": message}))

        path = token_in(tmp_path, "first-token")
        access = EndpointAccess(f"https://h/{'secret-path'}", path)
        assert "secret-path" not in repr(access)
        with scripted_node(wants("none"), echo) as node, JsonRpc(EndpointAccess(node.url, path)) as rpc:
            path.write_text("second-token")
            with pytest.raises(RpcRefused) as caught:
                rpc.call("eth_chainId")
        assert str(caught.value).endswith("bad: Bearer *** and *** (code -32000)")


def test_without_tls_nobody_is_vouched_for() -> None:
    """Should a connection without TLS ever turn into one with it, it fails."""
    from perdure_contracts.access import tls_context

    context = tls_context(EndpointAccess("http://127.0.0.1:1"))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509"] == 0
