"""Lessons about evidence: to write it, to verify it, to see it say no, to hide a slot, and to supersede."""

from typing import Final

from perdure_anchor.hashes import parse_hex

from perdure_cli.tutorial.lesson import Lesson, answered, lines, putting
from perdure_cli.tutorial.looking import Look
from perdure_cli.tutorial.recording_lessons import only_record

_CONTRACT: Final = "contract.txt"
_EVIDENCE: Final = "contract.txt.evidence.json"
_FOR_PRESS: Final = "for-press.evidence.json"


def _proved(look: Look) -> str | None:
    verdict = look.verdict(look.sandbox.desk / _EVIDENCE)
    if verdict is None:
        return f"There is no evidence in {_EVIDENCE} beside the contract yet."
    if not verdict.ok:
        return f"{_EVIDENCE} does not hold: {verdict.errors[0]}. Delete it with rm {_EVIDENCE}, and write it again."
    if verdict.leaf_hash not in {record.leaf_hash for record in look.live(_CONTRACT)}:
        return f"{_EVIDENCE} is about another record. Delete it with rm {_EVIDENCE}, and write it again."
    return None


def _who_must_lie(look: Look) -> str | None:
    missing = _proved(look)
    if missing:
        return missing
    if not look.is_as_it_came(_CONTRACT):
        return f"{_CONTRACT} is not what was recorded any more; restore {_CONTRACT} brings it back."
    question = "How many of the chain's 4 validators must have lied if the answer is false?"
    wrong = "Look at the line `false only by` of: perdure verify contract.txt"
    return answered(look, {"3": "", "three": "", "3 of 4": "", "*": wrong}, question)


def _tampered(look: Look) -> str | None:
    missing = _proved(look)
    if missing:
        return missing
    document = look.sandbox.desk / _CONTRACT
    if look.digest(document) is None:
        return (
            f"{_CONTRACT} is gone, which is another way to lose a proof; restore {_CONTRACT} brings it back."
        )
    verdict = look.verdict(look.sandbox.desk / _EVIDENCE, document)
    if verdict is None or verdict.ok:
        return f"{_CONTRACT} is still what was recorded, to the last byte."
    return answered(
        look,
        {
            "1": "",
            "*": "Look once more: exit code 1 is a no, 2 a fault of usage, 3 that nobody could find out.",
        },
        f"{_CONTRACT} is changed. Verify it: with which exit code does perdure say no?",
    )


def _mended(look: Look) -> str | None:
    missing = _proved(look)
    if missing:
        return missing
    if not look.is_as_it_came(_CONTRACT):
        return f"{_CONTRACT} is not what was recorded."
    return None


def _hidden(look: Look) -> str | None:
    verdict = look.verdict(look.sandbox.desk / _FOR_PRESS)
    if verdict is None:
        return f"There is no evidence in {_FOR_PRESS} yet."
    if not verdict.ok:
        return f"{_FOR_PRESS} does not hold: {verdict.errors[0]}."
    if verdict.leaf_hash not in {record.leaf_hash for record in look.live(_CONTRACT)}:
        return f"{_FOR_PRESS} is about another record than that of {_CONTRACT}."
    if "signers" not in verdict.hidden:
        return f"{_FOR_PRESS} shows who signed. Delete it (rm {_FOR_PRESS}), and write it anew with --hide signers."
    if "document_sha256" in verdict.hidden:
        return f"{_FOR_PRESS} hides even which document it is about, which nobody asked for."
    return None


def _superseded(look: Look) -> str | None:
    old = only_record(look, _CONTRACT)
    if isinstance(old, str):
        return old
    new = only_record(look, "contract-2.txt")
    if isinstance(new, str):
        return new
    named = new.values.get("supersedes")
    if named is None:
        return (
            "contract-2.txt is recorded, but does not say that it supersedes anything. "
            "Take it back with perdure withdraw contract-2.txt --reason WHY, and record it again."
        )
    if parse_hex(f"0x{str(named).removeprefix('0x')}", 32, "supersedes") != old.leaf_hash:
        return "contract-2.txt supersedes another record than the one of contract.txt: withdraw it, and record it again."
    return None


def _supersede(look: Look) -> tuple[str, ...]:
    old = only_record(look, _CONTRACT)
    name = "LEAF_HASH" if isinstance(old, str) else old.leaf_hash.hex()
    return (f'perdure add contract-2.txt --type contract --supersedes {name} --reason "the wrong price"',)


PROVING: Final = (
    Lesson(
        "prove",
        "Write evidence",
        "Write the evidence of contract.txt, to hand it out: one file that proves it to anybody, offline.",
        ("perdure prove takes the document's name.", "Type: perdure prove contract.txt"),
        lines("perdure prove contract.txt"),
        _proved,
        f"{_EVIDENCE} holds the record, its place in the log, the anchor's receipt and the validators' seals. It does not hold your document's name.",
    ),
    Lesson(
        "verify",
        "Verify it",
        "Verify the contract, and read the answer from top to bottom: what is shown, what is only claimed, and who must have lied if it is false. "
        "How many of the chain's 4 validators? Type: answer NUMBER",
        (
            "perdure verify contract.txt finds the evidence beside it; the line `false only by` says it.",
            "Type: perdure verify contract.txt, then: answer 3",
        ),
        lines("perdure verify contract.txt", "answer 3"),
        _who_must_lie,
        "That it existed at that time is shown. That Ada signed it is your site's claim: shown by nobody, unless the document itself has a signature.",
    ),
    Lesson(
        "tamper",
        "Change a byte",
        "Forge the contract: `change contract.txt` alters one byte of it (or use an editor). Verify it again. "
        "With which exit code does perdure say no? The tutorial shows the code of each command. Type: answer CODE",
        (
            "change contract.txt, then perdure verify contract.txt.",
            "Type: change contract.txt, then: answer 1",
        ),
        lines("change contract.txt", "perdure verify contract.txt", "answer 1"),
        _tampered,
        "No (1) accuses somebody; could not find out (3) does not. Scripts must not mix them up: perdure help scripting.",
    ),
    Lesson(
        "mend",
        "Undo it",
        "Bring the contract back as it was: `restore contract.txt`. See that the answer is yes again.",
        ("restore contract.txt",),
        lines("restore contract.txt", "perdure verify contract.txt"),
        _mended,
        "A proof is worth nothing without its document: keep documents as they are, to the last byte, and back them up.",
    ),
    Lesson(
        "hide",
        "Hide a slot",
        f"A newspaper may know that the contract exists, not who signed. Write evidence of contract.txt into {_FOR_PRESS} that hides the signers.",
        (
            "perdure prove has --hide SLOT and --output FILE.",
            f"Type: perdure prove contract.txt --hide signers --output {_FOR_PRESS}",
        ),
        lines(f"perdure prove contract.txt --hide signers --output {_FOR_PRESS}"),
        _hidden,
        "Each slot is hashed by itself, with a salt: what is hidden cannot be guessed, and the proof is as good as before.",
    ),
    Lesson(
        "supersede",
        "Correct what is sealed",
        "The contract named the wrong price, and a new one was signed: contract-2.txt. Record it as the one that supersedes the record of contract.txt, and say why. "
        "(You find that record's leaf hash with perdure show contract.txt.)",
        (
            "perdure add contract-2.txt --type contract --supersedes LEAF_HASH --reason WHY, with the 64 digits that perdure show says.",
            "perdure show contract.txt, the line `leaf hash`.",
        ),
        _supersede,
        _superseded,
        "Both records stay, for good. Evidence of the old one stays true as well: it shows what was recorded then.",
        prepare=putting("contract-2.txt"),
    ),
)
