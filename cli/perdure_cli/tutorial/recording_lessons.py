"""Lessons about recording: once, not twice, and corrected while it waits."""

from typing import Final

from perdure_node.records import State

from perdure_cli.tutorial.lesson import Lesson, lines, putting
from perdure_cli.tutorial.looking import Look, Seen

_CONTRACT: Final = "contract.txt"
_ADD: Final = 'perdure add contract.txt --type contract --signer "Ada Example <ada@acme.example>" --signed-at 2026-05-04T10:00Z'


def only_record(look: Look, name: str) -> Seen | str:
    """The one record of a document; else what to do about none, or several."""
    match look.live(name):
        case []:
            return f"{name} is not recorded yet."
        case [record]:
            return record
        case several:
            return (
                f"{name} is recorded {len(several)} times. While they wait, take back all but one: "
                "perdure withdraw LEAF_HASH --reason WHY (perdure show says the leaf hash)."
            )


def _recorded(look: Look) -> str | None:
    record = only_record(look, _CONTRACT)
    if isinstance(record, str):
        return record
    if record.values.get("document_type") != "contract":
        return f"It is recorded as of type {record.values.get('document_type')!a}, not contract: amend it with perdure amend."
    if "Ada Example" not in record.signers:
        return "Its record does not say that Ada Example signed: amend it with perdure amend ... --signer."
    if not str(record.values.get("signed_at")).startswith("2026-05-04T10:00"):
        return "Its record does not say that it was signed on 4 May 2026 at 10:00 UTC: amend it with perdure amend ... --signed-at."
    return None


def _recorded_once(look: Look) -> str | None:
    record = only_record(look, _CONTRACT)
    if isinstance(record, str):
        return record
    if look.answer is None:
        return "How many records does the vault have now? Type: answer NUMBER"
    count = sum(not each.state.is_out for each in look.all_records())
    return None if look.answer == str(count) else f"Not {look.answer}. Count the lines of: perdure list"


def _amended(look: Look) -> str | None:
    record = only_record(look, _CONTRACT)
    if isinstance(record, str):
        return record
    if not str(record.values.get("signed_at")).startswith("2026-05-04T12:00"):
        return f"The record says {record.values.get('signed_at') or 'nothing'} of the time of signing, and noon is right."
    amended = [each for each in look.records(_CONTRACT) if "amended" in each.changes]
    if not amended:
        return "The record says noon, but no trace says that it was amended, and why: use perdure amend."
    return None


def _sealed(look: Look) -> str | None:
    record = only_record(look, _CONTRACT)
    if isinstance(record, str):
        return record
    if record.index is None:
        return f"The record of {_CONTRACT} is not sealed yet: it is {record.state.value}."
    return None


def _anchored(look: Look) -> str | None:
    missing = _sealed(look)
    if missing:
        return missing
    if look.live(_CONTRACT)[0].state is not State.ANCHORED:
        return "The record is sealed, but no anchor is at home yet."
    return None


RECORDING: Final = (
    Lesson(
        "record",
        "Record a document",
        "On your desk lies contract.txt (ls shows the desk, cat contract.txt the document). Ada Example <ada@acme.example> signed it "
        "on 4 May 2026 at 10:00 UTC. Record it: that it is a contract, who signed, and when.",
        (
            "perdure add --help lists what can be said of a document: --type, --signer, --signed-at.",
            f"Type: {_ADD}",
        ),
        lines(_ADD),
        _recorded,
        "The record is on the disk, encrypted; the document itself stays where it is. Perdure keeps its SHA-256, not a copy: "
        "from now on every byte of it counts.",
        prepare=putting(_CONTRACT),
    ),
    Lesson(
        "once",
        "The same is not recorded twice",
        "Somebody scans the same contract again. Record contract.txt once more in the same words, and then in others, say with --type memo. "
        "How many records does the vault have after that? perdure list shows them. Type: answer NUMBER",
        (
            "The same words give the same record; other words are refused, unless you say --again or --supersedes.",
            "Type: answer 1",
        ),
        lines(_ADD, "answer 1"),
        _recorded_once,
        "Whoever is not sure whether he has recorded something records it again: no harm comes of it.",
    ),
    Lesson(
        "amend",
        "Correct what waits",
        "You misread the time: contract.txt was signed at noon, 12:00 UTC. Until it is sealed a record can be amended, with a reason.",
        (
            "perdure amend FILE, with what is to be replaced, and --reason.",
            'Type: perdure amend contract.txt --signed-at 2026-05-04T12:00Z --reason "misread"',
        ),
        lines('perdure amend contract.txt --signed-at 2026-05-04T12:00Z --reason "misread"'),
        _amended,
        "perdure show contract.txt has the trace: what was changed, when, and why. The first version never comes into the log.",
    ),
    Lesson(
        "seal",
        "Seal what waits",
        "Close the waiting records into the site's log, and sign a checkpoint over it. That needs no network, and cannot be undone.",
        ("One word after perdure.", "Type: perdure seal"),
        lines("perdure seal"),
        _sealed,
        "From now on the record has its place in the log. It can be superseded, never amended. What is sealed can wait for a network for weeks.",
    ),
    Lesson(
        "sync",
        "Anchor it",
        "Now there is a network: bring the checkpoint to the chain, wait until its block is final, and take the evidence home.",
        ("perdure status says what to do next.", "Type: perdure sync"),
        lines("perdure sync"),
        _anchored,
        "The chain got 32 bytes and a signature, and knows nothing of contracts. From now on nobody, you neither, can make the record younger or older.",
    ),
)
