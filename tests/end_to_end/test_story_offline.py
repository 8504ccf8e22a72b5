"""What `make demo-offline` plays: two ships, a lost stick and a burned site."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from perdure_cli import demo_offline
from perdure_cli.storytelling import Story
from perdure_devnet.info import read_info
from tools.command_server import run_forked

pytestmark = pytest.mark.slow


def ended(story: Story, where: str, arguments: Sequence[str], who: str) -> tuple[int, str]:
    """As `Story.ended`, without an import of everything for each of some forty steps; test_story.py plays a demo as it is."""
    code, out, err = run_forked(arguments, story.folder / where, story.environment(who), 300)
    return code, out + err


def test_the_demo_of_sites_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "demo"
    monkeypatch.setattr(sys, "argv", ["demo-offline", str(folder)])
    monkeypatch.setattr(Story, "ended", ended)
    assert demo_offline.main() == 0
    transcript = (folder / "transcript.txt").read_text("utf-8")
    # evidence from before and after the fire, of one log that went on
    assert re.findall(r"(\w+)\.txt\.evidence\.json: yes, final", transcript) == ["charter", "survey", "crew"]
    assert "entry 0 of 2 in the log of acme/aurora" in transcript
    assert "entry 3 of 4 in the log of acme/aurora" in transcript
    assert "the blue one, since" in transcript
    assert "What is left: sheet.txt." in transcript
    assert "known by hash    3 leaves without a record here" in transcript
    # nobody at sea has asked the chain for anything
    assert "perdure sync -" not in transcript
    assert not (folder / "aurora" / "charter.txt").exists()
    assert not read_info(folder / "chain").is_running
