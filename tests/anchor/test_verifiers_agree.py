"""Seeded random changes, asked of both verifiers: to the bytes and the JSON of files, and to what chains and trust files say.

The first kind seldom gets past the step that meets the change. The second kind is made before hashes and seals, or is about who
is trusted, so that later steps are reached and many answers are yes.
"""

import base64
import binascii
import copy
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from perdure_anchor.evidence import Evidence
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.qbft import parse_extra_data
from perdure_anchor.trust import PinnedSite, TrustFile
from simulated_chain import (
    DOCUMENT_BYTES,
    ORIGIN,
    PLAIN,
    SITE_KEY,
    Story,
    Told,
    account,
    copy_of,
    tell,
    with_anchor,
    with_extra,
)
from tools.accounts import high_s_twin
from tools.two_verifiers import GRADES, agreed_answer, question

ROUNDS = int(os.environ.get("PERDURE_TORTURE", "10"))
STORIES = (
    PLAIN,
    Story(pinned=True),
    Story(client="goquorum"),
    Story(selection="contract", field_count=15, receipt_type=0),
    Story(validators=1, client="devnet"),
    Story(validators=6, quorum_rule="2f+1", field_count=16),
    Story(validators=7, anchored_before=True, field_count=17),
    Story(client="goquorum", quorum_rule="2f+1", validators=3, field_count=20),
    Story(proposer=lambda number, members: members[0]),
    Story(sealers=lambda number, members: members[number % 4 : number % 4 + 2]),
    Story(sealers=lambda number, members: members[number % 4 : number % 4 + 1]),
    Story(receipts=200, receipt_index=150, size=1, index=0),
    Story(size=300, index=299),
    Story(sealed_at=2**53 - 1),
)

# --- the bytes and the JSON of a file


def change_file(rng: random.Random, raw: bytes) -> bytes:
    """The file with one change, mostly to one place of its JSON value."""
    if rng.random() < 0.2:
        return _change_bytes(rng, raw)
    value = json.loads(raw)
    holder, key = rng.choice(list(_places(value)))
    change = rng.choice((_remove, _double, _swap, _replace, _nudge, _respell, _respell, _respell))
    change(rng, holder, key)
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode()


def _change_bytes(rng: random.Random, raw: bytes) -> bytes:
    place = rng.randrange(len(raw))
    kept = raw[place + rng.randrange(3) :]
    return (
        raw[:place] + rng.choice((b"", bytes((raw[place] ^ 1 << rng.randrange(6),)), b'"', b"[", b"0")) + kept
    )


def _places(value: object) -> Iterator[tuple[dict | list, str | int]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _remove(rng: random.Random, holder: dict | list, key: str | int) -> None:
    del holder[key]


def _double(rng: random.Random, holder: dict | list, key: str | int) -> None:
    if isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
    else:
        holder[f"{key}2"] = holder[key]


def _swap(rng: random.Random, holder: dict | list, key: str | int) -> None:
    other = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key], holder[other] = holder[other], holder[key]


def _replace(rng: random.Random, holder: dict | list, key: str | int) -> None:
    holder[key] = rng.choice(
        (None, True, 0, -1, 1, 2**53 - 1, 2**53, "", "0x", [], {}, 1.5, DOCUMENT_BYTES.decode())
    )


def _nudge(rng: random.Random, holder: dict | list, key: str | int) -> None:
    if isinstance(holder[key], int):
        holder[key] += rng.choice((-1, 1, 3, 256))


def _respell(rng: random.Random, holder: dict | list, key: str | int) -> None:
    """Another text: of base64 the bytes are changed, of other text a letter."""
    text = holder[key]
    if not isinstance(text, str) or not text:
        return
    try:
        octets = base64.b64decode(text, validate=True) if len(text) > 43 else b""
    except binascii.Error:
        octets = b""
    if octets:
        place = rng.randrange(len(octets))
        middle = rng.choice((bytes((octets[place] ^ 1 << rng.randrange(8),)), b"", bytes(2)))
        holder[key] = base64.b64encode(octets[:place] + middle + octets[place + 1 :]).decode()
    else:
        place = rng.randrange(len(text))
        holder[key] = text[:place] + rng.choice('0aFZ{}" é') + text[place + rng.randrange(2) :]


@pytest.mark.parametrize("seed", range(6))
def test_changed_files(seed: int):
    rng = random.Random(seed)
    for _ in range(10 * ROUNDS):
        told = tell(rng.choice(STORIES))
        raw, raw_trust, document = question(told.evidence, told.trust)
        if rng.random() < 0.8:
            raw = change_file(rng, raw)
        else:
            raw_trust = change_file(rng, raw_trust)
        document = rng.choice((document, document, document, None, b"another"))
        agreed_answer((raw, raw_trust, document), rng.choice(GRADES))


