"""A trust file beside a live chain: each field of a true file agrees, each lie of a file or a node is told by its field."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.qbft import encode_extra_data, parse_extra_data
from perdure_anchor.trust import Partner, PinnedSite, TrustFile
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.rpc_errors import RpcUnreachable
from perdure_devnet.info import TRUST_NAME
from perdure_node.trust_check import Answer, Comparison, Outcome, Predecessor, compare_with_chain, overall
from perdure_node.trust_check.engines import client_of
from tools.devnets import running_devnet
from tools.lying_node import Lie, Refused, always, asked, gone, lying_node, missing
from tools.recorded_chain import RAW_HEADERS, recorded_chain, serving
from tools.scripted_node import methods, scripted_node
from tools.story import STORY, TRUST

STRANGER = Address(b"s" * 20)
SOME_HASH = Hash32(b"h" * 32)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, TrustFile]]:
    """The url of a devnet some blocks old, and its trust file."""
    directory = tmp_path_factory.mktemp("checked") / "chain"
    with running_devnet(directory) as running:
        _make_a_block(running.url, directory)
        yield running.url, parse_trust_file((directory / TRUST_NAME).read_bytes())


def _make_a_block(url: str, directory: Path) -> None:
    from eth_account import Account
    from perdure_devnet.network import relay_key

    relay = Account.from_key(relay_key(directory).private_key)
    chain_id = int(asked(url, "eth_chainId", [])["result"], 16)
    transaction = {
        "type": 2, "chainId": chain_id, "nonce": 0, "gas": 21_000, "to": relay.address, "value": 0,
        "maxFeePerGas": 0, "maxPriorityFeePerGas": 0,
    }  # fmt: skip
    raw = relay.sign_transaction(transaction).raw_transaction
    assert "result" in asked(url, "eth_sendRawTransaction", ["0x" + raw.hex()])
    for _ in range(1000):
        if asked(url, "eth_blockNumber", [])["result"] != "0x1":
            return
    raise AssertionError("no block came")


def check(url: str, trust: TrustFile, predecessor: Predecessor | None = None) -> list[Comparison]:
    with JsonRpc(url, attempts=1, timeout=20) as rpc:
        return list(compare_with_chain(trust, ChainClient(rpc), predecessor))


def field(found: list[Comparison], name: str) -> Comparison:
    (one,) = [each for each in found if each.field == name]
    return one


def differing(found: list[Comparison]) -> list[str]:
    return [each.field for each in found if each.outcome is Outcome.DIFFERS]


def unchecked(found: list[Comparison]) -> list[str]:
    return [each.field for each in found if each.outcome is Outcome.NOT_CHECKED]


def test_a_true_file_agrees(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    found = check(url, trust)
    assert differing(found) == []
    assert unchecked(found) == ["quorum rule", "texts"]
    assert overall(found) is Answer.AGREES
    assert field(found, "founding partners").got == "acme, globex, initech"
    assert field(found, "partner acme").note == "a founder"
    assert len(found) == len({each.field for each in found}) > 20


def epoch_of(trust: TrustFile, **changes: Any) -> TrustFile:
    return replace(trust, epochs=(replace(trust.epochs[0], **changes),))


def other_partner(trust: TrustFile, **changes: Any) -> TrustFile:
    first, *others = trust.partners
    return replace(trust, partners=(replace(first, **changes), *others))


def swapped(trust: TrustFile) -> TrustFile:
    return replace(trust, registry=replace(trust.registry, address=trust.consortium.address))


# a change to the file, and the fields that must differ by it
FALSE_FILES: dict[str, tuple[Callable[[TrustFile], TrustFile], list[str]]] = {
    "chain id": (lambda trust: replace(trust, chain_id=1), ["chain id"]),
    "genesis": (lambda trust: replace(trust, genesis_hash=SOME_HASH), ["genesis hash"]),
    "registry's code": (
        lambda trust: replace(trust, registry=replace(trust.registry, code_hash=SOME_HASH)),
        ["registry code"],
    ),
    "consortium's code": (
        lambda trust: replace(trust, consortium=replace(trust.consortium, code_hash=SOME_HASH)),
        ["consortium code"],
    ),
    "registry's block, too late": (
        lambda trust: replace(trust, registry=replace(trust.registry, deployment_block=2)),
        ["registry deployment block"],
    ),
    "registry's block, too early": (
        lambda trust: replace(trust, registry=replace(trust.registry, deployment_block=0)),
        ["registry deployment block"],
    ),
    "consortium's block": (
        lambda trust: replace(trust, consortium=replace(trust.consortium, deployment_block=2)),
        ["consortium deployment block", "founding partners"],
    ),
    "a partner's account": (lambda trust: other_partner(trust, account=STRANGER), ["partner acme"]),
    "a partner's name": (lambda trust: other_partner(trust, name="acne"), ["partner acne", "partner acme"]),
    "a partner too many": (
        lambda trust: replace(trust, partners=(*trust.partners, Partner("hooli", STRANGER))),
        ["partner hooli"],
    ),
    "a partner too few": (lambda trust: replace(trust, partners=trust.partners[1:]), ["partner acme"]),
    # three of four sealed, so one of two at least
    "validators": (
        lambda trust: epoch_of(trust, validators=(*trust.epochs[0].validators[2:], STRANGER)),
        ["validators of block 1", "validators of block 2", "seals of block 2"],
    ),
    "selection": (lambda trust: epoch_of(trust, selection="contract"), ["selection"]),
    "not marked as a devnet": (lambda trust: replace(trust, devnet=False), ["devnet"]),
    "a site": (
        lambda trust: replace(trust, sites=(PinnedSite(parse_origin("acme/rotterdam"), (STRANGER,)),)),
        ["site acme/rotterdam"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FALSE_FILES)
def test_a_false_file_differs_in_that_field_only(chain: tuple[str, TrustFile], what: str) -> None:
    url, trust = chain
    change, fields = FALSE_FILES[what]
    found = check(url, change(trust))
    assert differing(found) == fields
    assert overall(found) is Answer.DIFFERS


def test_a_registry_that_is_none(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    found = check(url, swapped(trust))
    assert "registry contract" in differing(found)
    assert field(found, "registry's consortium").outcome is Outcome.NOT_CHECKED
    nowhere = check(url, replace(trust, registry=replace(trust.registry, address=STRANGER)))
    assert field(nowhere, "registry code").got == "no contract there"


def by_block(number: int, value: Any) -> Lie:
    """A lie about one block only; the number is the last parameter."""
    return lambda params, truth: value if params[-1] == hex(number) else truth(params)


def other_code(params: list[Any], truth: Any) -> Any:
    return truth(params) + "00"


def no_deployments(params: list[Any], truth: Any) -> Any:
    receipt = truth(params)
    return receipt | {"contractAddress": None}


def no_old_state(params: list[Any], truth: Any) -> Any:
    if params[-1] == "latest":
        return truth(params)
    raise Refused(-32000, "missing trie node")


def asks_another(params: list[Any], truth: Any) -> Any:
    """The registry's consortium() answers with another address."""
    selector = keccak256(b"consortium()")[:4].hex()
    return "0x" + STRANGER.rjust(32, b"\0").hex() if params[0]["data"] == "0x" + selector else truth(params)


