"""Kinds of findings about people: operators, their keys, what they signed, and the policy."""

from typing import Final

from perdure_node.audit.kinds import Kind, Severity

KINDS_OF_PEOPLE: Final = [
    Kind(
        "operator_differs",
        Severity.ERROR,
        "an operator's name, roles or credentials in the vault are not those that his record in the log says",
        "find out who changed the vault and restore it from a backup; or let a site keeper remove him and add him anew: `perdure operator`",
    ),
    Kind(
        "operator_key_damaged",
        Severity.ERROR,
        "an operator's key file is missing, damaged or another one than the vault encrypts to: he cannot act, or somebody else reads",
        "put the file back from a backup, or let a site keeper remove him and add him anew: `perdure operator`",
    ),
    Kind(
        "policy_differs",
        Severity.ERROR,
        "the vault names another policy as put in force than its record in the log",
        "find out who changed the vault and restore it from a backup; or put the policy in force anew: `perdure policy set FILE`",
    ),
    Kind(
        "operator_unknown",
        Severity.ERROR,
        "the log has a record of an operator whom this vault does not name: whoever wrote it can sign in that name, and has it believed",
        "find out who could write to the vault; evidence that names this record is worth nothing, and auditors should be told",
    ),
    Kind(
        "confirmation_invalid",
        Severity.ERROR,
        "what somebody signed in a record does not hold, or not by a key that the vault's operators had then: it did not come from `perdure confirm`",
        "find out who could write to the vault; supersede the record by one that is confirmed (`perdure add --supersedes`)",
    ),
    Kind(
        "confirmation_missing",
        Severity.ERROR,
        "a record that came after the policy, and wants a second person by it, is in the log without one",
        "find out who could write to the vault; supersede the record by one that is confirmed (`perdure add --supersedes`)",
    ),
    Kind(
        "people_elsewhere",
        Severity.WARNING,
        "records of another vault's people, or that nobody confirmed there, are in the log: this vault took over a log, and cannot tell whether it was so",
        "ask who kept that vault; what matters can be superseded by a record that is confirmed here",
    ),
]
