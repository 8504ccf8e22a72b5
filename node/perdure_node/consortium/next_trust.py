"""The next version of a trust file from what the two contracts say: partners, revocations, and sites' keys if they are wanted.

Epochs are not touched: `perdure_node.trust_extend` follows the validators. It is the node's word, so whoever publishes the file lets
the partners look through it first.
"""

from dataclasses import dataclass, replace

from perdure_anchor.hashes import sha256
from perdure_anchor.trust import Partner, PinnedSite, TrustFile
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.consortium import ConsortiumContract, Member

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.consortium.key_lives import SiteKeys, fetch_key_events, key_lives, revocations


@dataclass(frozen=True, slots=True)
class NextTrust:
    """The successor, None if there is nothing to say, as of a block."""

    successor: TrustFile | None
    block_number: int


def next_trust(raw: bytes, chain: AnchorChain, *, pin_sites: bool = False) -> NextTrust:
    """What comes after the trust file in ``raw``; with ``pin_sites`` it names the keys of all sites.

    Raises what the chain client does.
    """
    trust = parse_trust_file(raw)
    head = chain.client.head_number()
    members = ConsortiumContract(chain.client, trust.consortium.address).members()
    keys = key_lives(fetch_key_events(chain.client, trust, head))
    changed = replace(
        trust,
        partners=tuple(_partner(trust, member) for member in _in_order(trust, members)),
        sites=_sites(trust, keys) if pin_sites else trust.sites,
        revocations=revocations(keys, trust.revocations),
    )
    if changed == trust:
        return NextTrust(None, head)
    return NextTrust(replace(changed, version=trust.version + 1, predecessor=sha256(raw).hex()), head)


def _in_order(trust: TrustFile, members: tuple[Member, ...]) -> list[Member]:
    """As in the file, newcomers at the end."""
    places = {partner.name: place for place, partner in enumerate(trust.partners)}
    return sorted(members, key=lambda member: (places.get(member.name, len(places)), member.name))


def _partner(trust: TrustFile, member: Member) -> Partner:
    """With the account that the consortium has for it now; what is written of it for people stays."""
    known = next((partner for partner in trust.partners if partner.name == member.name), None)
    return Partner(member.name, member.account) if known is None else replace(known, account=member.account)


def _sites(trust: TrustFile, keys: tuple[SiteKeys, ...]) -> tuple[PinnedSite, ...]:
    """Every key that a site had, so that its older evidence is of a pinned key too; none that was pinned before goes."""
    pinned = {site.origin.text: site for site in trust.sites}
    for site in keys:
        before = pinned[site.origin.text].keys if site.origin.text in pinned else ()
        new = dict.fromkeys((*before, *(life.key for life in site.lives)))
        pinned[site.origin.text] = PinnedSite(site.origin, tuple(new))
    return tuple(pinned.values())