# what the node lies about, and the fields that must differ by it
LIES: dict[str, tuple[dict[str, Lie], list[str]]] = {
    "chain id": ({"eth_chainId": always("0x1")}, ["chain id"]),
    "code": (
        {"eth_getCode": other_code},
        ["registry code", "registry contract", "consortium code", "consortium contract"],
    ),
    "validators": (
        {"qbft_getValidatorsByBlockNumber": always(["0x" + STRANGER.hex()])},
        ["validators of block 1", "validators of block 2"],
    ),
    "validators of the first block": (
        {
            "qbft_getValidatorsByBlockNumber": lambda params, truth: (
                truth(params)[1:] if params == ["0x1"] else truth(params)
            )
        },
        ["validators of block 1"],
    ),
    "whom the registry asks": ({"eth_call": asks_another}, ["registry's consortium"]),
    "founders": ({"eth_getLogs": always([])}, ["founding partners"]),
    "a later deployment": (
        {"eth_getTransactionReceipt": no_deployments, "eth_getCode": by_block(1, "0x")},
        ["registry deployment block", "consortium deployment block"],
    ),
    "an earlier deployment": (
        {"eth_getTransactionReceipt": no_deployments, "eth_getCode": by_block(0, "0x60")},
        ["registry deployment block", "consortium deployment block"],
    ),
}


@pytest.mark.parametrize("what", LIES)
def test_a_lying_node_is_told_by_its_lie(chain: tuple[str, TrustFile], what: str) -> None:
    url, trust = chain
    lies, fields = LIES[what]
    with lying_node(url, **lies) as liar:
        found = check(liar, trust)
    assert differing(found) == fields


