"""Registration: the registry learns a site's name and key from the account of its partner.

On a real chain the partner does this with its own tools; what it needs is in `registration_request`. For a devnet, whose
partner keys lie beside it, `register_site` does it at once.
"""

from dataclasses import dataclass

from perdure_anchor.hashes import Address, Hash32, checksum_address, to_hex
from perdure_contracts.abi import contract_abi
from perdure_contracts.refusals import RegistryRefusal
from perdure_contracts.registry import SiteState
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, Patience, TransactionFailed, transact

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import SiteTaken
from perdure_node.clock import Clock
from perdure_node.keys.signing_keys import site_keys
from perdure_node.site_keys.rotating import DEFAULT_GRACE_PERIOD
from perdure_node.site_keys.standing import last_known_keys
from perdure_node.vault import Vault

DEFAULT_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Registration:
    """A site that is registered with the vault's key; ``block_number`` is None if it had been before."""

    site: Hash32
    key: Address
    block_number: int | None


@dataclass(frozen=True, slots=True)
class PartnerRequest:
    """What a partner has to send to the registry from its account; ``call_text`` is for people."""

    chain_id: int
    registry: Address
    account: Address
    partner: str
    key: Address
    calldata: bytes
    call_text: str


def registration_request(vault: Vault) -> PartnerRequest:
    """What the site's partner has to run; asks nobody."""
    origin, key = vault.origin, checksum_address(vault.site_address)
    return _request(vault, _call(vault), f"registerSite({origin.partner}, {origin.name}, {key})")


def key_request(vault: Vault) -> PartnerRequest:
    """What the site's partner has to run, so that the registry gets the key that signs now; asks nobody.

    Where the old key was revoked or marked as compromised, nothing that it signed counts any more.
    """
    known = last_known_keys(vault.database)
    if known is not None and not known.is_registered:
        return registration_request(vault)
    is_bad = known is not None and (known.is_revoked or known.compromised_since is not None)
    site, key = vault.origin.site, vault.site_address
    grace_period = 0 if is_bad else DEFAULT_GRACE_PERIOD
    calldata = contract_abi("AnchorRegistry").encode_call("rotateKey", site, key, grace_period, b"")
    call = ContractCall(vault.trust.registry.address, calldata)
    return _request(
        vault, call, f"rotateKey({to_hex(site)}, {checksum_address(key)}, {grace_period}, no signature)"
    )


def _request(vault: Vault, call: ContractCall, call_text: str) -> PartnerRequest:
    account = next(
        partner.account for partner in vault.trust.partners if partner.name == vault.origin.partner
    )
    return PartnerRequest(
        chain_id=vault.trust.chain_id,
        registry=vault.trust.registry.address,
        account=account,
        partner=vault.origin.partner,
        key=vault.site_address,
        calldata=call.calldata,
        call_text=call_text,
    )


def is_registered(vault: Vault, chain: AnchorChain) -> bool:
    """Whether the registry knows the site with a key of the vault's; raises `SiteTaken` if it knows it with another."""
    state = chain.registry.site(vault.origin.site)
    if state is None:
        return False
    if all(key.address != state.key for key in site_keys(vault.database)):
        raise _taken(vault, state)
    return True


def register_site(
    vault: Vault,
    chain: AnchorChain,
    partner_private_key: bytes,
    *,
    clock: Clock,
    wait: float = DEFAULT_WAIT,
) -> Registration:
    """Register the vault's site and key by the partner's account; once more is no error.

    Raises `SiteTaken`, `RegistryRefusal`, `WrongChain`, `WithoutContracts`, or what the chain client raises.
    """
    chain.check()
    block_number = None
    if not is_registered(vault, chain):
        signer = LocalSigner(partner_private_key)
        patience = Patience(wait, sleep=clock.sleep, clock=clock.monotonic)
        try:
            receipt = transact(
                chain.client, signer, _call(vault), chain_id=vault.trust.chain_id, patience=patience
            )
            block_number = receipt.block_number
        except (RegistryRefusal, TransactionFailed):
            # an earlier try may have got there between the question and the block
            if not is_registered(vault, chain):
                raise
    return Registration(vault.origin.site, vault.site_address, block_number)


def _call(vault: Vault) -> ContractCall:
    origin = vault.origin
    calldata = contract_abi("AnchorRegistry").encode_call(
        "registerSite", origin.partner, origin.name, vault.site_address
    )
    return ContractCall(vault.trust.registry.address, calldata)


def _taken(vault: Vault, state: SiteState) -> SiteTaken:
    key = "no key" if state.key is None else f"the key {checksum_address(state.key)}"
    return SiteTaken(
        f"the site {vault.origin.text} is registered with {key}, "
        f"this vault's is {checksum_address(vault.site_address)}",
        hint="choose another name, or let the partner set this key with rotateKey",
    )