# --- what chains and trust files say


def change_headers(rng: random.Random, told: Told, headers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The run cut, lengthened, with copies of its blocks, or with other seals."""
    change = rng.choice((_cut, _lengthen, _other_copy, _twin_seals, _fewer_seals))
    return change(rng, told, headers)


def _cut(rng: random.Random, told: Told, headers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return headers[:-1] if rng.random() < 0.6 else headers[1:]


def _lengthen(rng: random.Random, told: Told, headers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    first, last = (parse_header(headers[place]).number for place in (0, -1))
    return told.chain.raw_headers(max(0, first - rng.randrange(2)), last + rng.randrange(3))


def _other_copy(rng: random.Random, told: Told, headers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    place = rng.randrange(len(headers))
    members = told.chain.validators
    sealers = rng.sample(members, rng.randrange(len(members) + 1))
    twin = encode_header(copy_of(parse_header(headers[place]), sealers, rng.randrange(3)))
    return (
        *headers[:place],
        *((headers[place], twin) if rng.random() < 0.7 else (twin,)),
        *headers[place + 1 :],
    )


def _twin_seals(rng: random.Random, told: Told, headers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    place = rng.randrange(len(headers))
    header = parse_header(headers[place])
    seals = tuple(map(high_s_twin, parse_extra_data(header.extra_data).seals))
    return (*headers[:place], encode_header(with_extra(header, seals=seals)), *headers[place + 1 :])


def _fewer_seals(rng: random.Random, told: Told, headers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    place = rng.randrange(len(headers))
    header = parse_header(headers[place])
    seals = parse_extra_data(header.extra_data).seals[rng.randrange(2) :]
    return (*headers[:place], encode_header(with_extra(header, seals=seals)), *headers[place + 1 :])


def change_trust(rng: random.Random, trust: TrustFile) -> TrustFile:
    """Other epochs over the same blocks, other rules, or other pinned keys."""
    epoch, key = trust.epochs[0], rng.choice((SITE_KEY, account("another key"))).address
    cut = rng.randrange(1, 7)
    later = replace(epoch, from_block=cut + rng.randrange(2))
    fewer = replace(epoch, validators=epoch.validators[1:] or epoch.validators)
    return rng.choice(
        (
            replace(trust, sites=(PinnedSite(ORIGIN, (key,)),)),
            replace(trust, epochs=(replace(epoch, to_block=cut - 1), later)),
            replace(trust, epochs=(replace(epoch, to_block=cut - 1), replace(fewer, from_block=cut))),
            replace(trust, epochs=(replace(fewer, to_block=cut - 1), replace(epoch, from_block=cut))),
            replace(trust, epochs=(replace(epoch, quorum_rule=rng.choice(("2f+1", "ceil(2n/3)"))),)),
            replace(trust, epochs=(replace(epoch, client=rng.choice(("besu", "goquorum"))),)),
            replace(trust, epochs=(replace(epoch, selection=rng.choice(("header", "contract"))),)),
            replace(trust, registry=replace(trust.registry, deployment_block=cut)),
        )
    )


def change_meaning(rng: random.Random, told: Told) -> tuple[Evidence, TrustFile]:
    evidence, trust = told.evidence, told.trust
    for _ in range(rng.randrange(1, 4)):
        kind = rng.random()
        if kind < 0.3:
            trust = change_trust(rng, trust)
        elif kind < 0.65 and evidence.anchor.headers:
            evidence = with_anchor(evidence, headers=change_headers(rng, told, evidence.anchor.headers))
        elif evidence.not_before:
            evidence = replace(evidence, not_before=change_headers(rng, told, evidence.not_before) or None)
        if not evidence.anchor.headers:
            return replace(evidence, anchor=None), trust
    return evidence, trust


@pytest.mark.parametrize("seed", range(6))
def test_changed_meaning(seed: int):
    rng = random.Random(seed)
    grades = Counter()
    for _ in range(6 * ROUNDS):
        answer = agreed_answer(question(*change_meaning(rng, tell(rng.choice(STORIES)))), rng.choice(GRADES))
        grades[answer["ok"], answer.get("grade")] += 1
    assert min(grades[True, "final"], grades[True, "anchored"], grades[False, "final"]) > 0


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("require", GRADES)
def test_unchanged(story: Story, require: str):
    assert agreed_answer(question(tell(story).evidence, tell(story).trust), require)["grade"] is not None
