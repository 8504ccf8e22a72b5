"""Steps 11 and 12: what people sign who answer for a record, and after which block they signed. The grade stays, as with bounds of time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from perdure_anchor import confirmation as made
from perdure_anchor import rlp
from perdure_anchor.base64_text import encode_base64
from perdure_anchor.checkpoint import Origin, RegistryDomain
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.qbft import block_hash, parse_extra_data
from perdure_anchor.timestamp import MAX_SECONDS
from perdure_anchor.webauthn import Assertion
from simulated_chain import (
    DIFFICULTY,
    DOMAIN,
    ORIGIN,
    START,
    SimulatedChain,
    accounts,
    sealed,
    with_extra,
    with_field,
)
from tools.accounts import account, high_s_twin
from tools.authenticator import USER_PRESENT, Authenticator, eddsa, es256, on_curve, rs256
from tools.confirmed_records import ADA, BEN, BEN_WITH_PASSKEY, Confirming, Person, Signer, attested
from tools.hop_stories import FIVE, FOUR
from tools.vectors.base import FULL, STORY, edited, raw_of, short, told, whole
from tools.vectors.form import Case
from tools.vectors.header_cases import BLOCK
from tools.vectors.time_cases import AFTER, BEFORE, STRANGER, timed

CHARLES = replace(BEN, name="Charles Example", operator=Hash32(b"\3" * 32))


def passkey(authenticator: Authenticator, **changes: Any) -> Confirming:
    """Confirmed with a passkey that signs with these changes (see `Authenticator.sign`)."""

    def sign(signer: Signer, digest: Hash32) -> bytes | Assertion:
        if isinstance(signer, Authenticator):
            return signer.sign(digest, **changes)
        return ADA_SIGNS(signer, digest)

    return Confirming(confirmer=replace(BEN, signer=authenticator), sign=sign)


ADA_SIGNS = Confirming().sign


def confirmed(confirm: Confirming, **changes: Any) -> bytes:
    return raw_of(confirm=confirm, **changes)


def changed(*path: str, value: Any, confirm: Confirming | None = None) -> bytes:
    """The slot changed at a path of members after it was signed, and sealed so."""

    def edit(top: dict[str, Any]) -> None:
        inner: Any = top
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return confirmed(replace(confirm or Confirming(), edit=edit))


def cut(*path: str, confirm: Confirming | None = None) -> bytes:
    """The slot without a member."""

    def edit(top: dict[str, Any]) -> None:
        inner: Any = top
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]

    return confirmed(replace(confirm or Confirming(), edit=edit))


BY_PASSKEY = Confirming(confirmer=BEN_WITH_PASSKEY)


def _forms() -> dict[str, Case]:
    of_ben, signature = ("confirmed", "credential"), ("confirmed", "signature")
    refused: dict[str, tuple[str, str, bytes]] = {
        "confirmation-of-nobody": ("ConfirmationError", "neither part is there", confirmed(Confirming(None, None))),
        "confirmation-with-a-third-part": ("UnknownKey", "a member more", changed("witnessed", value=None)),
        "confirmation-without-a-part": ("MissingKey", "no member for who recorded", cut("recorded")),
        "confirmation-part-a-list": ("WrongType", "a list in the place of a part", changed("recorded", value=[])),
        "confirmation-without-a-time": ("MissingKey", "no time", cut("confirmed", "at")),
        "confirmation-with-a-role": ("UnknownKey", "a member more in a part", changed("confirmed", "role", value="confirmer")),
        "confirmation-name-of-257": ("WrongType", "a name too long", confirmed(Confirming(confirmer=replace(BEN, name="B" * 257)))),
        "confirmation-name-null": ("WrongType", "no name", changed("confirmed", "name", value=None)),
        "confirmation-operator-in-capitals": ("ConfirmationError", "hexadecimal in capitals", changed("confirmed", "operator", value=BEN.operator.hex().upper())),
        "confirmation-operator-of-31-bytes": ("ConfirmationError", "a leaf hash too short", changed("confirmed", "operator", value="ab" * 31)),
        "confirmation-operator-with-0x": ("WrongType", "a leaf hash with 0x", changed("confirmed", "operator", value=to_hex(BEN.operator))),
        "confirmation-time-with-offset": ("TimestampError", "the same time with another offset", changed("confirmed", "at", value="2026-01-01T01:00:05+01:00")),
        "confirmation-time-with-fraction": ("TimestampError", "a fraction of a second", changed("confirmed", "at", value="2026-01-01T00:00:05.0Z")),
        "confirmation-time-before-1970": ("TimestampError", "a time before 1970", changed("confirmed", "at", value="1969-12-31T23:59:59Z")),
        "confirmation-time-a-number": ("TimestampError", "a number as time", changed("confirmed", "at", value=START)),
        "confirmation-after-of-31-bytes": ("HexError", "a block hash too short", changed("confirmed", "after", value="0x" + "ab" * 31)),
        "confirmation-saw-document-a-number": ("WrongType", "1 in the place of true", changed("confirmed", "saw_document", value=1)),
        "confirmation-kind-unknown": ("ConfirmationError", "a credential of another kind", changed(*of_ben, "kind", value="totp")),
        "confirmation-credential-a-text": ("ConfirmationError", "a text as credential", changed(*of_ben, value="key")),
        "confirmation-key-with-name": ("UnknownKey", "a member more in a credential", changed(*of_ben, "name", value="Ben")),
        "confirmation-address-of-21-bytes": ("HexError", "an address too long", changed(*of_ben, "address", value="0x" + "ab" * 21)),
        "confirmation-signature-of-64-bytes": ("Base64Error", "a signature too short", changed(*signature, value=encode_base64(bytes(64)))),
        "confirmation-signature-in-hexadecimal": ("Base64Error", "another spelling", changed(*signature, value="0x" + "ab" * 65)),
        "passkey-without-rp-id": ("MissingKey", "a passkey of no party", cut(*of_ben, "rp_id", confirm=BY_PASSKEY)),
        "passkey-rp-id-of-254": ("WrongType", "a party's id too long", confirmed(passkey(replace(eddsa("of Ben"), rp_id="a" * 254)))),
        "passkey-public-key-of-769-bytes": ("Base64Error", "a public key too long", changed(*of_ben, "public_key", value=encode_base64(bytes(769)), confirm=BY_PASSKEY)),
        "passkey-signature-a-text": ("WrongType", "a signature as a key has it", changed(*signature, value=encode_base64(bytes(65)), confirm=BY_PASSKEY)),
        "passkey-assertion-with-user": ("UnknownKey", "a member more in the assertion", changed(*signature, "user_handle", value="", confirm=BY_PASSKEY)),
        "passkey-authenticator-data-of-36-bytes": ("PasskeyUnusable", "authenticator data too short", changed(*signature, "authenticator_data", value=encode_base64(bytes(36)), confirm=BY_PASSKEY)),
        "passkey-authenticator-data-of-513-bytes": ("Base64Error", "authenticator data too long", confirmed(passkey(eddsa("of Ben"), extensions=bytes(513 - 37)))),
        "passkey-client-data-of-2049-bytes": ("Base64Error", "client data too long", confirmed(padded(2049))),
        "passkey-signature-of-769-bytes": ("Base64Error", "a signature too long", changed(*signature, "signature", value=encode_base64(bytes(769)), confirm=BY_PASSKEY)),
    }  # fmt: skip
    return _refused(refused)


def padded(size: int) -> Confirming:
    """Client data of so many bytes."""
    empty = len(eddsa("of Ben").sign(bytes(32), client={"padding": ""}).client_data)
    return passkey(eddsa("of Ben"), client={"padding": "x" * (size - empty)})


def _refused(cases: dict[str, tuple[str, str, bytes]]) -> dict[str, Case]:
    return {name: Case(about, raw, (11, fault)) for name, (fault, about, raw) in cases.items()}


def _keys() -> dict[str, Case]:
    other_block = to_hex(FULL.chain.blocks[1].name)
    recorder = ("recorded", "signature")
    not_signed = {
        "confirmation-name-changed": ("the name is another one", changed("confirmed", "name", value="Bob Example")),
        "confirmation-operator-changed": ("the record of the key is another one", changed("confirmed", "operator", value="ab" * 32)),
        "confirmation-time-changed": ("a second later", changed("confirmed", "at", value="2026-01-01T00:00:06Z")),
        "confirmation-block-changed": ("the block is another one", changed("confirmed", "after", value=other_block)),
        "confirmation-block-taken-out": ("the block is left out", changed("confirmed", "after", value=None)),
        "confirmation-of-a-document-not-seen": ("he did not say that he saw the document", changed("confirmed", "saw_document", value=False)),
        "confirmation-key-exchanged": ("another key is named", changed("confirmed", "credential", "address", value=to_hex(account("mallory").address))),
        "confirmation-without-its-recorder": ("who recorded was taken out", changed("recorded", value=None)),
        "confirmation-as-recording": ("a confirmation in the place of who recorded", _swapped()),
        "confirmation-recorder-exchanged": ("somebody else's part put in for who recorded, after it was confirmed", _exchanged()),
        "confirmation-of-another-record": ("signed for a record with another document", _of(lambda digests: (bytes(32), *digests[1:]))),
        "confirmation-of-another-extra": ("signed for a record with another last slot", _of(lambda digests: (*digests[:-1], bytes(32)))),
        "confirmation-for-another-site": ("signed for a record of another site", _of(site=Origin("acme", "delft").site)),
        "confirmation-for-another-chain": ("signed for another chain", _of(domain=replace(DOMAIN, chain_id=1))),
        "confirmation-for-another-registry": ("signed for another registry", _of(domain=RegistryDomain(DOMAIN.chain_id, account("copy").address))),
    }  # fmt: skip
    bad_signatures = {
        "confirmation-signature-of-zeros": ("a signature of zero bytes", changed(*recorder, value=encode_base64(bytes(65)))),
        "confirmation-high-s": ("the signature's twin", _signed(lambda octets: high_s_twin(octets))),
        "confirmation-v-0": ("v is 0 or 1", _signed(lambda octets: octets[:64] + bytes((octets[64] - 27,)))),
    }  # fmt: skip
    twice = {
        "confirmation-by-one-key": ("one key under two names", confirmed(Confirming(confirmer=replace(CHARLES, signer=ADA.signer)))),
        "confirmation-by-one-record-of-keys": ("two keys of one record of keys", confirmed(Confirming(confirmer=replace(BEN, operator=ADA.operator)))),
        "confirmation-by-one-name": ("two keys under one name", confirmed(Confirming(confirmer=replace(BEN, name=ADA.name)))),
        "confirmation-by-one-passkey": ("one passkey at two parties", confirmed(Confirming(replace(ADA, signer=eddsa("of Ben")), replace(BEN, signer=replace(eddsa("of Ben"), rp_id="acme.example"))))),
    }  # fmt: skip
    return {
        **_refused({name: ("ConfirmationNotSigned", *case) for name, case in not_signed.items()}),
        **_refused({name: ("SignatureError", *case) for name, case in bad_signatures.items()}),
        **_refused({name: ("OnePersonTwice", *case) for name, case in twice.items()}),
    }


def _signed(edit: Callable[[bytes], bytes]) -> bytes:
    def sign(signer: Signer, digest: Hash32) -> bytes:
        signature = ADA_SIGNS(signer, digest)
        assert isinstance(signature, bytes)
        return edit(signature) if signer == BEN.signer else signature

    return confirmed(Confirming(sign=sign))


def _swapped() -> bytes:
    def edit(top: dict[str, Any]) -> None:
        top.update(recorded=top["confirmed"], confirmed=None)

    return confirmed(Confirming(recorder=None, edit=edit))


def _exchanged() -> bytes:
    """What Ben confirmed of Ada's stands behind what Charles recorded."""
    return _with_parts(lambda signed, other: {**signed, "recorded": other["recorded"]}, CHARLES_RECORDS)


