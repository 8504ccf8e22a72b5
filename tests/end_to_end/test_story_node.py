"""A site with HTTPS to one node and no chain client, by commands only; the partner registers it, and an auditor verifies."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_devnet.info import TRUST_NAME, read_info
from perdure_devnet.network import partner_key
from tools.desk import Desk
from tools.keystores import encrypt_key
from tools.served_node import make_node
from tools.site_network import PASSPHRASE as NODE_PASSPHRASE

pytestmark = pytest.mark.slow


@pytest.fixture
def node(chain: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a partner's node, a process of its own."""
    partner = Desk(tmp_path / "partner")
    words = partner.write("words.txt", f"{NODE_PASSPHRASE}\n")
    make_node(chain, str(read_info(chain).url), partner.folder / "node")
    command = ("node", "run", "--gateway", "node", "--passphrase-file", str(words), "--json")
    with partner.start(*command) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()
        process.communicate()


def register(desk: Desk, chain: Path, site: str, key: str) -> None:
    """What the partner runs, with its own account."""
    keystore = desk.write(
        "acme.json", encrypt_key(partner_key(chain, "acme").private_key, "the partner's own").decode()
    )
    words = desk.write("acme.txt", "the partner's own\n")
    desk.run(
        *("consortium", "register-site", site, key, "--trust", str(chain / TRUST_NAME)),
        *("--rpc", str(read_info(chain).url), "--keystore", str(keystore)),
        *("--passphrase-file", str(words), "--yes"),
    )


def test_a_site_without_a_chain_client(desk: Desk, chain: Path, node: str, tmp_path: Path) -> None:
    trust = str(chain / TRUST_NAME)
    desk.write("contract.txt", "a contract\n")
    refused = desk.run("init", "acme/harbour", "--node", node, expected=2)
    assert "fingerprint" in refused.err
    (made,) = desk.run("init", "acme/harbour", "--trust", trust, "--node", node, "--json").lines
    assert (made["registered"], made["nodes"]) == (False, [node])
    desk.run("add", "contract.txt")
    (plan,) = desk.run("sync", "--dry-run", "--json").lines
    assert (plan["nodes"], plan["to_seal"]) == ([node], 1)
    unregistered = desk.run("sync", expected=1)
    assert f"perdure consortium register-site acme/harbour {made['key']}" in unregistered.err
    partner = Desk(tmp_path / "acme")
    register(partner, chain, "acme/harbour", made["key"])
    (done,) = desk.run("sync", "--json").lines
    assert (done["node"], [each["size"] for each in done["anchored"]]) == (node, [1])
    while desk.run("sync", "--json").lines[0]["time_runs_open"]:
        time.sleep(1)
    (status,) = desk.run("status", "--json").lines
    assert (status["anchored"], status["next"], status["out"]) == (1, "prove", [])
    (known,) = status["nodes"]
    assert (known["node"], known["failure"], known["handed_size"]) == (node, None, 1)
    desk.run("prove", "contract.txt")
    (verdict,) = desk.run("verify", "contract.txt", "--json").lines
    assert (verdict["ok"], verdict["grade"]) == (True, "final")


def test_a_site_of_a_devnet_that_anchors_by_a_node(desk: Desk, chain: Path, node: str) -> None:
    """The devnet registers the site; all else goes by the node."""
    desk.write("contract.txt", "a contract\n")
    for expected in ("init", "again"):
        (made,) = desk.run("init", "acme/quay", "--devnet", str(chain), "--node", node, "--json").lines
        assert (made["registered"], made["nodes"]) == (True, [node]), expected
    desk.run("add", "contract.txt")
    (done,) = desk.run("sync", "--json").lines
    assert (done["node"], [each["size"] for each in done["anchored"]]) == (node, [1])
    desk.run("prove", "contract.txt")
    (verdict,) = desk.run("verify", "contract.txt", "--json").lines
    assert (verdict["ok"], verdict["grade"]) == (True, "final")


def test_a_node_that_is_down(desk: Desk, chain: Path) -> None:
    """The vault is made all the same, recording goes on, and nothing is lost."""
    desk.write("contract.txt", "a contract\n")
    made = desk.run("init", "acme/island", "--trust", str(chain / TRUST_NAME), "--node", "http://127.0.0.1:9")
    assert "could not be asked" in made.err
    desk.run("add", "contract.txt")
    failed = desk.run("sync", "--wait", "1", expected=3)
    assert "no connection to http://127.0.0.1:9" in failed.err
    (status,) = desk.run("status", "--json").lines
    assert (status["waiting"], status["nodes"][0]["answered_at"]) == (1, None)
    assert "no connection" in status["nodes"][0]["failure"]
