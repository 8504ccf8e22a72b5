"""Trust files: those that the evidence vectors share, files at their bounds, and each way in which a file is none."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from perdure_anchor.strict_json import encode_pretty
from perdure_anchor.trust_file import MAX_TRUST_FILE_SIZE, encode_trust_file
from simulated_chain import accounts, addresses
from tools.hop_stories import FOUR
from tools.vectors.form import Vector, encode_vector, trust_vector
from tools.vectors.trusts import TRUSTS

RAW = encode_trust_file(TRUSTS["plain"])
FAULT, CURVE = "TrustFileError", "UnsupportedCurve"
ADDRESS = "0x" + FOUR[0].address.hex()
Named = dict[str, tuple[str, bytes]]


def edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    value = json.loads(RAW)
    edit(value)
    return encode_pretty(value)


def top(**members: Any) -> bytes:
    return edited(lambda value: value.update(members))


def inside(key: str, **members: Any) -> bytes:
    return edited(lambda value: value[key].update(members))


def epoch(**members: Any) -> bytes:
    return edited(lambda value: value["epochs"][0].update(members))


def partner(**members: Any) -> bytes:
    return edited(lambda value: value["partners"][0].update(members))


def site(**members: Any) -> bytes:
    return edited(lambda value: value["sites"][0].update(members))


def without(*path: str | int) -> bytes:
    def edit(value: Any) -> None:
        for key in path[:-1]:
            value = value[key]
        del value[path[-1]]

    return edited(edit)


def epochs(*changes: Mapping[str, Any]) -> bytes:
    first = json.loads(RAW)["epochs"][0]
    return top(epochs=[{**first, **change} for change in changes])


def spelled(old: str, new: str) -> bytes:
    assert old in RAW.decode()
    return RAW.decode().replace(old, new, 1).encode()


def hexes(count: int) -> list[str]:
    return ["0x" + address.hex() for address in addresses(accounts(count))]


def _json() -> Named:
    return {
        "empty-file": ("no bytes", b""),
        "trailing-garbage": ("an object behind the value", RAW + b"{}"),
        "byte-order-mark": ("a byte order mark", b"\xef\xbb\xbf" + RAW),
        "doubled-key": ("the chain id twice", spelled('"chain_id"', '"chain_id": 1, "chain_id"')),
        "doubled-epochs": ("epochs twice", spelled('"epochs"', '"epochs": [], "epochs"')),
        "fraction": ("a version with a fraction", spelled('"version": 1', '"version": 1.0')),
        "integer-2-to-53": ("2^53 as chain id", top(chain_id=0).replace(b'"chain_id": 0', b'"chain_id": 9007199254740992')),
        "lone-surrogate": ("half of a surrogate pair", spelled("simulated", "\\ud800")),
        "nested-17-deep": ("a value inside 17 lists and objects", spelled('"predecessor": null', f'"predecessor": {"[" * 16}{"]" * 16}')),
        "a-list": ("a list", b"[]"),
        "null": ("null", b"null"),
    }  # fmt: skip


def _members() -> Named:
    keys = (
        "format",
        "name",
        "version",
        "predecessor",
        "devnet",
        "chain_id",
        "genesis_hash",
        "registry",
        "consortium",
        "partners",
        "sites",
        "epochs",
    )
    missing = {f"without-{key}".replace("_", "-"): (f"without {key}", without(key)) for key in keys}
    in_epoch = ("from", "to", "client", "consensus", "selection", "quorum", "curve", "validators")
    missing |= {
        f"epoch-without-{key}": (f"an epoch without {key}", without("epochs", 0, key)) for key in in_epoch
    }
    return {
        **missing,
        "unknown-member": ("a member that the format does not name", top(threshold=3)),
        "unknown-member-of-registry": ("one of registry", inside("registry", abi=[])),
        "unknown-member-of-partner": ("one of a partner", partner(vat="NL")),
        "unknown-member-of-site": ("one of a site", site(key=ADDRESS)),
        "unknown-member-of-epoch": ("one of an epoch", epoch(threshold=3)),
        "later-version": ("format perdure-trust/2", top(format="perdure-trust/2")),
        "evidence-as-trust-file": ("the format of evidence", top(format="perdure-evidence/1")),
        "name-a-number": ("a number as name", top(name=1)),
        "name-of-257": ("a name of 257 characters", top(name="n" * 257)),
        "name-with-line-feed": ("a line feed in the name", top(name="a\nb")),
        "name-with-escape-byte": ("a terminal's escape in the name", top(name="a\x1b[2Jb")),
        "name-with-c1-control": ("a control character beyond ASCII", top(name="a\x9bb")),
        "version-negative": ("a negative version", top(version=-1)),
        "version-as-text": ("a version as text", top(version="1")),
        "predecessor-of-31-bytes": ("a digest too short", top(predecessor="0x" + "0" * 62)),
        "predecessor-without-0x": ("a digest without 0x", top(predecessor="0" * 64)),
        "devnet-as-text": ("devnet as text", top(devnet="no")),
        "devnet-0": ("devnet as number", top(devnet=0)),
        "devnet-null": ("devnet as null", top(devnet=None)),
        "chain-id-as-text": ("a chain id as text", top(chain_id="20260")),
        "genesis-hash-null": ("no genesis hash", top(genesis_hash=None)),
        "registry-null": ("no registry", top(registry=None)),
        "registry-zero": ("the zero address as registry", inside("registry", address="0x" + "0" * 40)),
        "consortium-zero": ("the zero address as consortium", inside("consortium", address="0x" + "0" * 40)),
        "code-hash-of-31-bytes": ("a code hash too short", inside("registry", code_hash="0x" + "0" * 62)),
        "deployment-block-negative": ("a negative block", inside("registry", deployment_block=-1)),
        "consortium-deployment-block-as-text": ("a block as text", inside("consortium", deployment_block="1")),
    }  # fmt: skip


def _people() -> Named:
    entry = json.loads(RAW)["partners"][0]
    return {
        "partners-an-object": ("partners as an object", top(partners={})),
        "partner-twice": ("a partner's name twice", top(partners=[entry, entry])),
        "partner-in-capitals": ("a partner's name in capitals", partner(name="Acme")),
        "partner-name-of-33": ("a partner's name of 33 characters", partner(name="a" * 33)),
        "partner-name-with-slash": ("a slash in a partner's name", partner(name="acme/x")),
        "partner-account-zero": ("the zero address as account", partner(account="0x" + "0" * 40)),
        "partner-account-of-19-bytes": ("an account too short", partner(account=ADDRESS[:-2])),
        "legal-name-of-257": ("a legal name of 257 characters", partner(legal_name="l" * 257)),
        "contact-with-control-character": ("a control character in a contact", partner(contact="\x7f")),
        "contact-null": ("null in the place of a text that may be left out", partner(contact=None)),
        "site-twice": ("an origin twice", edited(lambda value: value["sites"].append(value["sites"][0]))),
        "site-origin-without-slash": ("an origin without a slash", site(origin="acme")),
        "site-key-zero": ("the zero address as key", site(keys=["0x" + "0" * 40])),
        "site-keys-null": ("null as keys", site(keys=None)),
        "site-of-65-keys": ("a key too many", site(keys=[ADDRESS] * 65)),
    }  # fmt: skip


def _revocations() -> Named:
    entry = {"origin": "acme/rotterdam", "key": ADDRESS, "since": 1_767_225_600, "reason": "compromised"}

    def second(*entries: Any) -> bytes:
        return top(format="perdure-trust/2", revocations=list(entries))

    def one(**members: Any) -> bytes:
        return second({**entry, **members})

    return {
        "revocations-in-version-1": ("revocations in a file of version 1", top(revocations=[entry])),
        "revocations-empty": ("version 2 without a revocation", second()),
        "revocations-null": ("null as revocations", top(format="perdure-trust/2", revocations=None)),
        "revocation-twice": ("one key of a site twice, with other times", second(entry, {**entry, "since": 7})),
        "revocation-reason-unknown": ("another reason", one(reason="lost")),
        "revocation-since-as-text": ("a time as text", one(since="2026-01-01T00:00:00Z")),
        "revocation-since-beyond-9999": ("a time that no date can be written for", one(since=253402300800)),
        "revocation-key-zero": ("the zero address as key", one(key="0x" + "0" * 40)),
        "revocation-of-no-site": ("an origin without a slash", one(origin="acme")),
        "revocation-with-more": ("a member too many", one(note="")),
    }  # fmt: skip


def _revoked() -> Named:
    first = {"origin": "acme/rotterdam", "key": ADDRESS, "since": 0, "reason": "compromised"}
    second = {**first, "origin": "acme/lab", "since": 253402300799, "reason": "revoked"}
    return {
        "revocations": (
            "the first and the last time",
            top(format="perdure-trust/2", revocations=[first, second]),
        )
    }


def _epochs() -> Named:
    return {
        "no-epochs": ("no epoch", top(epochs=[])),
        "epochs-an-object": ("epochs as an object", top(epochs={})),
        "epoch-null": ("null as epoch", top(epochs=[None])),
        "epochs-overlap": ("an epoch begins at the block at which the one before ends", epochs({"to": 10}, {"from": 10})),
        "epochs-descend": ("epochs in the wrong order", epochs({"from": 11, "to": 20}, {"from": 0, "to": 10})),
        "epoch-ends-before-it-begins": ("to below from", epochs({"from": 5, "to": 4})),
        "open-epoch-before-another": ("an open epoch that is not the last", epochs({"to": None}, {"from": 10})),
        "two-open-epochs": ("two open epochs from one block", epochs({}, {})),
        "epoch-from-negative": ("a negative block", epoch(**{"from": -1})),
        "epoch-to-as-text": ("to as text", epoch(to="latest")),
        "client-unknown": ("a client that nobody knows the rules of", epoch(client="nethermind")),
        "client-in-capitals": ("a client in capitals", epoch(client="Besu")),
        "client-of-another-engine": ("geth does not run QBFT", epoch(client="geth")),
        "goquorum-on-ibft2": ("GoQuorum does not run IBFT 2.0", epoch(client="goquorum", consensus="ibft2")),
        "devnet-client": ("the client devnet in a file that is not marked as one", epoch(client="devnet")),
        "consensus-unknown": ("an engine that nobody reads", epoch(consensus="ibft")),
        "selection-unknown": ("another selection", epoch(selection="transitions")),
        "ibft2-by-contract": ("IBFT 2.0 has no contract selection", epoch(consensus="ibft2", selection="contract")),
        "quorum-unknown": ("another rule", epoch(quorum="n/2+1")),
        "quorum-of-f-plus-1": ("a rule that liars alone can meet", epoch(quorum="f+1")),
        "clique-with-a-quorum": ("Clique has no such quorum", epoch(client="geth", consensus="clique")),
        "ibft2-with-2f+1": ("a rule that IBFT 2.0 does not have", epoch(consensus="ibft2", quorum="2f+1")),
        "curve-unknown": ("another curve", epoch(curve="ed25519")),
        "no-validators": ("nobody as validators", epoch(validators=[])),
        "validators-unsorted": ("validators that descend", epoch(validators=hexes(4)[::-1])),
        "validators-doubled": ("a validator twice", epoch(validators=[hexes(1)[0]] * 2)),
        "validator-zero": ("the zero address as validator", epoch(validators=["0x" + "0" * 40, ADDRESS])),
        "validator-of-19-bytes": ("a validator too short", epoch(validators=[ADDRESS[:-2]])),
        "257-validators": ("a validator too many", epoch(validators=hexes(257))),
    }  # fmt: skip


def _good() -> Named:
    clique = {"client": "geth", "consensus": "clique", "quorum": "floor(n/2)+1"}
    largest = 2**53 - 1
    return {
        "plain": ("as it is written", RAW),
        "text-of-256": ("the longest name, of characters of four bytes", top(name="\U0001d538" * 256)),
        "partner-without-texts": ("a partner without its texts", top(partners=[{"name": "acme", "account": ADDRESS}])),
        "no-partners-no-sites": ("nobody but validators", top(partners=[], sites=[])),
        "site-without-keys": ("a site with no keys", site(keys=[])),
        "site-of-64-keys": ("as many keys as a site may have", site(keys=[ADDRESS] * 64)),
        "256-validators": ("as many validators as an epoch may have", epoch(validators=hexes(256))),
        "epochs-of-each-engine": ("one epoch after another, of each engine, client and rule, with a gap", epochs({"to": 9, **clique}, {"from": 10, "to": 19, "consensus": "ibft2"}, {"from": 20, "to": 29, "selection": "contract"}, {"from": 40, "client": "goquorum", "quorum": "2f+1"})),
        "largest-numbers": ("2^53 - 1 wherever a number stands", edited(lambda value: (value.update(version=largest, chain_id=largest), value["registry"].update(deployment_block=largest), value["epochs"][0].update({"from": largest, "to": largest})))),
        "addresses-in-small-letters": ("addresses without mixed case", RAW.decode().replace(_mixed(), _mixed().lower()).encode()),
        "newer-version": ("a version that names its predecessor", top(version=2, predecessor="0x" + "ab" * 32)),
    }  # fmt: skip


def _mixed() -> str:
    address: str = json.loads(RAW)["registry"]["address"]
    return address


def files() -> dict[str, bytes]:
    vectors: dict[str, Vector] = {}
    refused = {**_json(), **_members(), **_people(), **_epochs(), **_revocations()}
    for name, (about, raw) in refused.items():
        vectors[name] = trust_vector(about, raw, FAULT)
    about, raw = "the curve that Besu offers besides", epoch(curve="secp256r1")
    vectors["curve-secp256r1"] = trust_vector(about, raw, CURVE)
    spaces = MAX_TRUST_FILE_SIZE - len(RAW)
    vectors["one-byte-too-large"] = trust_vector(f"{MAX_TRUST_FILE_SIZE + 1} bytes", RAW, FAULT, spaces + 1)
    vectors["of-the-largest-size"] = trust_vector(f"{MAX_TRUST_FILE_SIZE} bytes", RAW, None, spaces)
    for name, (about, raw) in {**_good(), **_revoked()}.items():
        assert name not in vectors
        vectors[name] = trust_vector(about, raw, None)
    return {name + ".json": encode_vector(vector) for name, vector in vectors.items()}
