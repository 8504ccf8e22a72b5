"""What sites hand in over HTTP: plain and encrypted bundles, checkpoints alone, once and again; and evidence of a site that is gone."""

import json
import os
import shutil
import time
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from perdure_anchor.evidence import parse_evidence
from perdure_anchor.hashes import to_hex
from perdure_anchor.log import append_proof, inclusion_proof
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import verify
from perdure_node.clock import system_clock
from perdure_node.courier.encrypted_file import encrypt_pieces
from perdure_node.courier.packing import pack
from perdure_node.encryption.hybrid import new_private_key, public_key_of
from perdure_node.evidence.proving import prove
from perdure_node.gateway.folder import open_gateway
from perdure_node.log.sealing import seal
from perdure_node.log.site_log import newest_checkpoint, nodes_at
from perdure_node.selectors import parse_selector
from perdure_node.vault import Vault
from tools.running_devnet import running_devnet
from tools.served_node import make_node, registered_vault, served
from tools.site_desk import add_numbers, document, keys_of

PATIENCE = 90.0


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory):
    directory = tmp_path_factory.mktemp("submitting") / "chain"
    with running_devnet(directory) as url:
        yield directory, url


def packed(vault: Vault) -> bytes:
    return b"".join(
        pack(vault, None, clock=system_clock(), randomness=os.urandom, keys=keys_of(vault)).pieces
    )


def sealed_vault(devnet: tuple[Path, str], folder: Path, origin: str, *numbers: int) -> Vault:
    vault = registered_vault(*devnet, folder, origin)
    add_numbers(vault, *numbers)
    seal(vault, keys_of(vault), system_clock())
    return vault


def checkpoint_json(vault: Vault, *old_sizes: int) -> dict[str, Any]:
    stored = newest_checkpoint(vault)
    assert stored is not None
    nodes = nodes_at(vault.database, stored.size)

    def texts(hashes) -> list[str]:
        return [b64encode(each).decode() for each in hashes]

    return {
        "origin": vault.origin.text,
        "size": stored.size,
        "root": b64encode(stored.checkpoint.root).decode(),
        "sealed_at": stored.checkpoint.sealed_at,
        "signature": b64encode(stored.signature).decode(),
        "last_slot_digests": texts(stored.last_slot_digests),
        "last_path": texts(inclusion_proof(nodes, stored.size - 1, stored.size)),
        "append_proofs": [
            {"old_size": each, "hashes": texts(append_proof(nodes, each, stored.size))} for each in old_sizes
        ],
    }


