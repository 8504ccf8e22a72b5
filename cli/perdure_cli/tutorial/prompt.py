"""The tutorial's prompt: `perdure` commands as processes of their own, and a few words of ours. Never a shell."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_anchor.errors import ConfigError

from perdure_cli.exit_codes import DONE
from perdure_cli.files import os_reason, read_bounded
from perdure_cli.tutorial.sandbox import DESK, Sandbox
from perdure_cli.tutorial.screen import Screen

# what only a shell understands
_OF_SHELLS: Final = frozenset({"|", "||", ">", ">>", "<", "&", "&&", ";", "2>", "2>&1"})
_MAX_SHOWN: Final = 64 * 1024

FILE_WORDS: Final = {
    "ls": "ls [FOLDER]: what lies on the desk",
    "cat": "cat FILE: what a file says",
    "cp": "cp FILE COPY: copy a file",
    "mv": "mv FILE NEW: rename a file",
    "rm": "rm FILE: delete a file",
    "change": "change FILE: alter one byte of a file",
    "restore": "restore FILE: bring a document back as it came to the desk",
}


class NotUnderstood(ConfigError):
    """A line at the tutorial's prompt cannot be done."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Does lines at one of the sandbox's desks, and speaks on the screen. ``typing``: somebody sits at a terminal."""

    sandbox: Sandbox
    where: str
    screen: Screen
    typing: bool

    def do(self, words: Sequence[str]) -> None:
        """Do what the words say; raises `NotUnderstood`, or `OSError` for a file."""
        match words:
            case ["perdure", *arguments]:
                self._perdure(arguments)
            case [word, *rest] if word in FILE_WORDS:
                self._do_with_file(word, rest)
            case [word, *_]:
                raise NotUnderstood(
                    f"{word[:40]!a} is no word of the tutorial",
                    hint="type perdure and a command, or help for the other words",
                )

    def _do_with_file(self, word: str, names: Sequence[str]) -> None:
        match word, names:
            case "ls", [] | [_]:
                self._list(*names)
            case "cat", [file]:
                self._show(self._inside(file))
            case "cp", [source, target]:
                shutil.copyfile(self._inside(source), self._new(target, source))
            case "mv", [source, target]:
                self._inside(source).replace(self._new(target, source))
            case "rm", [file]:
                self._inside(file).unlink()
            case "change", [file]:
                change_a_byte(self._inside(file))
            case "restore", [name]:
                self._restore(name)
            case _:
                raise NotUnderstood(f"want {FILE_WORDS[word]}")

    def _perdure(self, arguments: Sequence[str]) -> None:
        name = next((word for word in arguments if not word.startswith("-")), "")
        if name in ("tutorial", "devnet"):
            raise NotUnderstood(
                f"perdure {name} is not for here", hint="the tutorial runs its own chain; quit leaves it"
            )
        code = self.sandbox.run(arguments, self.where, typing=self.typing, to_stderr=self.screen.to_stderr)
        if code != DONE:
            self.screen.line(f"(exit code {code})")

    def _list(self, folder: str = ".") -> None:
        place = self._inside(folder)
        if not place.is_dir():
            raise NotUnderstood(f"{folder}: is no folder")
        for each in sorted(place.iterdir()):
            if not each.name.startswith("."):
                self.screen.line(f"{each.name}/" if each.is_dir() else each.name)

    def _show(self, path: Path) -> None:
        raw = read_bounded(path, _MAX_SHOWN)
        for line in raw.decode("utf-8", "replace").splitlines():
            self.screen.line(line)

    def _restore(self, name: str) -> None:
        try:
            self.sandbox.put(os.path.normpath(name), again=True)
        except KeyError:
            raise NotUnderstood(f"{name[:80]!a} is no document of the tutorial") from None

    def _new(self, name: str, source: str) -> Path:
        target = self._inside(name)
        return target / Path(source).name if target.is_dir() else target

    def _inside(self, name: str) -> Path:
        """A path of this desk, never out of the sandbox."""
        folder = (self.sandbox.folder / self.where).resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(self.sandbox.folder.resolve()):
            raise NotUnderstood(f"{name[:80]!a} is outside of the sandbox")
        return path


def change_a_byte(path: Path) -> None:
    """Alter one byte in the middle of a file; a digit to another, so that a text stays one."""
    octets = bytearray(read_bounded(path, _MAX_SHOWN))
    if not octets:
        raise NotUnderstood(f"{path.name}: is empty, so no byte of it can be changed")
    digits = [place for place, octet in enumerate(octets) if octet in b"0123456789"]
    place = digits[len(digits) // 2] if digits else len(octets) // 2
    octets[place] = ord("0") + (octets[place] - ord("0") + 1) % 10 if digits else octets[place] ^ 1
    path.write_bytes(octets)


def split_line(line: str) -> list[str]:
    """The words of a line; raises `NotUnderstood`. A ``$`` in front, as guides have it, is left out."""
    try:
        words = shlex.split(line.strip().removeprefix("$ "))
    except ValueError:
        raise NotUnderstood("a quote is opened and not closed") from None
    if foreign := next((word for word in words if word in _OF_SHELLS), None):
        raise NotUnderstood(
            f"{foreign} is for a shell, and this is none",
            hint="one command a line; --output FILE writes a file",
        )
    return words


def typed_lines(prompt: Callable[[], str], show: Callable[[str], None]) -> Iterator[str]:
    """Lines that somebody types or a script brings, until there are no more. Without a terminal each is shown as it is read."""
    if sys.stdin is None:
        return
    if sys.stdin.isatty():
        import readline  # noqa: F401 - input() edits lines with it

        while True:
            try:
                yield input(prompt())
            except EOFError:
                show("")
                return
    for line in sys.stdin:
        show(f"{prompt()}{line.rstrip()}")
        yield line


def os_words(error: OSError) -> str:
    """A fault of a file, for the learner."""
    name = Path(os.fsdecode(error.filename)).name if error.filename else "the file"
    return f"{name}: {os_reason(error)}"


def prompt_text(where: str) -> str:
    """What stands in front of the cursor."""
    return "tutorial$ " if where == DESK else f"tutorial ({where})$ "


def exports(variables: Mapping[str, str]) -> Iterator[str]:
    """Lines by which another terminal works in the sandbox, too."""
    for name, value in variables.items():
        yield f"export {name}={shlex.quote(value)}"
