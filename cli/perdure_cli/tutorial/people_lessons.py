"""Lessons about people: who may do what, a second person who signs what he saw, and one who says why not."""

from typing import Final

from perdure_anchor.late import disclosed_late
from perdure_node.operators.people import operators
from perdure_node.operators.policy import adopted_digest, policy_in_force
from perdure_node.operators.roles import Role
from perdure_node.records import State

from perdure_cli.tutorial.documents import digest_of
from perdure_cli.tutorial.lesson import Lesson, lines, putting
from perdure_cli.tutorial.looking import Look
from perdure_cli.tutorial.recording_lessons import only_record
from perdure_cli.tutorial.sandbox import Sandbox

_WANTED: Final = (("ada", Role.RECORDER), ("bela", Role.CONFIRMER), ("cleo", Role.SITE_KEEPER))
_AGREEMENT: Final = "agreement.txt"
_PERMIT, _MAIL = "permit.txt", "permit-mail.txt"
_ADD_LATE: Final = f'perdure add {_PERMIT} --type permit --signed-at 2026-02-02T08:00Z --late-reason "lay in the wrong folder" --supporting {_MAIL} --as ada'
_RIGHT, _WRONG = "order-1.txt", "order-2.txt"


def _named(look: Look) -> str | None:
    there = {operator.name: operator.roles for operator in operators(look.vault.database)}
    for name, role in _WANTED:
        if name not in there:
            return f"There is no operator {name} yet, who should be {role.value}."
        if there[name] != {role}:
            now = ", ".join(sorted(each.value for each in there[name]))
            return f"{name} is {now}, and should be {role.value} and nothing else: perdure operator roles."
    return None


def _in_force(look: Look) -> str | None:
    if adopted_digest(look.vault.database) is None:
        return "No policy is in force yet."
    policy = policy_in_force(look.vault.folder, look.vault.database)
    for kind in ("agreement", "order"):
        if Role.CONFIRMER.value not in policy.rule_for(kind).confirmed_by:
            return f"The policy in force wants nobody to confirm what is of type {kind}. restore policy.toml, and put it in force."
    return None


def _confirmed(look: Look) -> str | None:
    record = only_record(look, _AGREEMENT)
    if isinstance(record, str):
        return record
    if record.values.get("document_type") != "agreement":
        return f"{_AGREEMENT} is not recorded as of type agreement, so nobody has to confirm it. Withdraw it, and record it again."
    if record.signed_by_recorder != "ada":
        return f"{_AGREEMENT} is not recorded by ada. Withdraw it, and record it again with --as ada."
    if record.state is State.AWAITING:
        return f"{_AGREEMENT} is recorded, and waits for a confirmer."
    if record.confirmed_by != "bela":
        return f"{_AGREEMENT} is not confirmed by bela."
    return None


def _decided(look: Look) -> str | None:
    right, wrong = only_record(look, _RIGHT), look.live(_WRONG)
    if isinstance(right, str):
        if look.records(_RIGHT):
            return f"{_RIGHT} says what its record says, and is rejected. Record it again as ada, and confirm it."
        return right
    if right.confirmed_by != "bela":
        return f"{_RIGHT} still waits for a confirmer."
    if any(each.confirmed_by for each in wrong):
        return (
            f"{_WRONG} is confirmed, though Ada did not sign it (cat {_WRONG}): you answer for that now. Such a record can only be "
            f"withdrawn while it waits: perdure withdraw {_WRONG} --reason WHY --as ada."
        )
    if wrong:
        return f"{_WRONG} still waits for somebody's word."
    if not any({"rejected", "withdrawn"} & {*each.changes} for each in look.records(_WRONG)):
        return f"{_WRONG} was never decided on."
    return None


def _late(look: Look) -> str | None:
    record = only_record(look, _PERMIT)
    if isinstance(record, str):
        return record
    if not str(record.values.get("signed_at")).startswith("2026-02-02T08:00"):
        return f"The record of {_PERMIT} does not say that it was signed on 2 February 2026 at 08:00 UTC. Withdraw it, and record it again."
    entry = disclosed_late(record.values)
    if entry is None:
        return f"The record of {_PERMIT} does not say why it comes so late. Withdraw it, and record it again."
    if digest_of(_MAIL) not in {document.sha256 for document in entry.documents}:
        return f"The record of {_PERMIT} gives a reason, and {_MAIL} is not among what supports it. Withdraw it, and record it again."
    return None


def _reviewed(look: Look) -> str | None:
    if not any("reviewed" in each.changes for each in look.records(_WRONG)):
        return f"Nobody has said yet that he looked at the rejected record of {_WRONG}."
    return None


