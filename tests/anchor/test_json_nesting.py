"""The depth of JSON text, against the depth of the value that the decoder makes of it."""

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.json_nesting import _outside_strings, nests_deeper

TEXT = st.text(alphabet='[]{}"\\,: a\n\u20ac')
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=30,
)


def depth_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(VALUES, st.integers(min_value=0, max_value=8), st.booleans())
def test_it_is_the_values_depth(value, limit, ascii_only):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert nests_deeper(body, limit) == (depth_of(value) > limit)


@given(st.text(alphabet='[]{}"\\,1 ', max_size=60))
def test_no_text_that_the_decoder_takes_is_deeper_than_it_looked(text):
    if not nests_deeper(text.encode(), 8):
        with suppress(ValueError):
            assert depth_of(json.loads(text)) <= 8


@given(st.text(alphabet='[]{}"\\\\n', max_size=40))
def test_strings_end_where_a_scan_by_expressions_ends_them(text):
    body = text.encode()
    scanned = re.sub(rb'"[^"]*"', b"", re.sub(rb"\\.", b"", body, flags=re.DOTALL))
    assert brackets(_outside_strings(body)) == brackets(scanned)


def brackets(text):
    return re.sub(rb"[^][{}]", b"", text)


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"a":' * 100_000, b'["]"' + b",[" * 100_000, b'"' + b"[" * 200_000]
)
def test_a_tower_of_brackets(body):
    assert nests_deeper(body, 64)


@pytest.mark.parametrize(
    "body", [b"[" * 65 + b'"' + b'\\"' * 2_000_000, b"[" * 65 + b"\\" * 4_000_001, b'"' * 4_000_001]
)
def test_no_text_takes_long(body):
    """A search that starts again at each quote would take days over the first of these, which fits into evidence."""
    assert nests_deeper(body, 64) == body.startswith(b"[")


def test_a_wide_answer_is_not_deep():
    assert not nests_deeper(b"[" + b",".join([b'{"logs":["[[[[[["]}'] * 10_000) + b"]", 64)
