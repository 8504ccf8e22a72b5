"""QR codes (ISO/IEC 18004, by segno) as drawings within a page: a square for each dark module, nothing loaded, nothing run."""

from html import escape
from typing import Final

# modules of white around the code, without which scanners do not find it
_QUIET_ZONE: Final = 4


def drawn_code(text: str, label: str) -> str:
    """The text's code at level M as an inline SVG."""
    import segno

    matrix = segno.make(text, micro=False, error="m").matrix
    size = len(matrix) + 2 * _QUIET_ZONE
    squares = "".join(
        f"M{x} {y}h1v1h-1z"
        for y, row in enumerate(matrix, _QUIET_ZONE)
        for x, dark in enumerate(row, _QUIET_ZONE)
        if dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges" role="img" '
        f'aria-label="{escape(label)}"><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{squares}"/></svg>'
    )


def printed_code(text: str) -> list[str]:
    """The text's code in half blocks, two rows of it a line, light on a dark terminal."""
    import segno

    code = segno.make(text, micro=False, error="l").matrix
    width = len(code) + 2 * _QUIET_ZONE
    light = [[True] * width for _ in range(width + width % 2)]
    for y, row in enumerate(code, _QUIET_ZONE):
        for x, dark in enumerate(row, _QUIET_ZONE):
            light[y][x] = not dark
    halves = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
    return [
        "".join(halves[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(light[::2], light[1::2], strict=True)
    ]
