"""Votes on a site's network: validators come and go, while the site lives on."""

from perdure_anchor.evidence import Evidence
from perdure_anchor.hashes import Address
from perdure_anchor.qbft import Vote
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_devnet.committee import committee_of
from perdure_node.evidence.proving import prove
from perdure_node.selectors import parse_selector
from tools.site_desk import Site, document
from tools.site_network import SiteNetwork
from tools.voting_devnet import candidate_key


def change_validators(network: SiteNetwork, *, add: int | None = None, drop: Address | None = None) -> None:
    """Vote until the change is in force, and forget the votes."""
    if add is not None:
        keys = [*network.committee.keys.values(), candidate_key(add)]
        network.committee = committee_of(keys)
    subject = drop if add is None else address_from_private_key(candidate_key(add))
    assert subject is not None
    network.chain.propose_vote(Vote(subject, add is not None))
    while (subject in network.chain.validators) is not (add is not None):
        network.pass_time(1)
    network.chain.discard_vote(subject)


def evidence_of(site: Site, number: int) -> Evidence:
    return prove(site.vault, site.keys, parse_selector(document(number).sha256.hex())).evidence
