"""`perdure add` of signed documents: what it finds out by itself, what it tells, and what the vault keeps."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from perdure_anchor.hashes import sha256
from perdure_node.keyring import KeyRing
from perdure_node.records import OpenedRecord, open_record, record_by_sequence
from perdure_node.signatures.material_store import named_material, read_material
from perdure_node.vault import Vault, open_vault
from tools.commands import Run, RunJson
from tools.site_network import PASSPHRASE, found_network, new_vault

ADA = Account.from_key(bytes([7]) * 32)
CONTENT = b"We agree on 100 EUR.\n"


@pytest.fixture(scope="module")
def chain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("network") / "chain"
    found_network(directory)
    return directory


@pytest.fixture
def desk(chain_folder: Path, own_user: Path) -> Path:
    """A folder with a vault and a contract that Ada's account has signed."""
    new_vault(chain_folder, own_user / ".perdure").close()
    (own_user / "contract.txt").write_bytes(CONTENT)
    (own_user / "contract.txt.sig.json").write_bytes(wallet_export(CONTENT))
    return own_user


def wallet_export(content: bytes) -> bytes:
    message = sha256(content).hex()
    signed = ADA.sign_message(encode_defunct(text=message)).signature.hex()
    members = {
        "address": ADA.address,
        "msg": message,
        "sig": f"0x{signed.removeprefix('0x')}",
        "version": "3",
    }
    return json.dumps(members).encode()


def keys_of(vault: Vault) -> KeyRing:
    return KeyRing(vault, lambda: PASSPHRASE)


def opened(vault: Vault, sequence: int = 1) -> OpenedRecord:
    stored = record_by_sequence(vault.database, sequence)
    assert stored is not None
    return open_record(stored, keys_of(vault))


def test_a_signature_beside_the_document_is_checked_and_fills_in_who_signed(desk: Path, run: Run) -> None:
    code, out, err = run("add", "contract.txt")
    assert code == 0
    assert f"  signature        valid (eip191), by {ADA.address}\n" in out
    assert "warning" not in err
    with open_vault(desk / ".perdure") as vault:
        record = opened(vault).record
        assert record.value("signers") == [{"name": ADA.address}]
        slot = record.value("signature")
        assert isinstance(slot, dict)
        assert (slot["format"], slot["verdict"]) == ("eip191", "valid")
        raw = (desk / "contract.txt.sig.json").read_bytes()
        assert slot["material"] == {"signature": [sha256(raw).hex()]}
        kept = list(read_material(vault.database, vault.lookup_key, keys_of(vault), named_material(slot)))
        assert [file.octets for file in kept] == [raw]
    for file in (desk / ".perdure").iterdir():
        assert ADA.address[2:].encode() not in file.read_bytes()


def test_added_again_it_is_the_same_record(desk: Path, run_json: RunJson) -> None:
    _, [first] = run_json("add", "contract.txt")
    assert first["signature"]["verdict"] == "valid"
    assert first["signature"]["file"] == "contract.txt.sig.json"
    _, [again] = run_json("add", "contract.txt")
    assert (again["was_there"], again["leaf_hash"]) == (True, first["leaf_hash"])


def test_a_bad_signature_is_recorded_as_bad(desk: Path, run: Run) -> None:
    (desk / "contract.txt").write_bytes(CONTENT.replace(b"100", b"900"))
    code, out, _ = run("add", "contract.txt")
    assert code == 0
    assert f"invalid (eip191), by {ADA.address}: HASH_FAILURE, it was made over something else" in out
    with open_vault(desk / ".perdure") as vault:
        record = opened(vault).record
        assert record.value("signers") is None
        slot = record.value("signature")
        assert isinstance(slot, dict)
        assert slot["verdict"] == "invalid"


def test_what_the_owner_says_wins_and_a_difference_is_told(desk: Path, run: Run) -> None:
    code, _, err = run("add", "contract.txt", "--signer", "Bob <bob@acme.example>")
    assert code == 0
    assert (
        f"contract.txt: signers: you say Bob <bob@acme.example>; by the signatures they are {ADA.address}"
        in err
    )
    with open_vault(desk / ".perdure") as vault:
        assert opened(vault).record.value("signers") == [{"name": "Bob", "id": "bob@acme.example"}]


def test_no_difference_where_the_owner_names_the_address(desk: Path, run: Run) -> None:
    _, _, err = run("add", "contract.txt", "--signer", f"Ada <{ADA.address.lower()}>")
    assert "warning" not in err


def test_without_signatures_nothing_is_looked_for(desk: Path, run_json: RunJson) -> None:
    _, [line] = run_json("add", "contract.txt", "--no-signatures")
    assert line["signature"] is None
    with open_vault(desk / ".perdure") as vault:
        assert opened(vault).record.value("signature") is None


def test_in_a_folder_a_signature_is_no_document(desk: Path, run_json: RunJson) -> None:
    _, lines = run_json("add", ".")
    assert [line["file"] for line in lines] == ["contract.txt"]
    _, lines = run_json("add", ".", "--no-signatures", "--dry-run", "--again")
    assert [line["file"] for line in lines] == ["contract.txt", "contract.txt.sig.json"]


def test_a_named_signature_is_taken(desk: Path, run_json: RunJson) -> None:
    (desk / "contract.txt.sig.json").rename(desk / "elsewhere.json")
    _, [line] = run_json("add", "contract.txt", "--signature", "elsewhere.json")
    assert (line["signature"]["verdict"], line["signature"]["file"]) == ("valid", "elsewhere.json")


def test_erasing_takes_the_material_too(desk: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
    run("add", "contract.txt")
    run("add", "contract.txt", "--again", "--type", "contract")
    with open_vault(desk / ".perdure") as vault:
        assert vault.database.number("SELECT count(*) FROM material") == 1
        first, second = (opened(vault, sequence) for sequence in (1, 2))
        name, octets = vault.database.rows("SELECT name, encrypted FROM material")[0]
    leaf_hashes = [line.split()[-1] for line in run("add", "contract.txt")[1].splitlines()[:1]]
    assert leaf_hashes
    assert first.record.value("signature") is not None
    assert second.record.value("signature") is not None
    assert run("erase", leaf_hashes[0], "--reason", "wrong", "--yes")[0] == 0
    with open_vault(desk / ".perdure") as vault:
        assert vault.database.number("SELECT count(*) FROM material") == 1
        other = vault.database.row("SELECT leaf_hash FROM record WHERE sequence = 2")
        assert other is not None
    assert run("erase", other[0].hex(), "--reason", "wrong", "--yes")[0] == 0
    with open_vault(desk / ".perdure") as vault:
        assert vault.database.number("SELECT count(*) FROM material") == 0
        assert vault.database.number("SELECT count(*) FROM record_material") == 0
    for file in (desk / ".perdure").iterdir():
        if file.is_file():
            assert name not in file.read_bytes()
            assert octets[:12] not in file.read_bytes()
