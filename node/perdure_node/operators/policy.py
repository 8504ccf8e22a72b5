"""The site's policy: who may do what, and which documents need whose confirmation. Read strictly: a typo must not open a door.

It is in the vault's policy.toml, and its digest in a record of the log: a file that is not the one put in force last stops whatever
asks it, and so does one that is gone.
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from perdure_node.database import Database
from perdure_node.errors import SettingsError
from perdure_node.operators.alike import looks
from perdure_node.operators.roles import ACTIONS, DEFAULT_ACTIONS, ROLES, Action, Role
from perdure_node.settings_file import (
    encode_settings_file,
    flag,
    key,
    one_of,
    parse_settings_file,
    table,
    tables,
    text,
    texts,
    whole,
)

POLICY_FILE: Final = "policy.toml"
MAX_POLICY_SIZE: Final = 256 * 1024
_ADOPT = "`perdure policy set FILE` puts one in force"
_LONGEST: Final = 200 * 366
_HEADER: Final = (
    "# Who may do what at this site, and which documents need a second person.\n"
    "# It counts once `perdure policy set` has put it in force: its digest is then a record of the log.\n"
)


class PolicyState(StrEnum):
    """How a vault's policy stands; refused: it was put in force, and this Perdure does not take it."""

    NONE = "none"
    IN_FORCE = "in force"
    CHANGED = "changed"
    GONE = "gone"
    REFUSED = "refused"


class PolicyNotInForce(SettingsError):
    """policy.toml is not the policy that was put in force last: it is in another ``state``."""

    state = PolicyState.CHANGED


class PolicyGone(PolicyNotInForce):
    """There is no policy.toml any more."""

    state = PolicyState.GONE


def _roles(value: object) -> tuple[str, ...]:
    names = texts(value)
    for name in names:
        one_of(*ROLES)(name)
    return tuple(dict.fromkeys(names))


def _actions(value: object) -> tuple[str, ...]:
    names = texts(value)
    for name in names:
        one_of(*ACTIONS)(name)
    return tuple(dict.fromkeys(names))


def _default(role: Role) -> tuple[str, ...]:
    return tuple(action for action in ACTIONS if Action(action) in DEFAULT_ACTIONS[role])


def _allowed(role: Role, about: str) -> tuple[str, ...]:
    allowed: tuple[str, ...] = key(_actions, about, _default(role))
    return allowed


@dataclass(frozen=True, slots=True)
class Allowed:
    """What each role may do, of: record, change, confirm, review, audit, erase, hold, manage."""

    signatory: tuple[str, ...] = _allowed(
        Role.SIGNATORY, "Who signs documents. He needs no right to be named."
    )
    recorder: tuple[str, ...] = _allowed(
        Role.RECORDER, "Who records. With confirm as well he confirms what others recorded, never his own."
    )
    confirmer: tuple[str, ...] = _allowed(
        Role.CONFIRMER, "Who confirms or rejects what somebody else recorded."
    )
    reviewer: tuple[str, ...] = _allowed(Role.REVIEWER, "Who looks through what needs a person.")
    auditor: tuple[str, ...] = _allowed(Role.AUDITOR, "Who audits the vault and signs the report.")
    site_keeper: tuple[str, ...] = _allowed(
        Role.SITE_KEEPER,
        "Who keeps operators and the policy. With record or confirm as well, one person could do everything.",
    )


@dataclass(frozen=True, slots=True)
class Recording:
    """How documents are recorded, whatever their type."""

    recorders_sign: bool = key(
        flag,
        "Whether who records has to say who he is and sign. Without it a record names a recorder that nobody can check.",
        True,
    )
    bad_signatures: str = key(
        one_of("record", "refuse"),
        "What becomes of a document whose signature is bad: it is recorded as bad, which shows that it was there, or refused.",
        "record",
    )
    late_after_days: int = key(
        whole(0, _LONGEST),
        "After how many days from the claimed signing a reason is asked for; 0: never.",
        0,
    )


@dataclass(frozen=True, slots=True)
class DocumentRule:
    """What holds for documents of one type; the first rule that fits counts."""

    type: str = key(text, "The document type, or a pattern such as contract-* or *.")
    confirmed_by: tuple[str, ...] = key(
        _roles,
        "Of which role one person has to confirm; empty: nobody. Without it one person answers alone.",
        (),
    )
    late_after_days: int = key(whole(0, _LONGEST), "As above, for this type; 0: as above.", 0)
    late_documents: int = key(whole(0, 16), "How many supporting documents a late entry needs.", 0)
    no_signing_time: str = key(
        one_of("late", "refuse", "accept"),
        "What becomes of an entry that does not say when it was signed: it counts as late wherever late_after_days holds, is refused, or accepted. With accept, who leaves the time out is never late.",
        "late",
    )
    retention_days: int = key(
        whole(0, _LONGEST),
        "For how many days from recording it has to be kept; 0: no period. `perdure review` tells when it ends.",
        0,
    )
    numbering: str = key(
        text,
        "The field of --extra that holds the site's own number, counted without gaps, for `perdure audit`; empty: none.",
        "",
    )


