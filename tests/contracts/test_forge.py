"""Forge's fuzz and invariant tests of the contracts (contracts/forge/test): sequences of calls that nobody thought of."""

import json
import os
import subprocess

import pytest
from tools.node_tools import CONTRACTS, installed_packages, skip_or_fail

TESTS = {
    "ConsortiumInvariants": {"invariant_nobodyHoldsAMajorityThatHeWasNotGiven"},
    "RegistryInvariants": {"invariant_headsOnlyGrowAndNoStrangerChangedAnything"},
    "AppendProofTest": {
        "testFuzz_alteredNodesAreRefused",
        "testFuzz_extensionsAreAccepted",
        "testFuzz_inventedProofsAreRefused",
        "testFuzz_longerProofsAreRefused",
        "testFuzz_otherRootsAreRefused",
        "testFuzz_shorterProofsAreRefused",
        "testFuzz_swappedNodesAreRefused",
    },
}


FORGE = CONTRACTS / "forge" / "node_modules" / ".bin" / "forge"


def forge(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run forge on the contracts."""
    return subprocess.run(
        [str(FORGE), *arguments],
        cwd=CONTRACTS,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=36_000 if "PERDURE_TORTURE" in os.environ else 600,
        check=False,
    )


@pytest.mark.slow
def test_fuzz_and_invariant_tests_pass():
    installed_packages(CONTRACTS)
    installed_packages(CONTRACTS / "forge")
    if not FORGE.exists():
        skip_or_fail("forge has no program for this platform")
    finished = forge("test", "--json")
    assert finished.stdout, finished.stderr
    results = {
        (suite.rpartition(":")[2], test.partition("(")[0]): result
        for suite, outcome in json.loads(finished.stdout).items()
        for test, result in outcome["test_results"].items()
    }
    assert set(results) == {(suite, test) for suite, tests in TESTS.items() for test in tests}
    failed = {name: result["reason"] for name, result in results.items() if result["status"] != "Success"}
    assert failed == {}, finished.stdout
