"""Roles, and what a role may do unless the site's policy says otherwise."""

import enum
from collections.abc import Mapping
from typing import Final


class Role(enum.Enum):
    """What somebody is at a site."""

    SIGNATORY = "signatory"
    RECORDER = "recorder"
    CONFIRMER = "confirmer"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    SITE_KEEPER = "site-keeper"


class Action(enum.Enum):
    """What a policy allows or not. Reading needs a passphrase, and no role; sealing and anchoring need the vault's."""

    RECORD = "record"
    CHANGE = "change"  # amend and withdraw what waits
    CONFIRM = "confirm"  # and reject
    REVIEW = "review"
    AUDIT = "audit"
    ERASE = "erase"
    HOLD = "hold"  # and release
    MANAGE = "manage"  # operators and the policy


ROLES: Final = tuple(role.value for role in Role)
ACTIONS: Final = tuple(action.value for action in Action)

DEFAULT_ACTIONS: Final[Mapping[Role, frozenset[Action]]] = {
    Role.SIGNATORY: frozenset(),
    Role.RECORDER: frozenset({Action.RECORD, Action.CHANGE}),
    Role.CONFIRMER: frozenset({Action.CONFIRM}),
    Role.REVIEWER: frozenset({Action.REVIEW}),
    Role.AUDITOR: frozenset({Action.AUDIT, Action.REVIEW}),
    Role.SITE_KEEPER: frozenset({Action.ERASE, Action.HOLD, Action.MANAGE, Action.AUDIT, Action.REVIEW}),
}
