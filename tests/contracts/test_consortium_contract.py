"""`Consortium`: partners come and go by a majority of the current ones, and by nobody else."""

import pytest
from perdure_contracts.artifacts import load_artifact
from tools.evm_chain import Contract, Event, EvmChain, Refused
from tools.founded import PARTNERS, STRANGER, account, found, partner_id

ACME, GLOBEX, INITECH = (account(name) for name in PARTNERS)
UMBRELLA = account("umbrella")
ZERO = bytes(20)
LIFETIME = 14 * 24 * 3600


@pytest.fixture
def consortium(founded) -> Contract:
    return founded.consortium


def refusal(consortium, sender, function, *arguments):
    with pytest.raises(Refused) as caught:
        consortium.send(sender, function, *arguments)
    return caught.value.name, caught.value.fields


def propose_umbrella(consortium, sender=ACME):
    return consortium.send(sender, "proposeAdmission", "umbrella", UMBRELLA).value


def propose_expulsion(consortium, name, sender=ACME):
    return consortium.send(sender, "proposeExpulsion", partner_id(name)).value


def account_of(consortium, name):
    return consortium.read("accountOf", partner_id(name))


# --- founding


def test_founders_are_partners(consortium):
    assert consortium.read("partnerCount") == 3
    assert consortium.read("partners") == tuple(partner_id(name) for name in PARTNERS)
    for name in PARTNERS:
        assert account_of(consortium, name) == account(name)
        assert consortium.read("nameOf", partner_id(name)) == name
        assert consortium.read("partnerOf", account(name)) == partner_id(name)
    assert account_of(consortium, "umbrella") == ZERO


@pytest.mark.parametrize(
    ("names", "accounts", "error"),
    [
        ([], [], "NoPartners"),
        (["acme"], [], "FounderCountMismatch"),
        (["acme"], [ACME, GLOBEX], "FounderCountMismatch"),
        (["acme", "acme"], [ACME, GLOBEX], "NameTaken"),
        (["acme", "globex"], [ACME, ACME], "AccountTaken"),
        (["acme"], [ZERO], "ZeroAccount"),
        (["Acme"], [ACME], "BadName"),
        ([""], [ACME], "BadName"),
        (["acme/rotterdam"], [ACME], "BadName"),
        (["a" * 33], [ACME], "BadName"),
    ],
)
def test_a_bad_founding_is_refused(names, accounts, error):
    with pytest.raises(Refused) as caught:
        EvmChain().deploy(load_artifact("Consortium"), STRANGER, names, accounts)
    assert caught.value.name == error


# --- admission


def test_a_majority_admits_a_partner(consortium, founded):
    outcome = consortium.send(ACME, "proposeAdmission", "umbrella", UMBRELLA)
    assert outcome.value == 1
    expires_at = founded.chain.time + LIFETIME
    proposed = {
        "id": 1,
        "partner": partner_id("umbrella"),
        "name": "umbrella",
        "account": UMBRELLA,
        "expiresAt": expires_at,
    }
    approved = Event("Approved", {"id": 1, "partner": partner_id("acme")})
    assert outcome.events == (Event("Proposed", proposed), approved)
    (vote,) = consortium.send(GLOBEX, "approve", 1).events
    assert vote == Event("Approved", {"id": 1, "partner": partner_id("globex")})
    executed, admitted = consortium.send(INITECH, "execute", 1).events
    assert executed == Event("Executed", {"id": 1})
    umbrella = {"partner": partner_id("umbrella"), "name": "umbrella", "account": UMBRELLA}
    assert admitted == Event("PartnerAdmitted", umbrella)
    assert account_of(consortium, "umbrella") == UMBRELLA
    assert consortium.read("partnerCount") == 4


def test_an_admitted_partner_has_its_vote_and_its_sites(founded):
    founded.decide("proposeAdmission", "umbrella", UMBRELLA)
    founded.register("umbrella/lab")
    founded.decide("proposeExpulsion", partner_id("acme"), names=("umbrella", "globex", "initech"))
    assert account_of(founded.consortium, "acme") == ZERO


@pytest.mark.parametrize(
    ("name", "newcomer", "error"),
    [
        ("acme", UMBRELLA, "NameTaken"),
        ("Umbrella", UMBRELLA, "BadName"),
        ("umbrella", ZERO, "ZeroAccount"),
        ("umbrella", GLOBEX, "AccountTaken"),
    ],
)
def test_a_bad_admission_is_not_even_proposed(consortium, name, newcomer, error):
    assert refusal(consortium, ACME, "proposeAdmission", name, newcomer)[0] == error


def test_one_name_or_account_is_admitted_once_by_rival_proposals(consortium):
    proposals = [
        consortium.send(ACME, "proposeAdmission", name, newcomer).value
        for name, newcomer in (("umbrella", UMBRELLA), ("umbrella", STRANGER), ("hooli", UMBRELLA))
    ]
    for proposal in proposals:
        consortium.send(GLOBEX, "approve", proposal)
        consortium.send(INITECH, "approve", proposal)
    consortium.send(ACME, "execute", proposals[0])
    assert refusal(consortium, ACME, "execute", proposals[1]) == ("NameTaken", {"name": "umbrella"})
    taken = {"account": UMBRELLA, "partner": partner_id("umbrella")}
    assert refusal(consortium, ACME, "execute", proposals[2]) == ("AccountTaken", taken)