CHARLES_RECORDS: Person = replace(ADA, name="Charles Example", signer=account("key of Charles"))


def _with_parts(join: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]], recorder: Person) -> bytes:
    def confirm(digests: tuple[Hash32, ...], newest: Hash32) -> Any:
        one: Any = Confirming()(digests, newest)
        other: Any = Confirming(recorder=recorder)(digests, newest)
        return join(one, other)

    return raw_of(confirm=confirm)


def _of(
    edit: Callable[[tuple[Hash32, ...]], tuple[bytes, ...]] = lambda digests: digests, **others: Any
) -> bytes:
    """Signed over other digests, or for another site or registry."""

    def confirm(digests: tuple[Hash32, ...], newest: Hash32) -> Any:
        wrong = tuple(map(Hash32, edit(digests)))
        return made.encode_confirmation(attested(wrong, ADA, BEN, newest, **others))

    return raw_of(confirm=confirm)


def _passkeys() -> dict[str, Case]:
    ben, p256, rsa = eddsa("of Ben"), es256("of Ben"), rs256("of Ben")
    not_valid = {
        "passkey-challenge-of-another-record": ("another challenge", confirmed(passkey(ben, client={"challenge": "A" * 43}))),
        "passkey-challenge-padded": ("the challenge with padding", confirmed(_with_client(lambda text: text.replace('","origin', '=","origin')))),
        "passkey-challenge-doubled": ("two challenges, the second one right", confirmed(_with_client(lambda text: text.replace('"challenge"', '"challenge":"' + "A" * 43 + '","challenge"')))),
        "passkey-type-create": ("client data of a registration", confirmed(passkey(ben, client={"type": "webauthn.create"}))),
        "passkey-client-data-a-list": ("client data that are a list", confirmed(passkey(ben, client_data=b"[]"))),
        "passkey-client-data-no-json": ("client data that are no JSON", confirmed(passkey(ben, client_data=b"{"))),
        "passkey-client-data-in-utf-16": ("client data in another encoding", confirmed(_with_client(lambda text: text, "utf-16"))),
        "passkey-of-another-party": ("made for another party", confirmed(passkey(ben, rp_id="evil.example"))),
        "passkey-nobody-there": ("nobody touched the authenticator", confirmed(passkey(ben, flags=0x04))),
        "passkey-ed25519-exchanged": ("another passkey is named", _exchanged_key(ben, eddsa("of Mallory"))),
        "passkey-es256-exchanged": ("another passkey on P-256 is named", _exchanged_key(p256, es256("of Mallory"))),
        "passkey-rs256-exchanged": ("another passkey of RSA is named", _exchanged_key(rsa, rs256("of Mallory"))),
        "passkey-signature-not-der": ("an ECDSA signature that is no DER", changed("confirmed", "signature", "signature", value=encode_base64(bytes(64)), confirm=passkey(p256))),
        "passkey-signature-of-768-bytes": (
            "no signature, but as long as one can be",
            changed(
                "confirmed",
                "signature",
                "signature",
                value=encode_base64(bytes(768)),
                confirm=BY_PASSKEY,
            ),
        ),
        "passkey-signature-empty": ("no bytes as signature", changed("confirmed", "signature", "signature", value="", confirm=passkey(ben))),
    }  # fmt: skip
    unusable = {
        "passkey-of-rsa-1024": ("an RSA key of 1024 bits", confirmed(passkey(rs256("of Ben", 1024)))),
        "passkey-of-rsa-2046": ("an RSA key of 2046 bits", confirmed(passkey(rs256("of Ben", 2046)))),
        "passkey-of-rsa-exponent-1": (
            "an RSA key whose signatures anybody makes",
            _spelled_key(rsa, lambda octets: _with_exponent_1(octets)),
        ),
        "passkey-on-p384": ("a key on P-384", confirmed(passkey(Authenticator(on_curve("of Ben", ec.SECP384R1()))))),
        "passkey-on-secp256k1": ("a key on secp256k1", confirmed(passkey(Authenticator(on_curve("of Ben", ec.SECP256K1()))))),
        "passkey-public-key-of-768-bytes": (
            "no public key, but as long as one can be",
            _spelled_key(p256, lambda octets: bytes(768)),
        ),
        "passkey-public-key-no-der": ("a public key that is no DER", _spelled_key(p256, lambda octets: b"\x04" + bytes(64))),
        "passkey-public-key-compressed": ("the same key, its point compressed", _spelled_key(p256, _compressed)),
        "passkey-public-key-and-a-byte": ("a byte behind the public key", _spelled_key(ben, lambda octets: octets + b"\0")),
    }  # fmt: skip
    return {
        **_refused({name: ("AssertionNotValid", *case) for name, case in not_valid.items()}),
        **_refused({name: ("PasskeyUnusable", *case) for name, case in unusable.items()}),
    }


