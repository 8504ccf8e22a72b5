"""One-time codes beside a passphrase: used once, within a minute, and not to be guessed. The right codes are the RFC's, computed here."""

import hmac
import struct
from dataclasses import replace
from hashlib import sha1

import pytest
from node.test_confirming import WORDS, person
from perdure_node.clock import Clock
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.errors import VaultDamaged, WrongPassphrase
from perdure_node.operators.errors import CodeUsedAlready, CodeWanted, TooManyWrongCodes, WrongCode
from perdure_node.operators.membership import remove_operator
from perdure_node.operators.one_time_codes import (
    check_code,
    disable_codes,
    enable_codes,
    otpauth_uri,
    wait_left,
)
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.people import Operator, has_second_factor, operator_named
from perdure_node.operators.roles import Role
from perdure_node.vault import Vault, open_vault
from tools.site_network import STOPPED, counted_bytes

NOW = 1_700_000_010
SECRET = b"12345678901234567890"


def at(seconds: float) -> Clock:
    return replace(STOPPED, now=lambda: seconds)


def code(seconds: float) -> str:
    """RFC 6238 and RFC 4226, section 5.3."""
    digest = hmac.new(SECRET, struct.pack(">Q", int(seconds) // 30), sha1).digest()
    (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 10**6:06}"


def test_the_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B, the last six digits
    assert [code(each) for each in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]
    assert "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" in otpauth_uri(SECRET, "Ada", "acme/rotterdam")


@pytest.fixture
def ada(vault: Vault) -> Operator:
    who = person(vault, "Ada", Role.RECORDER)
    own = OperatorKeyRing(vault, who.number, lambda: WORDS).secret()
    with pytest.raises(WrongCode):
        enable_codes(
            vault.database, who.number, own, SECRET, "000000", clock=at(NOW), randomness=counted_bytes(b"x")
        )
    assert not has_second_factor(operator_named(vault.database, "Ada"))
    enable_codes(
        vault.database, who.number, own, SECRET, code(NOW), clock=at(NOW), randomness=counted_bytes(b"x")
    )
    return operator_named(vault.database, "Ada")


def unlock(vault: Vault, who: Operator, given: str | None, seconds: float, passphrase: str = WORDS) -> bytes:
    ask = None if given is None else lambda: given
    return OperatorKeyRing(vault, who.number, lambda: passphrase, ask, at(seconds)).signing_key()


def test_a_code_counts_once_and_for_a_minute(vault: Vault, ada: Operator) -> None:
    assert has_second_factor(ada)
    later = NOW + 300
    with pytest.raises(CodeWanted):
        unlock(vault, ada, None, later)
    with pytest.raises(WrongPassphrase):
        unlock(vault, ada, code(later), later, "another passphrase")
    # the one with which it was enabled is used
    with pytest.raises(CodeUsedAlready):
        unlock(vault, ada, code(NOW), NOW)
    assert unlock(vault, ada, code(later), later + 30)
    with pytest.raises(CodeUsedAlready):
        unlock(vault, ada, code(later), later + 30)
    # nor an earlier one, also for another process
    with open_vault(vault.folder) as other, pytest.raises(CodeUsedAlready):
        unlock(other, ada, code(later - 30), later)
    # and the next one, by a clock that is half a minute ahead
    assert unlock(vault, ada, code(later + 60), later + 30)
    with pytest.raises(WrongCode, match="ago"):
        unlock(vault, ada, code(later - 60), later + 30)


def test_wrong_codes_are_counted_and_cost_more_and_more(vault: Vault, ada: Operator) -> None:
    later = NOW + 300
    wrong = next(f"{each:06}" for each in range(10) if not is_right(f"{each:06}", later))
    for _ in range(3):
        with pytest.raises(WrongCode, match="it is wrong"):
            unlock(vault, ada, wrong, later)
    with open_vault(vault.folder) as other, pytest.raises(TooManyWrongCodes, match="in 30 seconds"):
        unlock(other, ada, code(later), later)
    with pytest.raises(WrongCode):
        unlock(vault, ada, wrong, later + 30)
    assert wait_left(vault.database, ada.number, at(later + 30)) == 60
    # a clock that was set back makes it no longer
    assert wait_left(vault.database, ada.number, at(later - 86400)) == 60
    assert unlock(vault, ada, code(later + 90), later + 90)
    assert wait_left(vault.database, ada.number, at(later + 90)) == 0


def is_right(given: str, around: int) -> bool:
    """Whether it is right at some time half a day around."""
    return any(code(around + 30 * each) == given for each in range(-1500, 1501))


def test_a_clock_that_is_off_is_told_and_what_was_told_counts_no_more(vault: Vault, ada: Operator) -> None:
    later = NOW + 300
    with pytest.raises(WrongCode, match="60 minutes from now") as told:
        unlock(vault, ada, code(later + 3600), later)
    assert "clock" in str(told.value.hint)
    # who guessed it cannot wait for its time
    with pytest.raises(WrongCode):
        unlock(vault, ada, code(later + 3600), later + 3600)
    assert unlock(vault, ada, code(later + 3630), later + 3630)


def test_the_secret_needs_the_passphrase_and_goes_with_the_operator(vault: Vault, ada: Operator) -> None:
    with pytest.raises(VaultDamaged):
        check_code(vault.database, ada.number, PrivateKey(bytes(32)), code(NOW + 60), at(NOW + 60))
    assert not any(SECRET in file.read_bytes() for file in vault.folder.rglob("*") if file.is_file())
    remove_operator(vault, ada, clock=STOPPED, randomness=counted_bytes(b"y"))
    assert vault.database.number("SELECT count(*) FROM second_factor") == 0


def test_a_site_keeper_ends_it_for_who_lost_the_app(vault: Vault, ada: Operator) -> None:
    with vault.database.transaction():
        disable_codes(vault.database, ada.number)
    assert unlock(vault, ada, None, NOW)
    assert not has_second_factor(operator_named(vault.database, "Ada"))


@pytest.mark.parametrize("given", ["", "\udcff12345", "１２３４５６", "0" * 100_000, "123456\n"])
def test_what_is_no_code_at_all_is_a_wrong_one(vault: Vault, ada: Operator, given: str) -> None:
    """As an environment's variable it may be any bytes."""
    with pytest.raises(WrongCode):
        unlock(vault, ada, given, NOW + 300)
