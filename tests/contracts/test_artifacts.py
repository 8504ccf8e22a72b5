"""The committed artifacts: what the chain runs is what is published, and what is published is what the source says."""

import filecmp
import json
from collections.abc import Iterator
from importlib.resources import files

import pytest
from perdure_anchor.hashes import keccak256
from perdure_contracts.artifacts import CONTRACT_NAMES, Artifact, load_artifact
from tools.evm_chain import EvmChain, Reverted
from tools.founded import STRANGER, found
from tools.node_tools import CONTRACTS, installed_packages, run_node

pytestmark = pytest.mark.slow

PUSH1, PUSH32 = 0x60, 0x7F
FORBIDDEN_OPCODES = {
    0x31: "BALANCE",
    0x32: "ORIGIN",
    0x3F: "EXTCODEHASH",
    0x47: "SELFBALANCE",
    0x5F: "PUSH0",  # not known before Shanghai
    0xF0: "CREATE",
    0xF1: "CALL",
    0xF2: "CALLCODE",
    0xF4: "DELEGATECALL",
    0xF5: "CREATE2",
    0xFF: "SELFDESTRUCT",
}


@pytest.fixture(scope="module", params=CONTRACT_NAMES)
def artifact(request: pytest.FixtureRequest) -> Artifact:
    return load_artifact(request.param)


@pytest.fixture(scope="module")
def runtime_codes() -> dict[str, bytes]:
    """The code that the chain holds once both contracts are deployed."""
    founded = found()
    contracts = {"AnchorRegistry": founded.registry, "Consortium": founded.consortium}
    return {name: founded.chain.code(contract.address) for name, contract in contracts.items()}


def opcodes(code: bytes) -> Iterator[int]:
    """The instructions in order, without the bytes that they push."""
    at = 0
    while at < len(code):
        yield code[at]
        at += 1 + (code[at] - PUSH1 + 1 if PUSH1 <= code[at] <= PUSH32 else 0)


def test_the_chain_holds_the_code_of_the_artifact(artifact, runtime_codes):
    """On two deployments with other arguments, at other addresses, on another chain: nothing is written into the code."""
    assert keccak256(runtime_codes[artifact.name]) == artifact.runtime_hash
    other = found("hooli", chain_id=7)
    codes = {keccak256(other.chain.code(contract.address)) for contract in (other.registry, other.consortium)}
    assert artifact.runtime_hash in codes


def test_the_code_can_neither_pay_nor_die_nor_be_replaced(artifact, runtime_codes):
    used = set(opcodes(runtime_codes[artifact.name]))
    assert {name for code, name in FORBIDDEN_OPCODES.items() if code in used} == set()


def test_the_walk_over_opcodes_skips_what_is_pushed():
    assert list(opcodes(bytes.fromhex("60ff61fff47fff" + "ff" * 31 + "00f1"))) == [
        0x60,
        0x61,
        0x7F,
        0x00,
        0xF1,
    ]


def test_nothing_takes_ether(artifact):
    kinds = {entry.get("stateMutability") for entry in artifact.abi}
    assert "payable" not in kinds
    assert not {entry["type"] for entry in artifact.abi} & {"fallback", "receive"}


def test_nobody_owns_a_contract(artifact):
    changing = {
        entry["name"]
        for entry in artifact.abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert (
        changing
        == {
            "AnchorRegistry": {
                "anchor",
                "registerSite",
                "rotateKey",
                "revokeKey",
                "markCompromised",
                "succeed",
            },
            "Consortium": {"proposeAdmission", "proposeExpulsion", "approve", "execute", "rotateAccount"},
        }[artifact.name]
    )


def test_artifacts_are_pinned_and_deterministic(artifact):
    text = files("perdure_contracts").joinpath("artifacts", f"{artifact.name}.json").read_text("utf-8")
    fields = json.loads(text)
    assert text == json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert fields["compiler"]["version"].startswith("0.8.30+commit.")
    assert fields["compiler"]["settings"] == {
        "evmVersion": "london",
        "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
        "optimizer": {"enabled": True, "runs": 200},
    }


def test_an_artifact_deploys_within_the_size_limit(artifact, runtime_codes):
    assert len(runtime_codes[artifact.name]) <= 24_576  # EIP-170


def test_a_deployment_without_its_arguments_fails(artifact):
    with pytest.raises(Reverted):
        EvmChain().transact(STRANGER, b"", artifact.bytecode)


def test_the_source_compiles_to_the_committed_artifacts(tmp_path):
    installed_packages(CONTRACTS)
    run_node(CONTRACTS, "build.mjs", str(tmp_path))
    committed = CONTRACTS / "perdure_contracts" / "artifacts"
    names = [f"{name}.json" for name in CONTRACT_NAMES]
    assert sorted(path.name for path in committed.iterdir()) == sorted(names)
    differing = filecmp.cmpfiles(committed, tmp_path, names, shallow=False)[1:]
    assert differing == ([], []), "run `npm ci && npm run build` in contracts/ and commit the artifacts"


@pytest.mark.parametrize("folder", [CONTRACTS, CONTRACTS / "forge"], ids=lambda folder: folder.name)
def test_lock_files_name_no_registry(folder):
    """Each package is pinned by its hash, and comes from whatever registry the machine is set to."""
    lock = json.loads((folder / "package-lock.json").read_text("utf-8"))
    packages = [package for path, package in lock["packages"].items() if path]
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not any("resolved" in package for package in packages)
