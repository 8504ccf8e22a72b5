"""Who acts: ``--as NAME``, and what he shows that it is he.

An operator with a key gives his own passphrase where else the vault's is asked for: from a file, from ``PERDURE_PASSPHRASE`` or at a
prompt. One with a passkey only reads with the vault's, and signs with the passkey. Without ``--as`` the vault's own passphrase opens everything, as long as the site has no operators.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click
from perdure_anchor.webauthn import PasskeyCredential
from perdure_node.keys.data_keys import OWNER
from perdure_node.keys.keyring import KeyRing
from perdure_node.operators.acting import attestor, key_attestor, passkey_of, require
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.errors import NoSuchCredential, OperatorRefused
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.people import Operator, StoredCredential, operator_named
from perdure_node.operators.roles import Action
from perdure_node.traces import Reason
from perdure_node.vault import Vault

from perdure_cli.credential_texts import credential_text
from perdure_cli.opening_as import opening_keys
from perdure_cli.passkey_asking import PasskeySigner
from perdure_cli.site import ask_passphrase, key_ring

F = TypeVar("F", bound=Callable[..., object])

CODE_VARIABLE: Final = "PERDURE_TOTP"
# of a passkey's digest, in hexadecimal digits
_SHORTEST_DIGEST: Final = 6
_CREDENTIAL: Final = "perdure_cli.acting.credential"


def as_option(command: F) -> F:
    """``--as``, and ``--credential`` for who has several; `acting` finds the latter by itself."""
    named = click.option(
        "--as",
        "who",
        metavar="NAME",
        envvar="PERDURE_OPERATOR",
        help="The operator who does it; by default PERDURE_OPERATOR. The passphrase is his then.",
    )
    with_credential = click.option(
        "--credential",
        metavar="LABEL",
        expose_value=False,
        callback=_keep_label,
        help="Which of his passkeys or security keys he signs with; by default the key under his passphrase.",
    )
    return named(with_credential(command))


def _keep_label(context: click.Context, _option: click.Parameter, label: str | None) -> None:
    context.meta[_CREDENTIAL] = label


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts, and what his passphrase opens. ``operator`` None: the site has no operators."""

    vault: Vault
    operator: Operator | None
    keys: KeyRing
    label: str | None = None

    @property
    def name(self) -> str | None:
        return None if self.operator is None else self.operator.name

    @property
    def key_holder(self) -> int:
        """As in `perdure_node.keys.data_keys`: the operator's number, or `OWNER`."""
        return OWNER if self.operator is None else self.operator.number

    def reason(self, by: str | None, why: str) -> Reason:
        """Why it is done, and by whom: as he says, else as he is called, else whoever records for the site."""
        return Reason(by or self.name or self.vault.config.recorded_by, why)

    def attestor(self) -> Attestor | None:
        """What signs for him; asks for his passphrase, a passkey only once it is to sign. None where nobody is named."""
        if self.operator is None:
            return None
        chosen = chosen_credential(self.operator, self.label)
        if isinstance(chosen.credential, PasskeyCredential):
            sign = PasskeySigner(self.operator.name, passkey_of(chosen), chosen.through)
            return attestor(self.vault, self.operator, chosen.credential, sign)
        assert isinstance(self.keys, OperatorKeyRing), "who has a key reads with it"
        return key_attestor(self.vault, self.operator, self.keys.signing_key())

    def show_presence(self, what: str) -> None:
        """Let him show that it is he who does ``what``, where nothing of his is signed."""
        signs = self.attestor()
        if signs is not None and isinstance(signs.sign, PasskeySigner):
            signs.sign.show_presence(what)


def chosen_credential(operator: Operator, label: str | None) -> StoredCredential:
    """The one of this label; without one his key, or else his oldest passkey. Raises `NoSuchCredential`.

    ``key`` is the key under his passphrase, and a passkey without a label goes by the beginning of its digest.
    """
    if label is None:
        return next((each for each in operator.credentials if each.kind == "key"), operator.credentials[0])
    found = [each for each in operator.credentials if _is_called(each, label)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(each.label or credential_text(each.credential) for each in operator.credentials)
    raise NoSuchCredential(
        f"credential: got {label[:80]!a}, {operator.name} has {known}",
        hint="give a label, `key`, or the beginning of a passkey's digest",
    )


def _is_called(stored: StoredCredential, label: str) -> bool:
    if stored.label is not None and label == stored.label:
        return True
    if stored.kind == "key":
        return label == "key"
    digest = credential_text(stored.credential).partition(" ")[2]
    return len(label) >= _SHORTEST_DIGEST and digest.startswith(label.lower())


def recording_as(
    vault: Vault, name: str | None, passphrase_file: Path | None, *, dry_run: bool = False, many: bool = False
) -> Attestor | None:
    """Who records, and signs; None where nobody is named. Raises as `acting`, and `OperatorRefused` for ``many`` with a passkey."""
    if name is None:
        # whether the policy wants to know is asked when something is recorded
        return None
    actor = acting(vault, name, passphrase_file, Action.RECORD)
    signs = None if dry_run else actor.attestor()
    if many and signs is not None and signs.asks:
        raise OperatorRefused(
            f"{actor.name} signs with a passkey, one record at a time: this records many",
            hint="let somebody with a key under a passphrase do it, or `perdure add` each",
        )
    return signs


def acting(
    vault: Vault,
    name: str | None,
    passphrase_file: Path | None,
    action: Action,
    *,
    sets_policy: bool = False,
    only_reads: bool = False,
) -> Actor:
    """Whoever is named, if the policy lets him (see `require`); raises `NoSuchOperator`, `NobodyNamed` or `NotAllowed`."""
    operator = None if name is None else operator_named(vault.database, name)
    require(vault, operator, action, sets_policy=sets_policy, only_reads=only_reads)
    if operator is None:
        return Actor(vault, None, key_ring(vault, passphrase_file))
    label = click.get_current_context().meta.get(_CREDENTIAL)
    return Actor(vault, operator, opening_keys(vault, name, passphrase_file), label)


def one_time_code(name: str, environ: Mapping[str, str]) -> str:
    """A code from somebody's app: from PERDURE_TOTP or a prompt, never from the command line. Raises `NoPassphrase`."""
    if CODE_VARIABLE in environ:
        return environ[CODE_VARIABLE]
    return ask_passphrase(f"One-time code of {name}", hint=f"set {CODE_VARIABLE}")
