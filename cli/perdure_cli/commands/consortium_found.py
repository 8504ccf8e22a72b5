"""`perdure consortium found`: both contracts on a chain, and the first trust file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import checksum_address
from perdure_anchor.trust_file import CLIENTS, CONSENSUS, QUORUM_RULES, encode_trust_file

from perdure_cli.consortium.options import rpc_option, unsigned_option, wait_option, yes_option
from perdure_cli.consortium.showing import confirm, meaning_members, print_meaning, print_transaction
from perdure_cli.files import read_bounded
from perdure_cli.new_files import check_new_file, write_new
from perdure_cli.options import READABLE_FILE, json_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.signer_options import SignerChoice, signer_options
from perdure_cli.trust_store import TrustSource, user_store
from perdure_cli.trusting import as_json as trust_members
from perdure_cli.trusting import as_text

if TYPE_CHECKING:
    from perdure_contracts.chain import ChainClient
    from perdure_node.consortium.founding import EngineChoice, Founding
    from perdure_node.consortium.meaning import Meaning
    from perdure_node.consortium.step_file import SignedStep, UnsignedStep


class NotASignedFounding(ConfigError):
    """The file that is given as sent is not a signed founding."""


_RULES = click.Choice(sorted({rule for rules in QUORUM_RULES.values() for rule in rules}))


@click.command(short_help="Deploy the contracts, and write the trust file.")
@click.argument("founding_file", metavar="[FOUNDING]", type=READABLE_FILE, required=False)
@click.option(
    "--partner",
    "partners",
    multiple=True,
    metavar="NAME=ACCOUNT",
    help="A founding partner and its account, for each; in place of a FOUNDING file.",
)
@click.option("--name", metavar="TEXT", help="The consortium's name; with --partner.")
@rpc_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="TRUST",
    help="Where to write the trust file; by default consortium.json.",
)
@click.option(
    "--sent",
    type=READABLE_FILE,
    metavar="SIGNED",
    help="A signed founding, maybe sent already: go on with it, without a key.",
)
@click.option(
    "--client",
    type=click.Choice(sorted(CLIENTS)),
    help="What all validators run; by default what the node says.",
)
@click.option("--consensus", type=click.Choice(CONSENSUS), help="Their engine; by default what headers show.")
@click.option("--quorum", type=_RULES, help="How many seal; by default ceil(2n/3), on Clique floor(n/2)+1.")
@unsigned_option
@yes_option
@wait_option
@signer_options
@json_option
def found(
    founding_file: Path | None,
    partners: tuple[str, ...],
    name: str | None,
    rpc_url: str,
    output: Path | None,
    sent: Path | None,
    client: str | None,
    consensus: str | None,
    quorum: str | None,
    unsigned: Path | None,
    yes: bool,
    wait: float,
    signer: SignerChoice,
    as_json: bool,
) -> None:
    """Found a consortium: deploy both contracts with the founding partners, and write the first version of its trust file.

    FOUNDING is TOML: name = "..." and for each partner [[partner]] with name and account, and maybe legal_name, registration_number
    and contact. Any account may deploy: it gains nothing by it. Names and accounts cannot be changed afterwards; have each partner read
    its account out. The trust file names the chain's present validators as its first epoch.
    """
    from perdure_contracts.chain import ChainClient
    from perdure_contracts.rpc import JsonRpc
    from perdure_node.consortium.founding import EngineChoice, check_engine

    from perdure_cli.trusting.checking import PATIENCE

    founding = _founding(founding_file, partners, name)
    target = output or Path("consortium.json")
    check_new_file(target if unsigned is None else unsigned)
    choice = EngineChoice(client, consensus, quorum)
    with JsonRpc(rpc_url, patience=PATIENCE) as rpc:
        chain = ChainClient(rpc)
        check_engine(chain, choice)
        if unsigned is not None:
            _write_unsigned(chain, signer, founding, unsigned, as_json=as_json)
            return
        if sent is None:
            step = _signed(chain, signer, founding, target, yes=yes, as_json=as_json)
        else:
            step = _read_signed(sent)
        _go_on(chain, founding, step, choice, target, wait=wait, as_json=as_json)


def _founding(file: Path | None, partners: tuple[str, ...], name: str | None) -> "Founding":
    from perdure_anchor.trust import Partner
    from perdure_node.consortium.founding import MAX_FOUNDING_FILE_SIZE, checked_founding, parse_founding

    from perdure_cli.signer_options import AccountType

    if file is not None:
        if partners or name is not None:
            raise click.UsageError("want a FOUNDING file, or --name and --partner, not both")
        return parse_founding(read_bounded(file, MAX_FOUNDING_FILE_SIZE))
    if not partners or name is None:
        raise click.UsageError("want a FOUNDING file, or --name and a --partner NAME=ACCOUNT each")
    found = []
    for text in partners:
        partner, equals, account = text.partition("=")
        if not equals:
            raise click.UsageError(f"--partner: got {text!a}, want NAME=ACCOUNT")
        found.append(Partner(partner, AccountType().convert(account, None, None)))
    return checked_founding(name, found)


def _unsigned(chain: "ChainClient", signer: SignerChoice, founding: "Founding") -> "UnsignedStep":
    from perdure_node.consortium.founding import founding_transactions
    from perdure_node.consortium.step_file import UnsignedStep

    account = signer.address()
    transactions = founding_transactions(chain, account, founding, chain_id=chain.chain_id())
    return UnsignedStep(account, transactions)


def _announce(step: "UnsignedStep", *, as_json: bool) -> list["Meaning"]:
    from perdure_node.consortium.meaning import meanings_of

    meanings = meanings_of(step, None)
    if not as_json:
        for transaction, meaning in zip(step.transactions, meanings, strict=True):
            print_meaning(meaning)
            print_transaction(step.account, transaction)
    return meanings


def _write_unsigned(
    chain: "ChainClient", signer: SignerChoice, founding: "Founding", file: Path, *, as_json: bool
) -> None:
    from perdure_node.consortium.step_file import encode_step

    step = _unsigned(chain, signer, founding)
    meanings = _announce(step, as_json=as_json)
    write_new(file, encode_step(step))
    if as_json:
        print_json(_members(step, meanings) | {"unsigned": str(file), "trust_file": None, "trust": None})
        return
    print_line(f"wrote {file}")
    tell_next(f"carry it to the key, and there: perdure consortium sign {file} --output SIGNED")


def _members(step: "UnsignedStep | SignedStep", meanings: list["Meaning"]) -> dict[str, object]:
    return {
        "ok": True,
        "account": checksum_address(step.account),
        "steps": [meaning_members(meaning) for meaning in meanings],
    }


def _signed(
    chain: "ChainClient",
    signer: SignerChoice,
    founding: "Founding",
    target: Path,
    *,
    yes: bool,
    as_json: bool,
) -> "SignedStep":
    """Signed, and kept beside the trust file before anything is sent, so that a founding that is broken off can go on."""
    from perdure_node.consortium.sending import sign_step
    from perdure_node.consortium.step_file import encode_step

    kept = target.with_name(f"{target.name}.founding")
    check_new_file(kept)
    step = _unsigned(chain, signer, founding)
    _announce(step, as_json=as_json)
    if not yes:
        confirm("Found this consortium?")
    with signer.opened() as opened:
        signed = sign_step(step, opened)
    write_new(kept, encode_step(signed))
    tell(f"the signed founding is kept in {kept}: if this is broken off, go on with --sent {kept}")
    return signed


def _read_signed(file: Path) -> "SignedStep":
    from perdure_node.consortium.step_file import MAX_STEP_FILE_SIZE, SignedStep, parse_step

    step = parse_step(read_bounded(file, MAX_STEP_FILE_SIZE))
    if not isinstance(step, SignedStep):
        raise NotASignedFounding(
            f"{file}: is not signed", hint=f"perdure consortium sign {file} --output SIGNED"
        )
    return step


def _go_on(
    chain: "ChainClient",
    founding: "Founding",
    step: "SignedStep",
    choice: "EngineChoice",
    target: Path,
    *,
    wait: float,
    as_json: bool,
) -> None:
    """Send what no block has yet, wait for finality, and write the trust file."""
    from perdure_contracts.transactions import Patience
    from perdure_node.consortium.founding import (
        check_deployed,
        check_founders,
        founding_trust,
        wait_until_final,
    )
    from perdure_node.consortium.meaning import meanings_of
    from perdure_node.consortium.sending import created_contracts, send_step

    meanings = meanings_of(step, None)
    check_founders(step.transactions, founding)
    patience = Patience(wait)
    with TerminalProgress() as progress:
        progress.stage("waiting for the contracts", None)
        receipts = send_step(chain, step, patience)
        deployed = check_deployed(chain, created_contracts(receipts))
        trust = founding_trust(chain, founding, deployed, choice)
        wait_until_final(chain, trust, patience, progress)
    raw = encode_trust_file(trust)
    write_new(target, raw)
    target.with_name(f"{target.name}.founding").unlink(missing_ok=True)
    source = TrustSource(raw, trust, target, user_store(os.environ).holds(raw))
    if as_json:
        written = {"unsigned": None, "trust_file": str(target), "trust": trust_members.reference(source)}
        print_json(_members(step, meanings) | written)
        return
    _print_founded(source)


def _print_founded(source: TrustSource) -> None:
    trust = source.trust
    epoch = trust.epochs[0]
    print_line(f"founded {as_text.title(source)}", style="bold")
    print_row("consortium", checksum_address(trust.consortium.address))
    print_row("registry", checksum_address(trust.registry.address))
    print_row("chain id", str(trust.chain_id))
    print_row(
        "validators", f"{len(epoch.validators)}, of {epoch.client} {epoch.consensus}, {epoch.quorum_rule}"
    )
    print_row("fingerprint", source.fingerprint)
    print_line(f"wrote {source.path}")
    if not epoch.is_final:
        tell_warning("blocks of this chain are not final: evidence reaches the grade anchored at most")
    if trust.devnet:
        tell_warning("this is a devnet: one process holds all of its validators' keys")
    tell(
        "each partner: look through it with perdure trust check FILE --rpc URL against your own node, and compare the fingerprint by "
        "phone with the others"
    )
    tell_next(f"perdure trust pin {source.path}")
