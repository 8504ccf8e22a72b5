"""Many views in one eth_call give what each gives alone; a node that does not take such a call is asked one by one."""

from collections.abc import Callable

import pytest
from perdure_anchor.hashes import sha256
from perdure_contracts.many_calls import answers, calls_at_once
from perdure_contracts.refusals import RegistryRefusal
from tools.many_sites import sites_of
from tools.site_network import Message, SiteNetwork, with_refusal


def test_the_same_answers_in_one_call(network: SiteNetwork) -> None:
    sites = [site.origin.site for site in sites_of(network, 5)]
    # nobody's, and one whose first byte is that which no code may begin with
    sites += [sha256(b"nobody"), b"\xef" + bytes(31)]
    with network.anchor_chain() as chain:
        alone = [chain.registry.site(site) for site in sites]
        heads = [chain.registry.head(site) for site in sites]
        network.calls.clear()
        assert chain.registry.sites(sites) == alone
        assert chain.registry.heads(sites) == heads
        assert network.calls == ["eth_call", "eth_call"]
        many = [sites[number % len(sites)] for number in range(300)]
        network.calls.clear()
        assert chain.registry.sites(many) == [alone[number % len(sites)] for number in range(300)]
        assert len(network.calls) == 3


def refuses_creation(request: Message, ask: Callable[[], Message]) -> Message:
    return ask() if "to" in request["params"][0] else with_refusal("to is missing")(request, ask)


def test_a_node_that_does_not_take_it_is_asked_one_by_one(network: SiteNetwork) -> None:
    sites = [site.origin.site for site in sites_of(network, 3)]
    with network.anchor_chain() as chain:
        expected = chain.registry.sites(sites)
    network.faults["eth_call"] = refuses_creation
    with network.anchor_chain() as chain:
        network.calls.clear()
        assert chain.registry.sites(sites) == expected
        assert chain.registry.sites(sites) == expected
        # in vain only once
        assert len(network.calls) == 1 + 3 + 3


def test_a_call_that_fails_is_explained(network: SiteNetwork) -> None:
    def reverts(request: Message, ask: Callable[[], Message]) -> Message:
        answer = with_refusal("execution reverted")(request, ask)
        answer["error"]["code"] = 3
        return answer

    network.faults["eth_call"] = reverts
    with network.anchor_chain() as chain, pytest.raises(RegistryRefusal):
        chain.registry.heads([sha256(b"one"), sha256(b"two")])


@pytest.mark.parametrize("returned", [b"", bytes(32), bytes(95), bytes(128), b"\1" + bytes(95)])
def test_answers_of_another_form_are_none(returned: bytes) -> None:
    assert answers(returned, 2, 32) is None
    assert answers(bytes(96), 2, 32) == [bytes(32)] * 2


def test_what_one_program_cannot_do() -> None:
    assert calls_at_once(193, 32) == 0
    assert calls_at_once(36, 0) == 0
    assert calls_at_once(36, 224) == 109
