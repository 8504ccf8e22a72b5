"""A log's size over time as a figure: step lines, axes with dates, all as numbers for a template to draw (SVG 2).

Two lines: what was taken in here, and what the registry has anchored; what lies between them is the lag. Pure geometry, in the units
of the figure's own view box. Labels are short texts; the figure's description says in words what it shows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from perdure_node.gateway.overview import SiteMoment

_LATEST: Final = 253402300799
# more would run into one line
_MOST_DOTS: Final = 40
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(each * _MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * _DAY for each in (1, 2, 7, 14)),
)
_MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000, 24000)


@dataclass(frozen=True, slots=True)
class Shape:
    """A figure's size, and how many labels its axes have at most; ``name`` tells figures on one page apart."""

    name: str
    width: int
    height: int
    left: int
    most_dates: int
    most_sizes: int
    # half of the last date
    right: int = 42
    top: int = 14
    bottom: int = 44


WIDE: Final = Shape("wide", 880, 320, left=72, most_dates=7, most_sizes=5)
NARROW: Final = Shape("narrow", 320, 260, left=58, most_dates=3, most_sizes=4)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on an axis, with its label in one line or two."""

    place: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """What the template draws; lines are the ``d`` of a path, dots are centres."""

    shape: Shape
    anchored: str
    taken: str
    dots: tuple[tuple[float, float], ...]
    dates: tuple[Mark, ...]
    sizes: tuple[Mark, ...]


def figure(moments: Sequence[SiteMoment], now: float, shape: Shape) -> Figure:
    """The figure of at least one moment, up to ``now`` (seconds since 1970)."""
    anchored = _line((each.block_time, each.size) for each in moments if each.block_time is not None)
    taken = _line((each.taken_at, each.size) for each in moments)
    times = [time for time, _ in (*anchored, *taken)]
    first, last = min(times), max(*times, min(int(now), _LATEST))
    room = max(1, (last - first) // 50)
    across = _scale(first - room, last + room, shape.left, shape.width - shape.right)
    marks = size_marks(max(each.size for each in moments), shape.most_sizes)
    down = _scale(0, marks[-1], shape.height - shape.bottom, shape.top)
    return Figure(
        shape=shape,
        anchored=_path(anchored, last, across, down),
        taken=_path(taken, last, across, down),
        dots=tuple((across(time), down(size)) for time, size in anchored)
        if len(anchored) <= _MOST_DOTS
        else (),
        dates=tuple(
            Mark(across(time), lines)
            for time, lines in date_marks(first - room, last + room, shape.most_dates)
        ),
        sizes=tuple(Mark(down(size), (f"{size:,}",)) for size in marks),
    )


def _line(points: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The points by time, without those at which the log did not grow: a clock that went back shall not draw a log that shrinks."""
    grown: list[tuple[int, int]] = []
    for time, size in sorted((max(0, min(time, _LATEST)), size) for time, size in points):
        if not grown or size > grown[-1][1]:
            grown.append((time, size))
    return grown


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: round(start + (value - low) * (end - start) / (high - low), 1)


def _path(
    points: Sequence[tuple[int, int]],
    last: int,
    across: Callable[[float], float],
    down: Callable[[float], float],
) -> str:
    """From nothing up to the first point, then a step at each, then level until ``last``."""
    if not points:
        return ""
    steps = "".join(f"H{across(time)}V{down(size)}" for time, size in points)
    return f"M{across(points[0][0])} {down(0)}{steps}H{across(last)}"


def size_marks(largest: int, most: int) -> list[int]:
    """Round sizes from 0 to at least ``largest``, at most ``most`` + 1 of them."""
    step = 1
    while step * most < largest:
        # 1, 2, 5, 10, 20, 50 ...
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return list(range(0, step * -(-largest // step) + 1, step))


def date_marks(first: int, last: int, most: int) -> list[tuple[int, tuple[str, ...]]]:
    """Round times in UTC between both, at most ``most`` of them; the date stands below where it changes."""
    places = _places(first, min(last, _LATEST), most)
    step = min((after - before for before, after in pairwise(places)), default=_DAY)
    dates = [datetime.fromtimestamp(place, UTC) for place in places]
    if step >= _DAY:
        return [(place, (f"{date:%Y-%m-%d}",)) for place, date in zip(places, dates, strict=True)]
    clock = "%H:%M:%S" if step < _MINUTE else "%H:%M"
    marks, before = [], ""
    for place, date in zip(places, dates, strict=True):
        day = f"{date:%Y-%m-%d}"
        marks.append((place, (f"{date:{clock}}", *((day,) if day != before else ()))))
        before = day
    return marks


def _places(first: int, last: int, most: int) -> list[int]:
    for step in _STEPS:
        places = (
            list(range(-(-first // step) * step, last + 1, step)) if (last - first) // step <= most else []
        )
        if 0 < len(places) <= most:
            return places
    for months in _MONTH_STEPS:
        places = _month_places(first, last, months)
        if len(places) <= most:
            return places or [first]
    return [first]


def _month_places(first: int, last: int, months: int) -> list[int]:
    begin, end = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(min(last, _LATEST), UTC)
    numbers = range(
        -(-(begin.year * 12 + begin.month - 1) // months) * months, end.year * 12 + end.month, months
    )
    found = (
        int(datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp())
        for number in numbers
        if number // 12 >= 1
    )
    return [each for each in found if first <= each <= last]
