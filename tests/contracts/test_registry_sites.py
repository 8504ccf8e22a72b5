"""Sites of the registry: who may register them, change their keys, speak about them and close them."""

import pytest
from perdure_anchor.checkpoint import RegistryDomain
from perdure_anchor.hashes import Hash32, keccak256
from perdure_anchor.key_rotation import KeyRotation, key_rotation_digest, sign_key_rotation
from tools.evm_chain import Event, Refused
from tools.founded import KEY, NEW_KEY, OTHER_KEY, STRANGER, Founded, account, partner_id

ACME, GLOBEX = account("acme"), account("globex")
ZERO = bytes(20)
NEVER = bytes(32)
YEAR = 366 * 24 * 3600


def refusal(founded: Founded, sender, function, *arguments):
    with pytest.raises(Refused) as caught:
        founded.registry.send(sender, function, *arguments)
    return caught.value.name, caught.value.fields


def not_partners(partner, caller):
    return "NotPartnersAccount", {"partner": partner_id(partner), "caller": caller}


def site_of(founded, site):
    names = ("partner", "key", "previousKey", "previousKeyUntil", "keyNonce", "compromisedSince", "successor")
    return dict(zip(names, founded.registry.read("siteOf", site), strict=True))


# --- registering


def test_a_partner_registers_a_site_by_its_name(founded):
    outcome = founded.registry.send(ACME, "registerSite", "acme", "rotterdam", KEY.address)
    site = keccak256(b"acme/rotterdam")
    assert outcome.value == site
    fields = {
        "site": site,
        "partner": partner_id("acme"),
        "origin": "acme/rotterdam",
        "key": KEY.address,
    }
    assert outcome.events == (Event("SiteRegistered", fields),)
    assert site_of(founded, site) == {
        "partner": partner_id("acme"),
        "key": KEY.address,
        "previousKey": ZERO,
        "previousKeyUntil": 0,
        "keyNonce": 0,
        "compromisedSince": 0,
        "successor": NEVER,
    }


@pytest.mark.parametrize("caller", [STRANGER, GLOBEX], ids=["stranger", "other partner"])
def test_nobody_else_registers_a_partners_site(founded, caller):
    arguments = ("acme", "rotterdam", KEY.address)
    assert refusal(founded, caller, "registerSite", *arguments) == not_partners("acme", caller)


def test_whoever_is_no_partner_registers_nothing(founded):
    caller = account("umbrella")
    arguments = ("umbrella", "lab", KEY.address)
    assert refusal(founded, caller, "registerSite", *arguments) == not_partners("umbrella", caller)


def test_an_expelled_partner_registers_nothing(founded):
    founded.expel("acme")
    arguments = ("acme", "rotterdam", KEY.address)
    assert refusal(founded, ACME, "registerSite", *arguments) == not_partners("acme", ACME)


def test_an_origin_is_registered_once(founded, site):
    arguments = ("acme", "rotterdam", NEW_KEY.address)
    assert refusal(founded, ACME, "registerSite", *arguments) == ("SiteExists", {"site": site})
    founded.registry.send(ACME, "succeed", site, founded.register("acme/rotterdam-2"))
    assert refusal(founded, ACME, "registerSite", *arguments) == ("SiteExists", {"site": site})


def test_a_site_needs_a_key(founded):
    site = keccak256(b"acme/rotterdam")
    assert refusal(founded, ACME, "registerSite", "acme", "rotterdam", ZERO) == ("ZeroKey", {"site": site})


@pytest.mark.parametrize("name", ["a", "0", "a-", "a--b", "9-9", "a" * 32, "rotterdam-2"])
def test_names_of_the_grammar_are_taken(founded, name):
    founded.register(f"acme/{name}")


@pytest.mark.parametrize(
    "name",
    ["", "-a", "A", "aB", "a/b", "/", "a b", "a_b", "a.b", "a\n", "a\0", "é", "а", "a" * 33, "`", "{", ":"],
    ids=ascii,
)
def test_names_outside_the_grammar_are_refused(founded, name):
    expected = ("BadName", {"name": name})
    assert refusal(founded, ACME, "registerSite", "acme", name, KEY.address) == expected
    assert refusal(founded, ACME, "registerSite", name, "rotterdam", KEY.address) == expected


# --- rotating the key


