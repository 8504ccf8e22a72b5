"""Registration: the registry learns a site's name and key from the account of its partner.

On a real chain the partner does this with its own tools; what it needs is in `registration_request`. For a devnet, whose
partner keys lie beside it, `register_site` does it at once.
"""

from dataclasses import dataclass

from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_contracts.abi import contract_abi
from perdure_contracts.refusals import RegistryRefusal
from perdure_contracts.registry import SiteState
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, Patience, TransactionFailed, transact

from perdure_node.anchor_chain import AnchorChain
from perdure_node.chain_errors import SiteTaken
from perdure_node.clock import Clock
from perdure_node.vault import Vault

DEFAULT_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Registration:
    """A site that is registered with the vault's key; ``block_number`` is None if it had been before."""

    site: Hash32
    key: Address
    block_number: int | None


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """What a partner has to send to the registry from its account: ``registerSite(partner, local_name, key)``."""

    chain_id: int
    registry: Address
    account: Address
    partner: str
    local_name: str
    key: Address
    calldata: bytes


def registration_request(vault: Vault) -> RegistrationRequest:
    """What the site's partner has to run; asks nobody."""
    account = next(
        partner.account for partner in vault.trust.partners if partner.name == vault.origin.partner
    )
    return RegistrationRequest(
        chain_id=vault.trust.chain_id,
        registry=vault.trust.registry.address,
        account=account,
        partner=vault.origin.partner,
        local_name=vault.origin.name,
        key=vault.site_address,
        calldata=_call(vault).calldata,
    )


def is_registered(vault: Vault, chain: AnchorChain) -> bool:
    """Whether the registry knows the site with the vault's key; raises `SiteTaken` if it knows it with another."""
    state = chain.registry.site(vault.origin.site)
    if state is None:
        return False
    if state.key != vault.site_address:
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