def _with_client(edit: Callable[[str], str], encoding: str = "utf-8") -> Confirming:
    """Client data whose text is changed before it is signed."""

    def sign(signer: Signer, digest: Hash32) -> bytes | Assertion:
        if not isinstance(signer, Authenticator):
            return ADA_SIGNS(signer, digest)
        text = signer.sign(digest).client_data.decode()
        return signer.sign(digest, client_data=edit(text).encode(encoding))

    return replace(BY_PASSKEY, sign=sign)


def _exchanged_key(true: Authenticator, named: Authenticator) -> bytes:
    """One passkey signs all of what the other one would."""

    def sign(signer: Signer, digest: Hash32) -> bytes | Assertion:
        return true.sign(digest) if isinstance(signer, Authenticator) else ADA_SIGNS(signer, digest)

    return confirmed(Confirming(confirmer=replace(BEN, signer=named), sign=sign))


def _compressed(octets: bytes) -> bytes:
    """A SubjectPublicKeyInfo on P-256 with the point's x and its sign only."""
    head, x, y = octets[:26], octets[27:59], octets[59:]
    body = head[2:23] + b"\x03\x22\x00" + bytes((2 + (y[-1] & 1),)) + x
    return b"\x30" + bytes((len(body),)) + body


def _spelled_key(true: Authenticator, spell: Callable[[bytes], bytes]) -> bytes:
    """The passkey's public key is spelled otherwise, and this spelling is what is signed."""

    def confirm(digests: tuple[Hash32, ...], newest: Hash32) -> Any:
        statement, ada = BEN.says(newest), attested(digests, ADA, None, newest)
        content, assertion = made.content_digest(digests), ada.recorded
        assert assertion is not None
        recorded = made.statement_digest(
            DOMAIN, ORIGIN.site, content, 1, assertion.statement, assertion.credential
        )
        credential = replace(true.credential, public_key=spell(true.credential.public_key))
        digest = made.statement_digest(DOMAIN, ORIGIN.site, content, 2, statement, credential, recorded)
        return made.encode_confirmation(
            made.Confirmation(assertion, made.Attestation(statement, credential, true.sign(digest)))
        )

    return raw_of(confirm=confirm)


