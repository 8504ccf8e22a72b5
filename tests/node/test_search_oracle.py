"""A search beside its oracle, which opens every record and looks at its values one by one."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from perdure_anchor.hashes import sha256
from perdure_node.changes import erase, withdraw
from perdure_node.details import Signer
from perdure_node.documents import DocumentFacts
from perdure_node.intake import Details, add_document
from perdure_node.listing import list_records
from perdure_node.log.sealing import seal
from perdure_node.records import FINISHED, open_record, record_by_sequence, select_records
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.folding import fold
from perdure_node.searching.rows import microseconds
from perdure_node.searching.search import Standing, search
from perdure_node.searching.segments import Segments
from perdure_node.traces import Reason
from perdure_node.vault import Vault, open_vault
from tools.site_desk import keys_of
from tools.site_network import START, STOPPED, copied, counted_bytes

DAY = 86_400 * 1_000_000
# what folds in unusual ways, and what could be taken for a separator
PIECES = [
    "Straße", "STRASSE", "strasse", "İstanbul", "istanbul", "ISTANBUL", "ısı", "é", "e\u0301", "É", "ﬁn", "FIN",
    "Ǆ", "ǆ", "ΑΣ", "ας", "العقد", "الع\u064eقد", "契約書", "ｶﾞ", "ガ", "カ\u3099", "①", "1", "a", "b", "a b", "a\u00adb", "ab",
    "x\u0302\u0323", "x\u0323\u0302", "=", "n=v", "\n", "\x1e", "\x1f", "한", "\u1112\u1161\u11ab", "\ud7b0", "A\u030a", "Å", "K",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=2), min_size=1, max_size=4).map("".join)
plain = texts.filter(lambda text: _is_storable(text))
moments = st.integers(-3, 3).map(lambda days: datetime.fromtimestamp(START, UTC) + timedelta(days=days))
extras = st.dictionaries(
    plain.filter(bool), plain | st.integers(0, 3) | st.booleans() | st.none(), max_size=2
)
record_details = st.tuples(
    plain,
    st.none() | st.sampled_from(["letter", "Letter", "contract"]),
    st.lists(st.tuples(plain, st.none() | plain), max_size=2),
    st.none() | moments,
    extras,
)


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture
def empty(offline_vault: Vault, tmp_path: Path) -> Path:
    """The folder of a vault, to be copied."""
    offline_vault.close()
    return tmp_path / "offline"


def all_values(vault: Vault) -> list[tuple[int, dict[str, Any]]]:
    """What all records say that were not erased, the newest first."""
    found = select_records(vault.database, f"WHERE {FINISHED} ORDER BY record.sequence DESC")
    keys = keys_of(vault)
    return [
        (each.sequence, dict(open_record(each, keys).record.values))
        for each in found
        if each.content is not None
    ]


def said(value: Any) -> Iterator[str]:
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from said(member)
    elif isinstance(value, list):
        for member in value:
            yield from said(member)


def extra_texts(extra: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    for name, value in (extra or {}).items():
        yield (
            name,
            value
            if isinstance(value, str)
            else {True: "true", False: "false", None: "null"}.get(value, str(value))
            if value is None or isinstance(value, bool)
            else str(value),
        )


SEARCHED = ("document_name", "document_type", "media_type", "signers", "recorded_by")


def is_meant(criteria: Criteria, values: dict[str, Any]) -> bool:
    """Whether a record is what is searched for, as the documentation says it."""
    everything = [text for slot in SEARCHED for text in said(values[slot])]
    everything += [text for pair in extra_texts(values["extra"]) for text in pair]
    signers = list(said(values["signers"]))
    time = values[f"{criteria.by}_at"]
    moment = None if time is None else microseconds(datetime.fromisoformat(time))
    return (
        all(any(fold(text) in fold(each) for each in everything) for text in criteria.texts if fold(text))
        and all(any(fold(text) in fold(each) for each in signers) for text in criteria.signers)
        and (not criteria.types or fold(values["document_type"] or "") in map(fold, criteria.types))
        and all(
            any((fold(name), fold(value)) == (fold(a), fold(b)) for a, b in extra_texts(values["extra"]))
            for name, value in criteria.fields
        )
        and (criteria.since is None or (moment is not None and moment >= criteria.since))
        and (criteria.until is None or (moment is not None and moment < criteria.until))
        and (criteria.digest is None or values["document_sha256"].startswith(criteria.digest))
    )


def searched(vault: Vault, criteria: Criteria, standing: Standing | None = None) -> list[int]:
    segments = Segments(vault, keys_of(vault), clock=STOPPED, randomness=os.urandom)
    return [each for page in search(segments, vault.database, criteria, standing) for each in page]


@st.composite
def criteria_for(draw: st.DrawFn, records: Sequence[Any]) -> Criteria:
    """Mostly of what there is."""
    name, kind, signers, _, extra = draw(st.sampled_from(records))
    parts = [part for part in name.split() if part] or ["a"]
    words = st.sampled_from([name, *parts, *(part[: len(part) // 2] for part in parts)]) | texts
    people = st.sampled_from([text for signer in signers for text in signer if text] or ["a"]) | texts
    fields = st.sampled_from([(key, _text(value)) for key, value in extra.items()] or [("a", "b")])
    start = int(START) * 1_000_000
    return Criteria(
        tuple(draw(st.lists(words, max_size=2))),
        tuple(text for text in draw(st.lists(people, max_size=1)) if fold(text)),
        tuple(draw(st.lists(st.sampled_from([kind or "letter", "LETTER"]), max_size=1))),
        tuple(draw(st.lists(fields, max_size=1))),
        draw(st.none() | st.integers(-3, 3).map(lambda days: start + days * DAY)),
        draw(st.none() | st.integers(-3, 3).map(lambda days: start + days * DAY)),
        draw(st.sampled_from(["signed", "recorded"])),
        draw(
            st.none()
            | st.sampled_from([sha256(b"%d" % n).hex()[:size] for n in range(3) for size in (1, 2, 9, 64)])
        ),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else next(text for _, text in extra_texts({"a": value}))


def add(vault: Vault, number: int, details: Any) -> int:
    name, kind, signers, signed, extra = details
    facts = DocumentFacts(sha256(b"%d" % number), 1, name, "text/plain")
    said_of = Details(
        document_type=kind,
        signers=tuple(Signer(*each) for each in signers),
        signed_at=None if signed is None else signed.isoformat(),
        extra=extra,
    )
    return add_document(
        vault, facts, said_of, clock=STOPPED, randomness=counted_bytes(b"%d" % number)
    ).sequence


@pytest.mark.slow
# shrinking takes minutes
@settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_search_finds_what_opening_every_record_finds(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    # half of the runs store what they build
    worth = data.draw(st.sampled_from([1, 4, 512]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("perdure_node.searching.segments.WORTH_STORING", worth)
        folder = copied(empty, tmp_path_factory.mktemp("example") / "site")
        with open_vault(folder / ".perdure") as vault:
            made = data.draw(st.lists(record_details, min_size=1, max_size=6))
            for number, each in enumerate(made):
                add(vault, number, each)
                if data.draw(st.booleans()):
                    searched(vault, Criteria(("a",)))
            gone = record_by_sequence(vault.database, data.draw(st.integers(1, len(made))))
            change = data.draw(st.sampled_from([None, "erase", "withdraw", "seal"]))
            reason, keys = Reason(None, "why"), keys_of(vault)
            assert gone is not None
            if change == "erase":
                erase(vault, gone, reason, keys, clock=STOPPED, randomness=os.urandom)
            elif change == "withdraw":
                withdraw(vault, gone, reason, clock=STOPPED, randomness=os.urandom)
            elif change == "seal":
                seal(vault, keys, STOPPED)
            values = all_values(vault)
            for _ in range(4):
                criteria = data.draw(criteria_for(made))
                expected = [sequence for sequence, slots in values if is_meant(criteria, slots)]
                if criteria == Criteria(criteria.texts, by=criteria.by) and not any(
                    map(fold, criteria.texts)
                ):
                    continue  # searches for nothing: everything, also what was erased
                assert searched(vault, criteria) == expected
                for standing in (Standing.WAITING, Standing.SEALED, Standing.WITHDRAWN):
                    stand = {
                        each.sequence
                        for each in list_records(vault, keys)
                        if each.state.value == standing.value
                    }
                    assert searched(vault, criteria, standing) == [each for each in expected if each in stand]
