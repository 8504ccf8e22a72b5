"""Lessons about what a site keeps: registers, search, an audit, and erasing."""

from typing import Final

from perdure_cli.tutorial.lesson import Lesson, answered, lines
from perdure_cli.tutorial.looking import Look
from perdure_cli.tutorial.sandbox import Sandbox

_LETTERS: Final = tuple(f"letters/letter-{number}.txt" for number in (1, 2, 3, 4))
_ERASED: Final = _LETTERS[2]
_CHANGED: Final = _LETTERS[3]
_AUDIT: Final = "year.audit.json"


def _imported(look: Look) -> str | None:
    missing = [name for name in _LETTERS if not look.live(name)]
    if missing:
        return f"{len(missing)} of {len(_LETTERS)} letters are not recorded yet: {', '.join(missing)}."
    signed = all(each.signed_by_recorder == "ada" for name in _LETTERS for each in look.live(name))
    return (
        None
        if signed
        else "Not all letters are recorded by ada: withdraw those, and import the register with --as ada."
    )


def _found(look: Look) -> str | None:
    missing = _imported(look)
    if missing:
        return missing
    wrong = "Not that one. perdure find --signer bela east, or perdure find --field ward=... narrows it down."
    right = {"letter-2.txt": "", "letters/letter-2.txt": "", "letter-2": "", "*": wrong}
    return answered(look, right, "Which letter did Bela sign in ward 3 east?")


def _audited(look: Look) -> str | None:
    path = look.sandbox.desk / _AUDIT
    if not path.is_file():
        return f"There is no report of an audit in {_AUDIT} yet."
    code, _ = look.sandbox.ask("verify", _AUDIT)
    if code:
        return f"{_AUDIT} is no report that this site signed. Delete it (rm {_AUDIT}), and audit again."
    wrong = "Not that one: look at the findings once more, or audit again."
    name = _CHANGED.rpartition("/")[2]
    right = {_CHANGED: "", name: "", name.removesuffix(".txt"): "", "*": wrong}
    return answered(look, right, "Which document was changed after it was recorded?")


def _is_erased(look: Look) -> str | None:
    # what is erased is found by its document no more
    if look.records(_ERASED):
        return f"What the record of {_ERASED} says is still there."
    if not any(each.is_erased for each in look.all_records()):
        return f"{_ERASED} is not recorded at all, and nothing is erased."
    others = [name for name in _LETTERS if name != _ERASED and not look.live(name)]
    if others:
        return f"{', '.join(others)} is erased too, which nobody asked for, and which cannot be undone: begin anew (--fresh), or skip."
    return None


def _put_register(sandbox: Sandbox) -> None:
    for name in (*_LETTERS, "letters.csv"):
        sandbox.put(name)


def _change_a_letter(sandbox: Sandbox) -> None:
    sandbox.put(_CHANGED, again=True)
    path = sandbox.desk / _CHANGED
    path.write_text(path.read_text("utf-8").replace("and to", "but not to"), encoding="utf-8")


KEEPING: Final = (
    Lesson(
        "import",
        "Record a whole register",
        "letters.csv lists four letters, who signed each, and in which ward (cat letters.csv). Record them all at once, as ada.",
        ("perdure import takes the register.", "Type: perdure import letters.csv --as ada"),
        lines("perdure import letters.csv --as ada"),
        _imported,
        "The register's columns became slots, and ward a field of your own. Imported twice, it changes nothing.",
        prepare=_put_register,
    ),
    Lesson(
        "find",
        "Find a record",
        "Which of the letters did Bela sign in ward 3 east? Type: answer NAME",
        (
            'perdure find searches what records say: --signer, --field ward="3 east", or just words.',
            'Type: perdure find --signer Bela --field ward="3 east", then: answer letter-2.txt',
        ),
        lines('perdure find --signer Bela --field ward="3 east"', "answer letter-2.txt"),
        _found,
        "What is searched is encrypted on the disk, as the records are, and what is erased is found no more.",
    ),
    Lesson(
        "audit",
        "Audit the site",
        f"Somebody changed one of the letters after it was recorded. Audit the vault with the documents on your desk, as cleo, and let the signed report "
        f"go into {_AUDIT}. Which document was changed? Type: answer NAME",
        (
            "perdure audit has --documents DIR and --output FILE; the desk is the folder . (a dot). What was changed is no recorded document any more.",
            f"Type: perdure audit --documents . --output {_AUDIT} --as cleo, then: answer letter-4.txt",
        ),
        lines(f"perdure audit --documents . --output {_AUDIT} --as cleo", "answer letter-4.txt"),
        _audited,
        "An audit changes nothing: it finds. Its report is signed by the site, which is worth a declaration: what the site cannot lie about is in evidence.",
        prepare=_change_a_letter,
    ),
    Lesson(
        "erase",
        "Erase what a record says",
        f"Whoever signed {_ERASED} wants it forgotten. Erase its record, as cleo, with a reason.",
        (
            "perdure erase takes the file; it asks, unless --yes.",
            f'Type: perdure erase {_ERASED} --reason "asked for" --as cleo --yes',
        ),
        lines(f'perdure erase {_ERASED} --reason "asked for" --as cleo --yes'),
        _is_erased,
        "The leaf stays, and all other proofs with it; what it stood for is gone. Out of reach are evidence that was handed out, the document itself, and "
        "backups from before.",
    ),
)
