"""The tutorial's sandbox, whose commands are forked from a server that has imported all they need."""

from collections.abc import Sequence

from perdure_cli.tutorial.sandbox import DESK, Sandbox
from tools.command_server import run_forked

_LIMIT = 120


class QuickSandbox(Sandbox):
    """A sandbox whose commands do not import everything anew: there are hundreds of them."""

    def run(
        self, words: Sequence[str], where: str = DESK, *, typing: bool = False, to_stderr: bool = False
    ) -> int:
        assert not typing
        return run_forked(words, self.folder / where, self._environment(where), _LIMIT)[0]

    def ask(self, *words: str, where: str = DESK) -> tuple[int, str]:
        code, out, err = run_forked(words, self.folder / where, self._environment(where), _LIMIT)
        return code, out + err
