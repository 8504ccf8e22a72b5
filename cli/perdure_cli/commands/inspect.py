"""`perdure inspect`: explain evidence, a proof of two histories, a statement, a trust file, a header or a bundle in words, also broken ones, up to where they break."""

import os
from pathlib import Path

import click

from perdure_cli.exit_codes import ANSWER_IS_NO, DONE, FileUnreadable, NotAFile
from perdure_cli.files import os_reason, read_bounded, standard_input
from perdure_cli.inspecting.as_json import explanation_members
from perdure_cli.inspecting.as_text import explanation_text
from perdure_cli.inspecting.encodings import Octets
from perdure_cli.inspecting.evidence import explain_evidence
from perdure_cli.inspecting.headers import explain_header
from perdure_cli.inspecting.json_reading import Reading
from perdure_cli.inspecting.judging import Judgement, judge, judge_rivals, judge_statement, no_evidence
from perdure_cli.inspecting.parts import Explanation
from perdure_cli.inspecting.recognising import (
    AGE_MAGIC,
    BUNDLE,
    EVIDENCE,
    KINDS,
    MAX_BUNDLE_SIZE,
    MAX_SIZE,
    RIVALS,
    STATEMENT,
    TRUST,
    Recognised,
    is_bundle,
    most_of,
    recognise,
)
from perdure_cli.inspecting.rivals import explain_rivals
from perdure_cli.inspecting.statement import explain_statement
from perdure_cli.inspecting.trust import explain_trust
from perdure_cli.options import json_option
from perdure_cli.output import is_verbose, print_json, print_lines
from perdure_cli.trust_store import TrustSource, TrustStore, read_trust_file, user_store

_STANDARD_INPUT = "-"


@click.command(short_help="Explain evidence, a trust file, a header or a bundle.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=False, allow_dash=True))
@click.option(
    "--as",
    "kind",
    type=click.Choice((*KINDS, BUNDLE)),
    help="What the file should be; by default its bytes tell.",
)
@click.option(
    "--trust",
    "trust_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The trust file by which evidence is judged; by default the pinned one.",
)
@json_option
def inspect(file: str, kind: str | None, trust_file: Path | None, as_json: bool) -> int:
    """Explain evidence, a proof of two histories, a statement, a trust file, a block's header or a courier bundle in words, part by part.

    A header is RLP, as bytes or in hexadecimal or base64, or the JSON by which a node answers eth_getBlockByNumber; - reads
    from standard input. Of a broken file all is explained up to where it breaks, and the place is named. Beside each part of
    evidence stands whether verification accepts it, if a trust file is given or pinned. With --verbose all fields of all headers.

    Of a bundle it says which site it is of, what it carries, whether that holds as far as arithmetic tells, what verification says of
    each anchor, and what is only the gateway's word. Nothing is taken in. Of an encrypted one: for how many recipients.

    Exit codes: 0 explained whole (not that it holds: see perdure verify), 1 explained up to where it breaks, 2 usage, or a file
    of an unknown kind, 3 a file could not be read.
    """
    store = user_store(os.environ)
    named = None if trust_file is None else read_trust_file(trust_file, store)
    raw = _read(file)
    explanation, judgement = _explained(raw, kind, named, store)
    if as_json:
        print_json(explanation_members(file, explanation, judgement))
    else:
        print_lines(explanation_text(file, explanation, judgement, verbose=is_verbose()))
    return ANSWER_IS_NO if explanation.all_breaks() else DONE


def _explained(
    raw: bytes, kind: str | None, named: TrustSource | None, store: TrustStore
) -> tuple[Explanation, Judgement]:
    if kind == BUNDLE or (kind is None and is_bundle(raw)):
        return _explained_bundle(raw, named, store)
    recognised = recognise(most_of(raw, kind), kind)
    return _explain(raw, recognised), _judge(raw, recognised, named, store)


def _explained_bundle(
    raw: bytes, named: TrustSource | None, store: TrustStore
) -> tuple[Explanation, Judgement]:
    from perdure_cli.inspecting.bundle import explain_bundle, explain_encrypted
    from perdure_cli.inspecting.bundle_judging import judge_bundle

    if raw.startswith(AGE_MAGIC):
        return explain_encrypted(raw), Judgement(why_not="it is encrypted: only who has the key can read it")
    explanation, head = explain_bundle(raw)
    return explanation, judge_bundle(explanation, head, named, store)


def _read(file: str) -> bytes:
    """The file's bytes, and one more than a file of ours may have where it is too large."""
    if file == _STANDARD_INPUT:
        beginning = standard_input().read(MAX_SIZE + 1)
        is_more = len(beginning) > MAX_SIZE and is_bundle(beginning)
        return beginning + standard_input().read(MAX_BUNDLE_SIZE - MAX_SIZE) if is_more else beginning
    if not Path(file).is_file():
        # a pipe could be read once only, and may never end
        raise NotAFile(f"{file}: not a regular file", hint="to read from a pipe, give - as the file")
    try:
        beginning = read_bounded(file, MAX_SIZE)
        is_more = len(beginning) > MAX_SIZE and is_bundle(beginning)
        return read_bounded(file, MAX_BUNDLE_SIZE) if is_more else beginning
    except OSError as error:
        raise FileUnreadable(f"{file}: {os_reason(error)}") from None


def _explain(raw: bytes, recognised: Recognised) -> Explanation:
    content = recognised.content
    if isinstance(content, Octets):
        return explain_header(content, len(raw))
    if recognised.kind == EVIDENCE:
        return explain_evidence(raw, content)
    if recognised.kind == RIVALS:
        return explain_rivals(raw, content)
    if recognised.kind == STATEMENT:
        return explain_statement(raw, content)
    if recognised.kind == TRUST:
        return explain_trust(raw, content)
    return explain_header(content, len(raw))


def _judge(raw: bytes, recognised: Recognised, named: TrustSource | None, store: TrustStore) -> Judgement:
    if recognised.kind == EVIDENCE:
        content = recognised.content
        if isinstance(content, Reading) and content.fault is not None:
            return no_evidence(content.fault)
        return judge(raw, named, store)
    if recognised.kind == RIVALS:
        return judge_rivals(raw, named, store)
    if recognised.kind == STATEMENT:
        return judge_statement(raw, named, store)
    if recognised.kind == TRUST:
        return Judgement(
            why_not="a trust file is believed because somebody compared its fingerprint and pinned it"
        )
    return Judgement(
        why_not="a header alone shows nothing: whose seals count says a trust file, and evidence refers to one"
    )
