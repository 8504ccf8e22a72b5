"""A node whose disk is full says so, and takes things in again once there is room."""

from pathlib import Path

from tools.api_desk import api_desk
from tools.limited import fill, small_disk

SIZE = 16 * 1024 * 1024


def test_a_full_disk_is_a_problem_and_no_fault(tmp_path: Path) -> None:
    bundle = bytes(1024 * 1024)
    with (
        small_disk(tmp_path / "disk", SIZE) as disk,
        api_desk(disk / "node") as desk,
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
