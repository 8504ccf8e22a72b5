"""The trust file: the same value back, each fault refused as `TrustFileError`, epochs that answer for every block once."""

import copy
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.trust import Epoch, PinnedSite, TrustFile
from perdure_anchor.trust_file import (
    MAX_TRUST_FILE_SIZE,
    MAX_VALIDATORS,
    TrustFileError,
    encode_trust_file,
    fingerprint,
    parse_trust_file,
)
from simulated_chain import ORIGIN, SITE_KEY, Story, accounts, addresses, tell
from tools.json_changes import Change, drop, put

TRUST = tell(Story(pinned=True)).trust
RAW = encode_trust_file(TRUST)
MEMBERS = [checksum_address(member.address) for member in accounts(4)]


def test_comes_back() -> None:
    predecessor = replace(TRUST, predecessor="0f" * 32, devnet=True, version=2)
    closed = replace(
        TRUST, epochs=(replace(TRUST.epochs[0], to_block=9), replace(TRUST.epochs[0], from_block=12))
    )
    for trust in (TRUST, predecessor, closed):
        assert parse_trust_file(encode_trust_file(trust)) == trust


def test_optional_texts_may_be_missing() -> None:
    members = json.loads(RAW)
    members["partners"] = [{"name": "acme", "account": MEMBERS[0]}]
    (partner,) = parse_trust_file(json.dumps(members).encode()).partners
    assert (partner.legal_name, partner.registration_number, partner.contact) == ("", "", "")


def test_the_fingerprint_is_the_files_sha_256_in_groups() -> None:
    groups = fingerprint(RAW).split(" ")
    assert "".join(groups) == hashlib.sha256(RAW).hexdigest()
    assert [len(group) for group in groups] == [4] * 16
    assert fingerprint(RAW + b"\n") != fingerprint(RAW)


def epoch(first: int, last: int | None, **changes: Any) -> dict[str, Any]:
    plain = {
        "from": first,
        "to": last,
        "client": "besu",
        "consensus": "qbft",
        "selection": "header",
        "quorum": "ceil(2n/3)",
        "curve": "secp256k1",
        "validators": MEMBERS,
    }
    return {**plain, **changes}


