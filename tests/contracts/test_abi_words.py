"""The quick encoding against the library's, which knows every type."""

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from hypothesis import given
from hypothesis import strategies as st
from perdure_contracts.abi_words import decode_words, encode_words

WORDS = {
    "uint256": st.integers(0, 2**256 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "uint48": st.integers(0, 2**48 - 1),
    "bytes32": st.binary(min_size=32, max_size=32),
    "address": st.binary(min_size=20, max_size=20),
}
TUPLE = "(bytes32,uint64,address,uint64)"
VALUES = {
    **WORDS,
    TUPLE: st.tuples(WORDS["bytes32"], WORDS["uint64"], WORDS["address"], WORDS["uint64"]),
    "bytes": st.binary(max_size=100),
    "bytes32[]": st.lists(WORDS["bytes32"], max_size=5),
}


def arguments(kinds):
    pairs = [st.tuples(st.just(kind), values) for kind, values in kinds.items()]
    return st.lists(st.one_of(pairs), max_size=6)


@given(arguments(VALUES))
def test_the_same_bytes_as_the_library_makes(pairs):
    types, values = [kind for kind, _ in pairs], [value for _, value in pairs]
    assert encode_words(types, values) == encode(types, values)


@given(arguments(WORDS), st.data())
def test_the_same_values_as_the_library_reads(pairs, data):
    types = [kind for kind, _ in pairs]
    payload = encode(types, [value for _, value in pairs])
    read = decode_words(types, payload)
    assert read == tuple(value for _, value in pairs)
    if payload:
        at = data.draw(st.integers(0, len(payload) - 1))
        bent = bytearray(payload)
        bent[at] ^= data.draw(st.integers(1, 255))
        found = decode_words(types, bytes(bent))
        try:
            library = decode(types, bytes(bent))
        except DecodingError:
            library = None
        assert (found is None) == (library is None)


def test_other_types_and_values_are_left_to_the_library():
    assert encode_words(["string"], ["a"]) is None
    assert encode_words(["bool"], [True]) is None
    assert encode_words(["uint64"], [2**64]) is None
    assert encode_words(["uint64"], [True]) is None
    assert encode_words(["address"], ["0x" + "00" * 20]) is None
    assert encode_words(["bytes32"], [b"short"]) is None
    assert encode_words(["bytes32[]"], [[b"short"]]) is None
    assert decode_words(["bytes"], bytes(32)) is None
    assert decode_words(["uint256"], bytes(64)) is None
