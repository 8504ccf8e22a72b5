"""The two contracts: their code, since when they stand, whom the registry asks, who the partners and the sites' keys are."""

from collections.abc import Generator, Iterator, Mapping

from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import Address, checksum_address, keccak256, to_hex
from perdure_anchor.trust import ContractPin, Partner, TrustFile
from perdure_contracts.artifacts import ContractName, load_artifact
from perdure_contracts.chain import ChainClient
from perdure_contracts.consortium import ConsortiumContract, partner_id
from perdure_contracts.deployments import Founder, created_in, fetch_founders
from perdure_contracts.registry import RegistryContract
from perdure_contracts.rpc_errors import RpcUnreachable

from perdure_node.trust_check.comparison import Comparison, Outcome, compared, not_checked

_NO_CODE = "no contract there"


def _contracts(trust: TrustFile) -> tuple[tuple[str, ContractName, ContractPin], ...]:
    return (
        ("registry", "AnchorRegistry", trust.registry),
        ("consortium", "Consortium", trust.consortium),
    )


def compare_code(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """The code at each address: is it what the file says, and is it the contract that this Perdure has the source of."""
    for what, name, pin in _contracts(trust):
        code = client.fetch_code(pin.address)
        got = to_hex(keccak256(code)) if code else _NO_CODE
        where = f"at {checksum_address(pin.address)}"
        yield compared(f"{what} code", to_hex(pin.code_hash), got, where)
        artifact = to_hex(load_artifact(name).runtime_hash)
        yield compared(f"{what} contract", artifact, got, f"{name} as this perdure has it")


def compare_registry_consortium(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """Whom the registry asks who is a partner; its constructor fixed it for ever."""
    asked = RegistryContract(client, trust.registry.address).consortium()
    yield compared(
        "registry's consortium", checksum_address(trust.consortium.address), checksum_address(asked)
    )


def compare_deployments(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """The blocks in which the contracts appeared."""
    for what, _, pin in _contracts(trust):
        yield _compare_deployment(f"{what} deployment block", pin, client)


def _compare_deployment(field: str, pin: ContractPin, client: ChainClient) -> Comparison:
    """By the deployment's receipt, which nodes keep; else by the code before and after, where the node has the old state."""
    want = f"block {pin.deployment_block}"
    receipt_reason = f"no transaction of block {pin.deployment_block} deployed it directly"
    try:
        if created_in(client, pin.address, pin.deployment_block):
            return Comparison(field, Outcome.OK, want, want, "by the deployment's receipt", essential=False)
    except RpcUnreachable:
        raise
    except ChainError as error:
        receipt_reason = str(error)
    try:
        there = bool(client.fetch_code(pin.address, pin.deployment_block))
        before = pin.deployment_block > 0 and bool(client.fetch_code(pin.address, pin.deployment_block - 1))
    except RpcUnreachable:
        raise
    except ChainError as error:
        return not_checked(field, f"{receipt_reason}; and no old state: {error}", want, essential=False)
    if not there:
        return Comparison(field, Outcome.DIFFERS, want, "a later block", "no code there in that block")
    if before:
        return Comparison(field, Outcome.DIFFERS, want, "an earlier block", "code there in the block before")
    return Comparison(field, Outcome.OK, want, want, "by the code before and after", essential=False)


def compare_partners(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """Who founded the consortium, and whether the file's partners and the consortium's are the same now."""
    founders = yield from _compare_founders(trust, client)
    consortium = ConsortiumContract(client, trust.consortium.address)
    members = {member.name: member.account for member in consortium.members()}
    for partner in trust.partners:
        note = _partner_note(partner, founders)
        yield _compare_partner(partner, members.get(partner.name), note, consortium)
    listed = {partner.name for partner in trust.partners}
    for name, account in members.items():
        if name not in listed:
            got = f"a partner, {checksum_address(account)}"
            yield Comparison(f"partner {name}", Outcome.DIFFERS, "not in the file", got)


def _compare_founders(
    trust: TrustFile, client: ChainClient
) -> Generator[Comparison, None, Mapping[str, Founder]]:
    """Tell who the founders were, and return them by name; none where they could not be asked for."""
    field, block = "founding partners", trust.consortium.deployment_block
    try:
        founders = fetch_founders(client, trust.consortium.address, block)
    except RpcUnreachable:
        raise
    except ChainError as error:
        yield not_checked(field, str(error), essential=False)
        return {}
    names = ", ".join(founder.name for founder in founders)
    if founders:
        yield Comparison(field, Outcome.OK, got=names, note=f"admitted in block {block}", essential=False)
    else:
        yield Comparison(field, Outcome.DIFFERS, f"admitted in block {block}", "nobody was admitted there")
    return {founder.name: founder for founder in founders}


def _partner_note(partner: Partner, founders: Mapping[str, Founder]) -> str | None:
    founder = founders.get(partner.name)
    if not founders:
        return None
    if founder is None:
        return "admitted later"
    if founder.account != partner.account:
        return f"founded with the account {checksum_address(founder.account)}, which was replaced"
    return "a founder"


def _compare_partner(
    partner: Partner, account: Address | None, note: str | None, consortium: ConsortiumContract
) -> Comparison:
    field, want = f"partner {partner.name}", checksum_address(partner.account)
    if account is not None:
        return compared(field, want, checksum_address(account), note)
    was_one = consortium.name_of(partner_id(partner.name)) != ""
    got = "not a partner any more: expelled" if was_one else "never a partner"
    return Comparison(field, Outcome.DIFFERS, want, got, note if was_one else None)


def compare_sites(trust: TrustFile, client: ChainClient) -> Iterator[Comparison]:
    """Whether each site's key that the registry has now is one that the file pins; for files that pin keys only."""
    registry = RegistryContract(client, trust.registry.address)
    for pinned in trust.sites:
        field = f"site {pinned.origin.text}"
        want = ", ".join(map(checksum_address, pinned.keys)) or "no key"
        site = registry.site(pinned.origin.site)
        if site is None:
            yield Comparison(field, Outcome.DIFFERS, want, "not registered")
        elif site.key is None:
            yield Comparison(field, Outcome.DIFFERS, want, "its key is revoked")
        else:
            outcome = Outcome.OK if site.key in pinned.keys else Outcome.DIFFERS
            yield Comparison(field, outcome, want, checksum_address(site.key))
