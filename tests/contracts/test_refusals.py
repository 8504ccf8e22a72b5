"""The words for what the contracts refuse, and the ABI behind them."""

import string

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.receipt import EventLog
from perdure_contracts.abi import contract_abi
from perdure_contracts.artifacts import CONTRACT_NAMES
from perdure_contracts.refusals import SENTENCES, explained
from perdure_contracts.refused import ExecutionReverted
from perdure_contracts.registry import parse_frontier, parse_site_registered
from perdure_contracts.rpc import RpcBadAnswer, RpcRefused

SAMPLES = {
    "bytes32": b"\x11" * 32,
    "address": "0x" + "22" * 20,
    "string": "some name",
    "uint64": 3,
    "uint256": 4,
}
ENTRIES = {entry.name: entry for name in CONTRACT_NAMES for entry in contract_abi(name).errors.values()}


def reverted(payload):
    return ExecutionReverted(RpcRefused("refused", code=3, reason="execution reverted"), payload)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_error_of_the_contracts_has_a_sentence(entry):
    values = [SAMPLES[kind] for kind in entry.input_types]
    error = explained(reverted(entry.selector + eth_abi.encode(entry.input_types, values)))
    assert isinstance(error, ChainError)
    assert error.name == entry.name
    assert list(error.arguments) == list(entry.input_names)
    assert str(error).startswith("the contract refuses: ")
    assert "{" not in str(error)
    assert not str(error).endswith(".")
    if "address" in entry.input_types:
        assert Address(b"\x22" * 20) in error.arguments.values()


def test_no_sentence_is_left_over():
    assert set(SENTENCES) == {*ENTRIES, "Error", "Panic"}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_uses_only_what_the_error_carries(name):
    if name in ENTRIES:
        used = {field for _, field, _, _ in string.Formatter().parse(SENTENCES[name][0]) if field}
        assert used <= set(ENTRIES[name].input_names)


def test_solidity_itself():
    error = explained(
        reverted(keccak256(b"Error(string)")[:4] + eth_abi.encode(["string"], ["out of cheese"]))
    )
    assert (error.name, str(error)) == ("Error", "the contract refuses: out of cheese")
    error = explained(reverted(keccak256(b"Panic(uint256)")[:4] + eth_abi.encode(["uint256"], [17])))
    assert str(error) == "the contract refuses: the contract failed with code 17"


def test_text_in_an_error_is_made_safe():
    payload = keccak256(b"BadName(string)")[:4] + eth_abi.encode(["string"], ["\x1b[2J" + "x" * 5000])
    error = explained(reverted(payload))
    assert str(error).isprintable()
    assert len(str(error)) < 400


@given(st.binary(max_size=200))
def test_whatever_a_contract_returns_there_is_a_refusal(payload):
    assert str(explained(reverted(payload))).startswith("the contract refuses: ")


@given(st.sampled_from(sorted(ENTRIES)), st.binary(max_size=200))
def test_so_it_is_behind_a_known_selector(name, payload):
    assert str(explained(reverted(ENTRIES[name].selector + payload))).startswith("the contract refuses: ")


def test_no_reason():
    error = explained(reverted(b""))
    assert (error.name, str(error)) == ("", "the contract refuses: no reason given")


class TestResults:
    abi = contract_abi("AnchorRegistry")

    def test_a_call_that_returns_nothing(self):
        with pytest.raises(RpcBadAnswer, match="returned nothing") as caught:
            self.abi.decode_result("headOf", b"")
        assert "contract at this address" in caught.value.hint

    @pytest.mark.parametrize("payload", [b"\0", bytes(63), b"\xff" * 64])
    def test_a_result_of_another_shape(self, payload):
        with pytest.raises(RpcBadAnswer, match="headOf"):
            self.abi.decode_result("headOf", payload)

    def test_text_that_is_none(self):
        payload = eth_abi.encode(["bytes"], [b"\xff\xfe"])
        with pytest.raises(RpcBadAnswer, match="nameOf"):
            contract_abi("Consortium").decode_result("nameOf", payload)

    @given(st.binary(max_size=300))
    def test_random_bytes(self, payload):
        for name in ("headOf", "siteOf", "anchorOf", "consortium"):
            try:
                self.abi.decode_result(name, payload)
            except RpcBadAnswer:
                continue


class TestEvents:
    site, peaks = Hash32(b"\1" * 32), (Hash32(b"\2" * 32), Hash32(b"\3" * 32))
    topic = contract_abi("AnchorRegistry").event_topic("Frontier")

    def log(self, **changed):
        members = {
            "address": Address(bytes(20)),
            "topics": (self.topic, self.site, Hash32((5).to_bytes(32, "big"))),
            "payload": eth_abi.encode(["bytes32[]"], [self.peaks]),
        }
        return EventLog(**members | changed)

    def test_a_frontier(self):
        frontier = parse_frontier(self.log())
        assert (frontier.site, frontier.size, frontier.peaks) == (self.site, 5, self.peaks)

    @pytest.mark.parametrize(
        "changed",
        [
            {"topics": ()},
            {"topics": (topic,)},
            {"topics": (site, site, site)},
            {"topics": (topic, site, site)},
            {"topics": (topic, site, site, site)},
            {"payload": b""},
            {"payload": b"\xff" * 96},
        ],
    )
    def test_what_is_no_frontier(self, changed):
        with pytest.raises(RpcBadAnswer):
            parse_frontier(self.log(**changed))

    def test_another_event(self):
        with pytest.raises(RpcBadAnswer, match="not SiteRegistered"):
            parse_site_registered(self.log())
