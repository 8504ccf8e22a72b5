"""`perdure inspect`: explain evidence, a trust file or a header in words, also broken ones, up to where they break."""

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
from perdure_cli.inspecting.judging import Judgement, judge, no_evidence
from perdure_cli.inspecting.parts import Explanation
from perdure_cli.inspecting.recognising import EVIDENCE, KINDS, MAX_SIZE, TRUST, Recognised, recognise
from perdure_cli.inspecting.trust import explain_trust
from perdure_cli.options import json_option
from perdure_cli.output import is_verbose, print_json, print_lines
from perdure_cli.trust_store import TrustSource, TrustStore, read_trust_file, user_store

_STANDARD_INPUT = "-"


@click.command(short_help="Explain evidence, a trust file or a header.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=False, allow_dash=True))
@click.option(
    "--as",
    "kind",
    type=click.Choice(KINDS),
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
    """Explain evidence, a trust file or a block's header in words, part by part.

    A header is RLP, as bytes or in hexadecimal or base64, or the JSON by which a node answers eth_getBlockByNumber; - reads
    from standard input. Of a broken file all is explained up to where it breaks, and the place is named. Beside each part of
    evidence stands whether verification accepts it, if a trust file is given or pinned. With --verbose all fields of all headers.

    Exit codes: 0 explained whole (not that it holds: see perdure verify), 1 explained up to where it breaks, 2 usage, or a file
    of an unknown kind, 3 a file could not be read.
    """
    store = user_store(os.environ)
    named = None if trust_file is None else read_trust_file(trust_file, store)
    raw = _read(file)
    recognised = recognise(raw[:MAX_SIZE], kind)
    explanation = _explain(raw, recognised)
    judgement = _judge(raw, recognised, named, store)
    if as_json:
        print_json(explanation_members(file, explanation, judgement))
    else:
        print_lines(explanation_text(file, explanation, judgement, verbose=is_verbose()))
    return ANSWER_IS_NO if explanation.all_breaks() else DONE


def _read(file: str) -> bytes:
    """The file's bytes, and one more than a file of ours may have where it is too large."""
    if file == _STANDARD_INPUT:
        return standard_input().read(MAX_SIZE + 1)
    if not Path(file).is_file():
        # a pipe could be read once only, and may never end
        raise NotAFile(f"{file}: not a regular file", hint="to read from a pipe, give - as the file")
    try:
        return read_bounded(file, MAX_SIZE)
    except OSError as error:
        raise FileUnreadable(f"{file}: {os_reason(error)}") from None


def _explain(raw: bytes, recognised: Recognised) -> Explanation:
    content = recognised.content
    if isinstance(content, Octets):
        return explain_header(content, len(raw))
    if recognised.kind == EVIDENCE:
        return explain_evidence(raw, content)
    if recognised.kind == TRUST:
        return explain_trust(raw, content)
    return explain_header(content, len(raw))


def _judge(raw: bytes, recognised: Recognised, named: TrustSource | None, store: TrustStore) -> Judgement:
    if recognised.kind == EVIDENCE:
        content = recognised.content
        if isinstance(content, Reading) and content.fault is not None:
            return no_evidence(content.fault)
        return judge(raw, named, store)
    if recognised.kind == TRUST:
        return Judgement(
            why_not="a trust file is believed because somebody compared its fingerprint and pinned it"
        )
    return Judgement(
        why_not="a header alone shows nothing: whose seals count says a trust file, and evidence refers to one"
    )
