"""What a liar says of times is shown as what it is: no command ends half-way over it."""

import os
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import Address
from perdure_anchor.strict_json import MAX_INTEGER
from perdure_node.clock import system_clock
from perdure_node.courier.bundle import SiteKeys
from perdure_node.encryption.identity import KdfCost
from perdure_node.site_keys.standing import note_site_keys
from perdure_node.vault import NewVault, create_vault
from tools.commands import Run, RunJson
from tools.story import STORY, TRUST


@pytest.mark.parametrize("said", [253402300800, MAX_INTEGER, 2**64 - 1])
def test_no_told_time_breaks_a_command(own_user: Path, run: Run, run_json: RunJson, said: int) -> None:
    new = NewVault(
        origin=parse_origin("acme/rotterdam"),
        trust_raw=(STORY / TRUST).read_bytes(),
        rpc_url="http://127.0.0.1:1",
        passphrase="a passphrase of the tests",
        relay_private_key=bytes(31) + b"\1",
        kdf=KdfCost(8, 1, 1),
    )
    key = Address(bytes(range(20)))
    state = SiteKeys(key, key, said, said, said, None)
    clock = system_clock()
    with (
        create_vault(own_user / ".perdure", new, clock=clock, randomness=os.urandom) as vault,
        vault.database.transaction(),
    ):
        note_site_keys(vault.database, state, block_number=said, now=int(clock.now()))
    for command in (("status",), ("key", "show")):
        code, out, err = run(*command)
        assert code == 0, err
        assert "compromised since second " in out
        assert run_json(*command)[0] == 0
    (told,) = run_json("status")[1]
    assert told["registry_keys"]["compromised_since"] == f"second {min(said, 2**62)} since 1970"
