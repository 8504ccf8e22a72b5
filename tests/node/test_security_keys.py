"""Security keys by USB, with one in software: the library's own client asks it, and its PIN."""

import os
from pathlib import Path

import pytest
from perdure_anchor.hashes import Hash32
from perdure_node.operators.errors import NoSecurityKey, PasskeyNotGiven, PasskeyRefused
from perdure_node.operators.passkeys import usb
from perdure_node.operators.passkeys.ceremony import Passkey, Signing, enrolment
from perdure_node.operators.passkeys.usb import ask_device
from tools.software_authenticator import SoftwareAuthenticator
from tools.software_security_key import SoftwareSecurityKey


class Person:
    def __init__(self, pin: str | None = "1234") -> None:
        self.given, self.touches, self.pins = pin, 0, 0

    def touch(self) -> None:
        self.touches += 1

    def pin(self) -> str | None:
        self.pins += 1
        return self.given


def enrol(key: SoftwareSecurityKey, person: Person, known: tuple[bytes, ...] = ()) -> Passkey:
    return ask_device(enrolment("Ben", known, os.urandom), person, devices=lambda: [key], seconds=10)


def signing(passkey: Passkey) -> Signing:
    return Signing("Ben", Hash32(os.urandom(32)), passkey, "Confirm", ())


@pytest.mark.parametrize(("pin", "fingers", "pins"), [("1234", False, 1), (None, True, 0)])
def test_a_key_signs_for_who_gives_its_pin_or_his_finger(pin: str | None, fingers: bool, pins: int) -> None:
    key, person = SoftwareSecurityKey(pin, fingers), Person()
    passkey = enrol(key, person)
    asked = signing(passkey)
    # judged in there, and as a verifier will
    assertion = ask_device(asked, person, devices=lambda: [key])
    passkey.credential.verify(assertion, asked.challenge)
    assert assertion.user_verified
    assert person.touches >= 2
    assert person.pins == 2 * pins
    assert key.closed


def test_a_wrong_pin_or_none_signs_nothing() -> None:
    with pytest.raises(PasskeyRefused, match="pin invalid") as refused:
        enrol(SoftwareSecurityKey(), Person("0000"))
    assert "locked for good" in str(refused.value.hint)
    with pytest.raises(PasskeyNotGiven, match="PIN was not given"):
        enrol(SoftwareSecurityKey(), Person(None))


def test_a_key_without_pin_and_finger_is_refused() -> None:
    with pytest.raises(PasskeyRefused, match="cannot ask for a PIN or a finger"):
        enrol(SoftwareSecurityKey(pin=None), Person())


def test_who_does_not_touch_it_is_told() -> None:
    key = SoftwareSecurityKey(touched=False)
    with pytest.raises(PasskeyNotGiven, match="touched"):
        ask_device(enrolment("Ben", (), os.urandom), Person(), devices=lambda: [key], seconds=0.2)


def test_another_key_and_one_that_is_enrolled_are_told() -> None:
    key = SoftwareSecurityKey()
    passkey = enrol(key, Person())
    other = SoftwareSecurityKey(authenticator=SoftwareAuthenticator(credential_id=b"another"))
    with pytest.raises(PasskeyRefused) as refused:
        ask_device(signing(passkey), Person(), devices=lambda: [other])
    assert refused.value.hint == "it is another one than was enrolled"
    with pytest.raises(PasskeyRefused) as refused:
        enrol(key, Person(), (passkey.credential_id,))
    assert refused.value.hint == "it is enrolled for this operator already"


def test_none_or_several_plugged_in_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = [SoftwareSecurityKey(), SoftwareSecurityKey()]
    for found, words in (([], "none is plugged in"), (several, "2 are plugged in")):
        with pytest.raises(NoSecurityKey, match=words):
            ask_device(enrolment("Ben", (), os.urandom), Person(), devices=lambda found=found: list(found))
    assert all(each.closed for each in several)
    # a device that this user may not open may be one
    (tmp_path / "hidraw7").touch()
    monkeypatch.setattr(usb, "_DEVICES", tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("fido2.hid.list_descriptors", list)
    with pytest.raises(NoSecurityKey, match="hidraw7") as refused:
        usb.plugged_in()
    assert "udev" in str(refused.value.hint)
