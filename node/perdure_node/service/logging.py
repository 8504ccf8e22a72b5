"""The node's log: a line an event, as JSON or text, to stderr.

A line stays a line, and moves no terminal, whatever a client or a chain has put into it. Nothing is logged that is secret: URLs are shown
without what may be credentials (`perdure_contracts.endpoint`), requests without their queries and bodies, and errors by their messages,
which name no secret; a traceback has source lines and no values.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from perdure_anchor.timestamp import format_seconds

from perdure_node.gateway.settings import LogSettings

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_OURS: Final = "perdure"
# libraries tell of each request with its whole URL, in which an API key may be
_OTHERS_LEVEL: Final = logging.WARNING
# warns of each form that a stranger sends and it cannot read: the answer says so
_TELLS_OF_STRANGERS: Final = "python_multipart"
_USUAL: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_LONGEST: Final = 8000


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then what else the event has; ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        members: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_LONGEST],
            **_more(record),
        }
        if record.exc_info:
            members["traceback"] = self.formatException(record.exc_info)[-_LONGEST:]
        return json.dumps(members, ensure_ascii=True, allow_nan=False, default=str)


class TextLines(logging.Formatter):
    """A line of text: time, level, message, then what else the event has as name=value; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        parts = [_time(record), record.levelname, record.getMessage()[:_LONGEST]]
        parts += [f"{name}={value}" for name, value in _more(record).items()]
        shown = one_line(" ".join(parts))
        if record.exc_info:
            lines = self.formatException(record.exc_info)[-_LONGEST:].splitlines()
            shown += "".join(f"\n    {one_line(line)}" for line in lines)
        return shown


def one_line(text: str) -> str:
    """The text with all that is not printable escaped, line ends too."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@contextmanager
def logging_to(stream: TextIO | None, settings: LogSettings) -> Iterator[None]:
    """Log to a stream (by default stderr) while the context lasts."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if settings.format == "json" else TextLines())
    root, ours, forms = (logging.getLogger(each) for each in ("", _OURS, _TELLS_OF_STRANGERS))
    before = root.level, ours.level, forms.level
    root.addHandler(handler)
    root.setLevel(_OTHERS_LEVEL)
    ours.setLevel(_LEVELS[settings.level])
    forms.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        ours.setLevel(before[1])
        forms.setLevel(before[2])


def _time(record: logging.LogRecord) -> str:
    return f"{format_seconds(int(record.created))[:-1]}.{int(record.msecs):03d}Z"


def _more(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value[:_LONGEST] if isinstance(value, str) else value
        for name, value in vars(record).items()
        if name not in _USUAL and value is not None
    }