def _with_exponent_1(octets: bytes) -> bytes:
    """The SubjectPublicKeyInfo of an RSA key of 2048 bits, its exponent 65537 (three bytes) exchanged."""
    body = bytearray(octets[:-5] + b"\x02\x01\x01")
    for place in (2, 21, 26):  # the lengths of the whole, of the bit string, and of the pair
        body[place : place + 2] = (int.from_bytes(body[place : place + 2], "big") - 2).to_bytes(2, "big")
    return bytes(body)


def named(header: BlockHeader, *headers: BlockHeader | bytes, **changes: Any) -> bytes:
    """A record whose confirmation alone names the first block, with these headers for it."""
    raws = tuple(each if isinstance(each, bytes) else encode_header(each) for each in headers)
    confirm = Confirming(block=block_hash(header))
    evidence = short(told(confirm=confirm, slots=(("after", None),), **changes).evidence)
    return encode_evidence(replace(evidence, confirmed_not_before=raws))


def _bounds() -> dict[str, Case]:
    seals = parse_extra_data(sealed(AFTER, FOUR).extra_data).seals
    genesis, later = FULL.chain.blocks[0].header, FULL.chain.blocks[5].header
    rival = sealed(with_field(BLOCK, 11, b"\1"), FOUR)
    late = sealed(timed(MAX_SECONDS + 3)(AFTER), FOUR)
    fork = SimulatedChain(FOUR, field_count=15, sealers=lambda number, members: accounts(4, "other"))
    fork.extend(2)
    chain = [block.header for block in FULL.chain.blocks]
    unlisted = sealed(with_extra(AFTER, validators=()), FOUR)
    other_parent = sealed(with_field(AFTER, 0, bytes(32)), FOUR)

    def with_seals(*octets: bytes) -> bytes:
        return named(AFTER, with_extra(AFTER, seals=octets))

    refused: dict[str, tuple[str, str, bytes]] = {
        "confirmed-after-hidden": ("AfterHidden", "the confirmation is hidden", _hidden()),
        "confirmed-after-null": ("AfterHidden", "the confirmation names no block", _nameless(Confirming(names_a_block=False))),
        "confirmed-by-nobody": ("AfterHidden", "there is only who recorded", _nameless(Confirming(confirmer=None))),
        "confirmed-after-other-blocks": ("BlockNotInRun", "the headers do not hold the block that the confirmation names", named(AFTER, BEFORE)),
        "confirmed-after-of-another-fork": ("ForeignSeal", "a block of a chain of other people", named(fork.blocks[2].header, fork.blocks[2].header)),
        "confirmed-after-a-later-block": ("AfterNotBefore", "a block behind the anchor's", named(later, *chain[4:7])),
        "confirmed-after-a-rival-of-the-anchor": ("AfterNotBefore", "another block of the anchor's number", named(rival, rival)),
        "confirmed-after-block-0": ("NoEpoch", "the genesis block, which nobody proposed", _genesis(genesis, chain)),
        "confirmed-after-too-few-seals": ("TooFewSeals", "two of four sealed the block", with_seals(*seals[:2])),
        "confirmed-after-foreign-seal": ("ForeignSeal", "a stranger's seal", named(AFTER, sealed(AFTER, [*FOUR[:3], STRANGER]))),
        "confirmed-after-too-many-seals": ("TooManySeals", "a seal of each of four, and one more", with_seals(*seals, seals[0])),
        "confirmed-after-doubled-seal": ("DoubledSeal", "one seal twice", with_seals(*seals[:3], seals[0])),
        "confirmed-after-seal-of-zeros": ("SignatureError", "a seal of zero bytes", with_seals(*seals[:3], bytes(65))),
        "confirmed-after-list-empty": ("ValidatorListMismatch", "the block lists nobody", named(unlisted, unlisted)),
        "confirmed-after-doubled-header": ("DoubledHeader", "the header twice", named(AFTER, AFTER, AFTER)),
        "confirmed-after-run-with-a-gap": ("BrokenRun", "a block is left out", named(AFTER, chain[AFTER.number - 2], AFTER)),
        "confirmed-after-run-not-linked": ("BrokenRun", "the block names another parent", named(other_parent, BEFORE, other_parent)),
        "confirmed-after-not-a-header": ("RlpError", "no RLP", named(AFTER, b"\xc0\0", AFTER)),
        "confirmed-after-header-of-no-fields": ("HeaderError", "an empty list as header", named(AFTER, b"\xc0", AFTER)),
        "confirmed-after-run-of-another-engine": ("WrongEngine", "another difficulty", named(AFTER, with_field(BEFORE, DIFFICULTY, b"\2"), AFTER)),
        "confirmed-after-run-extra-data": ("ExtraDataError", "extraData without items", named(AFTER, BEFORE.with_extra_data(rlp.encode([])), AFTER)),
        "confirmed-not-before-beyond-9999": ("TimestampError", "a lower bound that no year can hold", named(late, late)),
        "proposer-of-confirmed-after-an-outsider": ("ForeignProposer", "the coinbase of the block is no validator", _outsider()),
    }  # fmt: skip
    cases = {name: Case(about, raw, (12, fault)) for name, (fault, about, raw) in refused.items()}
    in_gap = named(AFTER, BEFORE, AFTER)
    return {
        **cases,
        "confirmed-after-in-no-epoch": Case("the block is in a gap between epochs", in_gap, (12, "NoEpoch"), trust="begins-with-the-anchor"),
        "confirmed-after-of-other-people": Case("the trust file pins other validators for that time", in_gap, (12, "ValidatorListMismatch"), trust="others-before-and-after"),
    }  # fmt: skip


