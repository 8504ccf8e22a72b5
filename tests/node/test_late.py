"""Late entries in a vault: what the policy asks for, and that reason and documents are in the record."""

import os
from collections.abc import Mapping

import pytest
from perdure_anchor.late import LateEntry, disclosed_late
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import format_seconds
from perdure_node.errors import IntakeError
from perdure_node.intake import Details, add_document
from perdure_node.late import LateReasonMissing, SigningTimeMissing, check_late, supporting_document
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.policy import parse_policy
from perdure_node.records import Added, open_record, record_by_sequence
from perdure_node.vault import Vault
from tools.site_desk import document, keys_of
from tools.site_network import STOPPED

POLICY = b"""
[recording]
recorders_sign = false
late_after_days = 30
[[documents]]
type = "deed"
late_after_days = 3
late_documents = 2
[[documents]]
type = "contract"
no_signing_time = "refuse"
[[documents]]
type = "note"
late_after_days = 7000
no_signing_time = "accept"
"""
DAY = 86_400


def days_ago(days: int, seconds: int = 0) -> str:
    return format_seconds(int(STOPPED.now()) - days * DAY - seconds)


def add(
    vault: Vault, kind: str | None, signed_at: str | None, *supporting: int, reason: str | None = None
) -> Added:
    late = None
    if reason is not None:
        late = LateEntry(reason, tuple(supporting_document(document(each)) for each in supporting))
    details = Details(document_type=kind, signed_at=signed_at, late=late)
    return add_document(vault, document(1), details, clock=STOPPED, randomness=os.urandom)


@pytest.fixture
def strict(vault: Vault) -> Vault:
    adopt_policy(vault, POLICY, clock=STOPPED, randomness=os.urandom)
    return vault


@pytest.mark.parametrize(
    ("kind", "signed_at"),
    [
        ("letter", days_ago(30, -1)),
        ("note", None),
        ("note", days_ago(400)),
        ("deed", days_ago(3, -1)),
        ("deed", days_ago(-5)),
    ],
)
def test_what_comes_in_time_needs_no_reason(strict: Vault, kind: str, signed_at: str | None) -> None:
    assert not add(strict, kind, signed_at).was_there


@pytest.mark.parametrize(
    ("kind", "days", "reason", "supporting", "fault"),
    [
        ("letter", 30, None, (), "late: recorded 30 days after the claimed signing; from 30 on"),
        (
            "deed",
            3,
            None,
            (),
            r"from 3 on this site's policy wants a reason, and 2 supporting documents \(got 0\)",
        ),
        ("deed", 400, "in a drawer", (), r"recorded 400 days .*\(got 0\)"),
        ("deed", 4, "in a drawer", (7,), r"\(got 1\)"),
    ],
)
def test_what_comes_late_is_refused_without_what_the_policy_wants(
    strict: Vault, kind: str, days: int, reason: str | None, supporting: tuple[int, ...], fault: str
) -> None:
    with pytest.raises(LateReasonMissing, match=fault):
        add(strict, kind, days_ago(days), *supporting, reason=reason)


@pytest.mark.parametrize(
    ("kind", "reason", "supporting", "fault"),
    [
        ("letter", None, (), "does not say when it was signed, .* wants the time, or a reason$"),
        (None, None, (), "does not say when it was signed"),
        ("deed", None, (), r"a reason, and 2 supporting documents \(got 0\)"),
        ("deed", "no date on it", (7,), r"\(got 1\)"),
    ],
)
def test_who_leaves_out_when_it_was_signed_is_late(
    strict: Vault, kind: str | None, reason: str | None, supporting: tuple[int, ...], fault: str
) -> None:
    with pytest.raises(LateReasonMissing, match=fault):
        add(strict, kind, None, *supporting, reason=reason)


def signed(*times: str | None) -> Mapping[str, JsonValue]:
    """What a check of a document's signatures found out about when they were made."""
    return {
        "document_sha256": "00" * 32,
        "document_type": "deed",
        "signed_at": days_ago(0),
        "signature": {"v": 1, "signatures": [{} if time is None else {"claimed_at": time} for time in times]},
    }


def test_who_says_a_later_time_than_the_documents_signatures_is_late_all_the_same() -> None:
    policy, now = parse_policy(POLICY), int(STOPPED.now())
    with pytest.raises(
        LateReasonMissing, match="recorded 9 days after the last of the document's signatures"
    ):
        check_late(policy, signed(days_ago(900), days_ago(9)), now)
    stamped = signed(days_ago(900), days_ago(1))
    for fine in (stamped, signed(days_ago(900), None), signed(), {**stamped, "signature": {"v": 2}}):
        check_late(policy, fine, now)


def test_without_a_signing_time_a_reason_lets_it_in(strict: Vault) -> None:
    assert not add(strict, "deed", None, 7, 8, reason="no date on it").was_there


def test_a_type_that_has_to_name_its_signing_time_is_refused_without_it_whatever_the_reason(
    strict: Vault,
) -> None:
    with pytest.raises(SigningTimeMissing, match="wants to know when a document of type contract was signed"):
        add(strict, "contract", None, 7, reason="no date on it")
    assert not add(strict, "contract", days_ago(2)).was_there


@pytest.mark.parametrize("supporting", [(1, 7), (7, 7)], ids=["itself", "twice"])
def test_a_document_supports_neither_itself_nor_twice(strict: Vault, supporting: tuple[int, ...]) -> None:
    with pytest.raises(IntakeError, match="is the document itself, or there twice"):
        add(strict, "deed", days_ago(9), *supporting, reason="in a drawer")


def test_reason_and_documents_are_in_the_record(strict: Vault) -> None:
    added = add(strict, "deed", days_ago(9), 7, 8, reason="in a drawer")
    stored = record_by_sequence(strict.database, added.sequence)
    assert stored is not None
    late = disclosed_late(open_record(stored, keys_of(strict)).record.values)
    assert late == LateEntry("in a drawer", tuple(supporting_document(document(each)) for each in (7, 8)))


def test_a_vault_without_a_policy_asks_for_nothing(vault: Vault) -> None:
    assert not add(vault, "deed", days_ago(9000)).was_there


def test_what_could_not_be_read_again_is_not_recorded(vault: Vault) -> None:
    with pytest.raises(IntakeError, match="got 17 elements"):
        add(vault, "deed", None, *range(17), reason="so many")
