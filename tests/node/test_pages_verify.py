"""The auditor's page: the verdict of the one `verify()` under the node's trust file, and nothing that is kept of what was sent."""

import asyncio
import hashlib
import logging
import os
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE, Evidence, encode_evidence, parse_evidence
from perdure_anchor.rivals import parse_rivals
from perdure_anchor.trust_file import fingerprint, parse_trust_file
from perdure_anchor.verify import Document, verify
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.as_text import outcome_text
from perdure_cli.verifying.outcome import Outcome
from perdure_node.gateway.folder import Gateway, NewGateway, create_gateway
from perdure_node.gateway.settings import settings_for
from perdure_node.pages.judging import Answer, judge
from perdure_node.pages.multipart import Form, FormCutShort, FormError, FormTooLarge, read_form
from tools.node_pages import Page, paged
from tools.site_network import CHEAP, PASSPHRASE, STOPPED, counted_bytes
from tools.story import CONTRACT, CONTRACT_EVIDENCE, STORY, TRUST, without_anchor

HOSTILE = '<script>alert(1)</script>\u202e".json'
EVIDENCE = (STORY / CONTRACT_EVIDENCE).read_bytes()
DOCUMENT = (STORY / CONTRACT).read_bytes()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A node that pinned the trust file of the committed story."""
    new = NewGateway(
        (STORY / TRUST).read_bytes(), settings_for("http://127.0.0.1:1"), PASSPHRASE, b"\x01" * 32, CHEAP
    )
    with create_gateway(tmp_path / "node", new, randomness=counted_bytes(b"node")) as opened:
        yield opened


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    with paged(gateway, STOPPED) as (opened, _):
        yield opened


def ask(
    client: httpx.Client, evidence: bytes, document: bytes | None = None, **fields: str
) -> httpx.Response:
    files = {"evidence": (CONTRACT_EVIDENCE, evidence)}
    if document is not None:
        files["document"] = (CONTRACT, document)
    return client.post("/verify", files=files, data=fields)


def answered(client: httpx.Client, evidence: bytes, document: bytes | None = None, **fields: str) -> str:
    answer = ask(client, evidence, document, **fields)
    assert answer.status_code == 200, answer.text
    return Page(answer.text).text


def test_the_form(client: httpx.Client) -> None:
    page = Page(client.get("/verify").text)
    (form,) = page.named("form")
    assert (form["method"], form["action"], form["enctype"]) == ("post", "/verify", "multipart/form-data")
    fields = {each["name"]: each for each in page.named("input")}
    assert "required" in fields["evidence"]
    assert "required" not in fields["document"]
    assert {each["for"] for each in page.named("label")} == {"evidence", "document", "require"}
    assert fingerprint((STORY / TRUST).read_bytes()) in page.text


def test_yes(client: httpx.Client) -> None:
    text = answered(client, EVIDENCE, DOCUMENT)
    assert "Yes: the evidence holds" in text
    assert f"{CONTRACT} is the recorded one, SHA-256 {hashlib.sha256(DOCUMENT).hexdigest()}" in text
    assert "This answer is this node’s word" in text
    assert fingerprint((STORY / TRUST).read_bytes()) in text
    assert "perdure verify EVIDENCE.evidence.json DOCUMENT" in text


def said_by_the_command(evidence: bytes, document: bytes | None) -> list[str]:
    """The rows of `perdure verify` between its first line and the trust file."""
    path, raw = STORY / TRUST, (STORY / TRUST).read_bytes()
    trust = parse_trust_file(raw)
    given = None if document is None else Document(hashlib.sha256(document).digest(), len(document))
    verdict = verify(parse_evidence(evidence), trust, given)
    names = () if document is None else (CONTRACT,)
    outcome = Outcome("", names, verdict, TrustSource(raw, trust, path, pinned=True), verdict.errors, 1)
    lines = outcome_text(outcome).splitlines()[1:]
    return [line[18:].strip() for line in lines if line.startswith("  ")]


@pytest.mark.parametrize("document", [DOCUMENT, None, b"another"])
@pytest.mark.parametrize("change", [lambda same: same, without_anchor])
def test_the_page_says_what_the_command_says(
    client: httpx.Client, change: Callable[[Evidence], Evidence], document: bytes | None
) -> None:
    evidence = encode_evidence(change(parse_evidence(EVIDENCE)))
    text = answered(client, evidence, document)
    rows = [row for row in said_by_the_command(evidence, document) if "pinned" not in row]
    assert len(rows) > 8
    assert [row for row in rows if " ".join(row.split()) not in text] == []


def test_a_changed_document(client: httpx.Client) -> None:
    changed = DOCUMENT + b"\n"
    text = answered(client, EVIDENCE, changed)
    assert "No: the evidence does not hold" in text
    assert f"document: its SHA-256 is {hashlib.sha256(changed).hexdigest()}" in text
    assert "is another one, recorded is" in text


@pytest.mark.parametrize("garbage", [b"{}", b"\x00" * 4000, b"not json", DOCUMENT, b"[" * 100_000])
def test_garbage_is_no_evidence(client: httpx.Client, garbage: bytes) -> None:
    text = answered(client, garbage)
    assert "No: the evidence does not hold" in text
    assert "Is it the right file in the right field?" in text
    assert "Shown" not in text


def test_both_files_in_each_others_place(client: httpx.Client) -> None:
    text = answered(client, os.urandom(MAX_EVIDENCE_SIZE + 70_000), EVIDENCE)
    assert "No: the evidence does not hold" in text
    assert "Is it the right file in the right field?" in text


def test_evidence_of_another_registry_is_not_known(client: httpx.Client) -> None:
    evidence = parse_evidence(EVIDENCE)
    foreign = replace(evidence, domain=replace(evidence.domain, chain_id=1))
    text = answered(client, encode_evidence(foreign))
    assert "Could not find out" in text
    assert "the evidence is of chain 1" in text


def test_a_lower_grade_is_enough_where_it_is_asked_for(client: httpx.Client) -> None:
    evidence = encode_evidence(without_anchor(parse_evidence(EVIDENCE)))
    assert "shows less than final" in answered(client, evidence)
    assert "Yes: the evidence holds" in answered(client, evidence, require="recorded")


RIVALS = (Path(__file__).parents[1] / "vectors" / "golden" / "two-histories.rivals.json").read_bytes()


def test_a_proof_of_two_histories(gateway: Gateway) -> None:
    """The story's trust file is of another registry; under one of its own registry, the proof is judged."""
    with paged(gateway, STOPPED) as (client, _):
        foreign = answered(client, RIVALS, DOCUMENT)
        broken = answered(client, RIVALS[:-100])
    assert "Could not find out" in foreign
    assert "the one that you chose was not looked at" in foreign
    assert "No: two histories are not proved" in broken
    rivals, trust = parse_rivals(RIVALS), gateway.trust
    domain = rivals.domain
    own = replace(trust, chain_id=domain.chain_id, registry=replace(trust.registry, address=domain.registry))
    judgement = judge(Form(RIVALS, "", None, "", "signed"), own)
    assert judgement.answer in (Answer.YES, Answer.NO)
    assert [words.label for words in judgement.shown].count("log") == 2