def _hidden() -> bytes:
    return whole(confirm=Confirming(), waits=1, hidden=STORY.hidden | {"confirmation"})


def _nameless(confirm: Confirming) -> bytes:
    return whole(confirm=confirm, waits=1)


def _genesis(genesis: BlockHeader, chain: list[BlockHeader]) -> bytes:
    name = FULL.chain.blocks[0].name
    evidence = short(told(confirm=Confirming(block=name), slots=(("after", None),)).evidence)
    raws = tuple(map(encode_header, chain[:3]))
    return encode_evidence(replace(evidence, confirmed_not_before=raws))


def _outsider() -> bytes:
    def propose(number: int, members: Any) -> Any:
        return STRANGER if number == AFTER.number + 1 else members[number % len(members)]

    evidence = told(confirm=Confirming(), waits=1, proposer=propose).evidence
    return encode_evidence(replace(short(evidence), confirmed_not_before=evidence.confirmed_not_before))


def _accepted() -> dict[str, Case]:
    ben = eddsa("of Ben")
    largest = replace(ben, rp_id="a" * 253)
    held = {
        "confirmed-by-two-keys": ("recorded and confirmed with keys, after the block that the record names too", whole(confirm=Confirming())),
        "confirmed-after-a-newer-block": ("confirmed after a newer block than the record names", whole(confirm=Confirming(), waits=2)),
        "confirmed-after-a-block-and-after-hidden": ("confirmed after the block that the record's hidden slot names", _after_hidden()),
        "confirmed-and-after-null": ("the record names no block, its confirmation does", named(AFTER, BEFORE, AFTER)),
        "confirmed-after-no-block": ("the confirmation names no block", confirmed(Confirming(names_a_block=False))),
        "confirmed-without-recorder": ("nobody signed who recorded", confirmed(Confirming(recorder=None))),
        "recorded-and-not-confirmed": ("who recorded signed, nobody confirmed", confirmed(Confirming(confirmer=None))),
        "confirmed-and-hidden": ("the confirmation is hidden", raw_of(confirm=Confirming(), hidden=STORY.hidden | {"confirmation"})),
        "confirmed-in-version-2": ("a slot of a later version, which nobody reads", confirmed(Confirming(edit=_later))),
        "confirmed-name-of-256": ("the longest name", confirmed(Confirming(confirmer=replace(BEN, name="Æ" * 256)))),
        "confirmed-at-1970": ("the first time that can be written", confirmed(Confirming(confirmer=replace(BEN, at=0)))),
        "confirmed-at-9999": ("the last time that can be written", confirmed(Confirming(confirmer=replace(BEN, at=MAX_SECONDS)))),
        "confirmed-without-seeing-the-document": ("the document was not before him", confirmed(Confirming(confirmer=replace(BEN, saw_document=False)))),
        "confirmed-address-in-small-letters": ("an address without EIP-55's case", changed("confirmed", "credential", "address", value=to_hex(account("key of Ben").address))),
        "confirmed-by-ed25519": ("with a passkey on Ed25519", confirmed(BY_PASSKEY)),
        "confirmed-by-es256": ("with a passkey on P-256", confirmed(passkey(es256("of Ben")))),
        "confirmed-by-rs256": ("with a passkey of RSA", confirmed(passkey(rs256("of Ben")))),
        "confirmed-by-rsa-3": ("with a passkey of RSA whose exponent is 3", confirmed(passkey(rs256("of Ben", 2048, 3)))),
        "confirmed-by-touch-only": ("touched, nobody verified", confirmed(passkey(ben, flags=USER_PRESENT))),
        "confirmed-with-extensions": ("the longest authenticator data", confirmed(passkey(ben, flags=USER_PRESENT | 0x80, extensions=bytes(512 - 37)))),
        "confirmed-with-more-client-data": ("the longest client data, with a member more", confirmed(padded(2048))),
        "confirmed-at-the-longest-party": ("the longest id of a party", confirmed(passkey(largest))),
        "confirmed-after-a-hop": ("a change of validators before", encode_evidence(short_but_confirmed())),
    }  # fmt: skip
    return {name: Case(about, raw) for name, (about, raw) in held.items()}


