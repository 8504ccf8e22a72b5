"""What Prometheus is told: the node's own numbers, every alarm, requests by route; never more series than are bounded."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.hashes import Address
from perdure_node.metrics.collector import MOST_SITES
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import EndpointView, WorkerView
from tools.processes import wait_until
from tools.quiet_node import NOW, QuietNode, quiet_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[QuietNode]:
    with quiet_node(tmp_path / "node") as served:
        yield served


def test_the_chain_as_it_was_seen(node: QuietNode) -> None:
    before = node.scrape()
    assert "perdure_chain_head_block" not in before
    assert before["perdure_validators"] == 0
    node.state.saw_chain(
        head=120, head_time=int(NOW) - 9, seen_at=NOW - 2, followed=100, validators=(Address(bytes(20)),) * 4
    )
    node.state.note_endpoint(EndpointView("http://one:8545", 120))
    node.state.note_endpoint(EndpointView("http://two:8545", None, "cannot be reached"))
    told = node.scrape()
    assert told["perdure_chain_head_block"] == 120
    assert told["perdure_chain_head_age_seconds"] == 9
    assert told["perdure_chain_seen_age_seconds"] == 2
    assert told["perdure_followed_block"] == 100
    assert told["perdure_lag_blocks"] == 20
    assert told["perdure_validators"] == 4
    assert told['perdure_endpoint_up{endpoint="http://one:8545"}'] == 1
    assert told['perdure_endpoint_up{endpoint="http://two:8545"}'] == 0
    assert told['perdure_endpoint_head_block{endpoint="http://one:8545"}'] == 120


def test_every_alarm_has_a_number(node: QuietNode) -> None:
    node.state.alarms.raise_(AlarmName.SILENT_SITE, "nothing came", "acme/one")
    node.state.alarms.raise_(AlarmName.SILENT_SITE, "nothing came", "acme/two")
    told = node.scrape()
    alarms = {name.value: told[f'perdure_alarm{{alarm="{name.value}"}}'] for name in AlarmName}
    assert alarms.pop("silent-site") == 2
    assert set(alarms.values()) == {0}


def test_workers(node: QuietNode) -> None:
    node.state.note_worker(WorkerView("relay", NOW - 7, 0))
    node.state.note_worker(WorkerView("follower", None, 3, "cannot be reached"))
    told = node.scrape()
    assert told['perdure_worker_last_step_age_seconds{worker="relay"}'] == 7
    assert told['perdure_worker_failures{worker="follower"}'] == 3
    assert 'perdure_worker_last_step_age_seconds{worker="follower"}' not in told


def test_sites_and_transactions(node: QuietNode) -> None:
    node.sql(
        "INSERT INTO site (number, origin, added_at, mirrored) VALUES (?, ?, 0, ?)",
        (1, "acme/one", 7),
        (2, "acme/two", 0),
    )
    node.sql(
        "INSERT INTO rotation (number, site, new_key, grace_period, nonce, signature, state) VALUES (1, 1, ?, 0, 0, ?, 'waiting')",
        (bytes(20), bytes(65)),
    )
    node.sql(
        "INSERT INTO relay_transaction (rotation, nonce, hash, raw, stored_at, outcome) VALUES (1, ?, ?, x'', ?, ?)",
        (1, bytes([1] * 32), NOW - 500, "mined"),
        (2, bytes([2] * 32), int(NOW) - 40, None),
        (3, bytes([3] * 32), int(NOW) - 30, None),
    )
    told = node.scrape()
    assert told["perdure_sites"] == 2
    assert told["perdure_sites_waiting"] == 0
    assert told['perdure_site_mirrored{site="acme/one"}'] == 7
    assert told['perdure_site_waiting{site="acme/two"}'] == 0
    assert told["perdure_relay_open_transactions"] == 2
    assert told["perdure_relay_oldest_transaction_age_seconds"] == 40


def test_many_sites_are_counted_but_not_listed(node: QuietNode) -> None:
    rows = [(f"acme/site-{number}",) for number in range(MOST_SITES + 5)]
    node.sql("INSERT INTO site (origin, added_at) VALUES (?, 0)", *rows)
    told = node.scrape()
    assert told["perdure_sites"] == MOST_SITES + 5
    assert told["perdure_sites_unlisted"] == 5
    assert sum(name.startswith("perdure_site_anchored{") for name in told) == MOST_SITES


def test_the_machine_and_the_process(node: QuietNode) -> None:
    told = node.scrape()
    assert told["perdure_disk_free_bytes"] > 0
    assert told["perdure_database_bytes"] > 0
    assert told["process_resident_memory_bytes"] > 0
    assert told["perdure_start_time_seconds"] == NOW


def test_requests_are_counted_by_route_whatever_is_asked_for(node: QuietNode) -> None:
    for name in ("one", "two", "three"):
        assert node.client.get(f"/v1/sites/acme/{name}/standing").status_code == 404
    for path in ("/no/such/place", "/another", "/x?token=secret"):
        assert node.client.get(path).status_code == 404
    assert node.client.request("BREW", "/health").status_code == 405
    told = node.scrape()
    counted = {name: value for name, value in told.items() if name.startswith("perdure_http_requests_total")}
    route = "/v1/sites/{partner}/{name}/standing"
    assert counted[f'perdure_http_requests_total{{method="GET",route="{route}",status="404"}}'] == 3
    assert counted['perdure_http_requests_total{method="GET",route="none",status="404"}'] == 3
    assert counted['perdure_http_requests_total{method="other",route="/health",status="405"}'] == 1
    assert told[f'perdure_http_request_seconds_count{{method="GET",route="{route}"}}'] == 3
    assert not any("acme" in name or "secret" in name for name in counted)


def test_two_nodes_in_one_process_count_for_themselves(node: QuietNode, tmp_path: Path) -> None:
    node.client.get("/health")
    name = 'perdure_http_requests_total{method="GET",route="/health",status="200"}'
    assert node.scrape()[name] == 1
    with quiet_node(tmp_path / "other") as other:
        assert name not in other.scrape()


def test_requests_are_logged_with_the_id_of_their_answer(
    node: QuietNode, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "perdure.requests"):
        # of what is only read and answered there is none
        assert node.client.get("/v1/sites").status_code == 200
        answer = node.client.get("/v1/sites/acme/one?secret=1", headers={"x-request-id": "given-by-a-proxy"})
        # the line comes after the answer
        wait_until(lambda: "perdure.requests" in {each.name for each in caplog.records}, "the line")
    (told,) = [each for each in caplog.records if each.name == "perdure.requests"]
    assert told.getMessage() == "GET /v1/sites/{partner}/{name} 404"
    assert vars(told)["request_id"] == answer.headers["x-request-id"] == "given-by-a-proxy"
    assert vars(told)["ms"] > 0


def test_metrics_can_be_closed(tmp_path: Path) -> None:
    with quiet_node(tmp_path / "node", metrics=False) as served:
        assert served.client.get("/metrics").status_code == 401
