"""What follows from a policy, or from who keeps the site, that its author may not have meant. Nothing here is refused."""

from collections.abc import Sequence
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
    if not any(Action.MANAGE.value in policy.actions_of(role) for role in Role):
        doubts.append(_NOBODY_MANAGES)
    return doubts


def fits_every_type(policy: Policy) -> bool:
    """Whether some rule fits whatever the type is."""
    return any(set(rule.type) == {"*"} for rule in policy.documents)


def people_doubts(policy: Policy, everybody: Sequence[Operator]) -> list[str]:
    """What follows for the people who are there, beyond `policy_doubts`."""
    keepers = keepers_of(everybody)
    if not keepers or any(policy.may(each.roles, Action.MANAGE) for each in keepers):
        return []
    return [] if _NOBODY_MANAGES in policy_doubts(policy) else [_NOBODY_MANAGES]


def keepers_of(everybody: Sequence[Operator]) -> list[Operator]:
    """Who keeps the site."""
    return [each for each in everybody if Role.SITE_KEEPER in each.roles]


def leaves_no_keeper(everybody: Sequence[Operator], gone: Operator) -> bool:
    """Whether somebody is the last who keeps the site."""
    return [each.number for each in keepers_of(everybody)] == [gone.number]
