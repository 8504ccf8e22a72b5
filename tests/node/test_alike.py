"""Which names look like one another: letters of other scripts that stand for Latin ones."""

import pytest
from perdure_node.operators.alike import look_alike


@pytest.mark.parametrize(
    "other",
    [
        "Аdа",  # Cyrillic
        "ΑDΑ",  # Greek
        "ꭺꭰꭺ",  # Cherokee, small
        "ᎪᎠᎪ",
        "ꓮꓓꓮ",  # Lisu
        "ᗅᗪᗅ",  # Canadian syllabics
        "ᴀᴅᴀ",  # Latin small capitals
        "ɑdɑ",
        "𝐀𝐝𝐚",  # mathematical
        "Ａｄａ",
        " Ada\u200b",
    ],
)
def test_names_that_look_like_ada(other: str) -> None:
    assert look_alike("Ada", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Otto", "ⲞⲦⲦⲞ"), ("Sven", "ѕѵҽn"), ("Mo", "Ϻο"), ("Fay", "Ϝαу"), ("Wim", "ꮃiꮇ"), ("Rob", "ꓣꓳꓐ")],
)
def test_more_pairs(one: str, other: str) -> None:
    assert look_alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "Ida"),
        ("Иван", "Ivan"),
        ("Νίκος", "Nikos"),
        ("李", "木"),
        ("Ⲡⲁⲩⲗⲟⲥ", "Paulos"),
        ("ᏣᎳᎩ", "Cherokee"),
    ],
)
def test_names_that_do_not(one: str, other: str) -> None:
    assert not look_alike(one, other)
