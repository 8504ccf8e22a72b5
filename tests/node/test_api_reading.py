"""What the node answers to who reads: lists in pages, ETags, proofs that hold, and problems for all else."""

import contextlib
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, parse_origin
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.log import verify_inclusion
from perdure_anchor.trust_file import fingerprint
from perdure_contracts.anchored_logs import place_of
from perdure_contracts.transactions import WrongChain
from perdure_node.api.request_ids import request_id_for
from perdure_node.chain.errors import WithoutContracts
from perdure_node.gateway.leaf_places import place_leaves, places_beyond_table
from perdure_node.gateway.leaf_proofs import LeafProofs
from perdure_node.gateway.sites import add_site
from perdure_node.service.alarms import AlarmName
from tools.api_desk import NOW, TRUST, ApiDesk, api_desk, leaf, make_site, place_all
from tools.processes import wait_until


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiDesk]:
    with api_desk(tmp_path_factory.mktemp("reading") / "node") as opened:
        make_site(opened.context.gateway(), "acme/rotterdam", 1, 300, 700)
        make_site(opened.context.gateway(), "globex/hull", 5)
        place_all(opened.database)
        yield opened


@pytest.fixture(scope="module")
def client(desk: ApiDesk) -> Iterator[httpx.Client]:
    with desk.client() as opened:
        yield opened


def problem_of(answer) -> dict:
    assert answer.headers["content-type"] == "application/problem+json"
    members = answer.json()
    assert members["status"] == answer.status_code
    assert members["request_id"] == answer.headers["x-request-id"]
    return members


def test_a_proof_by_leaf_hash_holds(client: httpx.Client) -> None:
    for index, size in ((0, 1), (1, 300), (299, 300), (300, 700), (699, 700)):
        wanted = leaf("acme/rotterdam", index)
        answer = client.get(f"/v1/proofs/{to_hex(wanted)}")
        assert answer.status_code == 200
        members = answer.json()
        checkpoint = members["checkpoint"]
        assert (checkpoint["index"], checkpoint["size"]) == (index, size)
        path = [Hash32(b64decode(each)) for each in checkpoint["path"]]
        verify_inclusion(wanted, index, size, path, Hash32(b64decode(checkpoint["root"])))
        assert members["origin"] == "acme/rotterdam"
        assert b64decode(members["anchor"]["headers"][0]) == b"\xf9" * 600
    assert client.get(f"/v1/proofs/{leaf('globex/hull', 3).hex()}").json()["origin"] == "globex/hull"


def test_a_leaf_that_is_not_in_the_table_yet_is_found(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node") as desk, desk.client() as client:
        make_site(desk.context.gateway(), "acme/rotterdam", 300)
        by_table = LeafProofs(lambda: desk.database).quick
        assert by_table(leaf("acme/rotterdam", 299)) is None
        assert [each.index for each in places_beyond_table(desk.database, leaf("acme/rotterdam", 299))] == [
            299
        ]
        assert client.get(f"/v1/proofs/{leaf('acme/rotterdam', 299).hex()}").status_code == 200
        assert place_leaves(desk.database, 100)
        found = by_table(leaf("acme/rotterdam", 99))
        assert found is not None
        assert found.index == 99
        assert by_table(leaf("acme/rotterdam", 100)) is None
        assert [*places_beyond_table(desk.database, leaf("acme/rotterdam", 99))] == []
        assert place_leaves(desk.database, 200)
        assert not place_leaves(desk.database)
        assert client.get(f"/v1/proofs/{leaf('acme/rotterdam', 299).hex()}").status_code == 200


def test_a_proof_changes_its_tag_when_its_run_grows(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node") as desk, desk.client() as client:
        make_site(desk.context.gateway(), "acme/rotterdam", 3)
        path = f"/v1/proofs/{leaf('acme/rotterdam', 1).hex()}"
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"if-none-match": f'"other", W/{tag}'}).status_code == 304
        with desk.database.transaction():
            desk.database.execute("UPDATE anchor SET headers = ?", b"\xc4\x82\xf9\xf9\x01")
        answer = client.get(path, headers={"if-none-match": tag})
        assert answer.status_code == 200
        assert answer.headers["etag"] != tag
        assert len(answer.json()["anchor"]["headers"]) == 2


def test_unknown_leaves_and_sites_are_not_there(client: httpx.Client) -> None:
    assert problem_of(client.get(f"/v1/proofs/{'00' * 32}"))["type"] == "urn:perdure:problem:NotHere"
    assert problem_of(client.get(f"/v1/anchors/{'00' * 32}"))["status"] == 404
    for path in ("", "/standing", "/anchors", "/return"):
        members = problem_of(client.get(f"/v1/sites/acme/nowhere{path}"))
        assert members["type"] == "urn:perdure:problem:SiteUnknown"
        assert "hint" in members


