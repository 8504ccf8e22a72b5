"""Passkeys, with an authenticator in software: what is enrolled, what counts as signed, and who is served the page."""

import os
from collections.abc import Mapping

import pytest
from node.test_confirming import person, record, signing
from perdure_anchor.confirmation import CONFIRMED
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.webauthn import Assertion
from perdure_node.operators.acting import attestor, passkey_of
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.confirming import confirm
from perdure_node.operators.passkeys.ceremony import Signing, enrolment
from perdure_node.operators.passkeys.page_server import ask_browser
from perdure_node.operators.people import NewOperator, NewPasskey, Operator, add_operator
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.proving import prove
from perdure_node.records import record_by_sequence
from perdure_node.selectors import parse_selector
from perdure_node.vault import Vault
from tools.site_desk import Site, keys_of, verdict_on
from tools.site_network import STOPPED
from tools.software_authenticator import SoftwareAuthenticator, Visitor


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
