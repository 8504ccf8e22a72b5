"""The commands as users type them: each transcript is played in an empty folder, those of a site beside a running devnet."""

from pathlib import Path

import pytest
from tools.commands import Run
from tools.story import STORY
from tools.transcript import parse_transcript, play

pytestmark = pytest.mark.slow

TRANSCRIPTS = Path(__file__).parent / "transcripts"


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("verifier/*.txt")), ids=lambda path: path.stem)
def test_verifier(path: Path, own_user: Path, run: Run) -> None:
    (own_user / "story").symlink_to(STORY)
    play(parse_transcript(path.read_text("utf-8")), own_user, run)


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("site/*.txt")), ids=lambda path: path.stem)
def test_site(
    path: Path, own_user: Path, run: Run, devnet_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_PASSPHRASE", "a passphrase of the tests")
    (own_user / "chain").symlink_to(devnet_folder)
    play(parse_transcript(path.read_text("utf-8")), own_user, run)