def wait_until_anchored(node: httpx.Client, where: str, *, mirrored: bool = False) -> None:
    deadline = time.monotonic() + PATIENCE
    while (told := node.get(where).json())["asked"] != "anchored" or (mirrored and not told["mirrored"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_burned_site_proves_by_what_the_node_has(devnet: tuple[Path, str], tmp_path: Path) -> None:
    vault = sealed_vault(devnet, tmp_path / "site", "acme/burned", 1, 2, 3)
    make_node(*devnet, tmp_path / "node")
    with served(tmp_path / "node") as node:
        answer = node.post("/v1/bundles", content=packed(vault))
        assert answer.status_code == 202, answer.text
        where = answer.headers["location"]
        assert where == "/v1/sites/acme/burned/standing?size=3"
        wait_until_anchored(node, where, mirrored=True)
        # the printed slots are all that is left of the vault
        own = prove(vault, keys_of(vault), parse_selector(document(2).sha256.hex()), require=Grade.SIGNED)
        trust = vault.trust
        vault.close()
        shutil.rmtree(tmp_path / "site")
        proof = node.get(f"/v1/proofs/{to_hex(own.leaf_hash)}").json()
        listed = node.get("/v1/sites/acme/burned/anchors").json()["anchors"]
        parts = node.get(f"/v1/anchors/{listed[0]['digest']}").json()
        header = node.get(f"/v1/headers/{proof['block_number']}").json()
    slots = [
        {"disclosure": each.disclosure} if each.disclosure else {"digest": b64encode(each.digest).decode()}
        for each in own.evidence.slots
    ]
    members = {
        name: proof[name] for name in ("registry", "origin", "checkpoint", "anchor", "not_before", "hops")
    }
    raw = json.dumps({"format": "perdure-evidence/1", **members, "slots": slots}).encode()
    verdict = verify(parse_evidence(raw), trust, document(2))
    assert verdict.grade is Grade.FINAL
    assert parts["anchor"] == proof["anchor"]
    assert parts["checkpoint"]["signature"] == proof["checkpoint"]["signature"]
    assert header["time"] == proof["block_time"]


def test_a_checkpoint_alone_is_relayed(devnet: tuple[Path, str], tmp_path: Path) -> None:
    vault = sealed_vault(devnet, tmp_path / "site", "acme/alone", 1, 2)
    make_node(*devnet, tmp_path / "node")
    told = checkpoint_json(vault, 0)
    with served(tmp_path / "node") as node:
        first, second = (node.post("/v1/checkpoints", json=told) for _ in range(2))
        assert (first.status_code, second.status_code) == (202, 202), first.text
        assert (first.json()["was_there"], second.json()["was_there"]) == (False, True)
        assert first.json()["id"] == second.json()["id"]
        wait_until_anchored(node, first.headers["location"])
        # without leaf hashes it has nothing to prove by
        assert node.get("/v1/sites/acme/alone").json()["mirrored"] == 0
        for change, status in (
            ({"size": 3}, 422),
            ({"sealed_at": 1}, 403),
            ({"signature": b64encode(bytes(65)).decode()}, 403),
            ({"origin": "acme/unregistered"}, 403),
            ({"root": b64encode(bytes(32)).decode()}, 422),
            ({"last_path": []}, 422),
            ({"more": 1}, 400),
            ({"append_proofs": [{"old_size": 1, "hashes": []}]}, 422),
        ):
            answer = node.post("/v1/checkpoints", json={**told, **change})
            assert answer.status_code == status, (change, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    vault.close()


def test_an_encrypted_bundle_is_read_by_whom_it_is_for(devnet: tuple[Path, str], tmp_path: Path) -> None:
    vault = sealed_vault(devnet, tmp_path / "site", "acme/secret", 1)
    make_node(*devnet, tmp_path / "node")
    plain = packed(vault)
    with open_gateway(tmp_path / "node") as gateway:
        for_it = encrypted(plain, gateway.public_key)
    for_others = encrypted(plain, public_key_of(new_private_key(os.urandom)))
    with served(tmp_path / "node") as node:
        first = node.post("/v1/bundles", content=for_it)
        assert first.status_code == 202, first.text
        assert node.post("/v1/bundles", content=plain).json() == {**first.json(), "was_there": True}
        assert node.post("/v1/bundles", content=for_others).json()["type"].endswith("BundleForOthers")
        cut = node.post("/v1/bundles", content=for_it[:-100])
        assert (cut.status_code, cut.headers["content-type"]) == (400, "application/problem+json")
        changed = node.post("/v1/bundles", content=plain[:-1] + bytes([plain[-1] ^ 1]))
        assert changed.status_code == 400
    vault.close()


def encrypted(plain: bytes, *recipients) -> bytes:
    target = BytesIO()
    encrypt_pieces([plain], target, recipients)
    return target.getvalue()


def test_what_was_accepted_is_there_after_a_restart(devnet: tuple[Path, str], tmp_path: Path) -> None:
    vault = sealed_vault(devnet, tmp_path / "site", "acme/again", 1, 2)
    make_node(*devnet, tmp_path / "node")
    bundle = packed(vault)
    with served(tmp_path / "node") as node:
        first = node.post("/v1/bundles", content=bundle).json()
    with served(tmp_path / "node") as node:
        again = node.post("/v1/bundles", content=bundle)
        assert again.json() == {**first, "was_there": True}
        wait_until_anchored(node, again.headers["location"])
        # once it is anchored, too
        assert node.post("/v1/bundles", content=bundle).json() == again.json()
        assert len(node.get("/v1/sites/acme/again/anchors").json()["anchors"]) == 1
    vault.close()
