"""A node whose disk is full says so, and takes things in again once there is room."""

from dataclasses import replace
from pathlib import Path

from perdure_node.gateway.settings import AlarmSettings
from tools.api_desk import api_desk
from tools.limited import fill, small_disk

SIZE = 16 * 1024 * 1024


def test_a_full_disk_is_a_problem_and_no_fault(tmp_path: Path) -> None:
    bundle = bytes(1024 * 1024)
    with (
        small_disk(tmp_path / "disk", SIZE) as disk,
        api_desk(
            disk / "node", lambda each: replace(each, alarms=AlarmSettings(disk_bytes=1024 * 1024))
        ) as desk,
        desk.client() as client,
    ):
        ballast = fill(disk)
        for _ in range(3):
            answer = client.post("/v1/bundles", content=bundle)
            assert answer.status_code == 507, answer.text
            assert answer.json()["type"] == "urn:perdure:problem:VaultStorageFailed"
            assert int(answer.headers["retry-after"]) > 0
        ballast.unlink()
        # now it is looked at, and is no bundle
        assert client.post("/v1/bundles", content=bundle).status_code == 400


def test_a_disk_with_little_room_takes_no_large_content_and_small_ones(tmp_path: Path) -> None:
    much = AlarmSettings(disk_bytes=1 << 50)
    with (
        api_desk(tmp_path / "node", lambda each: replace(each, alarms=much)) as desk,
        desk.client() as client,
    ):
        answer = client.post("/v1/bundles", content=bytes(1024 * 1024))
        assert (answer.status_code, answer.json()["type"]) == (507, "urn:perdure:problem:VaultStorageFailed")
        assert client.post("/v1/bundles", content=bytes(100_000)).status_code == 400