def short_but_confirmed() -> Any:
    evidence = told(changes=(FIVE,), confirm=Confirming(), waits=1).evidence
    return replace(short(evidence), confirmed_not_before=evidence.confirmed_not_before)


def _later(top: dict[str, Any]) -> None:
    top.update(v=2, confirmed="Ben")


def _after_hidden() -> bytes:
    evidence = told(confirm=Confirming(), hidden=STORY.hidden | {"after"}).evidence
    return encode_evidence(replace(evidence, not_before=None, confirmed_not_before=evidence.not_before))


def _file() -> dict[str, Case]:
    raw = named(AFTER, BEFORE, AFTER)
    return {
        "version-2-with-confirmed-null": Case("null where version 2 has a list", edited(lambda value: value.update(confirmed_not_before=None), raw), (0, "WrongType")),
        "version-2-with-confirmed-empty": Case("an empty list of headers", edited(lambda value: value.update(confirmed_not_before=[]), raw), (0, "EvidenceError")),
        "version-2-without-confirmed": Case("version 2 without its member", edited(lambda value: value.pop("confirmed_not_before"), raw), (0, "NotEvidence")),
        "version-1-with-confirmed": Case("version 1 with a member of version 2", edited(lambda value: value.update(format="perdure-evidence/1"), raw), (0, "UnknownKey")),
        "version-2-without-hops": Case("version 2 without another member", edited(lambda value: value.pop("hops"), raw), (0, "MissingKey")),
        "version-3": Case("a version that is not known", edited(lambda value: value.update(format="perdure-evidence/3"), raw), (0, "NotEvidence")),
    }  # fmt: skip


def cases() -> dict[str, Case]:
    return {**_forms(), **_keys(), **_passkeys(), **_bounds(), **_accepted(), **_file()}