# --- expulsion


def test_a_majority_expels_a_partner(consortium):
    proposal = propose_expulsion(consortium, "initech")
    consortium.send(GLOBEX, "approve", proposal)
    executed, expelled = consortium.send(ACME, "execute", proposal).events
    assert executed.name == "Executed"
    assert expelled == Event("PartnerExpelled", {"partner": partner_id("initech")})
    assert account_of(consortium, "initech") == ZERO
    assert consortium.read("partners") == (partner_id("acme"), partner_id("globex"))
    assert consortium.read("nameOf", partner_id("initech")) == "initech"


@pytest.mark.parametrize("name", PARTNERS)
def test_whoever_is_expelled_the_others_remain(founded, name):
    founded.expel(name)
    remaining = {partner_id(partner) for partner in PARTNERS if partner != name}
    assert set(founded.consortium.read("partners")) == remaining


def test_whoever_is_no_partner_cannot_be_expelled(consortium):
    unknown = ("UnknownPartner", {"partner": partner_id("umbrella")})
    assert refusal(consortium, ACME, "proposeExpulsion", partner_id("umbrella")) == unknown


def test_two_proposals_expel_a_partner_once(consortium):
    first, second = propose_expulsion(consortium, "initech"), propose_expulsion(consortium, "initech")
    for proposal in (first, second):
        consortium.send(GLOBEX, "approve", proposal)
    consortium.send(ACME, "execute", first)
    assert refusal(consortium, ACME, "execute", second)[0] == "UnknownPartner"
    assert consortium.read("partnerCount") == 2


def test_the_last_partner_stays(consortium):
    alone = found("acme").consortium
    expected = ("LastPartner", {"partner": partner_id("acme")})
    assert refusal(alone, ACME, "proposeExpulsion", partner_id("acme")) == expected


def test_the_last_partner_stays_when_others_left_in_between():
    consortium = found("acme", "globex").consortium
    of_globex, of_acme = propose_expulsion(consortium, "globex"), propose_expulsion(consortium, "acme")
    for proposal in (of_globex, of_acme):
        consortium.send(GLOBEX, "approve", proposal)
    consortium.send(ACME, "execute", of_globex)
    assert refusal(consortium, ACME, "execute", of_acme) == ("LastPartner", {"partner": partner_id("acme")})


def test_the_names_and_accounts_of_expelled_partners_are_never_given_again(founded):
    founded.expel("initech")
    consortium = founded.consortium
    assert refusal(consortium, ACME, "proposeAdmission", "initech", UMBRELLA) == (
        "NameTaken",
        {"name": "initech"},
    )
    taken = {"account": INITECH, "partner": partner_id("initech")}
    assert refusal(consortium, ACME, "proposeAdmission", "umbrella", INITECH) == ("AccountTaken", taken)
    assert refusal(consortium, ACME, "rotateAccount", partner_id("acme"), INITECH) == ("AccountTaken", taken)


# --- votes


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("proposeAdmission", ("umbrella", UMBRELLA)),
        ("proposeExpulsion", (partner_id("acme"),)),
        ("approve", (1,)),
        ("execute", (1,)),
    ],
)
def test_strangers_and_expelled_partners_have_no_say(founded, function, arguments):
    founded.decide("proposeExpulsion", partner_id("initech"), names=("acme", "globex"))
    for nobody in (STRANGER, INITECH):
        expected = ("NotAPartner", {"caller": nobody})
        assert refusal(founded.consortium, nobody, function, *arguments) == expected


@pytest.mark.parametrize(("partners", "enough"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4)])
def test_a_majority_is_more_than_half(partners, enough):
    names = [f"partner-{number}" for number in range(partners)]
    consortium = found(*names).consortium
    proposal = propose_umbrella(consortium, account(names[0]))
    for votes in range(1, enough):
        expected = ("NoMajority", {"id": proposal, "votes": votes, "partners": partners})
        assert refusal(consortium, account(names[0]), "execute", proposal) == expected
        consortium.send(account(names[votes]), "approve", proposal)
    consortium.send(account(names[0]), "execute", proposal)
    assert account_of(consortium, "umbrella") == UMBRELLA


def test_a_partner_votes_once(consortium):
    proposal = propose_umbrella(consortium)
    expected = ("AlreadyApproved", {"id": proposal, "partner": partner_id("acme")})
    assert refusal(consortium, ACME, "approve", proposal) == expected
    assert consortium.read("votesFor", proposal) == 1