@dataclass(frozen=True, slots=True)
class Policy:
    """The whole file."""

    allowed: Allowed = table(
        Allowed, "What each role may do. Whoever has several roles may do what any of them may."
    )
    recording: Recording = table(Recording, "How documents are recorded.")
    documents: tuple[DocumentRule, ...] = tables(
        DocumentRule,
        "What a type of documents needs. The first rule that fits counts, so let the last one fit all: what fits none needs nobody.",
    )

    def may(self, roles: frozenset[Role], action: Action) -> bool:
        """Whether somebody with these roles may do it."""
        return any(action.value in self.actions_of(role) for role in roles)

    def actions_of(self, role: Role) -> tuple[str, ...]:
        """What a role may do."""
        found: tuple[str, ...] = getattr(self.allowed, role.value.replace("-", "_"))
        return found

    def rule_for(self, document_type: str | None) -> DocumentRule:
        """The first rule that fits the type as people see it; one that asks for nothing where none does."""
        seen = looks(document_type or "")
        for rule in self.documents:
            if fnmatchcase(seen, looks(rule.type)):
                return rule
        return DocumentRule(type="*")

    def late_after_days(self, document_type: str | None) -> int:
        """After how many days a record of this type is late; 0: never."""
        return self.rule_for(document_type).late_after_days or self.recording.late_after_days

    @property
    def roles_that_confirm(self) -> frozenset[str]:
        """All roles of which some document needs one."""
        return frozenset(role for rule in self.documents for role in rule.confirmed_by)


NO_POLICY: Final = Policy(recording=Recording(recorders_sign=False))


def parse_policy(raw: bytes, file: str = POLICY_FILE) -> Policy:
    """The policy in a file's bytes; raises `SettingsError` for whatever is not known or not possible."""
    if len(raw) > MAX_POLICY_SIZE:
        raise SettingsError(f"{file}: got {len(raw)} bytes, want at most {MAX_POLICY_SIZE}")
    policy = parse_settings_file(raw, Policy, file)
    for number, rule in enumerate(policy.documents, 1):
        for role in rule.confirmed_by:
            if Action.CONFIRM.value not in policy.actions_of(Role(role)):
                raise SettingsError(
                    f"{file}: documents, number {number}: confirmed_by: the role {role} may not confirm",
                    hint=f'add "confirm" to what {role} may do under [allowed], or name another role',
                )
    return policy


def policy_template() -> bytes:
    """A policy file to begin from: each key with what it means and risks."""
    rules = (DocumentRule("note*"), DocumentRule("*", ("confirmer",)))
    return encode_settings_file(Policy(documents=rules), _HEADER)


def policy_in_force(folder: Path, database: Database) -> Policy:
    """The vault's policy; raises `PolicyNotInForce` or `SettingsError`."""
    adopted = adopted_digest(database)
    if adopted is None:
        return NO_POLICY
    path = os.path.join(folder, POLICY_FILE)  # noqa: PTH118  # for each record: a path's objects take as long as the reading
    try:
        raw = _read(path)
    except OSError:
        raise PolicyGone(f"{path}: the site's policy is gone", hint=_ADOPT) from None
    if _digest_of(raw) != adopted:
        raise PolicyNotInForce(
            f"{path}: changed since it was put in force", hint=f"put the old one back, or: {_ADOPT}"
        )
    return _parsed(raw, path)


def policy_state(folder: Path, database: Database) -> PolicyState:
    """Whether there is a policy, and whether it is the one that was put in force."""
    if adopted_digest(database) is None:
        return PolicyState.NONE
    try:
        policy_in_force(folder, database)
    except PolicyNotInForce as error:
        return error.state
    except SettingsError:
        return PolicyState.REFUSED
    return PolicyState.IN_FORCE


def _read(path: str) -> bytes:
    """A file of at most `MAX_POLICY_SIZE`, or its first bytes beyond; a file object would take as long again."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        raw = b""
        while part := os.read(descriptor, MAX_POLICY_SIZE + 1 - len(raw)):
            raw += part
        return raw
    finally:
        os.close(descriptor)


@lru_cache(maxsize=2)
def _digest_of(raw: bytes) -> bytes:
    return sha256(raw).digest()


# a process that records thousands reads the file each time, and digests and parses it once
_parsed = lru_cache(maxsize=2)(parse_policy)


def adopted_digest(database: Database) -> bytes | None:
    """SHA-256 of the policy that was put in force last; None before the first one."""
    if not database.has_table("policy"):
        return None
    row = database.row("SELECT sha256 FROM policy ORDER BY number DESC LIMIT 1")
    return None if row is None else bytes(row[0])
