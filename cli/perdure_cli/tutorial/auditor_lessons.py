"""Lessons at the auditor's desk: whom to believe, and which of three files was forged; before that, what he is handed."""

import importlib.util
import json
import shutil
from typing import Final

from perdure_anchor.trust_file import fingerprint

from perdure_cli.files import write_whole
from perdure_cli.trust_store import user_store
from perdure_cli.tutorial.lesson import Lesson, answered, lines
from perdure_cli.tutorial.looking import Look
from perdure_cli.tutorial.sandbox import AUDITOR, Sandbox, SandboxBroken, last_line

_TRUST, _MAILED = "consortium.json", "consortium-by-mail.json"
_CASES: Final = ("contract.txt", "contract-2.txt", "agreement.txt")
_FORGED: Final = _CASES[1]
_STATEMENT: Final = "log.statement.json"
_REPORT: Final = "report.pdf"


def _stated(look: Look) -> str | None:
    path = look.sandbox.desk / _STATEMENT
    if not path.is_file():
        return f"There is no statement in {_STATEMENT} yet."
    code, told = look.sandbox.ask("verify", _STATEMENT, "--json")
    if code:
        return f"{_STATEMENT} does not hold: {last_line(told)}"
    members = json.loads(told.splitlines()[-1])
    if (members.get("begin"), members.get("end")) != (0, 2):
        return f"{_STATEMENT} is not about the leaves 0 and 1. Delete it (rm {_STATEMENT}), and state those."
    return None


def _reported(look: Look) -> str | None:
    if not (look.sandbox.desk / _REPORT).is_file():
        return f"There is no {_REPORT} yet."
    code, told = look.sandbox.ask("verify", _REPORT)
    return None if code == 0 else f"{_REPORT} holds no evidence that is a yes: {last_line(told)}"


def _pinned(look: Look) -> str | None:
    store = user_store(look.sandbox.variables(AUDITOR))
    if store.holds((look.sandbox.auditor / _MAILED).read_bytes()):
        return (
            f"You pinned {_MAILED}, whose fingerprint is not the one that you were told. From now on you believe whoever made it. "
            f"Take it back: perdure trust remove, with its fingerprint."
        )
    if not store.holds((look.sandbox.auditor / _TRUST).read_bytes()):
        return "The consortium's trust file is not pinned yet."
    return None


def _judged(look: Look) -> str | None:
    missing = _pinned(look)
    if missing:
        return missing
    wrong = "Not that one. perdure verify cases looks at all that lies there; the exit code 1 belongs to the one that says no."
    right = {_FORGED: "", f"{_FORGED}.evidence.json": "", "*": wrong}
    return answered(look, right, "Which of the three is not what was recorded?")


def _hand_over_trust(sandbox: Sandbox) -> None:
    genuine = (sandbox.chain / _TRUST).read_bytes()
    write_whole(sandbox.auditor / _TRUST, genuine)
    write_whole(sandbox.auditor / _MAILED, _forged_trust(genuine))
    told = fingerprint(genuine)
    (sandbox.auditor / "fingerprint.txt").write_text(f"{told}\n", encoding="utf-8")


def _forged_trust(raw: bytes) -> bytes:
    """The same, with a validator of the forger's own in the place of the first one."""
    members = json.loads(raw)
    members["epochs"][0]["validators"][0] = "0x" + "11" * 20
    members["epochs"][0]["validators"].sort(key=str.lower)  # by their bytes: capitals are a checksum only
    return json.dumps(members, indent=2).encode() + b"\n"


def _hand_over_evidence(sandbox: Sandbox) -> None:
    _hand_over_trust(sandbox)
    _must(sandbox, "sync")
    cases = sandbox.auditor / "cases"
    cases.mkdir(exist_ok=True)
    for name in _CASES:
        evidence = f"{name}.evidence.json"
        sandbox.put(name, again=True)
        (sandbox.desk / evidence).unlink(missing_ok=True)
        _must(sandbox, "prove", name)
        for file in (name, evidence):
            shutil.copyfile(sandbox.desk / file, cases / file)
    forged = cases / f"{_FORGED}.evidence.json"
    forged.write_bytes(
        forged.read_bytes().replace(
            b'\\"document_type\\",\\"contract\\"', b'\\"document_type\\",\\"receipts\\"'
        )
    )


def _must(sandbox: Sandbox, *words: str) -> None:
    code, told = sandbox.ask(*words)
    if code:
        raise SandboxBroken(f"perdure {' '.join(words)} in the sandbox: exit code {code}: {last_line(told)}")


def _pin(look: Look) -> tuple[str, ...]:
    told = fingerprint((look.sandbox.chain / _TRUST).read_bytes())
    return (f'perdure trust pin {_TRUST} --fingerprint "{told}"',)


STATING: Final = Lesson(
    "statement",
    "Show that nothing is kept back",
    f"The auditor wants to see that the log's first two leaves, 0 to 1, are all there are. Write the statement into {_STATEMENT}.",
    (
        "perdure statement has --range and --output.",
        f"Type: perdure statement --range 0-1 --output {_STATEMENT}",
    ),
    lines(f"perdure statement --range 0-1 --output {_STATEMENT}"),
    _stated,
    "Evidence shows one record; a statement shows that there is no other between. What supersedes what is always shown in it.",
    prepare=lambda sandbox: _must(sandbox, "sync"),
)
REPORTING: Final = Lesson(
    "report",
    "A report for a court",
    f"A judge has no computer at hand. Make {_REPORT} from the evidence of contract.txt and the contract.",
    (
        "perdure report takes evidence and documents, and --output.",
        f"Type: perdure report contract.txt.evidence.json contract.txt --output {_REPORT}",
    ),
    lines(f"perdure report contract.txt.evidence.json contract.txt --output {_REPORT}"),
    _reported,
    "Its pages say what the verifier said. The evidence is attached inside, and perdure verify report.pdf works it all out anew.",
)
AUDITING: Final = (
    Lesson(
        "pin",
        "Whom an auditor believes",
        f"You are the auditor now, at another desk: no vault, no passphrase. You were sent two trust files, {_TRUST} and {_MAILED}; at least one is not the "
        "consortium's. By telephone a partner reads the right fingerprint to you; it is in fingerprint.txt. Find out which file it is of, and pin that one.",
        (
            'perdure trust show FILE shows a file\'s fingerprint; perdure trust pin FILE --fingerprint "..." compares for you. cat fingerprint.txt',
            f'Type: perdure trust pin {_TRUST} --fingerprint "...", with all sixteen groups.',
        ),
        _pin,
        _pinned,
        "A forged trust file makes you believe anything. That is why nothing is pinned but by you, and why a fingerprint has to come by another way.",
        where=AUDITOR,
        prepare=_hand_over_trust,
    ),
    Lesson(
        "judge",
        "Find the forgery",
        "Three documents with their evidence lie in the folder cases. One of the six files was changed on its way. Verify them, and say which document's it is. Type: answer NAME",
        (
            "perdure verify takes many files, or a folder: perdure verify cases",
            f"Type: perdure verify cases, then: answer {_FORGED}",
        ),
        lines("perdure verify cases", f"answer {_FORGED}"),
        _judged,
        "You believed no site, no server and no network: a trust file that you had pinned, and arithmetic. That is all there is to it.",
        where=AUDITOR,
        prepare=_hand_over_evidence,
    ),
)


def reports_can_be_made() -> bool:
    """Whether the extra for reports is installed."""
    return all(importlib.util.find_spec(name) for name in ("pypdf", "reportlab"))
