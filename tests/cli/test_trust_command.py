"""`perdure trust` beside a running chain, and as programs read it; its transcripts show it as people do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.hashes import sha256
from perdure_devnet.info import TRUST_NAME
from tools.commands import Run, RunJson
from tools.devnets import Running, running_devnet
from tools.lying_node import always, gone, lying_node, missing
from tools.story import STORY, TRUST, rewrite_trust

FIRST = STORY / TRUST
DIGEST = sha256(FIRST.read_bytes()).hex()


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_devnet(tmp_path_factory.mktemp("checked") / "chain") as running:
        yield running


def successor(folder: Path, **members: object) -> Path:
    path = folder / "second.json"
    path.write_bytes(FIRST.read_bytes())
    rewrite_trust(path, version=2, predecessor="0x" + DIGEST, **members)
    return path


def test_show_says_all_that_the_file_says(run_json: RunJson) -> None:
    (line,) = run_json("trust", "show", str(FIRST))[1]
    said = json.loads(FIRST.read_text())
    assert line["registry"] == said["registry"]
    assert line["consortium"] == said["consortium"]
    assert line["partners"] == said["partners"]
    (epoch,) = line["epochs"]
    assert {name: epoch[name] for name in said["epochs"][0]} == said["epochs"][0]
    assert (epoch["wanted_seals"], epoch["can_be_final"]) == (3, True)


def test_show_says_what_an_epoch_is_worth(run: Run, own_user: Path) -> None:
    epoch = json.loads(FIRST.read_text())["epochs"][0]
    weak = epoch | {"client": "goquorum", "quorum": "2f+1", "to": 9, "validators": epoch["validators"][:3]}
    path = successor(own_user, epochs=[weak], registry=json.loads(FIRST.read_text())["consortium"])
    out = run("trust", "show", str(path))[1]
    for words in (
        "blocks 1 to 9, goquorum qbft, 1 of 3 seals (2f+1)",
        "closed: ",
        "too few seals for finality",
        "a single validator can invent it",
        "they show no second proposer",
        "not the AnchorRegistry that this perdure has",
        f"{DIGEST}, not pinned",
    ):
        assert words in out


def test_diff_for_programs(run_json: RunJson, own_user: Path) -> None:
    path = successor(own_user)
    code, (line,) = run_json("trust", "diff", str(FIRST), str(path))
    assert (code, line["ok"], line["faults"]) == (0, True, [])
    assert [change["what"] for change in line["changes"]] == ["version", "predecessor"]
    rewrite_trust(path, chain_id=1, predecessor=None)
    code, (line,) = run_json("trust", "diff", str(FIRST), str(path))
    assert (code, line["ok"]) == (1, False)
    assert [fault["error"] for fault in line["faults"]] == ["PredecessorNotNamed", "ChainRewritten"]


def test_a_file_follows_from_another_not_from_itself(run: Run) -> None:
    code, out, _ = run("trust", "diff", str(FIRST), str(FIRST))
    assert code == 1
    assert "the two are the same file" in out


def test_pin_tells_what_changes(run_json: RunJson, own_user: Path) -> None:
    path = successor(own_user, name="renamed")
    assert run_json("trust", "pin", str(FIRST))[1][0]["changes"] is None
    (line,) = run_json("trust", "pin", str(path))[1]
    assert [change["what"] for change in line["changes"]] == ["name", "version", "predecessor"]
    assert line["predecessor_pinned"] is True


def test_pin_refuses_a_rewritten_past_unless_forced(run: Run, run_json: RunJson, own_user: Path) -> None:
    run("trust", "pin", str(FIRST))
    path = successor(own_user, genesis_hash="0x" + "00" * 32)
    code, out, err = run("trust", "pin", str(path))
    assert code == 2
    assert "~ genesis hash: " in out
    assert "it rewrites the pinned version 1" in err
    code, (line,) = run_json("trust", "pin", str(path))
    assert (code, line["errors"][0]["error"]) == (2, "NotASuccessor")
    assert run("trust", "pin", str(path), "--replace")[0] == 0


def test_check_agrees(chain: Running, run: Run, run_json: RunJson) -> None:
    words = ("trust", "check", str(chain.directory / TRUST_NAME), "--rpc", chain.url)
    code, out, err = run(*words)
    assert code == 0
    assert (
        "yes, the file agrees with what this node says; 2 could not be checked, none of them essential" in out
    )
    assert "a node's word is not evidence" in err
    code, (line,) = run_json(*words)
    assert (code, line["ok"], line["answer"], line["node"]) == (0, True, "agrees", chain.url)
    assert {each["outcome"] for each in line["comparisons"]} == {"ok", "could not check"}


def test_check_differs(chain: Running, run: Run, run_json: RunJson, own_user: Path) -> None:
    path = own_user / "false.json"
    path.write_bytes((chain.directory / TRUST_NAME).read_bytes())
    rewrite_trust(path, chain_id=1)
    words = ("trust", "check", str(path), "--rpc", chain.url)
    code, out, _ = run(*words)
    assert code == 1
    assert "differs: chain id\n  the file says    1\n  the chain says   7337873\n" in out
    assert "no, the file and what this node says differ in 1; " in out
    code, (line,) = run_json(*words)
    assert (code, line["ok"], line["answer"]) == (1, False, "differs")


def test_check_could_not_find_out(chain: Running, run: Run, run_json: RunJson) -> None:
    file = str(chain.directory / TRUST_NAME)
    with lying_node(chain.url, eth_call=missing) as node:
        code, out, _ = run("trust", "check", file, "--rpc", node)
        assert code == 3
        assert "could not find out: nothing differs, but " in out
        code, (line,) = run_json("trust", "check", file, "--rpc", node)
    assert (code, line["ok"], line["answer"]) == (3, False, "could not find out")
    with lying_node(chain.url, eth_chainId=gone) as node:
        code, (line,) = run_json("trust", "check", file, "--rpc", node)
    assert (code, line["errors"][0]["error"]) == (3, "RpcUnreachable")


def test_a_node_s_text_is_harmless(chain: Running, run: Run) -> None:
    with lying_node(chain.url, web3_clientVersion=always("\x1b[2J\u202eevil\n" * 1000)) as node:
        code, out, _ = run("trust", "check", str(chain.directory / TRUST_NAME), "--rpc", node)
    assert code == 0
    assert not set("\x1b\u202e") & set(out)
    assert max(map(len, out.splitlines())) < 1000


def test_the_url_s_secrets_are_not_shown(chain: Running, run: Run) -> None:
    secret = chain.url.replace("http://", "http://user:letmein-please@")
    code, out, err = run(
        "trust", "check", str(chain.directory / TRUST_NAME), "--rpc", secret + "/v1/some-api-key"
    )
    assert code in (0, 3)
    assert "letmein" not in out + err
    assert "some-api-key" not in out + err


def test_export_never_writes_through_a_link(run: Run, own_user: Path) -> None:
    run("trust", "pin", str(FIRST))
    (own_user / "link.json").symlink_to(own_user / "elsewhere.json")
    assert run("trust", "export", "link.json")[0] == 2
    assert not (own_user / "elsewhere.json").exists()
    assert run("trust", "export", "nowhere/file.json", "--force")[0] == 2
    assert run("trust", "export", "link.json", "--force")[0] == 0
    assert (own_user / "link.json").read_bytes() == FIRST.read_bytes()
    assert not (own_user / "elsewhere.json").exists()


def test_export_for_programs(run: Run, run_json: RunJson) -> None:
    run("trust", "pin", str(FIRST))
    code, (line,) = run_json("trust", "export", "out.json")
    assert (code, line["file"]) == (0, "out.json")
    assert line["fingerprint"].replace(" ", "") == DIGEST