def test_votes_are_counted_among_the_partners_at_execution():
    names = ("acme", "globex", "initech", "hooli", "vandelay")
    founded = found(*names)
    consortium = founded.consortium
    proposal = propose_umbrella(consortium)
    consortium.send(INITECH, "approve", proposal)
    consortium.send(account("hooli"), "approve", proposal)
    assert consortium.read("votesFor", proposal) == 3
    founded.decide("proposeExpulsion", partner_id("initech"), names=("acme", "globex", "vandelay"))
    expected = ("NoMajority", {"id": proposal, "votes": 2, "partners": 4})
    assert refusal(consortium, ACME, "execute", proposal) == expected


def test_a_proposal_can_be_carried_out_until_it_expires(founded, consortium):
    proposals = [propose_umbrella(consortium), propose_expulsion(consortium, "initech")]
    expires_at = founded.chain.time + LIFETIME
    founded.chain.time = expires_at
    consortium.send(GLOBEX, "approve", proposals[0])
    consortium.send(ACME, "execute", proposals[0])
    founded.chain.time = expires_at + 1
    expired = ("ProposalExpired", {"id": proposals[1], "expiresAt": expires_at})
    assert refusal(consortium, GLOBEX, "approve", proposals[1]) == expired
    assert refusal(consortium, ACME, "execute", proposals[1]) == expired


def test_a_proposal_is_carried_out_once(consortium):
    proposal = propose_umbrella(consortium)
    consortium.send(GLOBEX, "approve", proposal)
    consortium.send(ACME, "execute", proposal)
    done = ("AlreadyExecuted", {"id": proposal})
    assert refusal(consortium, ACME, "execute", proposal) == done
    assert refusal(consortium, INITECH, "approve", proposal) == done


@pytest.mark.parametrize("proposal", [0, 2])
def test_proposals_are_numbered_from_one(consortium, proposal):
    propose_umbrella(consortium)
    unknown = ("UnknownProposal", {"id": proposal})
    assert refusal(consortium, ACME, "approve", proposal) == unknown
    assert refusal(consortium, ACME, "execute", proposal) == unknown


# --- accounts


def test_a_partner_replaces_its_account(consortium):
    (event,) = consortium.send(ACME, "rotateAccount", partner_id("acme"), UMBRELLA).events
    fields = {"partner": partner_id("acme"), "oldAccount": ACME, "newAccount": UMBRELLA}
    assert event == Event("AccountRotated", fields)
    assert account_of(consortium, "acme") == UMBRELLA
    assert consortium.read("partnerCount") == 3
    assert refusal(consortium, ACME, "proposeExpulsion", partner_id("globex"))[0] == "NotAPartner"
    propose_expulsion(consortium, "globex", sender=UMBRELLA)


@pytest.mark.parametrize("caller", [STRANGER, GLOBEX], ids=["stranger", "other partner"])
def test_nobody_else_replaces_an_account(consortium, caller):
    expected = ("NotPartnersAccount", {"partner": partner_id("acme"), "caller": caller})
    assert refusal(consortium, caller, "rotateAccount", partner_id("acme"), UMBRELLA) == expected


def test_an_account_never_stands_for_two_partners(consortium):
    taken = {"account": GLOBEX, "partner": partner_id("globex")}
    assert refusal(consortium, ACME, "rotateAccount", partner_id("acme"), GLOBEX) == ("AccountTaken", taken)
    consortium.send(GLOBEX, "rotateAccount", partner_id("globex"), UMBRELLA)
    assert refusal(consortium, ACME, "rotateAccount", partner_id("acme"), GLOBEX) == ("AccountTaken", taken)
    again = {"account": GLOBEX, "partner": partner_id("globex")}
    assert refusal(consortium, UMBRELLA, "rotateAccount", partner_id("globex"), GLOBEX) == (
        "AccountTaken",
        again,
    )


def test_accounts_of_nobody_and_of_no_partner_are_refused(consortium):
    assert refusal(consortium, ACME, "rotateAccount", partner_id("acme"), ZERO)[0] == "ZeroAccount"
    unknown = ("UnknownPartner", {"partner": partner_id("umbrella")})
    assert refusal(consortium, UMBRELLA, "rotateAccount", partner_id("umbrella"), STRANGER) == unknown


def test_replacing_an_account_takes_back_what_the_old_one_approved(consortium):
    """Whoever stole an account must not have the last word: and the partner can vote again."""
    proposal = propose_umbrella(consortium)
    consortium.send(GLOBEX, "approve", proposal)
    consortium.send(GLOBEX, "rotateAccount", partner_id("globex"), STRANGER)
    expected = ("NoMajority", {"id": proposal, "votes": 1, "partners": 3})
    assert refusal(consortium, ACME, "execute", proposal) == expected
    consortium.send(STRANGER, "approve", proposal)
    assert consortium.read("votesFor", proposal) == 2
    consortium.send(ACME, "execute", proposal)


def test_many_accounts_of_one_partner_are_one_vote(consortium):
    proposal = propose_umbrella(consortium)
    current = ACME
    for number in range(5):
        successor = account(f"acme {number}")
        consortium.send(current, "rotateAccount", partner_id("acme"), successor)
        current = successor
        consortium.send(current, "approve", proposal)
    assert consortium.read("votesFor", proposal) == 1
