"""What follows from a policy, or from who keeps the site, that its author may not have meant. Nothing here is refused."""

from collections.abc import Iterator, Sequence
from typing import Final

from perdure_node.operators.people import Operator
from perdure_node.operators.policy import Policy
from perdure_node.operators.roles import Action, Role

NO_KEEPER: Final = (
    "this site has no site keeper then: whoever has the vault's passphrase names one, without --as, and until then nobody does what "
    "only a site keeper may"
)
_NOBODY_MANAGES: Final = "by this policy nobody may manage: nobody is added, removed or given other roles until a site keeper puts another one in force"


def policy_doubts(policy: Policy) -> list[str]:
    """What the policy says of no type, or of no role."""
    doubts = []
    if not fits_every_type(policy):
        doubts.append(
            "a type that no rule fits needs nobody, and so does a document without a type: end with a rule for *"
        )
    whole = [set(rule.type.strip()) == {"*"} for rule in policy.documents]
    if any(whole) and not whole[-1]:
        last = whole.index(True) + 1
        doubts.append(f"rule {last} of documents is for *, so no rule after it ever counts: put it last")
    doubts += [
        f"rule {number} of documents accepts what does not say when it was signed: who leaves that out is never late"
        for number, rule in enumerate(policy.documents, 1)
        if rule.no_signing_time == "accept" and (rule.late_after_days or policy.recording.late_after_days)
    ]
    if not any(Action.MANAGE.value in policy.actions_of(role) for role in Role):
        doubts.append(_NOBODY_MANAGES)
    return doubts


def fits_every_type(policy: Policy) -> bool:
    """Whether some rule fits whatever the type is."""
    return any(set(rule.type.strip()) == {"*"} for rule in policy.documents)


def people_doubts(policy: Policy, everybody: Sequence[Operator]) -> list[str]:
    """What follows for the people who are there, beyond `policy_doubts`."""
    doubts = [*_nobody_confirms(policy, everybody)]
    keepers = keepers_of(everybody)
    if not keepers or any(policy.may(each.roles, Action.MANAGE) for each in keepers):
        return doubts
    return doubts if _NOBODY_MANAGES in policy_doubts(policy) else [*doubts, _NOBODY_MANAGES]


def _nobody_confirms(policy: Policy, everybody: Sequence[Operator]) -> Iterator[str]:
    """Of which rules nobody is there who could confirm what another one records."""
    recorders = {each.number for each in everybody if policy.may(each.roles, Action.RECORD)}
    for number, rule in enumerate(policy.documents, 1):
        able = {
            each.number for each in everybody if {role.value for role in each.roles} & set(rule.confirmed_by)
        }
        if recorders and rule.confirmed_by and not any(able - {recorder} for recorder in recorders):
            who = " or ".join(rule.confirmed_by)
            yield (
                f"rule {number} of documents wants a {who}, and nobody is one who does not record himself: "
                "what it is for waits until somebody is"
            )


def keepers_of(everybody: Sequence[Operator]) -> list[Operator]:
    """Who keeps the site."""
    return [each for each in everybody if Role.SITE_KEEPER in each.roles]


def leaves_no_keeper(everybody: Sequence[Operator], gone: Operator) -> bool:
    """Whether somebody is the last who keeps the site."""
    return [each.number for each in keepers_of(everybody)] == [gone.number]
