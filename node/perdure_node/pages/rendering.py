"""Templates become answers here, each with the headers that keep everything else out of a page.

Every text that a template puts out is made visible first (nothing that reorders or hides) and then escaped, without the template's
doing. A name that a template gets wrong is an error, never an empty place.
"""

import re
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import checksum_address
from perdure_anchor.timestamp import check_timestamp, format_seconds
from perdure_anchor.visible_text import visible
from starlette.responses import HTMLResponse

# scripts, frames and third parties: none. Stylesheet and icon are the node's own; the form goes to the node itself
POLICY: Final = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
# `perdure_node.api.frame` adds what every answer has
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TIME: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_GROUPS_A_ROW: Final = 4


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The template, filled in."""
    return HTMLResponse(render(template, **values), status, HEADERS)


def render(template: str, **values: Any) -> str:
    """The template's text, filled in."""
    return _environment().get_template(template).render(**values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("perdure_node.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_made_visible,
        # an upgrade beside a running node shall not mix its templates with the older code
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        moment=moment,
        age=age,
        number=number,
        with_times=with_times,
        fingerprint_rows=fingerprint_rows,
        address=checksum_address,
        sentence=sentence,
    )
    environment.globals["version"] = version("perdure")
    return environment


def _made_visible(value: object) -> str:
    """Every value that a template puts out comes through here, before it is escaped."""
    return value if isinstance(value, Markup) else visible(str(value))


def moment(seconds: int | float) -> Markup:
    """Seconds since 1970 as a time in UTC, for people and for programs."""
    try:
        text = format_seconds(int(seconds))
    except EncodingError:
        return Markup("second {} since 1970").format(int(seconds))
    return _time_element(text, f"{text[:10]} {text[11:19]} UTC")


def age(seconds: int | float) -> str:
    """A span of time in its largest unit, as in ``3 minutes``."""
    whole = max(0, int(seconds))
    size, unit = next((each for each in _UNITS if whole >= each[0]), _UNITS[-1])
    count = whole // size
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def number(value: int) -> str:
    """A whole number, its thousands apart."""
    return f"{value:,}"


def sentence(text: str) -> str:
    """A message as it stands by itself: those of this house begin in lower case and have no full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) or not text else '.'}"


def with_times(text: str) -> Markup:
    """A text, with each RFC 3339 time in it marked as one."""
    shown = visible(text)
    parts, end = Markup(""), 0
    for found in _TIME.finditer(shown):
        parts += escape(shown[end : found.start()]) + _maybe_time(found[0])
        end = found.end()
    return parts + escape(shown[end:])


def _maybe_time(text: str) -> Markup:
    try:
        check_timestamp(text, "time")
    except EncodingError:
        return escape(text)
    return _time_element(text, text)


def _time_element(machine: str, people: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(machine, people)


def fingerprint_rows(fingerprint: str) -> list[str]:
    """The groups of a fingerprint in rows of four, as people compare them."""
    groups = fingerprint.split(" ")
    return [" ".join(groups[start : start + _GROUPS_A_ROW]) for start in range(0, len(groups), _GROUPS_A_ROW)]