def _record_orders(sandbox: Sandbox) -> None:
    for name in (_RIGHT, _WRONG):
        sandbox.put(name)
        # the same again is no second record
        sandbox.ask(
            "add", name, "--type", "order", "--signer", "Ada Example <ada@acme.example>", "--as", "ada"
        )


PEOPLE: Final = (
    Lesson(
        "people",
        "Say who is who",
        "From now on you are three people. Add the operators ada, who records (role recorder), bela, who confirms (confirmer), and cleo, who keeps "
        "the site (site-keeper); cleo last, for once there is a site keeper, she adds the others. "
        "In the sandbox all have the same passphrase, and it is given for you. In earnest each has his own, and types it himself.",
        (
            "perdure operator add NAME --role ROLE",
            "Type: perdure operator add ada --role recorder, and so on.",
        ),
        lines(
            "perdure operator add ada --role recorder",
            "perdure operator add bela --role confirmer",
            "perdure operator add cleo --role site-keeper",
        ),
        _named,
        "Each has a key of his own now. Whose key is whose is a record of the log, so that a signature can be traced to a person in ten years.",
    ),
    Lesson(
        "policy",
        "Say what needs two people",
        "policy.toml on your desk says that agreements and orders need a confirmer (cat policy.toml). Put it in force, as cleo.",
        ("perdure policy set FILE, with --as.", "Type: perdure policy set policy.toml --as cleo"),
        lines("perdure policy set policy.toml --as cleo"),
        _in_force,
        "A policy that somebody edits afterwards is not in force: its digest is a record of the log, too.",
        prepare=putting("policy.toml"),
    ),
    Lesson(
        "confirm",
        "A second person",
        "Record agreement.txt as ada, as of type agreement. It waits for a second person. Then be bela: read the document, confirm its record.",
        (
            "perdure add ... --as ada, then perdure confirm agreement.txt --as bela.",
            "Type: perdure add agreement.txt --type agreement --as ada, then: perdure confirm agreement.txt --as bela --yes",
        ),
        lines(
            "perdure add agreement.txt --type agreement --as ada",
            "perdure confirm agreement.txt --as bela --yes",
        ),
        _confirmed,
        "bela signed the digests of all that the record says, and the newest block that the site knew: so his word has a time on both sides. "
        "Since he named the file, it says as well that the document itself was before him.",
        prepare=putting(_AGREEMENT),
    ),
    Lesson(
        "reject",
        "Not everything is right",
        f"Meanwhile ada has recorded two orders: {_RIGHT} and {_WRONG}. Of both her record says that Ada Example signed. Be bela: look at the documents "
        "(cat), at the records (perdure show FILE), confirm the one that is right, and reject the other, with a reason.",
        (
            f"cat {_WRONG}: who signed it?",
            f'Type: perdure confirm {_RIGHT} --as bela --yes, then: perdure reject {_WRONG} --reason "signed by Bela" --as bela',
        ),
        lines(
            f"perdure confirm {_RIGHT} --as bela --yes",
            f'perdure reject {_WRONG} --reason "signed by Bela" --as bela',
        ),
        _decided,
        "A rejected record never comes into the log; it stays in the vault, with the reason. Confirm what you have seen, never a list.",
        prepare=_record_orders,
    ),
    Lesson(
        "review",
        "What needs a person",
        f"See what at this site needs a person: perdure review, as cleo. Then say that you looked at what was found about {_WRONG}, with a note.",
        (
            "perdure review, then perdure review done FILE --note TEXT, both with --as cleo.",
            f'Type: perdure review done {_WRONG} --note "asked ada" --as cleo',
        ),
        lines("perdure review --as cleo", f'perdure review done {_WRONG} --note "asked ada" --as cleo'),
        _reviewed,
        "What was looked at is listed no more until it changes. Its exit code is 1 while something is left, so that a timer can run it.",
    ),
    Lesson(
        "late",
        "Late, and said so",
        f"{_PERMIT} was signed on 2 February 2026 at 08:00 UTC, and lay in the wrong folder; the mail {_MAIL} says so. By the policy a permit is late after a "
        "month. Record it as ada, as of type permit, with the time of signing, the reason why it is late, and the mail that supports it.",
        ("perdure add has --late-reason WHY and --supporting FILE.", f"Type: {_ADD_LATE}"),
        lines(_ADD_LATE),
        _late,
        "Evidence says how many days lie between, and has the reason and the mail's digest: late and honest is worth more than early and false.",
        prepare=putting(_PERMIT, _MAIL),
    ),
)
