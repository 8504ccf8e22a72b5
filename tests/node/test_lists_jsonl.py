import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import sha256
from perdure_node.errors import ImportRefused
from tools.lists import filled, opened, read

A = sha256(b"a").hex()
LINE = f'{{"document_sha256":"{A}"'

texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)
extras = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(st.dictionaries(texts, extras, max_size=3), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_json_writer_writes_is_read_and_rejected_alike(
    values: list[dict[str, object]], ascii_only: bool, end: str
) -> None:
    expected = [{"document_sha256": A, "extra": value} for value in values]
    content = end.join(json.dumps(slots, ensure_ascii=ascii_only) for slots in expected)
    listed = opened(content)
    rows = list(listed.rows)
    interpreter = pickle.loads(pickle.dumps(listed.interpreter))
    assert [interpreter.slots(row) for row in rows] == expected
    assert read(listed.reject_head() + "".join(map(listed.reject_text, rows))) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LINE, "row 2: is cut off at line 1 column 86"),
        ("[]", "row 2: want an object"),
        (LINE + f',"document_sha256":"{A}"}}', "row 2: the key 'document_sha256' stands twice in one object"),
        (LINE + ',"colour":"red"}', "row 2, column colour: no such slot, or not one that a list can fill"),
        (LINE + ',"confirmation":{"v":1}}', "row 2, column confirmation: no such slot, or not one that a list can fill"),
        (LINE + ',"document_size":1.5}', "row 2: a number that is not an integer"),
        (LINE + ',"document_size":"1"}', "row 2, column document_size: want an integer"),
        (LINE + ',"signed_at":7}', "row 2, column signed_at: not a time with a zone"),
        (LINE + ',"signed_at":"2026-05-04"}', "row 2, column signed_at: a day without a time and its zone"),
        (LINE + ',"signers":"Ada"}', "row 2, column signers: want a list"),
        (LINE + ',"signers":["<a>"]}', "row 2, column signers: signer: want a name, maybe with an id: Ada Example <ada@acme.example>"),
        (LINE + ',"document_name":"\\ud800"}', "row 2: a string with half of a surrogate pair"),
        ('{"file":["a"]}', "row 2, column file: want a path as text"),
        ('{"file":"../a"}', "row 2, column file: leads out of the folder that the list is in"),
    ],
)  # fmt: skip
def test_a_bad_line_is_refused_with_its_reason(line: str, message: str, tmp_path: Path) -> None:
    listed = opened(f"{LINE}}}\n{line}\n", beside=tmp_path)
    first, second = listed.rows
    assert filled(listed.interpreter.slots(first)) == {"document_sha256": A}
    with pytest.raises(ImportRefused) as caught:
        listed.interpreter.slots(second)
    assert str(caught.value) == message