def test_sites_come_in_pages(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node") as desk, desk.client() as client:
        names = sorted(f"acme/site-{number}" for number in range(250))
        with desk.database.transaction():
            for name in names:
                add_site(desk.database, parse_origin(name), NOW)
        seen, path = [], "/v1/sites?limit=99"
        while path:
            answer = client.get(path)
            members = answer.json()
            seen += [each["site"] for each in members["sites"]]
            path = members["next"]
            assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
        assert seen == names


def test_anchors_come_in_pages(client: httpx.Client) -> None:
    first = client.get("/v1/sites/acme/rotterdam/anchors", params={"limit": 2}).json()
    rest = client.get(first["next"]).json()
    assert [each["size"] for each in first["anchors"] + rest["anchors"]] == [1, 300, 700]
    assert rest["next"] is None


def test_everybodys_anchors_come_in_the_chains_order(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node") as desk, desk.client() as client:
        digests = [follow_anchor(desk, place_of(100 + number, number), number + 1) for number in range(5)]
        seen, path = [], "/v1/anchors?limit=2"
        while path:
            members = client.get(path).json()
            seen += [(each["digest"], each["block_number"], each["size"]) for each in members["anchors"]]
            path = members["next"]
        assert seen == [(to_hex(digest), 100 + number, number + 1) for number, digest in enumerate(digests)]
        assert not members["anchors"][0]["evidence"]
        answer = client.get(f"/v1/anchors/{to_hex(digests[0])}")
        assert problem_of(answer)["type"] == "urn:perdure:problem:PartsNotKept"


def follow_anchor(desk: ApiDesk, place: int, size: int) -> Hash32:
    """An anchor as the follower stores it, of a site that never handed in anything here."""
    origin = parse_origin("globex/elsewhere")
    checkpoint = Checkpoint(origin.site, size, leaf("root", size), NOW)
    digest = checkpoint_digest(desk.context.gateway().trust.domain, checkpoint)
    start = int.from_bytes(digest[:8], "big") >> 1
    with desk.database.transaction():
        desk.database.execute(
            "INSERT OR IGNORE INTO followed_site (number, site, origin) VALUES (1, ?, ?)",
            origin.site,
            origin.text,
        )
        desk.database.execute(
            "INSERT INTO followed_anchor (place, site, size, root, sealed_at, signer, transaction_index, before, digest_start) "
            "VALUES (?, 1, ?, ?, ?, ?, 0, 0, ?)",
            place,
            size,
            checkpoint.root,
            NOW,
            bytes(20),
            start,
        )
    return digest


def test_an_anchor_gives_the_parts_of_evidence(client: httpx.Client) -> None:
    listed = client.get("/v1/sites/acme/rotterdam/anchors").json()["anchors"][1]
    parts = client.get(f"/v1/anchors/{listed['digest']}").json()
    assert parts["checkpoint"]["size"] == listed["size"] == 300
    assert "0x" + b64decode(parts["checkpoint"]["root"]).hex() == listed["root"]
    assert parts["anchor"]["headers"]


def test_a_standing_says_how_a_size_stands(client: httpx.Client) -> None:
    for size, asked in ((300, "anchored"), (250, "anchored"), (900, "unknown")):
        members = client.get("/v1/sites/acme/rotterdam/standing", params={"size": size}).json()
        assert (members["asked"], members["anchored"], members["mirrored"]) == (asked, 700, 700)
    assert client.get("/v1/sites/acme/rotterdam/standing").json()["asked"] is None


def test_the_consortium_is_the_pinned_one(client: httpx.Client) -> None:
    raw = TRUST.read_bytes()
    assert client.get("/v1/consortium/trust-file").content == raw
    members = client.get("/v1/consortium").json()
    assert members["fingerprint"] == fingerprint(raw)
    assert [each["name"] for each in members["partners"]] == [
        each["name"] for each in json.loads(raw)["partners"]
    ]


def test_the_status_tells_of_alarms_but_of_no_endpoint(desk: ApiDesk, client: httpx.Client) -> None:
    desk.context.state.alarms.raise_(AlarmName.ENDPOINT_UNREACHABLE, "https://user:key@chain: gone", "")
    desk.context.state.saw_chain(endpoint="https://chain/secret-key", head=7, head_time=8, seen_at=9.5)
    answer = client.get("/v1/status")
    members = answer.json()
    assert members["alarms"] == [{"name": "endpoint-unreachable", "subject": "", "since": NOW}]
    assert (members["sites"], members["records"], members["anchors"]) == (2, 705, 4)
    assert members["chain"]["head"] == 7
    assert "key" not in answer.text
    desk.context.state.alarms.clear(AlarmName.ENDPOINT_UNREACHABLE)


def test_every_read_has_a_tag_that_spares_the_answer(client: httpx.Client) -> None:
    for path in ("/v1/sites", "/v1/sites/acme/rotterdam", "/v1/anchors", "/v1/consortium", "/v1/status"):
        first = client.get(path)
        assert first.headers["cache-control"] == "private, no-cache"
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"if-none-match": '"another"'}).status_code == 200