def test_a_partner_rotates_a_sites_key(founded, site):
    until = founded.chain.time + 60
    (event,) = founded.registry.send(ACME, "rotateKey", site, NEW_KEY.address, 60, b"").events
    fields = {"site": site, "oldKey": KEY.address, "newKey": NEW_KEY.address, "oldKeyUntil": until}
    assert event == Event("KeyRotated", fields)
    assert site_of(founded, site) == {
        "partner": partner_id("acme"),
        "key": NEW_KEY.address,
        "previousKey": KEY.address,
        "previousKeyUntil": until,
        "keyNonce": 1,
        "compromisedSince": 0,
        "successor": NEVER,
    }


def test_anybody_may_carry_the_old_keys_message(founded, site):
    signature = founded.signed_rotation(site, NEW_KEY.address, 60, 0, KEY)
    founded.registry.send(STRANGER, "rotateKey", site, NEW_KEY.address, 60, signature)
    assert site_of(founded, site)["key"] == NEW_KEY.address


@pytest.mark.parametrize("caller", [STRANGER, GLOBEX], ids=["stranger", "other partner"])
def test_nobody_else_rotates_without_a_signature(founded, site, caller):
    arguments = (site, NEW_KEY.address, 60, b"")
    assert refusal(founded, caller, "rotateKey", *arguments) == not_partners("acme", caller)


def test_an_expelled_partners_keys_stay_as_they_are(founded, site):
    founded.expel("acme")
    frozen = ("PartnerNotInConsortium", {"site": site, "partner": partner_id("acme")})
    signature = founded.signed_rotation(site, NEW_KEY.address, 60, 0, KEY)
    for message in (b"", signature):
        assert refusal(founded, ACME, "rotateKey", site, NEW_KEY.address, 60, message) == frozen


def rotation_refusal(founded, site, signature, new_key=NEW_KEY, grace=60):
    return refusal(founded, STRANGER, "rotateKey", site, new_key.address, grace, signature)[0]


def test_a_rotation_is_signed_by_the_sites_own_key(founded, site):
    founded.register("acme/lagos", OTHER_KEY)
    forged = founded.signed_rotation(site, NEW_KEY.address, 60, 0, OTHER_KEY)
    assert rotation_refusal(founded, site, forged) == "WrongSigner"
    assert rotation_refusal(founded, site, bytes(65)) == "MalformedSignature"


def test_a_relay_cannot_alter_a_rotation(founded, site):
    signature = founded.signed_rotation(site, NEW_KEY.address, 60, 0, KEY)
    other_site = founded.register("acme/lagos", KEY)
    assert rotation_refusal(founded, site, signature, new_key=OTHER_KEY) == "WrongSigner"
    assert rotation_refusal(founded, site, signature, grace=61) == "WrongSigner"
    assert rotation_refusal(founded, other_site, signature) == "WrongSigner"


def test_the_digest_of_a_rotation_is_the_proof_librarys(founded, site):
    rotation = KeyRotation(Hash32(site), NEW_KEY.address, 60, 0)
    domain = RegistryDomain(founded.chain.chain_id, founded.registry.address)
    digest = founded.registry.read("keyRotationDigest", site, NEW_KEY.address, 60, 0)
    assert digest == key_rotation_digest(domain, rotation)
    signature = sign_key_rotation(domain, rotation, KEY.private)
    founded.registry.send(STRANGER, "rotateKey", site, NEW_KEY.address, 60, signature)
    assert site_of(founded, site)["key"] == NEW_KEY.address


def test_a_checkpoints_signature_rotates_nothing(founded, site):
    signature = founded.signed(founded.checkpoint(site, 3), KEY)
    assert rotation_refusal(founded, site, signature) == "WrongSigner"


def test_a_rotation_for_another_registry_is_refused(founded, site):
    signature = founded.on_other_registry().signed_rotation(site, NEW_KEY.address, 60, 0, KEY)
    assert rotation_refusal(founded, site, signature) == "WrongSigner"


def test_a_rotation_works_once(founded, site):
    """Back and forth between two keys: the first message must not work a second time."""
    there = founded.signed_rotation(site, NEW_KEY.address, 60, 0, KEY)
    back = founded.signed_rotation(site, KEY.address, 60, 1, NEW_KEY)
    founded.registry.send(STRANGER, "rotateKey", site, NEW_KEY.address, 60, there)
    founded.registry.send(STRANGER, "rotateKey", site, KEY.address, 60, back)
    assert rotation_refusal(founded, site, there) == "WrongSigner"
    assert site_of(founded, site)["key"] == KEY.address


