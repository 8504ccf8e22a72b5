"""A follower that is killed at any moment: in the end each anchor is stored once, and all that can be proved is proved."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from perdure_node.follower.parts import parts_of
from tools.anchored_story import AnchoredStory, StoryNode, home_in
from tools.followed_checks import SITES, busy, check_all, check_proof
from tools.follower_worker import work
from tools.scripted_node import Exchange, scripted_node

MOST_LIVES = int(os.environ.get("PERDURE_TORTURE", 0)) or 60


@pytest.mark.slow
def test_each_anchor_is_stored_once_whenever_the_follower_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    story = AnchoredStory()
    story.block(2)
    story.register(*SITES)
    story.block()
    busy(story, 110)
    node = StoryNode(story)
    home_in(tmp_path, story.trust()).database.close()

    def answer(exchange: Exchange) -> None:
        exchange.send(node.exchange_text(exchange.document, repeatable=True))

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tools.follower_worker"])
    codes: list[int | None] = []
    with scripted_node(answer) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that are killed are no faults
        while 0 not in codes:
            process = context.Process(target=work, args=(tmp_path, server.url, story.trust(), len(codes)))
            process.start()
            process.join()
            codes.append(process.exitcode)
            assert codes[-1] in (0, -signal.SIGKILL)
            assert len(codes) < MOST_LIVES
            if codes[-1] and len(codes) % 5 == 0:
                busy(story, 5, seed=len(codes))  # the chain goes on
    assert codes.count(-signal.SIGKILL) >= 3
    home = home_in(tmp_path, story.trust())
    check_all(home, story)
    for digest in story.digests:
        check_proof(home, story, parts_of(home, digest).proof, digest)
    home.database.close()
