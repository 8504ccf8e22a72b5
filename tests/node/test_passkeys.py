"""Passkeys, with an authenticator in software: what is enrolled, what counts as signed, and who is served the page."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from node.test_confirming import person, record, signing
from perdure_anchor.confirmation import CONFIRMED
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.webauthn import Assertion
from perdure_node.evidence.known_blocks import KnownBlock, newest_known_block, store_known_block
from perdure_node.evidence.proving import prove
from perdure_node.operators.acting import attestor, passkey_of
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.confirming import confirm
from perdure_node.operators.credentials import NewPasskey
from perdure_node.operators.enrolling import add_passkey, remove_credential
from perdure_node.operators.errors import (
    CredentialInUse,
    NotAllowed,
    OperatorRefused,
    PasskeyNotGiven,
    PasskeyRefused,
)
from perdure_node.operators.membership import NewOperator, add_operator
from perdure_node.operators.passkeys.ceremony import Signing, enrolment
from perdure_node.operators.passkeys.page_server import ask_browser
from perdure_node.operators.people import Operator, has_second_factor, operators
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.records import record_by_sequence
from perdure_node.selectors import parse_selector
from perdure_node.vault import Vault, open_vault
from tools.site_desk import Site, keys_of, verdict_on
from tools.site_network import STOPPED
from tools.software_authenticator import PRESENT, VERIFIED, SoftwareAuthenticator, Visitor


def enrolled(vault: Vault, name: str, authenticator: SoftwareAuthenticator, *roles: Role) -> Operator:
    asked = enrolment(name, (), os.urandom)
    passkey = ask_browser(asked, Visitor(authenticator).answer, randomness=os.urandom)
    return add_operator(
        vault,
        keys_of(vault),
        NewOperator(name, frozenset(roles), None),
        clock=STOPPED,
        randomness=os.urandom,
        passkeys=[NewPasskey(passkey, "browser", None)],
    )


def signing_by_passkey(vault: Vault, who: Operator, visitor: Visitor) -> Attestor:
    stored = who.credentials[-1]

    def sign(digest: Hash32, part: int, slots: Mapping[str, JsonValue], /) -> Assertion:
        assert part == CONFIRMED
        lines = (("Document", str(slots["document_name"])),)
        asked = Signing(who.name, digest, passkey_of(stored), "Confirm", lines)
        return ask_browser(asked, visitor.answer, randomness=os.urandom)

    return attestor(vault, who, stored.credential, sign)


@pytest.mark.parametrize("kind", ["P-256", "Ed25519", "RSA"])
def test_who_has_only_a_passkey_confirms_and_the_evidence_says_so(site: Site, kind: str) -> None:
    vault = site.vault
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    ada = person(vault, "Ada", Role.RECORDER)
    key = SoftwareAuthenticator(kind)
    ben = enrolled(vault, "Ben", key, Role.CONFIRMER)
    assert not ben.reads
    site.sync()
    added = record(vault, signing(vault, ada))
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    visitor = Visitor(key)
    name = confirm(
        vault,
        stored,
        keys_of(vault),
        signing_by_passkey(vault, ben, visitor),
        saw_document=True,
        clock=STOPPED,
        randomness=os.urandom,
    )
    assert visitor.statuses == [200, 200]
    assert "<dd>1.txt</dd>" in visitor.seen[0]
    site.sync()
    proof = prove(vault, site.keys, parse_selector(name.hex()), disclose={"confirmation"})
    verdict = verdict_on(proof.evidence, vault.trust, 1)
    assert verdict.ok
    assert verdict.confirmation is not None
    assert verdict.confirmation.confirmed is not None
    assert verdict.confirmation.confirmed.credential == ben.credentials[0].credential


ORIGIN = "http://localhost:1"


def asked(kind: str = "P-256") -> tuple[SoftwareAuthenticator, Signing]:
    key = SoftwareAuthenticator(kind)
    new = enrolment("Ben", (), os.urandom)
    passkey = new.judge(key.create(plain(new.options()), ORIGIN), ORIGIN)
    return key, Signing("Ben", Hash32(os.urandom(32)), passkey, "Confirm", ())


def plain(options: object) -> dict[str, Any]:
    """As the page has them."""
    return dict(json.loads(json.dumps(dict(options))))  # type: ignore[call-overload]


def test_an_answer_counts_for_the_one_thing_that_was_asked() -> None:
    key, signing = asked()
    answer = key.get(plain(signing.options()), ORIGIN)
    assert signing.judge(answer, ORIGIN).user_verified
    # the same answer to another question, be it the same record a second later
    with pytest.raises(PasskeyRefused, match="something else was signed"):
        replace(signing, challenge=Hash32(os.urandom(32))).judge(answer, ORIGIN)
    with pytest.raises(PasskeyRefused, match="another page"):
        signing.judge(answer, "http://localhost:2")
    with pytest.raises(PasskeyRefused, match="did not sign"):
        signing.judge(asked()[0].get(plain(signing.options()), ORIGIN), ORIGIN)


@pytest.mark.parametrize(
    ("flags", "why"),
    [(PRESENT, "finger, a face or a PIN"), (VERIFIED, "nobody touched"), (0, "nobody touched")],
)
def test_who_is_not_known_to_his_authenticator_signs_nothing(flags: int, why: str) -> None:
    key, signing = asked()
    key.flags = flags
    with pytest.raises(PasskeyRefused, match=why):
        signing.judge(key.get(plain(signing.options()), ORIGIN), ORIGIN)
    new = enrolment("Ben", (), os.urandom)
    with pytest.raises(PasskeyRefused, match="not enrolled"):
        new.judge(key.create(plain(new.options()), ORIGIN), ORIGIN)


def test_what_is_enrolled_is_what_was_asked_for() -> None:
    key, new = SoftwareAuthenticator(), enrolment("Ben", (), os.urandom)
    answer = key.create(plain(new.options()), ORIGIN)
    with pytest.raises(PasskeyRefused, match="challenge"):
        enrolment("Ben", (), os.urandom).judge(answer, ORIGIN)
    with pytest.raises(PasskeyRefused, match="origin"):
        new.judge(answer, "http://localhost:2")
    with pytest.raises(PasskeyRefused, match="P-256"):
        new.judge(SoftwareAuthenticator("P-384").create(plain(new.options()), ORIGIN), ORIGIN)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": 1, "rawId": [], "response": None},
        {"id": "", "rawId": "", "type": "public-key", "response": {}},
        {"id": "x", "rawId": "eA", "response": {"clientDataJSON": "e30", "attestationObject": "oA"}},
        {
            "id": "x",
            "rawId": "eA",
            "response": {"clientDataJSON": "?", "authenticatorData": "", "signature": ""},
        },
        {
            "id": "x",
            "rawId": "eA",
            "response": {"clientDataJSON": "W10", "authenticatorData": "AA", "signature": "AA"},
        },
    ],
)
def test_whatever_is_posted_is_refused_in_words(answer: dict[str, object]) -> None:
    _, signing = asked()
    for question in (signing, enrolment("Ben", (), os.urandom)):
        with pytest.raises(PasskeyRefused):
            question.judge(answer, ORIGIN)


def test_the_page_is_served_to_nobody_else() -> None:
    """Another name, another path, another origin, another browser; and what is told of the person is text, not markup."""
    statuses: dict[str, int] = {}

    def visit(address: str) -> None:
        port = httpx.URL(address).port
        origin = f"http://localhost:{port}"
        with httpx.Client() as own:
            page = own.get(address)
            assert "Ben &lt;script&gt;" in page.text
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert page.headers["cache-control"] == "no-store"
            assert "http" not in page.text.replace(address, "")
            statuses["own name"] = own.get(address.replace("localhost", "127.0.0.1")).status_code
            statuses["rebound"] = own.get(address, headers={"Host": f"evil.example:{port}"}).status_code
            statuses["no token"] = own.get(f"{origin}/").status_code
            statuses["other token"] = own.get(f"{origin}/{'0' * 32}/").status_code
            statuses["script"] = own.get(f"{address}page.js").status_code
            statuses["other file"] = own.get(f"{address}../page_server.py").status_code
            statuses["other origin"] = own.post(
                f"{address}answer", json={"cancelled": True}, headers={"Origin": "http://evil.example"}
            ).status_code
            statuses["no origin"] = own.post(f"{address}answer", json={"cancelled": True}).status_code
            statuses["form"] = own.post(
                f"{address}answer", data={"cancelled": "true"}, headers={"Origin": origin}
            ).status_code
            statuses["huge"] = own.post(
                f"{address}answer", json={"cancelled": "x" * 70_000}, headers={"Origin": origin}
            ).status_code
            statuses["not JSON"] = own.post(
                f"{address}answer",
                content=b"[" * 50_000,
                headers={"Origin": origin, "Content-Type": "application/json"},
            ).status_code
            statuses["rubbish"] = own.post(
                f"{address}answer", json={}, headers={"Origin": origin}
            ).status_code
            cookies = dict(own.cookies)
        with httpx.Client() as stranger:
            statuses["stranger"] = stranger.get(address).status_code
            statuses["stranger's script"] = stranger.get(f"{address}page.js").status_code
            statuses["stranger's answer"] = stranger.post(
                f"{address}answer", json={"cancelled": True}, headers={"Origin": origin}
            ).status_code
        first_visitor.update(cookies)

    first_visitor: dict[str, str] = {}
    key = SoftwareAuthenticator()

    def come(address: str) -> None:
        visit(address)
        again = Visitor(key, httpx.Client(cookies=first_visitor))
        assert again.answer(address).status_code == 200
        late = again.client.post(
            f"{address}answer", json={}, headers={"Origin": address.rpartition("/")[0].rpartition("/")[0]}
        )
        assert late.status_code == 410

    made = ask_browser(enrolment("Ben <script>", (), os.urandom), come, randomness=os.urandom)
    assert made.credential_id == key.credential_id
    assert statuses == {
        "own name": 421,
        "rebound": 421,
        "no token": 404,
        "other token": 404,
        "script": 200,
        "other file": 404,
        "other origin": 403,
        "no origin": 403,
        "form": 415,
        "huge": 413,
        "not JSON": 400,
        "rubbish": 422,
        "stranger": 403,
        "stranger's script": 404,
        "stranger's answer": 403,
    }


def test_after_many_wrong_answers_it_is_over() -> None:
    visitor = Visitor(SoftwareAuthenticator(flags=PRESENT))

    def come(address: str) -> None:
        for _ in range(20):
            visitor.answer(address)

    with pytest.raises(PasskeyRefused, match="20th wrong answer"):
        ask_browser(enrolment("Ben", (), os.urandom), come, randomness=os.urandom)
    assert visitor.statuses.count(422) == 20


def test_who_cancels_or_never_comes_is_told() -> None:
    def cancel(address: str) -> None:
        visitor = Visitor(SoftwareAuthenticator())
        _, _, origin = visitor.open(address)
        visitor.post(address, origin, {"cancelled": True})

    with pytest.raises(PasskeyNotGiven, match="cancelled"):
        ask_browser(enrolment("Ben", (), os.urandom), cancel, randomness=os.urandom)
    addresses: list[str] = []
    with pytest.raises(PasskeyNotGiven, match="nobody used it"):
        ask_browser(enrolment("Ben", (), os.urandom), addresses.append, randomness=os.urandom, seconds=0.1)
    # and nobody listens any more
    with pytest.raises(httpx.ConnectError):
        httpx.get(addresses[0])


def test_a_removed_passkey_signs_nothing_and_is_nobodys_again(vault: Vault) -> None:
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    ada, key = person(vault, "Ada", Role.RECORDER), SoftwareAuthenticator()
    ben = enrolled(vault, "Ben", key, Role.CONFIRMER)
    with pytest.raises(OperatorRefused, match="no other credential"):
        remove_credential(vault, ben, ben.credentials[0].number, clock=STOPPED, randomness=os.urandom)
    signs = signing_by_passkey(vault, ben, Visitor(key))
    second = SoftwareAuthenticator("Ed25519", credential_id=b"another")
    new = enrolment("Ben", (), os.urandom)
    passkey = new.judge(second.create(plain(new.options()), ORIGIN), ORIGIN)
    ben = add_passkey(vault, ben, NewPasskey(passkey, "usb", "spare"), clock=STOPPED, randomness=os.urandom)
    assert [each.label for each in ben.credentials] == [None, "spare"]
    assert has_second_factor(ben)
    ben = remove_credential(vault, ben, ben.credentials[0].number, clock=STOPPED, randomness=os.urandom)
    added = record(vault, signing(vault, ada))
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    # what was asked before it was removed, and what pretends to have been asked since
    for whose in (signs, replace(signs, operator=ben.own_record)):
        with pytest.raises(NotAllowed, match="removed"):
            confirm(
                vault,
                stored,
                keys_of(vault),
                whose,
                saw_document=True,
                clock=STOPPED,
                randomness=os.urandom,
            )
    again = SoftwareAuthenticator()
    again.key = key.key
    with pytest.raises(CredentialInUse):
        enrolled(vault, "Eve", again, Role.CONFIRMER)
    assert [each.name for each in operators(vault.database)] == ["Ada", "Ben"]


def test_while_somebody_looks_for_his_passkey_nobody_has_to_wait(vault: Vault) -> None:
    """Others record meanwhile, and a sync forgets the block that he signs: it is kept for his record."""
    key = SoftwareAuthenticator()
    ada = enrolled(vault, "Ada", key, Role.RECORDER)
    stored = ada.credentials[0]

    def sign(digest: Hash32, part: int, slots: Mapping[str, JsonValue], /) -> Assertion:
        with open_vault(vault.folder) as other, other.database.transaction():
            other.database.execute("DELETE FROM known_block")
        question = Signing("Ada", digest, passkey_of(stored), "Record", ())
        return question.judge(key.get(plain(question.options()), ORIGIN), ORIGIN)

    block = KnownBlock(Hash32(b"b" * 32), 7, 1_700_000_000, (b"header",))
    with vault.database.transaction():
        store_known_block(vault.database, block)
    added = record(vault, attestor(vault, ada, stored.credential, sign))
    kept = record_by_sequence(vault.database, added.sequence)
    assert kept is not None
    assert newest_known_block(vault.database) == block
    # said again in the same words it is there, and nobody is asked
    assert record(vault, attestor(vault, ada, stored.credential, _never)).was_there


def _never(_digest: Hash32, _part: int, _slots: Mapping[str, JsonValue], /) -> Assertion:
    raise AssertionError
