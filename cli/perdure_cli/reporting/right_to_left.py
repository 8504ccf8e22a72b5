"""Hebrew and Arabic as they are drawn: letters joined, and the line from right to left. Pure text to text.

reportlab draws characters from left to right, each as it stands. So Arabic letters become the forms that Unicode has for them at the
beginning, in the middle and at the end of a word, where the font has these, and a run of such letters is turned round: numbers stay from
left to right, brackets are mirrored (Unicode Standard Annex 9, rules I1 to L2 and L4, for text without
controls: those are shown as escapes). Beyond the first and the last of those letters nothing is moved, whatever stands there, so
that a name cannot move what is printed beside it. Scripts whose letters join in ways for which Unicode has no characters are left out.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final

_ISOLATED, _INITIAL, _MEDIAL, _FINAL = "<isolated>", "<initial>", "<medial>", "<final>"
_PRESENTATION_FORMS: Final = (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD))
_LAM: Final = "\u0644"
_JOINS_BOTH_WAYS: Final = "\u0640"
_LETTERS: Final = frozenset({"R", "AL"})
_NUMBERS: Final = frozenset({"EN", "AN"})
_IN_NUMBERS: Final = frozenset({"ES", "CS"})
# what may stand between letters of a run
_INSIDE: Final = _LETTERS | _NUMBERS | _IN_NUMBERS | {"NSM", "ET", "WS", "ON"}
_MIRRORED: Final = dict(zip("()[]{}<>«»‹›", ")(][}{><»«›‹", strict=True))

_OPENED_BY: Final = dict(zip(")]}»", "([{«", strict=True))

Has = Callable[[str], bool]


def is_letter(character: str) -> bool:
    """Whether it is written from right to left."""
    return unicodedata.bidirectional(character) in _LETTERS


def may_be_inside(character: str) -> bool:
    """Whether it does not end a run of letters that are written from right to left."""
    return unicodedata.bidirectional(character) in _INSIDE


def is_mark(character: str) -> bool:
    """Whether it is put on the letter before it."""
    return unicodedata.bidirectional(character) == "NSM"


def closes(run: str, character: str) -> bool:
    """Whether the character closes a bracket that the run left open."""
    opened = _OPENED_BY.get(character)
    return opened is not None and run.count(opened) > run.count(character)


def drawn_as(letter: str) -> frozenset[str] | None:
    """What a font needs to draw a letter wherever it stands; None if that is not known here."""
    forms = _forms()[0].get(letter)
    if forms is not None:
        return frozenset({letter, *forms.values()})
    is_arabic = unicodedata.bidirectional(letter) == "AL"
    known = not is_arabic or unicodedata.category(letter) != "Lo" or ord(letter) in _PRESENTATION_FORMS
    is_hebrew = 0x0590 <= ord(letter) <= 0x05FF or 0xFB1D <= ord(letter) <= 0xFB4F
    return frozenset({letter}) if (is_arabic and known) or is_hebrew else None


def as_drawn(run: str, has: Has) -> str:
    """The run's characters from left to right; ``has`` says what the font can draw."""
    return "".join(reversed([*_units(_joined(run, has))]))


def _units(text: str) -> Iterator[str]:
    """What stays as it is: a number, else each character.

    A mark comes before its letter then: fonts have it right of where they begin to draw, and as wide as nothing.
    """
    unit, kind = "", ""
    for at, character in enumerate(text):
        now = unicodedata.bidirectional(character)
        after = unicodedata.bidirectional(text[at + 1]) if at + 1 < len(text) else ""
        goes_on = now in _NUMBERS or (now in _IN_NUMBERS and after in _NUMBERS)
        if kind in _NUMBERS and goes_on:
            unit += character
            continue
        if unit:
            yield unit
        unit, kind = _MIRRORED.get(character, character), now
    if unit:
        yield unit


def _joined(text: str, has: Has) -> str:
    """The text with each letter in the form that it has beside its neighbours; marks do not part them."""
    letters = [at for at, character in enumerate(text) if not is_mark(character)]
    drawn = list(text)
    ligatures = _forms()[1]
    skip = -1
    for number, at in enumerate(letters):
        if at == skip:
            continue
        joined = number > 0 and _joins_next(text[letters[number - 1]]) and _joins_previous(text[at])
        follower = letters[number + 1] if number + 1 < len(letters) else None
        if text[at] == _LAM and follower is not None:
            form = ligatures.get(text[follower], {}).get(_FINAL if joined else _ISOLATED)
            if form is not None and has(form):
                drawn[at], drawn[follower], skip = form, "", follower
                continue
        joins = follower is not None and _joins_next(text[at]) and _joins_previous(text[follower])
        drawn[at] = _form(text[at], joined, joins)
    return "".join(drawn)


def _form(letter: str, joined: bool, joins: bool) -> str:
    forms = _forms()[0].get(letter, {})
    if joined and joins:
        return forms.get(_MEDIAL, letter)
    if joined:
        return forms.get(_FINAL, letter)
    return forms.get(_INITIAL if joins else _ISOLATED, letter)


def _joins_next(letter: str) -> bool:
    return letter == _JOINS_BOTH_WAYS or _INITIAL in _forms()[0].get(letter, {})


def _joins_previous(letter: str) -> bool:
    return letter == _JOINS_BOTH_WAYS or _FINAL in _forms()[0].get(letter, {})


@cache
def _forms() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """The forms of each Arabic letter (U+FEF5 to U+FEFC are of two), and those of lam with the alef that follows it, by the alef; from Unicode's own decompositions."""
    letters: dict[str, dict[str, str]] = {}
    ligatures: dict[str, dict[str, str]] = {}
    for code in _PRESENTATION_FORMS:
        kind, *parts = unicodedata.decomposition(chr(code)).split() or [""]
        whole: Sequence[str] = [chr(int(part, 16)) for part in parts]
        if not kind.startswith("<") or unicodedata.category(chr(code)) != "Lo":
            continue
        if len(whole) == 1:
            letters.setdefault(whole[0], {})[kind] = chr(code)
        elif len(whole) == 2 and whole[0] == _LAM and 0xFEF5 <= code <= 0xFEFC:
            ligatures.setdefault(whole[1], {})[kind] = chr(code)
    return letters, ligatures
