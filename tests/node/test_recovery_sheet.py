"""The recovery sheet's bytes and rows: what is written is read, and each slip of the pen is named."""

import base64
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.checkpoint import Origin, RegistryDomain, parse_origin
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_node.encryption.hybrid import PrivateKey, public_key_of
from perdure_node.errors import EmptyPassphrase, SheetError, WrongPassphrase
from perdure_node.recovery_sheet.locking import (
    SHEET_COST,
    lock_to_recovery_key,
    lock_under_passphrase,
    open_by_passphrase,
    open_by_recovery_key,
)
from perdure_node.recovery_sheet.making import log_of_sheet
from perdure_node.recovery_sheet.rows import (
    MAX_ROWS,
    PREFIX,
    ROWS_IN_CODE,
    code_texts,
    encode_rows,
    parse_rows,
    printed_row,
)
from perdure_node.recovery_sheet.sheet import (
    NoKey,
    Sheet,
    SheetState,
    ToRecoveryKey,
    UnderPassphrase,
    encode_sheet,
    parse_sheet,
)
from tools.site_network import CHEAP, counted_bytes

KEY = bytes(range(1, 33))
RECOVERY = PrivateKey(bytes(range(32, 64)))
LONGEST = parse_origin(f"{'a' * 32}/{'b' * 32}")


def state(size: int = 11, origin: Origin | None = None) -> SheetState:
    return SheetState(
        origin or parse_origin("acme/rotterdam"),
        RegistryDomain(1337, Address(b"\x11" * 20)),
        Hash32(b"\x22" * 32),
        1_767_225_600,
        size,
        1_767_225_601,
        tuple(Hash32(bytes((number,)) * 32) for number in range(size.bit_count())),
        address_from_private_key(KEY),
        3,
    )


def locked(size: int = 11) -> Sheet:
    return Sheet(
        state(size), lock_under_passphrase(state(size), KEY, "correct horse", counted_bytes(), CHEAP)
    )


def test_the_key_comes_back_by_the_passphrase() -> None:
    sheet = parse_sheet(encode_sheet(locked()))
    assert isinstance(sheet.lock, UnderPassphrase)
    assert open_by_passphrase(sheet.state, sheet.lock, "correct horse") == KEY
    with pytest.raises(WrongPassphrase):
        open_by_passphrase(sheet.state, sheet.lock, "correct horsf")
    with pytest.raises(EmptyPassphrase):
        lock_under_passphrase(state(), KEY, "", counted_bytes(), CHEAP)


def test_a_guess_costs_more_than_one_at_the_vault() -> None:
    assert SHEET_COST.memory_kib * SHEET_COST.iterations >= 20 * 19456 * 2


def test_the_key_comes_back_by_the_recovery_key() -> None:
    made = Sheet(state(), lock_to_recovery_key(state(), KEY, public_key_of(RECOVERY)))
    sheet = parse_sheet(encode_sheet(made))
    assert isinstance(sheet.lock, ToRecoveryKey)
    assert open_by_recovery_key(sheet.state, sheet.lock, RECOVERY) == KEY
    with pytest.raises(SheetError, match="this recovery key does not open it"):
        open_by_recovery_key(sheet.state, sheet.lock, PrivateKey(bytes(32)))


@pytest.mark.parametrize(
    "change",
    [
        {"size": 3, "peaks": (Hash32(bytes(32)), Hash32(bytes(32)))},
        {"domain": RegistryDomain(1337, Address(b"\x12" * 20))},
        {"fingerprint": Hash32(bytes(32))},
        {"origin": parse_origin("acme/oslo")},
    ],
)
def test_a_locked_key_opens_on_its_own_sheet_only(change: dict[str, object]) -> None:
    """A thief of the page cannot print another one on which the key signs elsewhere."""
    sheet = locked()
    other = replace(sheet.state, **change)  # type: ignore[arg-type]
    assert isinstance(sheet.lock, UnderPassphrase)
    with pytest.raises(WrongPassphrase):
        open_by_passphrase(other, sheet.lock, "correct horse")