def test_head_is_get_without_content(client: httpx.Client) -> None:
    got, headed = client.get("/v1/consortium"), client.head("/v1/consortium")
    assert headed.status_code == 200
    assert headed.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1", 404),
        ("GET", "/v1/sites/", 404),
        ("GET", "/v1/../../etc/passwd", 404),
        ("GET", "/v1/sites/acme/..%2f..%2fetc", 404),
        ("GET", "/v1/sites/ACME/rotterdam", 422),
        ("GET", "/v1/sites/acme/%00", 422),
        ("GET", "/v1/sites/acme/%ff%fe", 422),
        ("GET", "/v1/sites/acme/%ed%a0%80", 422),
        ("GET", "/v1/sites/acme/rotterdam%0a", 422),
        ("GET", "/v1/sites/%F0%9F%92%A9/x", 422),
        ("GET", "/v1/proofs/xyz", 422),
        ("GET", "/v1/proofs/" + "f" * 63, 422),
        ("GET", "/v1/proofs/" + "f" * 64 + "%0a", 422),
        ("GET", "/v1/headers/-1", 422),
        ("GET", "/v1/headers/99999999999999999999999999", 422),
        ("GET", "/v1/sites?limit=0", 422),
        ("GET", "/v1/sites?limit=1e9", 422),
        ("GET", "/v1/sites?after=%00", 422),
        ("GET", "/v1/anchors?after=٣x", 422),
        ("GET", "/v1/sites/acme/rotterdam/return?challenge=zz", 422),
        ("POST", "/v1/sites", 405),
        ("DELETE", "/v1/sites/acme/rotterdam", 405),
        ("OPTIONS", "/v1/sites", 405),
        ("GET", "/v1/bundles", 405),
        ("POST", "/v1/checkpoints", 400),
        ("POST", "/v1/bundles", 400),
    ],
)
def test_what_is_no_question_is_a_problem(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text
    problem_of(answer)
    if status == 405:
        assert answer.headers["allow"]


def test_a_fault_of_ours_is_told_to_the_log_and_to_nobody_else(
    desk: ApiDesk, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("perdure_node.api.about.totals", lambda _database: 1 / 0)
    answer = client.get("/v1/status", headers={"x-request-id": "ours-7"})
    assert answer.status_code == 500
    assert problem_of(answer)["request_id"] == "ours-7"
    assert "ZeroDivision" not in answer.text
    # the line comes after the answer
    wait_until(lambda: bool(told_of("ours-7", caplog)), "the line")
    [record] = told_of("ours-7", caplog)
    assert (record.levelname, record.getMessage()) == ("ERROR", "GET /v1/status 500")
    assert record.exc_info[0] is ZeroDivisionError


def test_an_answer_of_5xx_is_one_warning_in_the_log(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/v1/headers/1", headers={"x-request-id": "ours-8"}).status_code == 503
    wait_until(lambda: bool(told_of("ours-8", caplog)), "the line")
    [record] = told_of("ours-8", caplog)
    assert (record.levelname, record.getMessage()) == ("WARNING", "GET /v1/headers/{number} 503")
    assert record.exc_info is None


def told_of(request_id: str, caplog: pytest.LogCaptureFixture) -> list[Any]:
    """What the log has of a request, whatever logger it is of."""
    return [each for each in caplog.records if getattr(each, "request_id", None) == request_id]


def test_request_ids_are_bounded_and_clean(client: httpx.Client) -> None:
    assert (
        client.get("/health", headers={"x-request-id": "abc-1.2_3:4"}).headers["x-request-id"]
        == "abc-1.2_3:4"
    )
    for given in ("", "a b", "a" * 65, 'a"b', "ä".encode(), "-rf"):
        got = client.get("/health", headers={"x-request-id": given}).headers["x-request-id"]
        assert len(got) == 24
        assert got.isalnum()
    assert request_id_for(b"\x1b[2J", lambda size: bytes(size)) == "00" * 12
    assert request_id_for(b"abc\n", lambda size: bytes(size)) == "00" * 12


def test_every_answer_has_the_headers_for_browsers(client: httpx.Client) -> None:
    for path in ("/health", "/ready", "/v1/sites", "/nowhere", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "strict-transport-security" not in headers
        assert headers["cache-control"]


def test_a_chain_that_is_away_is_a_problem_for_later(client: httpx.Client) -> None:
    answer = client.get("/v1/headers/1")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    problem_of(answer)


@pytest.mark.parametrize("error", [WrongChain("of another chain"), WithoutContracts("no code")])
def test_a_chain_client_that_is_not_of_the_pinned_chain_is_no_fault_of_who_asks(
    desk: ApiDesk, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: ConfigError
) -> None:
    @contextlib.contextmanager
    def pinned() -> Iterator[None]:
        raise error
        yield

    monkeypatch.setattr(desk.context.pool, "pinned", pinned)
    answer = client.get("/v1/headers/1")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert problem_of(answer)["type"] == f"urn:perdure:problem:{type(error).__name__}"