def test_a_key_in_its_grace_period_rotates_nothing(founded, site):
    founded.registry.send(ACME, "rotateKey", site, NEW_KEY.address, YEAR, b"")
    signature = founded.signed_rotation(site, OTHER_KEY.address, 60, 1, KEY)
    assert rotation_refusal(founded, site, signature, new_key=OTHER_KEY) == "WrongSigner"


def test_a_revoked_key_rotates_nothing_but_the_partner_does(founded, site):
    founded.registry.send(ACME, "revokeKey", site)
    for nonce in (0, 1):
        signature = founded.signed_rotation(site, NEW_KEY.address, 60, nonce, KEY)
        assert rotation_refusal(founded, site, signature) == "NoKey"
    founded.registry.send(ACME, "rotateKey", site, NEW_KEY.address, 60, b"")
    assert site_of(founded, site)["key"] == NEW_KEY.address
    assert site_of(founded, site)["previousKey"] == ZERO


def test_a_message_kept_from_before_a_revocation_is_dead(founded, site):
    kept = founded.signed_rotation(site, OTHER_KEY.address, 60, 0, KEY)
    founded.registry.send(ACME, "revokeKey", site)
    founded.registry.send(ACME, "rotateKey", site, KEY.address, 0, b"")  # the partner found it again
    assert rotation_refusal(founded, site, kept, new_key=OTHER_KEY) == "WrongSigner"


def test_rotations_to_no_key_and_to_the_same_key_are_refused(founded, site):
    assert refusal(founded, ACME, "rotateKey", site, ZERO, 60, b"") == ("ZeroKey", {"site": site})
    same = ("SameKey", {"site": site, "key": KEY.address})
    assert refusal(founded, ACME, "rotateKey", site, KEY.address, 60, b"") == same


def test_a_grace_period_is_bounded(founded, site):
    for grace in (YEAR + 1, 2**64 - 1):
        expected = ("GracePeriodTooLong", {"site": site, "gracePeriod": grace, "longest": YEAR})
        assert refusal(founded, ACME, "rotateKey", site, NEW_KEY.address, grace, b"") == expected
    founded.registry.send(ACME, "rotateKey", site, NEW_KEY.address, YEAR, b"")


# --- revoking it


def test_a_partner_revokes_a_sites_keys(founded, site):
    founded.registry.send(ACME, "rotateKey", site, NEW_KEY.address, 60, b"")
    (event,) = founded.registry.send(ACME, "revokeKey", site).events
    assert event == Event("KeyRevoked", {"site": site, "key": NEW_KEY.address})
    after = site_of(founded, site)
    assert (after["key"], after["previousKey"], after["previousKeyUntil"]) == (ZERO, ZERO, 0)
    assert after["keyNonce"] == 2


@pytest.mark.parametrize("caller", [STRANGER, GLOBEX, KEY.address], ids=["stranger", "other partner", "key"])
def test_nobody_else_revokes_a_key(founded, site, caller):
    assert refusal(founded, caller, "revokeKey", site) == not_partners("acme", caller)
    assert site_of(founded, site)["key"] == KEY.address


def test_a_key_is_revoked_once(founded, site):
    founded.registry.send(ACME, "revokeKey", site)
    assert refusal(founded, ACME, "revokeKey", site) == ("NoKey", {"site": site})


# --- marking it compromised


def test_a_mark_is_made_and_moves_only_to_an_earlier_time(founded, site):
    now = founded.chain.time

    def refused(since: int, marked: int) -> bool:
        fields = {"site": site, "since": since, "marked": marked, "blockTime": now}
        return refusal(founded, ACME, "markCompromised", site, since) == ("BadCompromiseTime", fields)

    assert refused(0, marked=0)
    assert refused(now + 1, marked=0)
    (event,) = founded.registry.send(ACME, "markCompromised", site, now).events
    assert event == Event("MarkedCompromised", {"site": site, "since": now})
    founded.registry.send(ACME, "markCompromised", site, now - 10)
    assert refused(now - 10, marked=now - 10)
    assert refused(now, marked=now - 10)
    assert refused(0, marked=now - 10)
    assert site_of(founded, site)["compromisedSince"] == now - 10


@pytest.mark.parametrize("caller", [STRANGER, GLOBEX], ids=["stranger", "other partner"])
def test_nobody_else_marks_a_site(founded, site, caller):
    now = founded.chain.time
    assert refusal(founded, caller, "markCompromised", site, now) == not_partners("acme", caller)


