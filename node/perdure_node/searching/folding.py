"""Texts as a search compares them: case, compatibility forms and white space make no difference, and nothing unseen does.

The Unicode Standard's compatibility caseless match (section 3.13, D146), composed, without characters of format (soft hyphens,
joiners, marks of direction), and with the Turkish i, dotted or not, taken for an i: whoever types one wants to find the other.
"""

import re
import unicodedata
from typing import Final

# a search's segments are built anew where another version of Unicode folds them
UNICODE: Final = unicodedata.unidata_version

_DOT_ABOVE: Final = "i\u0307"
_DOTLESS: Final = "\u0131"
_VARIATION: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def fold(text: str) -> str:
    """The text folded: on one line, single spaces between words, none at its ends; the same if it is folded again."""
    if not text.isascii():
        text = _folded(text)
    return " ".join(text.lower().split()) if text.isascii() else " ".join(text.split())


def _folded(text: str) -> str:
    shown = "".join(each for each in text if unicodedata.category(each) != "Cf")
    folded = unicodedata.normalize("NFD", _VARIATION.sub("", shown)).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    # decomposed, so that the dot stands behind its letter
    folded = unicodedata.normalize("NFKD", folded).replace(_DOT_ABOVE, "i").replace(_DOTLESS, "i")
    return unicodedata.normalize("NFKC", folded)