def test_without_evidence(client: httpx.Client) -> None:
    for files in ({"document": (CONTRACT, DOCUMENT)}, {"evidence": ("", b"")}):
        answer = client.post("/verify", files=files)
        assert answer.status_code == 400
        assert "Nothing was verified: no evidence was chosen" in Page(answer.text).text


def test_a_document_that_nobody_chose_is_none(client: httpx.Client) -> None:
    answer = client.post("/verify", files={"evidence": (CONTRACT_EVIDENCE, EVIDENCE), "document": ("", b"")})
    assert "none was given" in Page(answer.text).text
    empty = client.post(
        "/verify", files={"evidence": (CONTRACT_EVIDENCE, EVIDENCE), "document": ("empty.txt", b"")}
    )
    assert "No: the evidence does not hold" in Page(empty.text).text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "text/plain"),
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--y\r\n", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="evidence"\r\n\r\n{}',
            "multipart/form-data; boundary=x",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\nContent-Disposition: attachment\r\n\r\n1\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n" + b"a: b\r\n" * 1000 + b"\r\n1\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\nA" + b"a" * 100_000, "multipart/form-data; boundary=x"),
        (b"", f"multipart/form-data; boundary={'x' * 5000}"),
    ],
)
def test_what_is_not_the_form_is_refused(client: httpx.Client, content: bytes, kind: str) -> None:
    answer = client.post("/verify", content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert "Nothing was verified" in Page(answer.text).text


def test_a_field_twice_or_a_grade_that_there_is_not(client: httpx.Client) -> None:
    files = [("evidence", ("a", EVIDENCE)), ("evidence", ("b", EVIDENCE))]
    assert client.post("/verify", files=files).status_code == 400
    assert ask(client, EVIDENCE, require="certain").status_code == 400
    assert ask(client, EVIDENCE, require="x" * 100_000).status_code == 400


def test_a_document_over_the_bound(gateway: Gateway, client: httpx.Client) -> None:
    with paged(gateway, STOPPED) as (_, context):
        pass
    limits = replace(context.settings.limits, document_bytes=1024)
    with (
        patch.object(gateway, "settings", replace(gateway.settings, limits=limits)),
        paged(gateway, STOPPED) as (small, _),
    ):
        answer = ask(small, EVIDENCE, bytes(MAX_EVIDENCE_SIZE + 100_000))
    assert answer.status_code == 413
    assert "which is the limit" in Page(answer.text).text


def test_hostile_names_and_claims(client: httpx.Client) -> None:
    answer = client.post("/verify", files={"evidence": (HOSTILE, EVIDENCE), "document": (HOSTILE * 50, b"x")})
    page = Page(answer.text)
    assert "script" not in {tag for tag, _ in page.elements}
    assert "\u202e" not in answer.text
    assert "…" in page.text
    assert len(answer.text) < 20_000


def test_nothing_is_kept(client: httpx.Client, gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """No file is made, nothing is logged, the folder stays as it is, and no cache may keep the answer."""
    before = {
        path: path.read_bytes() for path in gateway.folder.iterdir() if path.suffix not in ("", ".sqlite-shm")
    }

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file")

    caplog.set_level(logging.DEBUG)
    with (
        patch.object(tempfile, "TemporaryFile", refuse),
        patch.object(tempfile, "SpooledTemporaryFile", refuse),
        patch.object(tempfile, "NamedTemporaryFile", refuse),
    ):
        answer = ask(client, EVIDENCE, b"confidential" * 500_000)
    assert answer.headers["cache-control"] == "no-store"
    logged = "".join(record.getMessage() for record in caplog.records if record.name.startswith("perdure"))
    assert "confidential" not in logged
    assert CONTRACT not in logged
    after = {
        path: path.read_bytes() for path in gateway.folder.iterdir() if path.suffix not in ("", ".sqlite-shm")
    }
    assert after == before


def framed(*parts: tuple[str, bytes]) -> bytes:
    return (
        b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%s"; filename="f"\r\n\r\n%s\r\n'
            % (name.encode(), content)
            for name, content in parts
        )
        + b"--x--\r\n"
    )


def form_of(body: bytes, size: int, bound: int = 1 << 30) -> Form:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return asyncio.run(read_form("multipart/form-data; boundary=x", pieces(), bound))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_pieces_of_any_size_give_the_same_form(size: int) -> None:
    document = b"\r\n--\r\n--x-\r\n--y--\r\n" * 9 + b"\r\n--"
    form = form_of(framed(("evidence", b"{\r\n}"), ("document", document), ("require", b"final")), size)
    assert form.evidence == b"{\r\n}"
    assert form.document == Document(hashlib.sha256(document).digest(), len(document))
    assert form.require == "final"


@pytest.mark.parametrize("end", range(0, 190, 7))
def test_a_form_that_is_cut_short_is_no_form(end: int) -> None:
    whole = framed(("evidence", b"{}"), ("document", b"abc"))
    with pytest.raises((FormCutShort, FormError)):
        form_of(whole[: min(end, len(whole) - 5)], 50)


def test_memory_does_not_grow_with_the_document() -> None:
    """Eighty megabytes go through, and next to nothing of them is there at any time."""
    piece = bytes(64 * 1024)

    async def pieces() -> AsyncIterator[bytes]:
        yield framed(("evidence", b"{}"))[: -len(b"--x--\r\n")]
        yield b'--x\r\nContent-Disposition: form-data; name="document"; filename="f"\r\n\r\n'
        for _ in range(1280):
            yield piece
        yield b"\r\n--x--\r\n"

    tracemalloc.start()
    form = asyncio.run(read_form("multipart/form-data; boundary=x", pieces(), 1 << 30))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert form.document is not None
    assert form.document.size == 1280 * len(piece)
    assert peak < 2 * 1024 * 1024


def test_the_bound_is_kept_while_it_arrives() -> None:
    taken = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'--x\r\nContent-Disposition: form-data; name="document"; filename="f"\r\n\r\n'
        while True:
            taken += 65536
            yield bytes(65536)

    with pytest.raises(FormTooLarge):
        asyncio.run(read_form("multipart/form-data; boundary=x", pieces(), 1 << 20))
    assert taken < (1 << 20) + MAX_EVIDENCE_SIZE + (1 << 18)
