"""The guide to Besu keeps its word: what it says of the files is in them, its epoch is one, and its code deploys."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from perdure_anchor.hashes import Address, to_hex
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.deploy import Deployment
from perdure_contracts.signer import LocalSigner
from tools.anvil import FUNDED_KEY, running_anvil

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide-besu.md").read_text("utf-8")
FILES = ROOT / "devnet" / "besu"
DOCUMENTED = json.loads((ROOT / "tests" / "vectors" / "besu" / "documented.json").read_text("utf-8"))


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found.group(1)


def settings() -> list[str]:
    """The second cells of the table of settings."""
    table = GUIDE.partition("| where | setting | why |")[2].partition("\n\n")[0]
    return [line.split(" | ")[1] for line in table.splitlines()[2:]]


def test_numbers_are_those_of_the_files() -> None:
    genesis = json.loads((FILES / "network.json").read_text("utf-8"))["genesis"]["config"]["qbft"]
    said = dict(re.findall(r"`(\w+seconds|epochlength)` (\d+)", "\n".join(settings())))
    assert {name: int(value) for name, value in said.items()} == genesis


def test_options_are_those_of_the_files_or_named_as_left_out() -> None:
    names = set(tomllib.loads((FILES / "node.toml").read_text("utf-8")))
    named = {name for cell in settings() for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)", cell)}
    assert named <= names | {"rpc-http-api"}
    assert named <= set(DOCUMENTED["options"])


def test_the_epoch_is_one_of_a_trust_file() -> None:
    epoch: dict[str, Any] = json.loads(block("json"))
    epoch["validators"] = [to_hex(bytes([number]) * 20) for number in (1, 2, 3, 4)]
    example = json.loads(
        (ROOT / "tests" / "vectors" / "specification" / "consortium.json").read_text("utf-8")
    )
    trust = parse_trust_file(json.dumps({**example, "devnet": False, "epochs": [epoch]}).encode())
    assert trust.epochs[0].is_final
    assert trust.epochs[0].can_be_followed
    assert trust.epochs[0].coinbase_is_proposer


def test_the_code_deploys() -> None:
    account = LocalSigner(FUNDED_KEY).address
    partners = {"acme": account, "globex": Address(bytes([9]) * 20)}
    with running_anvil() as url:
        names: dict[str, Any] = {"url": url, "partners": partners, "private_key": FUNDED_KEY}
        exec(compile(block("python"), "guide-besu.md", "exec"), names)
    assert isinstance(names["deployment"], Deployment)
