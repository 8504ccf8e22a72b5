"""How the tutorial speaks: paragraphs, titles, hints; on standard output, or on stderr where that is for JSON."""

import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from perdure_cli.output import print_line, tell, tell_error

_WIDEST = 100


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the tutorial's text goes. ``to_stderr``: standard output is for JSON."""

    to_stderr: bool = False

    def line(self, text: str = "", style: str | None = None) -> None:
        """One line as it is."""
        if self.to_stderr:
            tell(text)
        else:
            print_line(text, style=style)

    def title(self, text: str) -> None:
        """The title of a lesson."""
        self.line()
        self.line(text, "bold")

    def text(self, text: str) -> None:
        """A paragraph, folded."""
        for each in textwrap.wrap(text, _width(), break_long_words=False, break_on_hyphens=False):
            self.line(each)

    def rows(self, texts: Iterable[str]) -> None:
        """Lines of a list."""
        for text in texts:
            self.line(f"  {text}")

    def hint(self, text: str) -> None:
        """A hint."""
        self.text(f"hint: {text}")

    def missing(self, text: str) -> None:
        """What is not done yet, or not right."""
        self._marked("not yet: ", text, "yellow")

    def fault(self, text: str, hint: str | None = None) -> None:
        """That a line could not be done, and what to do about it."""
        tell_error(text, hint)

    def seen(self) -> None:
        """That something was done in another terminal, while somebody may be typing here."""
        self.line()
        self.line("seen: it is done. Press Enter to go on.", "green")

    def passed(self, text: str) -> None:
        """That a lesson is passed, and what to remember of it."""
        self._marked("done: ", text, "green")

    def typed(self, prompt: str, line: str) -> None:
        """A line that the tutorial does itself."""
        self.line(f"{prompt}{line}")

    def _marked(self, mark: str, text: str, style: str) -> None:
        for each in textwrap.wrap(mark + text, _width(), break_long_words=False, break_on_hyphens=False):
            self.line(each, style)


def _width() -> int:
    return min(_WIDEST, shutil.get_terminal_size().columns)
