"""`perdure audit`: check the whole vault against its log, the registry and the documents on the disk, and sign a report."""

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.audit_report import FILE_SUFFIX, MAX_REPORT_SIZE, AuditReport, encode_report, parse_report
from perdure_anchor.errors import EncodingError
from perdure_node.audit.auditing import Audited, AuditOptions
from perdure_node.audit.auditing import audit as audit_vault
from perdure_node.audit.numbering import Numbering, NumberingError, parse_numbering
from perdure_node.audit.since import NotThisVaultsReport, check_earlier
from perdure_node.clock import system_clock
from perdure_node.operators.roles import Action
from perdure_node.vault import Vault

from perdure_cli.acting import acting, as_option
from perdure_cli.documents import documents_below
from perdure_cli.exit_codes import ANSWER_IS_NO, COULD_NOT_FIND_OUT, DONE
from perdure_cli.files import read_bounded, write_whole
from perdure_cli.options import READABLE_FILE, jobs_option, json_option, passphrase_option, vault_option
from perdure_cli.output import line, print_json, print_line, print_lines, print_raw, tell, tell_next
from perdure_cli.outputs import STANDARD_OUTPUT, check_output, output_option
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site
from perdure_cli.verifying.audits import report_members, report_rows, summary

if TYPE_CHECKING:
    from perdure_node.audit.registry_answers import Ask
    from perdure_node.by_node.client import NodeClient
    from perdure_node.chain.anchor_chain import AnchorChain

# seconds for which a node that is silent is waited for
_WAIT = 10.0


class _NumberingType(click.ParamType[Numbering]):
    """``FIELD=REGEX``."""

    name = "numbering"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Numbering:
        if isinstance(value, Numbering):
            return value
        try:
            return parse_numbering(str(value))
        except NumberingError as error:
            self.fail(f"{error}; {error.hint}" if error.hint else str(error), param, ctx)


