"""`perdure trust extend` beside a running chain, as programs read it, and with a node that lies."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.hashes import checksum_address, sha256
from perdure_anchor.trust_file import parse_trust_file
from perdure_devnet.info import TRUST_NAME
from tools.commands import Run, RunJson
from tools.devnets import Running, running_devnet
from tools.lying_node import Lie, gone, lying_node, missing


@pytest.fixture
def chain(tmp_path: Path, run: Run) -> Iterator[Running]:
    """A chain whose fifth validator came in with block 5, and whose sixth comes with block 8."""
    with running_devnet(tmp_path / "chain") as running:
        for _ in range(2):
            assert run("devnet", "validators", "--dir", str(running.directory), "--add")[0] == 0
        yield running


def words(chain: Running, url: str | None = None) -> tuple[str, ...]:
    file = str(chain.directory / TRUST_NAME)
    return ("trust", "extend", file, "--rpc", url or chain.url, "--output", "new.json")


def test_for_programs(chain: Running, run_json: RunJson, own_user: Path) -> None:
    code, (line,) = run_json(*words(chain))
    assert (code, line["ok"], line["unseen"], line["every"]) == (0, True, [], 1000)
    assert (line["old"]["version"], line["new"]["version"]) == (1, 2)
    (epoch,) = line["epochs"]
    assert (epoch["from"], epoch["how"], line["followed_to"]) == (5, "followed", 7)
    raw = (own_user / "new.json").read_bytes()
    assert line["new"]["fingerprint"].replace(" ", "") == sha256(raw).hex()
    assert [change["what"] for change in line["changes"]][:2] == ["version", "predecessor"]
    old = (chain.directory / TRUST_NAME).read_bytes()
    assert parse_trust_file(raw).predecessor == sha256(old).hex()
    assert json.loads(raw)["partners"] == json.loads(old)["partners"]
    # it can be pinned after the one that it follows, and extended in its turn
    assert run_json("trust", "pin", str(chain.directory / TRUST_NAME))[0] == 0
    assert run_json("trust", "pin", "new.json")[0] == 0
    again = run_json("trust", "extend", sha256(raw).hex()[:8], "--rpc", chain.url, "--output", "newer.json")
    assert (again[0], again[1][0]["new"], again[1][0]["epochs"]) == (0, None, [])
    assert not (own_user / "newer.json").exists()


def test_by_hand(chain: Running, run: Run, run_json: RunJson) -> None:
    members = json.loads(run("devnet", "validators", "--dir", str(chain.directory), "--json")[1])[
        "validators"
    ]
    trust = parse_trust_file((chain.directory / TRUST_NAME).read_bytes())
    first = [checksum_address(each) for each in trust.epochs[0].validators]
    newcomers = [each for each in members if each not in first]
    answers = []
    for newcomer in newcomers:
        entered = ",".join([*reversed(first), newcomer])
        answers.append((*run(*words(chain), "--force", "--from", "5", "--set-validators", entered), entered))
    # one of the two came first
    (refused, *_), (code, out, err, entered) = sorted(answers, key=lambda answer: -answer[0])
    assert (refused, code) == (1, 0)
    assert (
        "block 5          by hand: a quorum of the set sealed the block, and the node names the same" in out
    )
    assert "rests on the node's word and on whoever compared it" in err
    code, (line,) = run_json(
        *words(chain), "--force", "--from", "5", "--set-validators", entered, "--quorum", "2f+1"
    )
    assert (code, line["epochs"][0]["how"]) == (0, "by hand")
    assert "epoch from block 5" in [change["what"] for change in line["changes"]]


def forged(number: int) -> Lie:
    """A bit of the first seal of a block is another one."""

    def lie(params: list[Any], truth: Any) -> str:
        raw = bytearray.fromhex(truth(params)[2:])
        if int(params[0], 16) >= number:
            raw[raw.index(bytes.fromhex("b841")) + 10] ^= 1
        return "0x" + raw.hex()

    return lie


def test_a_lying_node_is_not_believed(chain: Running, run_json: RunJson, own_user: Path) -> None:
    for lies in ({"debug_getRawHeader": forged(5)}, {"eth_chainId": gone}):
        with lying_node(chain.url, **lies) as node:
            code, (line,) = run_json(*words(chain, node))
        assert (code, line["ok"]) == (3, False)
    assert not (own_user / "new.json").exists()


def test_a_node_without_raw_headers_will_do(chain: Running, run_json: RunJson) -> None:
    with lying_node(chain.url, debug_getRawHeader=missing) as node:
        code, (line,) = run_json(*words(chain, node), "--rpc", chain.url)
    assert (code, len(line["epochs"])) == (0, 1)
