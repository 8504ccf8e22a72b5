"""Who may read: everybody, who has a token that counts, or whom a trusted proxy lets through; and how often."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from perdure_node.api.clients import Proxies
from perdure_node.api.rates import Rates
from perdure_node.api.tokens import (
    NoSuchToken,
    Scope,
    TokenRefused,
    all_tokens,
    new_token,
    revoke_token,
    token_of,
)
from perdure_node.errors import SettingsError
from perdure_node.gateway.settings import LimitSettings, NodeSettings
from tools.api_desk import NOW, api_desk, make_site, reading_by
from tools.site_network import counted_bytes

OPEN = ("/health", "/ready", "/openapi.json")
READS = (
    "/v1/sites",
    "/v1/status",
    "/v1/anchors",
    "/v1/consortium",
    "/",
    "/sites/acme/x",
    "/verify",
    "/nowhere",
)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_reading_wants_a_token_where_the_settings_say_so(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node", reading_by("tokens")) as desk, desk.client() as client:
        token = desk.token(Scope.READ)
        for path in OPEN:
            assert client.get(path).status_code in (200, 503)
        for path in READS:
            answer = client.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == 'Bearer realm="perdure"'
            assert answer.json()["type"] == "urn:perdure:problem:TokenWanted"
            assert client.get(path, headers=bearer(token)).status_code in (200, 404)
        # what is handed in has signatures of its own
        assert client.post("/v1/bundles", content=b"x").status_code == 400
        assert client.post("/v1/sites").status_code == 401


def test_tokens_that_do_not_count(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node", reading_by("tokens")) as desk, desk.client() as client:
        token = desk.token(Scope.READ)
        _, identity, secret = token.split("_", 2)
        others = (
            "x",
            token[:-1],
            token + "A",
            token.upper(),
            f"perdure_{'0' * 12}_{secret}",
            f"perdure_{identity}_{'A' * 43}",
            f"perdure_{identity}_{sha256(secret.encode()).hexdigest()[:43]}",
            "perdure_" + "é" * 12,
        )
        for other in others:
            answer = client.get("/v1/sites", headers={"authorization": f"Bearer {other}".encode("latin-1")})
            assert answer.status_code == 401, other
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert client.get("/v1/sites", headers={"authorization": f"Basic {token}"}).status_code == 401
        twice = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
        assert client.get("/v1/sites", headers=twice).status_code == 401
        assert client.get("/v1/sites", headers={"authorization": f"bearer  {token}"}).status_code == 200


def test_a_token_ends(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node", reading_by("tokens")) as desk, desk.client() as client:
        token = desk.token(Scope.READ, expires_at=NOW + 100)
        lasting = desk.token(Scope.READ, name="lasting")
        assert client.get("/v1/sites", headers=bearer(token)).status_code == 200
        desk.time[0] = NOW + 99.9
        assert client.get("/v1/sites", headers=bearer(token)).status_code == 200
        desk.time[0] = NOW + 100
        assert client.get("/v1/sites", headers=bearer(token)).status_code == 401
        # at once, though a connection is open and the token was just used
        assert client.get("/v1/sites", headers=bearer(lasting)).status_code == 200
        revoke_token(desk.database, lasting.split("_")[1], NOW)
        assert client.get("/v1/sites", headers=bearer(lasting)).status_code == 401


def test_a_token_is_for_its_scope(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node", reading_by("tokens", metrics=False)) as desk, desk.client() as client:
        make_site(desk.context.gateway(), "acme/rotterdam", 3)
        submit, metrics = desk.token(Scope.SUBMIT), desk.token(Scope.METRICS, name="prometheus")
        peer = desk.token(Scope.PEER, name="peer")
        assert client.get("/v1/sites/acme/rotterdam/standing", headers=bearer(submit)).status_code == 200
        answer = client.get("/v1/sites", headers=bearer(submit))
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:perdure:problem:TokenOutOfScope"
        assert 'scope="read"' in answer.headers["www-authenticate"]
        assert client.get("/metrics", headers=bearer(submit)).status_code == 403
        # not 401 or 403: there is no such route here, but who asks gets as far
        assert client.get("/metrics", headers=bearer(metrics)).status_code in (200, 404)
        assert client.get("/v1/logs/acme/rotterdam/checkpoint", headers=bearer(peer)).status_code in (
            200,
            404,
        )
        assert client.get("/v1/sites", headers=bearer(peer)).status_code == 403


def test_what_is_between_two_nodes_needs_a_token_though_reading_is_open(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node") as desk, desk.client() as client:
        assert client.get("/v1/pair/claims").status_code == 401
        assert client.get("/v1/sites").status_code == 200


def test_when_a_token_was_used_is_kept(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node", reading_by("tokens")) as desk:
        token = desk.token(Scope.READ)
        with desk.client() as client:
            desk.time[0] = NOW + 5
            assert client.get("/v1/sites", headers=bearer(token)).status_code == 200
            desk.time[0] = NOW + 30
            assert client.get("/v1/sites", headers=bearer(token)).status_code == 200
        # the server has ended, and with it what it had begun
        assert all_tokens(desk.database)[0].used_at == NOW + 5


def test_a_secret_is_nowhere_in_the_folder(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node", reading_by("tokens")) as desk, desk.client() as client:
        token = desk.token(Scope.READ)
        client.get("/v1/sites", headers=bearer(token))
        secret = token.split("_", 2)[2].encode()
        assert not any(secret in each.read_bytes() for each in desk.folder.iterdir() if each.is_file())


def test_tokens_that_are_of_no_use_are_not_made(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node") as desk:
        make = {"now": NOW, "randomness": counted_bytes()}
        with pytest.raises(TokenRefused, match="no scope"):
            new_token(desk.database, "a", (), expires_at=None, **make)
        with pytest.raises(TokenRefused, match="expired"):
            new_token(desk.database, "a", [Scope.READ], expires_at=NOW, **make)
        for name in ("", " ", "a\x1b[2J", "a" * 101):
            with pytest.raises(TokenRefused, match="name"):
                new_token(desk.database, name, [Scope.READ], expires_at=None, **make)
        with pytest.raises(NoSuchToken):
            revoke_token(desk.database, "0" * 12, NOW)
        text = desk.token(Scope.READ)
        assert token_of(desk.database, text, NOW) is not None
        first = revoke_token(desk.database, text.split("_")[1], NOW + 1)
        assert revoke_token(desk.database, text.split("_")[1], NOW + 9) == first


def test_a_proxy_that_is_trusted_names_who_asks(tmp_path: Path) -> None:
    settings = reading_by("proxy", proxy_addresses=("127.0.0.1",))
    with api_desk(tmp_path / "node", settings) as desk, desk.client() as client:
        assert client.get("/v1/sites").status_code == 401
        assert client.get("/v1/sites", headers={"x-client-subject": "CN=site"}).status_code == 200
        assert client.get("/v1/sites", headers={"x-client-subject": ""}).status_code == 401
        twice = [("x-client-subject", "CN=a"), ("x-client-subject", "CN=b")]
        assert client.get("/v1/sites", headers=twice).status_code == 401
        token = desk.token(Scope.READ)
        assert client.get("/v1/sites", headers=bearer(token)).status_code == 200


def test_a_subject_is_not_believed_from_anybody(tmp_path: Path) -> None:
    settings = reading_by("proxy", proxy_addresses=("10.0.0.0/8",))
    with api_desk(tmp_path / "node", settings) as desk, desk.client() as client:
        headers = {"x-client-subject": "CN=site", "x-forwarded-for": "10.0.0.1", "forwarded": "for=10.0.0.1"}
        assert client.get("/v1/sites", headers=headers).status_code == 401


def test_who_asks_is_read_from_the_last_proxy_on() -> None:
    proxies = Proxies(["10.0.0.0/8", "fd00::/8"])

    def address(peer: str | None, forwarded: str) -> str:
        return proxies.client(peer, forwarded).address

    assert address("192.0.2.1", "203.0.113.9") == "192.0.2.1"
    assert address("10.0.0.1", "203.0.113.9") == "203.0.113.9"
    assert address("10.0.0.1", "1.2.3.4, 203.0.113.9") == "203.0.113.9"
    assert address("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2") == "203.0.113.9"
    assert address("10.0.0.1", "") == "10.0.0.1"
    assert address("10.0.0.1", "nonsense") == "10.0.0.1"
    assert address("10.0.0.1", "203.0.113.9, nonsense") == "10.0.0.1"
    assert address("::ffff:10.0.0.1", "203.0.113.9") == "203.0.113.9"
    assert address("2001:db8:1:2:3::4", "") == address("2001:db8:1:2::9", "") == "2001:db8:1:2::/64"
    assert address(None, "203.0.113.9") == "unknown"
    assert not proxies.client("192.0.2.1", "").by_proxy
    assert proxies.client("fd00::1", "").by_proxy
    with pytest.raises(SettingsError, match="proxy_addresses"):
        Proxies(["10.0.0.1/8"])


def limited(**limits: int):
    def change(settings: NodeSettings) -> NodeSettings:
        return replace(settings, limits=LimitSettings(**limits))

    return change


def test_one_client_may_not_ask_too_often(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node", limited(requests_a_minute=5)) as desk, desk.client() as client:
        token = desk.token(Scope.READ)
        answers = [client.get("/v1/sites") for _ in range(7)]
        assert [each.status_code for each in answers[:5]] == [200] * 5
        assert answers[6].status_code == 429
        assert 1 <= int(answers[6].headers["retry-after"]) <= 13
        assert answers[6].headers["content-type"] == "application/problem+json"
        assert client.get("/health").status_code == 200
        # who has a token is not counted with others at the same address
        assert client.get("/v1/sites", headers=bearer(token)).status_code == 200
        # and a header alone makes nobody another client
        assert client.get("/v1/sites", headers={"x-forwarded-for": "192.0.2.7"}).status_code == 429


def test_submitting_has_a_rate_of_its_own(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node", limited(submissions_a_minute=2)) as desk, desk.client() as client:
        codes = [client.post("/v1/checkpoints", content=b"{}").status_code for _ in range(3)]
        assert codes == [400, 400, 429]
        assert client.get("/v1/sites").status_code == 200


def test_buckets_fill_up_and_are_bounded() -> None:
    rates = Rates(60, max_clients=3)
    assert [rates.wait("a", 0.0) for _ in range(60)] == [0.0] * 60
    assert rates.wait("a", 0.0) == pytest.approx(1.0)
    assert rates.wait("a", 0.5) == pytest.approx(0.5)
    assert rates.wait("a", 1.0) == 0.0
    assert rates.wait("a", 1.0) > 0
    assert [rates.wait("a", 1000.0) for _ in range(61)][-1] > 0
    for number in range(100):
        rates.wait(f"client {number}", 1000.0)
    assert len(rates) == 3