@click.command(short_help="Check the whole vault, and sign a report.")
@click.option(
    "--documents",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR",
    help="Where documents are kept: which recorded ones are there, changed or missing. Repeatable.",
)
@click.option(
    "--numbering",
    "numberings",
    multiple=True,
    type=_NumberingType(),
    metavar="FIELD=REGEX",
    help="Look for gaps and doubles among numbers in this slot, or in extra.KEY: the expression's group is the number. Repeatable.",
)
@output_option("Write the signed report here; - is standard output.")
@click.option(
    "--resume/--fresh",
    "resume",
    default=True,
    help="Go on with an audit that was broken off, where nothing has changed since; or begin anew. By default it goes on.",
)
@click.option(
    "--since-report",
    "earlier_file",
    type=READABLE_FILE,
    metavar="FILE",
    help="The report of an earlier audit: tell what was there then and is gone. Keep reports where nobody writes who can write to the vault.",
)
@click.option("--offline", is_flag=True, help="Do not ask the registry.")
@click.option(
    "--require-registry",
    is_flag=True,
    help="That no node can be asked counts as not found out (exit code 3); by itself it is a note. So does --rpc.",
)
@click.option(
    "--locked", is_flag=True, help="Do without the passphrase: no record is read, and nothing is signed."
)
@click.option(
    "--rpc",
    "rpc_url",
    metavar="URL",
    help="Ask this endpoint of a chain, not those that the vault's config.toml names.",
)
@as_option
@jobs_option
@passphrase_option
@vault_option
@json_option
def audit(
    folders: tuple[Path, ...],
    numberings: tuple[Numbering, ...],
    output_file: Path | None,
    resume: bool,
    earlier_file: Path | None,
    offline: bool,
    require_registry: bool,
    locked: bool,
    rpc_url: str | None,
    who: str | None,
    jobs: int,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> int:
    """Check everything in the vault, and sign a report of it.

    Each record is held against its leaf, the log against each signed root, the anchors against the trust file, as a stranger would
    verify them; then come keys, clock, imports and losses, and, where they are named, the documents on
    the disk and the site's own numbers. Nothing is changed. A report can be written (-o), which the site's key signs: `perdure verify` checks it. What was done of an
    audit that is broken off need not be done again.

    Each node that config.toml names, of the chain (rpc_url, other_rpc_urls) or a Perdure node (node_urls) where the vault has one, is asked for the registry's newest log of the site, which has to be the beginning of the
    vault's, for its anchors, and for the site's keys. That a log is anchored counts against the vault if the validators' seals show it; the rest is told as
    the node's word.

    What was deleted last leaves no gap: only a report of before shows that the newest notes of what was done to records, or records that were not sealed, are gone. --since-report
    takes one that the site signed, and tells what of log, records and notes is not as it was then.

    Where the site's policy was changed or is gone, nobody has to be named by --as: the vault's passphrase is enough, and the report says so.

    Exit codes: 0 no error was found, 1 there is one, 2 usage or configuration, 3 something could not be found out.
    """
    if offline and rpc_url is not None:
        raise click.UsageError("want --offline or --rpc URL, not both")
    if offline and require_registry:
        raise click.UsageError("want --offline or --require-registry, not both")
    if output_file is not None and output_file != STANDARD_OUTPUT:
        check_output(output_file, FILE_SUFFIX, "a report of an audit")
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        actor = None if locked else acting(vault, who, passphrase_file, Action.AUDIT, only_reads=True)
        options = AuditOptions(
            documents=list(documents_below(folders)) if folders else None,
            numberings=numberings,
            nodes=None if offline else _nodes(vault, rpc_url),
            need_registry=require_registry or rpc_url is not None,
            resume=resume,
            jobs=jobs,
            software=_software(),
            since=None if earlier_file is None else _earlier(earlier_file, vault),
            by=None if actor is None else actor.name,
        )
        keys = None if actor is None else actor.keys
        audited = audit_vault(vault, keys, options, clock=system_clock(), progress=progress)
    return _print(audited, output_file, as_json)


def _earlier(file: Path, vault: Vault) -> AuditReport:
    """The report of an earlier audit; raises `NotThisVaultsReport` where it is not shown to be the site's."""
    try:
        report = parse_report(read_bounded(file, MAX_REPORT_SIZE))
    except EncodingError as error:
        raise NotThisVaultsReport(f"{file}: {error}") from error
    check_earlier(report, vault)
    return report


def _nodes(vault: Vault, rpc_url: str | None) -> "list[Ask]":
    """Each node that the settings name, by itself: of the chain, or, where `sync` goes by those, Perdure nodes."""
    from perdure_node.audit.node_answers import by_node
    from perdure_node.audit.registry_answers import by_chain

    config = vault.config
    if rpc_url is None and config.node_urls:
        return [by_node(partial(_node_client, vault, url)) for url in config.node_urls]
    urls = dict.fromkeys([config.rpc_url, *config.other_rpc_urls] if rpc_url is None else [rpc_url])
    return [by_chain(partial(_chain, vault, url, [each for each in urls if each != url])) for url in urls]


def _chain(vault: Vault, url: str, others: list[str]) -> "AnchorChain":
    from perdure_node.chain.anchor_chain import connect_to

    return connect_to(vault.trust, url, others, _WAIT)


def _node_client(vault: Vault, url: str) -> "NodeClient":
    from perdure_node.by_node.access import node_access
    from perdure_node.by_node.client import NodeClient

    return NodeClient(node_access(vault.config, vault.folder, url), timeout=_WAIT)


def _software() -> str:
    from importlib.metadata import version

    return f"perdure {version('perdure')}"


def _print(audited: Audited, file: Path | None, as_json: bool) -> int:
    report = audited.report
    raw = encode_report(report)
    if file == STANDARD_OUTPUT:
        print_raw(raw)
    else:
        if file is not None:
            write_whole(file, raw)
        if as_json:
            members = report_members(report)
            print_json(
                {
                    "ok": not report.count_of("error") and not audited.could_not,
                    "file": None if file is None else str(file),
                    "signed": report.signature is not None,
                    "reused": audited.reused,
                    "report": members,
                }
            )
        else:
            _print_people(audited, file)
    if report.count_of("error"):
        return ANSWER_IS_NO
    return COULD_NOT_FIND_OUT if audited.could_not else DONE


def _print_people(audited: Audited, file: Path | None) -> None:
    report = audited.report
    errors = report.count_of("error")
    style = "red" if errors else "yellow" if audited.could_not else "green"
    print_lines(line(f"{report.origin.text}: {summary(report)}", style=style))
    print_lines("".join(report_rows(report)))
    if audited.reused:
        tell(
            f"{plural(audited.reused, 'record')} had been read before the audit was broken off, and had not changed"
        )
    if file is not None:
        signed = "signed" if report.signature is not None else "not signed"
        print_line(f"wrote {file}, {signed}")
        tell_next(f"perdure verify {shlex.quote(str(file))}")
    elif report.signature is not None:
        tell_next(
            f"perdure audit -o REPORT{FILE_SUFFIX} keeps the report, signed by the site's key, for --since-report of the next"
        )
