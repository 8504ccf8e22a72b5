"""Who acts: an operator who has shown that he is there, and what the site's policy lets him do."""

from perdure_anchor.confirmation import Credential, KeyCredential
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.webauthn import PasskeyCredential

from perdure_node.errors import SettingsError, VaultDamaged
from perdure_node.operators.attesting import Attestor, KeySigner, Signer
from perdure_node.operators.errors import NobodyNamed, NotAllowed
from perdure_node.operators.passkeys.ceremony import Passkey
from perdure_node.operators.people import Operator, StoredCredential, operators
from perdure_node.operators.policy import NO_POLICY, policy_in_force
from perdure_node.operators.roles import Action, Role
from perdure_node.vault import Vault


def require(
    vault: Vault,
    who: Operator | None,
    action: Action,
    *,
    sets_policy: bool = False,
    only_reads: bool = False,
) -> None:
    """Raise `NotAllowed` or `NobodyNamed` unless the policy lets him; without named operators everybody may do everything.

    ``sets_policy``: it puts another policy in force, which a site keeper always may. Else one that was changed or lost, or that
    lets nobody manage, would lock everybody out for ever.

    ``only_reads``: it changes nothing. So where no policy can be followed the roles may what they may without one, and to audit nobody
    has to be named: whoever has the vault's passphrase can read everything anyway, and it has to be found out what is wrong.
    """
    if who is None:
        if only_reads and action is Action.AUDIT and not _can_be_followed(vault):
            return
        everybody = operators(vault.database)
        # a site whose keepers are gone is not locked out for ever: the vault's passphrase makes new ones
        if not everybody or (
            action is Action.MANAGE and not any(Role.SITE_KEEPER in each.roles for each in everybody)
        ):
            return
        raise NobodyNamed(
            f"to {action.value}: this site has operators, and nobody said who acts",
            hint="--as NAME, or PERDURE_OPERATOR",
        )
    if sets_policy and Role.SITE_KEEPER in who.roles:
        return
    try:
        policy = policy_in_force(vault.folder, vault.database)
    except SettingsError:
        if not only_reads:
            raise
        policy = NO_POLICY
    if not policy.may(who.roles, action):
        roles = ", ".join(sorted(role.value for role in who.roles)) or "no role"
        raise NotAllowed(
            f"{who.name} ({roles}) may not {action.value} by this site's policy",
            hint="`perdure policy show` tells who may; a site keeper can change it",
        )


def _can_be_followed(vault: Vault) -> bool:
    """Whether it can be read who the operators are, and the policy is the one that was put in force."""
    try:
        operators(vault.database)
        policy_in_force(vault.folder, vault.database)
    except (SettingsError, VaultDamaged):
        return False
    return True


def attestor(vault: Vault, operator: Operator, credential: Credential, sign: Signer) -> Attestor:
    """An operator of this vault who signs with a credential of his."""
    return Attestor(
        operator.number,
        operator.name,
        operator.own_record,
        vault.trust.domain,
        vault.origin.site,
        credential,
        sign,
    )


def key_attestor(vault: Vault, operator: Operator, private_key: bytes) -> Attestor:
    """An operator who signs with his key under a passphrase."""
    credential = KeyCredential(address_from_private_key(private_key))
    return attestor(vault, operator, credential, KeySigner(private_key))


def passkey_of(stored: StoredCredential) -> Passkey:
    """What an authenticator is asked with, of a credential that is a passkey."""
    assert isinstance(stored.credential, PasskeyCredential), "the caller has looked"
    return Passkey(stored.credential, stored.credential_id or b"")