def test_a_mark_outlives_rotation_and_stops_nobody(founded, site):
    founded.registry.send(ACME, "markCompromised", site, founded.chain.time)
    founded.anchor_size(site, 3)
    founded.registry.send(ACME, "rotateKey", site, NEW_KEY.address, 0, b"")
    founded.anchor_size(site, 4, NEW_KEY)
    assert site_of(founded, site)["compromisedSince"] == founded.chain.time


# --- closing a log


def test_a_log_is_closed_naming_its_last_head_and_its_successor(founded, site):
    founded.anchor_size(site, 3)
    successor = founded.register("acme/rotterdam-2", NEW_KEY)
    (event,) = founded.registry.send(ACME, "succeed", site, successor).events
    fields = {"oldSite": site, "newSite": successor, "size": 3, "root": founded.log.root(3)}
    assert event == Event("Succeeded", fields)
    assert site_of(founded, site)["successor"] == successor
    founded.anchor_size(successor, 1, NEW_KEY)
    assert (founded.head(site)[0], founded.head(successor)[0]) == (3, 1)


@pytest.mark.parametrize("caller", [STRANGER, GLOBEX], ids=["stranger", "other partner"])
def test_nobody_else_closes_a_log(founded, site, caller):
    successor = founded.register("acme/rotterdam-2")
    assert refusal(founded, caller, "succeed", site, successor) == not_partners("acme", caller)


def test_a_successor_is_another_open_site_of_the_same_partner(founded, site):
    others = founded.register("globex/lagos")
    closed = founded.register("acme/closed")
    founded.registry.send(ACME, "succeed", closed, site)
    for bad in (site, others, closed, keccak256(b"acme/nowhere"), NEVER):
        expected = ("BadSuccessor", {"oldSite": site, "newSite": bad})
        assert refusal(founded, ACME, "succeed", site, bad) == expected


def test_a_log_is_closed_once_and_its_key_stays(founded, site):
    successor, other = founded.register("acme/rotterdam-2"), founded.register("acme/rotterdam-3")
    founded.registry.send(ACME, "succeed", site, successor)
    closed = ("SiteClosed", {"site": site, "successor": successor})
    assert refusal(founded, ACME, "succeed", site, other) == closed
    assert refusal(founded, ACME, "rotateKey", site, NEW_KEY.address, 0, b"") == closed
    founded.registry.send(ACME, "succeed", successor, other)  # a chain of logs, but never a ring
    assert refusal(founded, ACME, "succeed", other, site)[0] == "BadSuccessor"


def test_a_closed_logs_key_can_still_be_revoked_and_marked(founded, site):
    founded.registry.send(ACME, "succeed", site, founded.register("acme/rotterdam-2"))
    founded.registry.send(ACME, "markCompromised", site, 1)
    founded.registry.send(ACME, "revokeKey", site)


# --- partners come and go


@pytest.mark.parametrize(
    ("function", "arguments"),
    [("revokeKey", ()), ("markCompromised", (1,)), ("succeed", (NEVER,))],
    ids=["revoke", "mark", "succeed"],
)
def test_an_expelled_partner_says_nothing_about_its_sites(founded, site, function, arguments):
    founded.expel("acme")
    assert refusal(founded, ACME, function, site, *arguments) == not_partners("acme", ACME)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [("revokeKey", ()), ("markCompromised", (1,)), ("succeed", (NEVER,)), ("rotateKey", (ACME, 0, b""))],
    ids=["revoke", "mark", "succeed", "rotate"],
)
def test_a_site_that_was_not_registered_has_no_rules(founded, function, arguments):
    nowhere = keccak256(b"acme/nowhere")
    assert refusal(founded, ACME, function, nowhere, *arguments) == ("UnknownSite", {"site": nowhere})


def test_sites_follow_the_partners_account(founded, site):
    successor = account("acme, new account")
    founded.consortium.send(ACME, "rotateAccount", partner_id("acme"), successor)
    assert refusal(founded, ACME, "revokeKey", site) == not_partners("acme", ACME)
    founded.registry.send(successor, "revokeKey", site)


def test_nobody_inherits_the_sites_of_an_expelled_partner(founded, site):
    founded.expel("acme")
    with pytest.raises(Refused) as caught:
        founded.consortium.send(GLOBEX, "proposeAdmission", "acme", account("somebody else"))
    assert caught.value.name == "NameTaken"
    assert site_of(founded, site)["partner"] == partner_id("acme")
