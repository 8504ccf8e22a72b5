"""The format perdure-bundle/1: written and read alike, one spelling, bounds, and what a stick does to a file (SPEC.md, section 12)."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.errors import EncodingError
from perdure_anchor.strict_json import DoubledKey, MissingKey, NotInteger, UnknownKey, WrongType
from perdure_node.courier.bundle import (
    MAX_HEAD_SIZE,
    MAX_LEAVES,
    MAX_SIGNS,
    BundleHead,
    SetAside,
    end_of_leaves,
)
from perdure_node.courier.bundle_answer import clean_reason
from perdure_node.courier.bundle_file import encode_bundle, load_bundle, read_bundle, write_bundle
from perdure_node.courier.bundle_head import bundle_id, encode_head, parse_head
from perdure_node.courier.errors import (
    BundleDamaged,
    BundleError,
    BundleNotCanonical,
    BundleTooLarge,
    HalfCopied,
    NotABundle,
)
from tools.bundles import changed_head, heads, leaves_of, parted, sealed_file
from tools.vectors.golden import GOLDEN
from tools.vectors.golden_bundles import outgoing, pieces_of, returning

FILES = {name: (GOLDEN / f"{name}.bundle").read_bytes() for name in ("outgoing", "return")}
BOTH = pytest.mark.parametrize("raw", FILES.values(), ids=FILES)


@given(heads())
def test_what_was_written_is_read(head: BundleHead) -> None:
    leaves = leaves_of(head)
    read = read_bundle(b"".join(encode_bundle(head, leaves)))
    assert read.head == head
    assert [*read.leaf_octets] == [*b"".join(leaves)]
    assert [each for page in read.leaf_hashes(head.leaves.begin, head.leaves.end) for each in page] == leaves
    assert read.id == bundle_id(head)


@given(heads(), st.integers(0, 3), st.integers(0, 3))
def test_an_id_names_what_a_bundle_says(head: BundleHead, one: int, other: int) -> None:
    first, second = replace(head, made_at=one), replace(head, made_at=other)
    assert (bundle_id(first) == bundle_id(second)) == (first == second)


# --- sticks


@BOTH
def test_cut_at_any_length_it_is_half_copied(raw: bytes, tmp_path: Path) -> None:
    file = tmp_path / "cut.bundle"
    for length in range(len(raw)):
        with pytest.raises(HalfCopied):
            read_bundle(raw[:length])
        if length % 97 == 0 or length < 70:
            file.write_bytes(raw[:length])
            with pytest.raises(HalfCopied):
                load_bundle(file)


@BOTH
@pytest.mark.parametrize("block", [1, 512, 4096])
def test_with_zeros_in_place_of_its_end_it_is_half_copied(raw: bytes, block: int) -> None:
    # what ends less than a digest before the end may leave a digest that is none by the last bytes
    for written in range(0, len(raw) - 32, block):
        with pytest.raises(HalfCopied):
            read_bundle(raw[:written].ljust(len(raw), b"\0"))
    for written in range(len(raw) - 32, len(raw) - 1):
        with pytest.raises((HalfCopied, BundleDamaged)):
            read_bundle(raw[:written].ljust(len(raw), b"\0"))


@BOTH
def test_with_old_bytes_in_place_of_its_end_it_is_damaged(raw: bytes) -> None:
    old = hashlib.shake_256(b"an older file").digest(len(raw))
    for written in range(64, len(raw), 61):
        with pytest.raises(BundleDamaged):
            read_bundle(raw[:written] + old[written:])


@BOTH
def test_with_blocks_of_it_missing_in_the_middle_it_is_damaged(raw: bytes) -> None:
    for begin in range(512, len(raw) - 1024, 512):
        with pytest.raises(BundleDamaged):
            read_bundle(raw[:begin] + bytes(512) + raw[begin + 512 :])


@BOTH
def test_each_bit_counts(raw: bytes) -> None:
    for place in range(len(raw)):
        for bit in range(8) if place < 64 else (place % 8,):
            flipped = raw[:place] + bytes((raw[place] ^ 1 << bit,)) + raw[place + 1 :]
            with pytest.raises(BundleError):
                read_bundle(flipped)


@BOTH
@pytest.mark.parametrize("tail", [b"\0", b"\n", bytes(512), b"more"])
def test_nothing_follows_it(raw: bytes, tail: bytes) -> None:
    with pytest.raises(BundleDamaged):
        read_bundle(raw + tail)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(raw: bytes) -> None:
    with pytest.raises(BundleError):
        read_bundle(raw)


@given(st.binary(max_size=100))
def test_any_bytes_behind_the_name_are_refused_by_name(raw: bytes) -> None:
    with pytest.raises(BundleError):
        read_bundle(b"perdure-bundle/1 " + raw)


@pytest.mark.parametrize(
    "line", ["07 0", "7 00", "+7 0", "7 0 0", "7  0", "7", "0x7 0", "٧ 0", " 7 0", "7 0\r", "-7 0"]
)
def test_numbers_have_one_form(line: str) -> None:
    with pytest.raises(BundleDamaged):
        read_bundle(f"perdure-bundle/1 {line}\n".encode().ljust(200, b"x"))


@pytest.mark.parametrize("line", [f"{MAX_HEAD_SIZE + 1} 0", f"7 {MAX_LEAVES + 1}", "7 140737488355328"])
def test_sizes_have_bounds(line: str) -> None:
    with pytest.raises(BundleTooLarge):
        read_bundle(f"perdure-bundle/1 {line}\n".encode().ljust(200, b"x"))


# --- one spelling


@BOTH
@pytest.mark.parametrize(
    "spelled",
    [
        lambda head: head.replace(b",", b", ", 1),
        lambda head: head[:-1],
        lambda head: head + b"\n",
        lambda head: b" " + head,
        lambda head: head.replace(b"rotterdam", b"rotterd\\u0061m"),
        lambda head: head.replace(b"0xa0A1A2", b"0xa0a1a2"),
        lambda head: json.dumps(dict(reversed(json.loads(head).items())), ensure_ascii=False, separators=(",", ":")).encode()
        + b"\n",
    ],
    ids=["space", "no line feed", "two line feeds", "space before", "escape", "case", "order"],
)  # fmt: skip
def test_a_head_has_one_spelling(raw: bytes, spelled: Callable[[bytes], bytes]) -> None:
    head, leaves = parted(raw)
    assert spelled(head) != head
    with pytest.raises(BundleNotCanonical):
        read_bundle(sealed_file(spelled(head), leaves))


@settings(max_examples=300)
@given(st.data(), st.sampled_from(sorted(FILES)))
def test_another_head_says_something_else(data: st.DataObject, name: str) -> None:
    """Whatever is done to the bytes: refused, or another content with another id."""
    head, leaves = parted(FILES[name])
    begin = data.draw(st.integers(0, len(head)))
    end = data.draw(st.integers(begin, min(len(head), begin + 4)))
    other = (
        head[:begin]
        + data.draw(st.binary(max_size=4) | st.from_regex(rb'[0-9"\[\]{},:a-f]{1,3}'))
        + head[end:]
    )
    original = read_bundle(FILES[name])
    try:
        read = read_bundle(sealed_file(other, leaves))
    except EncodingError:
        return
    assert (read.head == original.head) == (other == head)
    assert (read.id == original.id) == (other == head)
    assert encode_head(read.head) == other


# --- members


def _paths(value: object, path: tuple = ()) -> list[tuple]:
    """The ways to all objects in a head."""
    found = [path] if isinstance(value, dict) else []
    for key, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        found += _paths(inner, (*path, key))
    return found


def _at(members: dict, path: tuple) -> dict:
    for key in path:
        members = members[key]
    return members


OBJECTS = [(name, path) for name, raw in FILES.items() for path in _paths(json.loads(parted(raw)[0]))]


@pytest.mark.parametrize(("name", "path"), OBJECTS)
def test_members_are_those_of_the_format(name: str, path: tuple) -> None:
    raw = FILES[name]
    with pytest.raises(UnknownKey):
        read_bundle(changed_head(raw, lambda head: _at(head, path).update(more=1)))
    for key in _at(json.loads(parted(raw)[0]), path):
        with pytest.raises((MissingKey, NotABundle)):
            read_bundle(changed_head(raw, lambda head, key=key: _at(head, path).pop(key)))
        for wrong in ({}, [[]], "x", -1, 1.5, True, 2**53, "\ud7ff" * 2000):
            if key != "reason" and wrong != _at(json.loads(parted(raw)[0]), path)[key]:
                with pytest.raises(EncodingError):
                    read_bundle(
                        changed_head(
                            raw, lambda head, key=key, wrong=wrong: _at(head, path).update({key: wrong})
                        )
                    )


def test_no_member_stands_twice() -> None:
    head, leaves = parted(FILES["outgoing"])
    with pytest.raises(DoubledKey):
        read_bundle(sealed_file(head.replace(b'"made_at":', b'"made_at":1,"made_at":'), leaves))


@pytest.mark.parametrize("number", [b"1.0", b"1e3", b"-0", b"9007199254740992"])
def test_numbers_are_integers(number: bytes) -> None:
    head, leaves = parted(FILES["outgoing"])
    with pytest.raises(NotInteger):
        read_bundle(sealed_file(head.replace(b'"made_at":1767225700', b'"made_at":' + number), leaves))


def _doubled(key: str) -> Callable[[dict], None]:
    def change(head: dict) -> None:
        holder = head if key in head else head["answer"]
        holder[key] = [holder[key][0], *holder[key]]

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("outgoing", lambda head: head["leaves"]["peaks"].pop()),
        ("outgoing", lambda head: head["leaves"].update(begin=4)),
        ("outgoing", lambda head: head["leaves"].update(begin=2**47, count=0, peaks=head["leaves"]["peaks"][:1])),
        ("outgoing", lambda head: head["leaves"].update(begin=2**48 - 4, peaks=head["leaves"]["peaks"][:1] * 46)),
        ("outgoing", lambda head: head["leaves"].update(count=5)),
        ("outgoing", lambda head: head["leaves"].update(count=0)),
        ("outgoing", lambda head: head["checkpoints"].reverse()),
        ("outgoing", lambda head: head["checkpoints"].clear()),
        ("outgoing", lambda head: head["checkpoints"][0].update(size=0)),
        ("outgoing", lambda head: head["checkpoints"][0].update(size=2**48)),
        ("outgoing", lambda head: head["checkpoints"][0]["last_slot_digests"].pop()),
        ("outgoing", lambda head: head["append_proofs"].reverse()),
        ("outgoing", lambda head: head["append_proofs"][-1].update(old_size=7)),
        ("outgoing", _doubled("checkpoints")),
        ("outgoing", _doubled("append_proofs")),
        ("outgoing", _doubled("rotations")),
        ("outgoing", lambda head: head["rotations"][0].update(grace_period=31622401)),
        ("outgoing", lambda head: head.update(request=None)),
        ("outgoing", lambda head: head.update(kind="return")),
        ("outgoing", lambda head: head["request"].update(answer_to="age1" + "q" * 58)),
        ("outgoing", lambda head: head["request"].update(answer_to=head["request"]["answer_to"].upper())),
        ("outgoing", lambda head: head["request"].update(challenge="00" * 15)),
        ("outgoing", lambda head: head.update(nonce="AB" * 16)),
        ("outgoing", lambda head: head.update(answer=json.loads(parted(FILES["return"])[0])["answer"])),
        ("return", _doubled("anchors")),
        ("return", _doubled("taken_in")),
        ("return", _doubled("hops")),
        ("return", _doubled("set_aside")),
        ("return", lambda head: head["answer"]["anchors"][0].update(size=4)),
        ("return", lambda head: head["answer"]["anchors"][0].update(root="A" * 43 + "=")),
        ("return", lambda head: head["answer"].update(known_block=[])),
        ("return", lambda head: head["answer"].update(known_block=["AAAA"] * 65)),
        ("return", lambda head: head["answer"].update(known_block=["A" * 40_000] * 14)),
        ("return", lambda head: head["answer"].update(taken_in=[f"{number:032x}" for number in range(1025)])),
        ("return", lambda head: head["answer"]["set_aside"][0].update(reason="a\nb")),
        ("return", lambda head: head["answer"]["set_aside"][0].update(reason="a" * 1001)),
        ("return", lambda head: head["answer"].update(mirrored=2**48)),
        ("return", lambda head: head.update(origin="acme/Rotterdam")),
    ],
)  # fmt: skip
def test_what_the_format_does_not_allow(name: str, change: Callable[[dict], None]) -> None:
    with pytest.raises((BundleError, WrongType, EncodingError)):
        read_bundle(changed_head(FILES[name], change))


def test_headers_of_all_hops_have_a_bound() -> None:
    hop = json.loads(parted(FILES["return"])[0])["answer"]["hops"][0]
    hops = [hop | {"headers": ["A" * 40_000] * 10 + [f"{number:04d}"]} for number in range(15)]
    with pytest.raises(BundleTooLarge, match="hops"):
        read_bundle(changed_head(FILES["return"], lambda head: head["answer"].update(hops=hops)))


def test_a_writer_writes_nothing_that_a_reader_refuses() -> None:
    head, answered = outgoing(), returning()
    with pytest.raises(BundleError):
        encode_head(replace(head, checkpoints=head.checkpoints[::-1]))
    with pytest.raises(BundleTooLarge):
        encode_head(replace(head, checkpoints=tuple(replace(head.checkpoints[0], checkpoint=replace(head.checkpoints[0].checkpoint, size=size)) for size in range(1, 4098))))  # fmt: skip
    aside = tuple(SetAside(size, answered.answer.head_root, "x") for size in range(4097))
    with pytest.raises(BundleTooLarge):
        encode_head(replace(answered, answer=replace(answered.answer, set_aside=aside)))


def test_a_reason_is_told_in_one_line() -> None:
    assert clean_reason("a\x1b[31m\nb\ud800") == "a�[31m�b�"
    assert len(clean_reason("a" * 2000)) == 1000


@pytest.mark.parametrize(
    ("begin", "sizes", "end"),
    [(0, [3, 5], 5), (5, [3, 5], None), (0, [3, MAX_LEAVES, MAX_LEAVES + 1], MAX_LEAVES), (9, [], None)],
)
def test_leaf_hashes_end_with_a_checkpoint_within_the_bound(
    begin: int, sizes: list[int], end: int | None
) -> None:
    assert end_of_leaves(begin, sizes) == end


# --- work


@pytest.mark.parametrize("filling", [b"[", b"{},", b"0,", b'"",', b"[],", b'{"":0},'])
def test_a_head_of_many_values_is_refused_before_it_is_parsed(filling: bytes) -> None:
    head = b'{"format":' + filling * (MAX_SIGNS + 1)
    with pytest.raises(BundleTooLarge):
        parse_head(head)


WORST = """
import resource, sys
from perdure_anchor.errors import EncodingError
from perdure_node.courier.bundle_head import parse_head
unit = sys.argv[1].encode()
count = min((1 << 20) // max(1, sum(map(unit.count, (b",", b"[", b"{")))) - 4, ((64 << 20) - 100) // len(unit))
head = b'{"format":"perdure-bundle/1","kind":[' + unit * count + b"0]}"
try:
    parse_head(head)
except EncodingError as error:
    print(type(error).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("unit", ['{"a":0},', "[],", '"' + "a" * 60 + '",', '"\U0001f600",', '"\\u1234",'])
def test_the_worst_head_within_the_bounds_takes_no_gigabytes(unit: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", WORST, unit], capture_output=True, text=True, check=True
    ).stdout
    name, mebibytes = told.split()
    assert name == "MissingKey"
    assert int(mebibytes) < 1024


# --- files


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    def pieces():
        yield b"begun"
        raise RuntimeError("pulled out")

    with pytest.raises(RuntimeError):
        write_bundle(tmp_path / "a.bundle", pieces())
    assert [*tmp_path.iterdir()] == []


def test_nothing_is_written_through_a_link_on_the_stick(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "a.bundle.part").symlink_to(victim)
    (stick / "a.bundle").symlink_to(victim)
    write_bundle(stick / "a.bundle", encode_bundle(outgoing(), [pieces_of(outgoing())[-32 * 5 : -32]]))
    assert victim.read_text() == "precious"
    assert load_bundle(stick / "a.bundle").head == outgoing()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.bundle")
    for name in ("pipe.bundle", "missing.bundle", "."):
        with pytest.raises(BundleError):
            load_bundle(tmp_path / name)
