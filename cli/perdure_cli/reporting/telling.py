"""What a report says, in its order: the answer first, then each piece of evidence, whom to believe, how to repeat it, the words."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict import Verdict
from perdure_anchor.verdict_words import Words, claimed_words, document_words, grade_words, shown_words

from perdure_cli.exit_codes import ANSWER_IS_NO, FileUnreadable
from perdure_cli.reporting.blocks import (
    Answer,
    Block,
    Caution,
    Code,
    Heading,
    Rows,
    Steps,
    Subject,
    Table,
    Text,
)
from perdure_cli.reporting.contents import Piece, Report
from perdure_cli.reporting.glossary import GLOSSARY
from perdure_cli.reporting.plain_words import plain_words
from perdure_cli.reporting.steps import State, Step, steps_of
from perdure_cli.trust_store import TrustSource
from perdure_cli.trusting.as_text import fingerprint_rows
from perdure_cli.verifying.outcome import Outcome

# more are no longer copied from paper
_MOST_DOCUMENTS: Final = 5
_DEVNET: Final = "On a devnet: one process held all keys, so this shows how things work and proves nothing."

_LIMITS: Final = (
    "A yes says that a record was there in time, unaltered. It does not say that what the record claims is true, nor that a document is "
    "valid or was signed by whom it names; nor that the site has no later record which corrects this one. The moments are bounds, in UTC."
)


def report_title(report: Report) -> str:
    """The title of the report, as PDF readers show it."""
    return f"Report of a verification: {_answer_of(report)[0]}"


def report_blocks(report: Report) -> Iterator[Block]:
    """The whole report."""
    yield from _summary(report)
    for number, piece in enumerate(report.pieces, 1):
        yield from _evidence(report, number, piece)
    yield Subject(None)
    for outcome in report.without_evidence:
        yield Heading(f"No evidence: {outcome.file}", 1)
        yield _answer(outcome, report)
        yield _reasons(outcome)
    yield from _believed(report)
    yield from _repeating(report)
    yield from _words()


# --- the page that is read first


def _summary(report: Report) -> Iterator[Block]:
    word, ok = _answer_of(report)
    yield Heading("Report of a verification", 2)
    yield Answer(ok, word, _count_text(report))
    if any(source.trust.devnet for source in report.trusts):
        yield Caution(_DEVNET)
    if any(not source.pinned for source in report.trusts):
        yield Caution(
            "A trust file was believed that is not pinned: everything here is worth what its fingerprint is worth. "
            "Compare the fingerprint with the consortium's."
        )
    yield Rows(tuple(_summary_rows(report)))
    if len(report.outcomes) == 1 and len(report.pieces) == 1:
        yield from _in_brief(report.pieces[0].outcome)
    else:
        yield from _not_yes(report)
        yield Heading("The evidence")
        yield _overview(report)
    yield Text(_LIMITS, small=True)


def _answer_of(report: Report) -> tuple[str, bool | None]:
    if report.outcomes and all(outcome.ok for outcome in report.outcomes):
        return "YES", True
    if any(outcome.exit_code == ANSWER_IS_NO for outcome in report.outcomes):
        return "NO", False
    return "COULD NOT BE FOUND OUT", None


def _count_text(report: Report) -> str:
    total, yes = len(report.outcomes), sum(outcome.ok for outcome in report.outcomes)
    unknown = sum(not outcome.ok and outcome.exit_code != ANSWER_IS_NO for outcome in report.outcomes)
    asked = f"asked was for the grade {report.require.text}"
    if total == 1:
        return f"on one piece of evidence; {asked}" if report.pieces else f"there is no evidence; {asked}"
    return f"{total} in all: {yes} yes, {total - yes - unknown} no, {unknown} could not be found out; {asked}"


def _summary_rows(report: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "report", (report.identifier,)
    yield "made", (f"{report.made_at_text}, by the clock of whoever made it",)
    yield "made with", (f"perdure {report.version}",)
    for source in report.trusts:
        yield "believing", (f"{source.trust.name}, version {source.trust.version}, {_pinned(source)}",)
        yield "fingerprint", tuple(fingerprint_rows(source))


def _in_brief(outcome: Outcome) -> Iterator[Block]:
    yield Heading("In plain words")
    yield Text(plain_words(outcome))
    yield Heading("In brief")
    verdict = outcome.verdict
    rows: list[tuple[str, tuple[str, ...]]] = [("evidence", (outcome.file,))]
    if outcome.errors:
        yield Rows(tuple(rows))
        yield _reasons(outcome)
        return
    assert verdict is not None
    rows.append(("document", (document_words(verdict, outcome.documents),)))
    rows.append(("grade", (grade_words(verdict, devnet=_on_devnet(outcome)),)))
    rows.append(("false only by", (verdict.who_must_have_lied,)))
    if verdict.not_before is not None:
        rows.append(("not before", (format_seconds(verdict.not_before.seconds),)))
    if verdict.not_after is not None:
        rows.append(("not after", (format_seconds(verdict.not_after.seconds),)))
    yield Rows(tuple(rows))
    yield Heading(f"Claimed by {verdict.origin.text}, and shown by nobody")
    claims = verdict.claims
    said = (
        ("signed_at", claims.signed_at),
        ("recorded_at", claims.recorded_at),
        ("sealed_at", claims.sealed_at),
    )
    yield Rows(tuple((name, (value or "hidden, or not said",)) for name, value in said))


def _not_yes(report: Report) -> Iterator[Block]:
    rows = [
        (str(number), outcome.file, _word(outcome), str(outcome.errors[0]))
        for number, outcome in enumerate(report.outcomes, 1)
        if not outcome.ok
    ]
    if rows:
        yield Heading("What is no yes")
        yield Table(("no.", "file", "answer", "because"), tuple(rows), (8, 55, 22, 75))


def _overview(report: Report) -> Table:
    rows = []
    for number, outcome in enumerate(report.outcomes, 1):
        verdict = outcome.verdict
        grade = "" if verdict is None else grade_words(verdict, devnet=_on_devnet(outcome))
        after = verdict.not_after if verdict is not None else None
        rows.append(
            (
                str(number),
                outcome.file,
                _word(outcome),
                grade,
                "" if after is None else format_seconds(after.seconds),
            )
        )
    return Table(("no.", "file", "answer", "grade", "not after"), tuple(rows), (8, 70, 22, 22, 38))


# --- each piece of evidence


def _evidence(report: Report, number: int, piece: Piece) -> Iterator[Block]:
    outcome, verdict = piece.outcome, piece.outcome.verdict
    yield Heading(f"Evidence {number} of {len(report.pieces)}", 1)
    yield Subject(piece.sha256)
    yield _answer(outcome, report)
    yield Text(plain_words(outcome))
    yield Rows(tuple(_files(piece)))
    if outcome.errors:
        yield Heading("Why it is no yes")
        yield _reasons(outcome)
    yield Heading("What was checked, step by step")
    yield Steps(_steps(outcome))
    if verdict is None:
        return
    if verdict.grade is not None:
        yield Heading("What is shown")
        yield _as_rows(
            shown_words(
                verdict,
                outcome.documents,
                devnet=_on_devnet(outcome),
                clock_allowance=outcome.clock_allowance,
            )
        )
        yield from _block(verdict)
        yield Heading(f"What is claimed by {verdict.origin.text}, and shown by nobody")
        yield _as_rows(claimed_words(verdict))
    if verdict.notes:
        yield Heading("Notes")
        yield Rows(tuple(("note", (note,)) for note in verdict.notes))


def _steps(outcome: Outcome) -> tuple[Step, ...]:
    if outcome.verdict is not None:
        return steps_of(outcome.verdict)
    if outcome.exit_code == ANSWER_IS_NO:
        return steps_of(None, State.FAILED, "; ".join(map(str, outcome.errors)))
    if any(isinstance(error, FileUnreadable) for error in outcome.errors):
        return steps_of(None)
    return steps_of(None, State.PASSED, "but nothing says whom to believe, so no more was checked")


def _files(piece: Piece) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "evidence", (piece.outcome.file,)
    yield "its SHA-256", (piece.sha256 or "it could not be read",)
    for name in piece.outcome.documents:
        yield "document", (name,)
    if piece.outcome.trust is not None:
        yield "believing", (piece.outcome.trust.fingerprint, _pinned(piece.outcome.trust))


def _block(verdict: Verdict) -> Iterator[Block]:
    anchor = verdict.anchor
    if anchor is None:
        return
    rows = [
        ("block", (f"{anchor.block_number}, {to_hex(anchor.block_hash)}",)),
        ("block's time", (f"{format_seconds(anchor.block_time)}, as its proposer wrote it",)),
        ("the log's key", (checksum_address(anchor.signer),)),
        (
            "seals",
            (
                f"{anchor.sealers} of {anchor.validators} validators, in this block and the {anchor.descendants} after it",
            ),
        ),
    ]
    if anchor.first_block is not None:
        rows.append(
            ("anchored first", (f"in block {anchor.first_block}, or before it, by the registry's word",))
        )
    if verdict.root is not None:
        rows.append(("the log's root", (verdict.root.hex(),)))
    yield Heading("The block that anchors it")
    yield Rows(tuple(rows))


def _as_rows(all_words: Iterator[Words]) -> Rows:
    return Rows(tuple((words.label, words.lines) for words in all_words))


def _answer(outcome: Outcome, report: Report) -> Answer:
    word = _word(outcome)
    if outcome.ok:
        assert outcome.verdict is not None
        grade = grade_words(outcome.verdict, devnet=_on_devnet(outcome))
        return Answer(
            True, word.upper(), f"{outcome.file}: {grade}; asked was for the grade {report.require.text}"
        )
    no = outcome.exit_code == ANSWER_IS_NO
    return Answer(False if no else None, word.upper(), outcome.file)


def _word(outcome: Outcome) -> str:
    if outcome.ok:
        return "yes"
    return "no" if outcome.exit_code == ANSWER_IS_NO else "could not be found out"


def _reasons(outcome: Outcome) -> Rows:
    faults = () if outcome.verdict is None else outcome.verdict.faults
    steps = {id(fault.error): fault.step for fault in faults}
    rows = []
    for error in outcome.errors:
        step = steps.get(id(error))
        at = "" if step is None else f", at step {step}"
        rows.append(
            (
                "because",
                (str(error), f"{type(error).__name__}{at}", *((error.hint,) if error.hint else ())),
            )
        )
    return Rows(tuple(rows))


# --- whom to believe, how to repeat it, the words


def _believed(report: Report) -> Iterator[Block]:
    yield Heading("Whom this report believes", 1)
    yield Text(
        "All that is shown rests on a trust file, which names the chain, the registry and the validators. It is attached, so that "
        "everybody sees which one it was; but a file that comes with a report proves nothing of itself. Compare its fingerprint with "
        "the consortium's, in a way that has nothing to do with how this report came."
    )
    for source in report.trusts:
        yield Heading(f"{source.trust.name}, version {source.trust.version}")
        yield Rows(
            (
                ("fingerprint", tuple(fingerprint_rows(source))),
                ("pinned", ("yes, by whoever made this report" if source.pinned else "NO",)),
                ("chain id", (str(source.trust.chain_id),)),
                ("registry", (checksum_address(source.trust.registry.address),)),
                *((("devnet", (_DEVNET,)),) if source.trust.devnet else ()),
            )
        )
    if not report.trusts:
        yield Text("No trust file was believed.")


def _repeating(report: Report) -> Iterator[Block]:
    yield Heading("How to repeat the check")
    yield Text(
        "On any computer with Python 3.11 or newer; once perdure is installed, without a network. Save this report as report.pdf, and get the "
        "consortium's trust file from the consortium. What is attached here is verified anew; nothing that is printed is believed."
    )
    yield Code(tuple(_commands(report)))
    yield Text(
        "Or save the attached files with any PDF reader, and name them to perdure verify, which then needs no more than pip install perdure. Or "
        "have another verifier written: all that is needed is in the specification, anchor/SPEC.md in Perdure's source, and the steps of "
        "this report have the numbers of its section 9.2."
    )
    yield Heading("What is attached")
    yield Table(
        ("file", "bytes", "what it is"),
        tuple((each.name, str(len(each.raw)), each.about) for each in report.attachments()),
        (90, 20, 60),
    )


def _commands(report: Report) -> Iterator[str]:
    yield f"pip install 'perdure[report]=={report.version}'"
    for source in report.trusts:
        yield f'perdure trust pin consortium.json --fingerprint "{source.fingerprint}"'
    names = list(dict.fromkeys(name for outcome in report.outcomes for name in outcome.documents))
    documents = [shlex.quote(Path(name).name) for name in names]
    told = documents if len(documents) <= _MOST_DOCUMENTS else ["DOCUMENT..."]
    asked = f"--require {report.require.text} --clock-allowance {report.clock_allowance}"
    yield " ".join(("perdure verify", asked, "report.pdf", *told))


def _words() -> Iterator[Block]:
    yield Heading("Words", 1)
    yield Rows(tuple((word, (meaning,)) for word, meaning in GLOSSARY))


def _on_devnet(outcome: Outcome) -> bool:
    return outcome.trust is not None and outcome.trust.trust.devnet


def _pinned(source: TrustSource) -> str:
    return "pinned" if source.pinned else "NOT PINNED: compare the fingerprint with the consortium's"