def test_old_state_stands_in_for_receipts(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    with lying_node(url, eth_getTransactionReceipt=no_deployments) as node:
        one = field(check(node, trust), "registry deployment block")
    assert (one.outcome, one.note) == (Outcome.OK, "by the code before and after")


def test_without_receipts_and_old_state_nobody_knows(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    lies: dict[str, Lie] = {"eth_getTransactionReceipt": always(None), "eth_getCode": no_old_state}
    with lying_node(url, **lies) as node:
        found = check(node, trust)
    assert unchecked(found)[:2] == ["registry deployment block", "consortium deployment block"]
    assert "missing trie node" in (field(found, "registry deployment block").note or "")
    assert overall(found) is Answer.AGREES


def test_the_header_s_list_stands_in_for_a_method(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    with lying_node(url, qbft_getValidatorsByBlockNumber=missing) as node:
        found = check(node, trust)
        invented = check(node, epoch_of(trust, client="goquorum"))
    assert field(found, "validators of block 2").note == "4 accounts, by the header's list"
    assert overall(found) is Answer.AGREES
    # nobody compares the list of a GoQuorum header before it is sealed
    assert field(invented, "validators of block 2").outcome is Outcome.NOT_CHECKED
    assert overall(invented) is Answer.UNKNOWN


def test_goquorum_is_asked_for_the_block_before(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    numbers = []

    def validators(params: list[Any], truth: Any) -> Any:
        numbers.append(params[0])
        return [checksum_address(validator) for validator in reversed(trust.epochs[0].validators)]

    with lying_node(url, qbft_getValidatorsByBlockNumber=missing, istanbul_getValidators=validators) as node:
        found = check(node, trust)
    assert field(found, "validators of block 2").note == "4 accounts, by istanbul_getValidators"
    assert numbers == ["0x0", "0x1"]


def few_seals(params: list[Any], truth: Any) -> Any:
    header = parse_header(bytes.fromhex(truth(params)[2:]))
    extra = parse_extra_data(header.extra_data)
    return (
        "0x"
        + encode_header(
            header.with_extra_data(encode_extra_data(replace(extra, seals=extra.seals[:1])))
        ).hex()
    )


def test_a_copy_with_few_seals_is_no_difference(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    with lying_node(url, debug_getRawHeader=few_seals) as node:
        one = field(check(node, trust), "seals of block 2")
    assert one.outcome is Outcome.NOT_CHECKED
    assert "shows 1 of its validators only, want 3" in (one.note or "")


def test_a_node_that_is_lost_is_asked_no_more(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    with lying_node(url, eth_call=gone) as node:
        found = check(node, trust)
    assert field(found, "consortium code").outcome is Outcome.OK
    reasons = [each.note or "" for each in found if each.outcome is Outcome.NOT_CHECKED]
    assert sum(reason.startswith("not asked any more") for reason in reasons) == 6
    assert overall(found) is Answer.UNKNOWN


def test_a_node_that_is_not_there(chain: tuple[str, TrustFile]) -> None:
    with pytest.raises(RpcUnreachable):
        check("http://127.0.0.1:1", chain[1])


def test_nonsense_is_not_a_difference(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    with lying_node(
        url, qbft_getValidatorsByBlockNumber=always({"validators": 1}), eth_call=always("nonsense")
    ) as node:
        found = check(node, trust)
    assert differing(found) == []
    assert {"registry's consortium", "partners", "validators"} <= set(unchecked(found))


def test_epochs_and_blocks_that_do_not_meet(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    (epoch,) = trust.epochs
    closed = check(url, epoch_of(trust, to_block=1))
    assert field(closed, "validators of block 1").outcome is Outcome.OK
    assert "a newer version of the file" in (field(closed, "newest block").note or "")
    assert overall(closed) is Answer.AGREES
    later = check(url, replace(trust, epochs=(replace(epoch, to_block=1), replace(epoch, from_block=1000))))
    assert field(later, "validators from block 1000").outcome is Outcome.NOT_CHECKED
    assert overall(later) is Answer.UNKNOWN


def test_an_engine_that_is_not_read_here(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    found = check(url, epoch_of(trust, consensus="paxos"))
    assert field(found, "validators of block 2").outcome is Outcome.NOT_CHECKED
    assert field(found, "consensus").outcome is Outcome.NOT_CHECKED
    assert overall(found) is Answer.UNKNOWN


def test_the_predecessor(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    second = replace(trust, version=2, predecessor="ab" * 32)
    assert field(check(url, second), "predecessor").note == "the version before is not pinned"
    good = check(url, second, Predecessor("ab" * 32, trust))
    assert field(good, "predecessor").outcome is Outcome.OK
    rewritten = Predecessor("ab" * 32, epoch_of(trust, to_block=1))
    bad = check(url, second, rewritten)
    assert differing(bad) == ["predecessor"]
    assert "closed epoch" in (field(bad, "predecessor").note or "")


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("besu/v25.10.0/linux-x86_64/openjdk-java-21", "besu"),
        ("Geth/v1.10.3-stable-f83beb37(quorum-v24.4.1)/linux-amd64/go1.20.14", "goquorum"),
        ("Geth/v1.13.15-stable/linux-amd64/go1.22.0", "geth"),
        ("perdure-devnet/v0.1.0/py-evm-0.12.1b1", "devnet"),
        ("anvil/v1.7.1", None),
    ],
)
def test_clients_by_their_names_for_themselves(version: str, name: str | None) -> None:
    assert client_of(version) == name


def test_another_client_is_not_a_difference(chain: tuple[str, TrustFile]) -> None:
    url, trust = chain
    with lying_node(url, web3_clientVersion=always("besu/v25.10.0")) as node:
        found = check(node, trust)
    assert field(found, "client").outcome is Outcome.NOT_CHECKED
    assert field(found, "devnet").outcome is Outcome.NOT_CHECKED
    assert overall(found) is Answer.AGREES


def recorded(name: str, head: int, **epoch: Any) -> list[Comparison]:
    """What a real node's headers say of a trust file with this epoch; of its validators, seals and engine only."""
    answers = recorded_chain(name)
    trust = replace(RECORDED, chain_id=answers["chain_id"], epochs=(replace(RECORDED.epochs[0], **epoch),))
    table = serving(name, RAW_HEADERS, eth_chainId=hex(answers["chain_id"]), eth_blockNumber=hex(head))
    table["web3_clientVersion"] = answers["client"] + "/" + answers["version"]
    with scripted_node(methods(table)) as server:
        return check(server.url, trust)


RECORDED = parse_trust_file((STORY / TRUST).read_bytes())


def genesis_signers(name: str) -> tuple[Address, ...]:
    header = parse_header(bytes.fromhex(recorded_chain(name)["blocks"][0]["header_rlp"][2:]))
    middle = header.extra_data[32:-65]
    return tuple(Address(middle[at : at + 20]) for at in range(0, len(middle), 20))


def test_a_real_clique_chain() -> None:
    """One seal a block, so the newest blocks together show as many signers as the rule wants."""
    signers = genesis_signers("clique")
    told = {"client": "geth", "consensus": "clique", "quorum_rule": "floor(n/2)+1", "validators": signers}
    found = recorded("clique", 4, **told)
    sealed = field(found, "seals of blocks 3 to 4")
    assert (sealed.outcome, sealed.got) == (Outcome.OK, "2 of its validators")
    assert field(found, "consensus").outcome is Outcome.OK
    assert field(found, "client").outcome is Outcome.OK
    # the recording has no clique_getSigners, and lists signers in checkpoint blocks only
    assert field(found, "validators of block 4").outcome is Outcome.NOT_CHECKED
    strangers = recorded("clique", 4, **told | {"validators": (signers[0], STRANGER, Address(b"t" * 20))})
    assert "seals of blocks 3 to 4" in differing(strangers)
    # a signer was voted in since
    assert "seals of blocks 50 to 51" in differing(recorded("clique", 51, **told))
    assert "consensus" in differing(recorded("clique", 4, **told | {"consensus": "qbft"}))


def test_a_real_goquorum_chain_whose_lists_nobody_checks() -> None:
    """The seals show the validators all the same."""
    header = parse_header(bytes.fromhex(recorded_chain("goquorum-qbft")["blocks"][-1]["header_rlp"][2:]))
    validators = parse_extra_data(header.extra_data).validators
    found = recorded("goquorum-qbft", header.number, client="goquorum", validators=validators)
    assert field(found, f"seals of block {header.number}").outcome is Outcome.OK
    assert field(found, f"validators of block {header.number}").outcome is Outcome.NOT_CHECKED
    assert field(found, "client").outcome is Outcome.OK
    assert overall(found) is not Answer.AGREES