ZERO = to_hex(bytes(20))
SITE = {"origin": "acme/rotterdam", "keys": [MEMBERS[0]]}
FAULTS: dict[str, tuple[Change, str]] = {
    "another format": (
        put("perdure-trust/3", "format"),
        "format: got 'perdure-trust/3', want one of perdure-trust/1, perdure-trust/2",
    ),
    "a format that is no text": (put(1, "format"), "format: want a string"),
    "no format": (drop("format"), "the key 'format' is missing"),
    "no epochs": (drop("epochs"), "the key 'epochs' is missing"),
    "an unknown key": (put(1, "owner"), "trust file: unknown key 'owner'"),
    "a name with an escape": (put("\x1b[31m", "name"), "name: has control characters"),
    "a name with a C1 control": (put("\x9b", "name"), "name: has control characters"),
    "a long name": (put("x" * 257, "name"), "name: got 257 characters, want at most 256"),
    "a version that is a text": (put("1", "version"), "version: want an integer"),
    "a negative version": (put(-1, "version"), "version: got -1"),
    "a short predecessor": (put("0x00", "predecessor"), "predecessor: got 1 bytes, want 32"),
    "a predecessor without 0x": (put("0f" * 32, "predecessor"), "predecessor: not hexadecimal"),
    "devnet as a text": (put("true", "devnet"), "devnet: want true or false"),
    "devnet as a number": (put(1, "devnet"), "devnet: want true or false"),
    "a chain id that is true": (put(True, "chain_id"), "chain_id: want an integer"),
    "a short genesis hash": (put("0x", "genesis_hash"), "genesis_hash: got 0 bytes, want 32"),
    "a registry that is a text": (put("0x", "registry"), "registry: want an object"),
    "a registry without code hash": (
        drop("registry", "code_hash"),
        "registry: the key 'code_hash' is missing",
    ),
    "a registry with more": (put(1, "registry", "abi"), "registry: unknown key 'abi'"),
    "a registry of no address": (put(ZERO, "registry", "address"), "registry address: the zero address"),
    "a long registry address": (put(ZERO + "00", "registry", "address"), "registry address: got 21 bytes"),
    "a consortium of no address": (
        put(ZERO, "consortium", "address"),
        "consortium address: the zero address",
    ),
    "a deployment block of -1": (
        put(-1, "registry", "deployment_block"),
        "registry deployment_block: got -1",
    ),
    "partners as an object": (put({}, "partners"), "partners: want a list"),
    "too many partners": (put([{}] * 4097, "partners"), "partners: got 4097 elements, want at most 4096"),
    "a partner without account": (drop("partners", 0, "account"), "partner: the key 'account' is missing"),
    "a partner with more": (put(1, "partners", 0, "vote"), "partner: unknown key 'vote'"),
    "a partner's name": (put("Acme", "partners", 0, "name"), "partner name: got 'Acme', want 1 to 32"),
    "a partner of no account": (put(ZERO, "partners", 0, "account"), "account of acme: the zero address"),
    "a contact with a bell": (put("\a", "partners", 0, "contact"), "contact of acme: has control characters"),
    "a contact that is null": (put(None, "partners", 0, "contact"), "contact of acme: want a string"),
    "a partner twice": (
        put([{"name": "acme", "account": MEMBERS[0]}, {"name": "acme", "account": MEMBERS[1]}], "partners"),
        "acme stands twice",
    ),
    "sites as a text": (put("", "sites"), "sites: want a list"),
    "a site's origin": (put("acme", "sites", 0, "origin"), "not a site's name"),
    "a site without keys": (drop("sites", 0, "keys"), "site: the key 'keys' is missing"),
    "a site of no key": (put([ZERO], "sites", 0, "keys"), "key of acme/rotterdam: the zero address"),
    "too many keys": (put([MEMBERS[0]] * 65, "sites", 0, "keys"), "keys of acme/rotterdam: got 65 elements"),
    "a site twice": (put([SITE, SITE], "sites"), "acme/rotterdam stands twice"),
    "an empty schedule": (put([], "epochs"), "has no epoch"),
    "an epoch that is null": (put([None], "epochs"), "epoch: want an object"),
    "an epoch without curve": (drop("epochs", 0, "curve"), "epoch: the key 'curve' is missing"),
    "an epoch from a text": (put("0", "epochs", 0, "from"), "epoch from: want an integer"),
    "an epoch to a text": (put("0", "epochs", 0, "to"), "epoch to: want an integer"),
    "another client": (
        put("erigon", "epochs", 0, "client"),
        "epoch client: got 'erigon', want one of besu, goquorum, geth, devnet",
    ),
    "a client of another engine": (
        put("geth", "epochs", 0, "client"),
        "epoch client: geth does not run qbft",
    ),
    "another consensus": (put("aura", "epochs", 0, "consensus"), "epoch consensus: got 'aura'"),
    "another selection": (put("none", "epochs", 0, "selection"), "epoch selection of qbft: got 'none'"),
    "another quorum": (put("n/2", "epochs", 0, "quorum"), "epoch quorum of qbft: got 'n/2'"),
    "the quorum of another engine": (
        put("floor(n/2)+1", "epochs", 0, "quorum"),
        "epoch quorum of qbft: got 'floor",
    ),
    "another curve": (put("ed25519", "epochs", 0, "curve"), "epoch curve: got 'ed25519'"),
    "Besu's other curve": (
        put("secp256r1", "epochs", 0, "curve"),
        "ecCurve is secp256r1, whose seals cannot be judged here",
    ),
    "no validators": (put([], "epochs", 0, "validators"), "validators are not strictly ascending"),
    "validators in another order": (put(MEMBERS[::-1], "epochs", 0, "validators"), "not strictly ascending"),
    "a validator twice": (put([MEMBERS[0]] * 2, "epochs", 0, "validators"), "not strictly ascending"),
    "a validator of no address": (put([ZERO], "epochs", 0, "validators"), "validator: the zero address"),
    "too many validators": (
        put([MEMBERS[0]] * (MAX_VALIDATORS + 1), "epochs", 0, "validators"),
        "validators: got 257 elements, want at most 256",
    ),
    "an epoch that ends before it begins": (
        put([epoch(5, 4)], "epochs"),
        "from block 5: overlaps another, or ends",
    ),
    "epochs that overlap": (put([epoch(0, 5), epoch(5, None)], "epochs"), "from block 5: overlaps another"),
    "epochs in another order": (put([epoch(6, 9), epoch(0, 5)], "epochs"), "from block 0: overlaps another"),
    "an epoch after an open one": (
        put([epoch(0, None), epoch(9, None)], "epochs"),
        "from block 9: overlaps another",
    ),
    "a devnet's client elsewhere": (put("devnet", "epochs", 0, "client"), 'marked "devnet": true'),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_refuses(change: Change, message: str) -> None:
    members = copy.deepcopy(json.loads(RAW))
    change(members)
    with pytest.raises(TrustFileError, match=message):
        parse_trust_file(json.dumps(members).encode())


def test_refuses_what_is_no_strict_json() -> None:
    doubled = RAW.replace(b'"version": 1,', b'"version": 1, "version": 2,')
    for raw, message in (
        (b"", "is cut off"),
        (b"[]", "trust file: want an object"),
        (RAW[:-3], "at line"),
        (RAW + b"{}", "extra data"),
        (doubled, "the key 'version' stands twice"),
        (b"\xff", "not UTF-8"),
        (b"[" * 50_000, "nested deeper"),
    ):
        with pytest.raises(TrustFileError, match=message) as caught:
            parse_trust_file(raw)
        assert caught.value.hint is not None


def test_bounds_the_file() -> None:
    with pytest.raises(TrustFileError, match="got 4194305 bytes, want at most 4194304"):
        parse_trust_file(b" " * (MAX_TRUST_FILE_SIZE + 1))
    padded = RAW + b" " * (MAX_TRUST_FILE_SIZE - len(RAW))
    assert parse_trust_file(padded) == TRUST


def test_a_devnets_client_is_for_devnets() -> None:
    trust = tell(Story(client="devnet")).trust
    assert trust.devnet
    assert parse_trust_file(encode_trust_file(trust)) == trust


# --- what it answers


def schedule(*spans: tuple[int, int | None]) -> TrustFile:
    epochs = tuple(replace(TRUST.epochs[0], from_block=first, to_block=last) for first, last in spans)
    return parse_trust_file(encode_trust_file(replace(TRUST, epochs=epochs)))


def test_each_block_has_its_epoch_and_gaps_have_none() -> None:
    trust = schedule((1, 9), (10, 10), (20, None))
    found = [trust.epoch_of(number) for number in (0, 1, 9, 10, 11, 19, 20, 10**12)]
    assert [entry and entry.from_block for entry in found] == [None, 1, 1, 10, None, None, 20, 20]


@given(st.integers(0, 40))
def test_no_block_has_two_epochs(number: int) -> None:
    trust = schedule((0, 9), (10, 19), (25, 30))
    covering = [entry for entry in trust.epochs if entry.covers(number)]
    assert len(covering) == (0 if 20 <= number <= 24 or number > 30 else 1)


def test_pinned_keys_are_the_origins_own() -> None:
    other = parse_origin("acme/antwerp")
    trust = replace(TRUST, sites=(PinnedSite(other, addresses(accounts(2))), *TRUST.sites))
    assert trust.pinned_keys(ORIGIN) == (SITE_KEY.address,)
    assert trust.pinned_keys(other) == addresses(accounts(2))
    assert trust.pinned_keys(parse_origin("globex/oslo")) == ()


def rule(n: int, quorum_rule: str) -> Epoch:
    return replace(TRUST.epochs[0], validators=addresses(accounts(n)), quorum_rule=quorum_rule)


def test_wanted_seals_and_which_rules_are_final() -> None:
    strict = [rule(n, "ceil(2n/3)") for n in range(1, 11)]
    weak = [rule(n, "2f+1") for n in range(1, 11)]
    assert [entry.wanted_seals for entry in strict] == [1, 2, 2, 3, 4, 4, 5, 6, 6, 7]
    assert [entry.wanted_seals for entry in weak] == [1, 1, 1, 3, 3, 3, 5, 5, 5, 7]
    assert all(entry.is_final for entry in strict)
    assert [entry.is_final for entry in weak] == [True, False, False] * 3 + [True]


@pytest.mark.parametrize(
    ("client", "selection", "lists_are_checked", "coinbase_is_proposer"),
    [
        ("besu", "header", True, True),
        ("besu", "contract", False, True),
        ("devnet", "header", True, True),
        ("goquorum", "header", False, False),
        ("goquorum", "contract", False, False),
    ],
)
def test_what_a_header_is_worth_depends_on_the_client(
    client: str, selection: str, lists_are_checked: bool, coinbase_is_proposer: bool
) -> None:
    entry = replace(TRUST.epochs[0], client=client, selection=selection)
    assert entry.lists_are_checked is lists_are_checked
    assert entry.coinbase_is_proposer is coinbase_is_proposer