@pytest.mark.parametrize("size", [0, 1, 11, 2**20 - 1, 2**48 - 1])
@pytest.mark.parametrize("kind", ["passphrase", "recovery", "none"])
def test_what_is_written_is_read(size: int, kind: str) -> None:
    stated = state(size, LONGEST)
    locks = {
        "passphrase": lock_under_passphrase(stated, KEY, "x", counted_bytes(), CHEAP),
        "recovery": lock_to_recovery_key(stated, KEY, public_key_of(RECOVERY)),
        "none": NoKey(bytes(65) if size else b""),
    }
    sheet = Sheet(stated, locks[kind])
    rows = encode_rows(encode_sheet(sheet))
    assert len(rows) <= MAX_ROWS
    for text in ("\n".join(map(printed_row, rows)), "\n".join(code_texts(rows))):
        assert parse_sheet(parse_rows(text)) == sheet


def test_a_sheet_stays_below_a_kilobyte_and_a_half() -> None:
    """In octets as the codes hold them: 11 bits for two characters of the alphanumeric mode."""
    worst = replace(locked(2**20 - 1), state=state(2**20 - 1, LONGEST))
    texts = code_texts(encode_rows(encode_sheet(worst)))
    assert sum(-(-11 * len(text) // 16) for text in texts) < 1500
    assert all(re.fullmatch(r"[0-9A-Z $%*+\-./:]+=?", text) for text in texts)
    assert len(texts) <= 4
    usual = code_texts(encode_rows(encode_sheet(locked(1000))))
    assert sum(map(len, usual)) < 1500


def test_a_log_comes_out_of_it() -> None:
    log = log_of_sheet(locked(), KEY)
    assert log is not None
    assert (log.size, log.gaps.width, log.anchored) == (11, 11, 11)
    assert log.checkpoints[0].checkpoint.root == state().root
    assert log_of_sheet(locked(0), KEY) is None
    unsigned = log_of_sheet(Sheet(state(), NoKey(b"\x07" * 65)), None)
    assert unsigned is not None
    assert unsigned.checkpoints[0].signature == b"\x07" * 65
    with pytest.raises(SheetError, match="locked"):
        log_of_sheet(locked(), None)


ROWS = encode_rows(encode_sheet(locked()))
TEXT = "\n".join(map(printed_row, ROWS))


def with_row(number: int, text: str) -> str:
    lines = TEXT.split("\n")
    lines[number - 1] = text
    return "\n".join(lines)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, len(ROWS)), st.integers(0, 60), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_each_wrong_digit_is_found_in_its_row(number: int, position: int, digit: str) -> None:
    row = printed_row(ROWS[number - 1])
    at = min(position, len(row) - 1)
    if row[at] in " :=" or at < 3 or row[at] == digit:
        return
    with pytest.raises(SheetError, match=f"^row {number}: "):
        parse_rows(with_row(number, row[:at] + digit + row[at + 1 :]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row of it is in the text"),
        ("hello\nworld", "no row of it is in the text"),
        ("\n".join(TEXT.split("\n")[:-1]), "its last row, which ends in =, is missing"),
        ("\n".join(TEXT.split("\n")[1:]), "row 1: missing"),
        (with_row(3, ""), "row 3: missing"),
        (with_row(3, printed_row(ROWS[3]).replace("04:", "03:")), "row 3: a digit is wrong"),
        (with_row(2, printed_row(ROWS[1])[:-1]), "row 2: a digit is wrong"),
        (with_row(2, printed_row(ROWS[1]) + "AAAA"), "row 2: got 48 digits"),
        (with_row(2, "02: ABC"), "row 2: got 3 digits"),
        (with_row(2, printed_row(ROWS[1])[:4] + "9" + printed_row(ROWS[1])[5:]), "row 2: has a 9"),
        (f"{TEXT}\n{printed_row(encode_rows(b'another sheet' * 9)[0])}", "row 1: is there twice"),
        ("x" * 300_000, "too long"),
    ],
)
def test_each_slip_has_its_words(text: str, message: str) -> None:
    with pytest.raises(SheetError, match=message):
        parse_rows(text)


def test_a_row_behind_the_last_is_of_another_sheet() -> None:
    longer = encode_rows(bytes(25 * (len(ROWS) + 2)))
    with pytest.raises(SheetError, match="behind the last row"):
        parse_rows(f"{TEXT}\n{printed_row(longer[len(ROWS)])}")


def test_how_it_was_typed_does_not_matter() -> None:
    octets = encode_sheet(locked())
    lines = TEXT.split("\n")
    for text in (
        TEXT.lower(),
        TEXT.replace(" ", "-"),
        "\r\n".join(reversed(lines)),
        f"Recovery sheet\n\n{TEXT}\n{TEXT}\nkeep it safe",
        TEXT.replace(": ", ":").replace(" ", ""),
        "\n".join(code_texts(ROWS)) + "\n" + lines[3],
        "\n".join(
            line[:3] + line[3:].replace("O", "0").replace("I", "1").replace("B", "8") for line in lines
        ),
    ):
        assert parse_rows(text) == octets


@pytest.mark.parametrize("position", range(0, 330, 7))
def test_changed_bytes_are_no_sheet(position: int) -> None:
    octets = bytearray(encode_sheet(locked()))
    octets[position % len(octets)] ^= 1
    with pytest.raises(SheetError, match="checksum"):
        parse_sheet(bytes(octets))


def resealed(octets: bytes) -> bytes:
    from perdure_node.recovery_sheet.sheet import _check

    return octets + _check(octets)


def test_a_sheet_of_a_later_version_is_named() -> None:
    body = bytearray(encode_sheet(locked())[:-8])
    body[0] = 2
    with pytest.raises(SheetError, match="version 2, this Perdure knows 1"):
        parse_sheet(resealed(bytes(body)))


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_sheet_that_ends_too_soon(cut: int) -> None:
    with pytest.raises(SheetError):
        parse_sheet(resealed(encode_sheet(locked())[: -8 - cut]))
    with pytest.raises(SheetError, match="more bytes"):
        parse_sheet(resealed(encode_sheet(locked())[:-8] + bytes(cut)))


def test_a_cost_that_nobody_could_pay_is_refused() -> None:
    sheet = locked()
    assert isinstance(sheet.lock, UnderPassphrase)
    dear = replace(sheet.lock, cost=replace(CHEAP, memory_kib=2**31))
    with pytest.raises(SheetError, match="which no Perdure asks for"):
        parse_sheet(encode_sheet(Sheet(sheet.state, dear)))


def test_a_kind_of_lock_that_is_not_known() -> None:
    body = bytearray(encode_sheet(Sheet(state(0), NoKey(b"")))[:-8])
    body[-1] = 9
    with pytest.raises(SheetError, match="in a way"):
        parse_sheet(resealed(bytes(body)))


@pytest.mark.parametrize("number", [10**13, 2**63, 2**64 - 1])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sealed_at", "its time of sealing is"),
        ("made_at", "its date is"),
        ("key_nonce", "its key's number is"),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_name(name: str, message: str, number: int) -> None:
    changed = replace(state(), **{name: number})
    octets = encode_sheet(Sheet(changed, NoKey(bytes(65))))
    if name == "key_nonce" and number == 10**13:
        assert parse_sheet(octets).state == changed
        return
    with pytest.raises(SheetError, match=f"{message} {number}, want at most"):
        parse_sheet(octets)


def test_codes_hold_a_dozen_rows() -> None:
    texts = code_texts(ROWS)
    assert len(texts) == -(-len(ROWS) // ROWS_IN_CODE)
    assert all(text.startswith(PREFIX + "/") for text in texts)
    assert base64.b32encode(encode_sheet(locked())).decode().startswith(ROWS[0][3:43])
