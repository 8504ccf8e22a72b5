"""The commands as users type them: each transcript is played in an empty folder, those of a site beside a running devnet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_devnet.network import NetworkSettings, found
from perdure_devnet.serve import detach, stop
from tools.commands import Run
from tools.story import STORY
from tools.transcript import parse_transcript, play

TRANSCRIPTS = Path(__file__).parent / "transcripts"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a devnet that makes a block a second."""
    import os
    import time

    directory = tmp_path_factory.mktemp("devnet") / "chain"
    found(directory, NetworkSettings(), now=time.time(), randomness=os.urandom)
    detach(directory, port=0, period=1)
    yield directory
    stop(directory)


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("verifier/*.txt")), ids=lambda path: path.stem)
def test_verifier(path: Path, own_user: Path, run: Run) -> None:
    (own_user / "story").symlink_to(STORY)
    play(parse_transcript(path.read_text("utf-8")), own_user, run)


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("site/*.txt")), ids=lambda path: path.stem)
def test_site(path: Path, own_user: Path, run: Run, chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PASSPHRASE", "a passphrase of the tests")
    (own_user / "chain").symlink_to(chain)
    play(parse_transcript(path.read_text("utf-8")), own_user, run)
