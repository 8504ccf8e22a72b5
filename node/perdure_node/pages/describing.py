"""A site's figure in words, for whoever does not see it."""

from perdure_anchor.errors import EncodingError
from perdure_anchor.timestamp import format_seconds

from perdure_node.pages.views import SiteView


def described(view: SiteView) -> str:
    """What the figure shows: from where to where each line goes. Empty where there is no figure."""
    anchored = [(each.size, each.block_time) for each in view.moments if each.block_time is not None]
    waiting = len(view.moments) - len(anchored)
    parts = []
    if anchored:
        (first, began), (last, ended) = anchored[0], anchored[-1]
        parts.append(
            f"A step line of {view.anchored_count:,} anchors: from {first:,} records, anchored on {_day(began)}, "
            f"to {last:,} records, anchored on {_day(ended)}."
        )
    if waiting:
        parts.append(
            f"Not anchored yet: {waiting:,}, up to {max(each.size for each in view.moments):,} records."
        )
    if parts:
        parts.append("The table below the figure has the numbers.")
    return " ".join(parts)


def _day(seconds: int) -> str:
    try:
        return format_seconds(seconds)[:10]
    except EncodingError:
        return f"second {seconds} since 1970"
