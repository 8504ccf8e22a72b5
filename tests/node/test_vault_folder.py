import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import Hash32
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust_file import TrustFileError, encode_trust_file
from perdure_node.config import VaultConfig, encode_config, parse_config
from perdure_node.errors import (
    EmptyPassphrase,
    KeystoreError,
    NewerVault,
    PartnerUnknown,
    SettingsError,
    TrustReplacement,
    VaultDamaged,
    VaultExists,
    VaultNotFound,
    VaultStorageFailed,
    WrongPassphrase,
)
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.keystore import read_keystore, read_keystore_address
from perdure_node.vault import (
    NewVault,
    Vault,
    create_vault,
    find_vault,
    open_vault,
    replace_trust_file,
    vault_trust_file,
)
from tools.keystores import encrypt_key
from tools.site_network import CHEAP, ORIGIN, PASSPHRASE, STOPPED, SiteNetwork, counted_bytes

RELAY_KEY = b"a relay's key, of 32 bytes just so"[:32]


def make_vault(network: SiteNetwork, folder: Path, **changes: object) -> Vault:
    new = NewVault(
        origin=ORIGIN,
        trust_raw=network.trust_raw,
        rpc_url="http://127.0.0.1:8545",
        passphrase=PASSPHRASE,
        relay_private_key=RELAY_KEY,
        kdf=CHEAP,
    )
    return create_vault(folder, replace(new, **changes), clock=STOPPED, randomness=counted_bytes())


def test_a_new_vault_is_private_and_whole(network: SiteNetwork, tmp_path: Path) -> None:
    folder = tmp_path / "site" / ".perdure"
    with make_vault(network, folder) as vault:
        assert (vault.origin, vault.log_size) == (ORIGIN, 0)
        assert vault.relay_address == address_from_private_key(RELAY_KEY)
    assert folder.stat().st_mode & 0o777 == 0o700
    files = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert files == dict.fromkeys(
        [
            "vault.sqlite",
            "trust.json",
            "config.toml",
            "identity.json",
            "lookup.key",
            "writer.lock",
            "writer.turn",
        ],
        0o600,
    )
    assert vault_trust_file(folder).read_bytes() == network.trust_raw
    assert [path.name for path in folder.parent.iterdir()] == [".perdure"]


def test_keys_are_encrypted_under_the_passphrase(network: SiteNetwork, tmp_path: Path) -> None:
    with make_vault(network, tmp_path / "vault") as vault:
        keys = KeyRing(vault, lambda: PASSPHRASE)
        assert address_from_private_key(keys.site_key()) == vault.site_address
        assert keys.relay_key() == RELAY_KEY
        assert not any(RELAY_KEY in path.read_bytes() for path in vault.folder.iterdir())
        with pytest.raises(WrongPassphrase):
            KeyRing(vault, lambda: "wrong").site_key()


def test_the_passphrase_is_asked_for_once_and_only_when_needed(network: SiteNetwork, tmp_path: Path) -> None:
    asked = []
    with make_vault(network, tmp_path / "vault") as vault:
        keys = KeyRing(vault, lambda: asked.append(1) or PASSPHRASE)  # type: ignore[func-returns-value]
        assert asked == []
        keys.site_key(), keys.relay_key(), keys.site_key()
        assert asked == [1]
        assert PASSPHRASE not in repr(keys)


def test_a_keystore_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    for content in (
        b"",
        b"[]",
        b"{}",
        b'{"version":3,"crypto":{}}',
        b'{"version":3,"crypto":[]}',
        b"\xff",
        b"[" * 9000,
    ):
        path.write_bytes(content)
        with pytest.raises(KeystoreError):
            read_keystore(path, PASSPHRASE)
        with pytest.raises(KeystoreError):
            read_keystore_address(path)
    with pytest.raises(KeystoreError):
        read_keystore(tmp_path / "absent.json", PASSPHRASE)


def test_a_keystore_with_the_key_of_another_address_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(encrypt_key(RELAY_KEY, PASSPHRASE))
    assert read_keystore(path, PASSPHRASE) == RELAY_KEY
    path.write_text(json.dumps(json.loads(path.read_text()) | {"address": "00" * 20}))
    with pytest.raises(KeystoreError, match="another address"):
        read_keystore(path, PASSPHRASE)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"passphrase": ""}, EmptyPassphrase),
        ({"origin": parse_origin("nobody/here")}, PartnerUnknown),
        ({"trust_raw": b"{}"}, TrustFileError),
        ({"rpc_url": "http://a\nb"}, SettingsError),
    ],
)
def test_a_vault_that_cannot_be_made_leaves_nothing(
    network: SiteNetwork, tmp_path: Path, changes: dict[str, object], error: type[Exception]
) -> None:
    parent = tmp_path / "parent"
    parent.mkdir()
    with pytest.raises(error):
        make_vault(network, parent / "vault", **changes)
    assert list(parent.iterdir()) == []


def test_no_vault_is_made_over_something(network: SiteNetwork, tmp_path: Path) -> None:
    make_vault(network, tmp_path / "vault").close()
    before = (tmp_path / "vault" / "identity.json").read_bytes()
    with pytest.raises(VaultExists):
        make_vault(network, tmp_path / "vault")
    assert (tmp_path / "vault" / "identity.json").read_bytes() == before


def test_a_vault_is_found_here_above_or_where_it_is_named(network: SiteNetwork, tmp_path: Path) -> None:
    site = tmp_path / "site"
    below = site / "a" / "b"
    below.mkdir(parents=True)
    make_vault(network, site / ".perdure").close()
    other = tmp_path / "other"
    make_vault(network, other).close()
    assert find_vault(below) == site / ".perdure"
    assert find_vault(below, environment=str(other)) == other
    assert find_vault(below, other, str(tmp_path / "absent")) == other
    assert find_vault(tmp_path, site) == site / ".perdure"
    for arguments in ((tmp_path,), (below, tmp_path / "absent"), (below, None, str(tmp_path / "absent"))):
        with pytest.raises(VaultNotFound):
            find_vault(*arguments)
    with pytest.raises(VaultNotFound):
        open_vault(tmp_path / "absent")


def test_a_newer_vault_is_refused(network: SiteNetwork, tmp_path: Path) -> None:
    make_vault(network, tmp_path / "vault").close()
    connection = sqlite3.connect(tmp_path / "vault" / "vault.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(NewerVault):
        open_vault(tmp_path / "vault")


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be looked at" * 100])
def test_a_database_that_is_none_is_damage(network: SiteNetwork, tmp_path: Path, content: bytes) -> None:
    make_vault(network, tmp_path / "vault").close()
    (tmp_path / "vault" / "vault.sqlite").write_bytes(content)
    with pytest.raises(VaultDamaged):
        open_vault(tmp_path / "vault")


@pytest.mark.parametrize("name", ["trust.json", "config.toml"])
def test_a_missing_file_is_damage(network: SiteNetwork, tmp_path: Path, name: str) -> None:
    make_vault(network, tmp_path / "vault").close()
    (tmp_path / "vault" / name).unlink()
    with pytest.raises(VaultDamaged):
        open_vault(tmp_path / "vault")


def test_a_trust_file_can_be_replaced_by_one_of_the_same_registry(
    network: SiteNetwork, tmp_path: Path
) -> None:
    newer = encode_trust_file(replace(network.trust, version=2, predecessor=None))
    foreign = encode_trust_file(replace(network.trust, genesis_hash=Hash32(bytes(32))))
    with make_vault(network, tmp_path / "vault") as vault:
        replace_trust_file(vault, newer)
        assert vault.trust.version == 2
        with pytest.raises(TrustReplacement):
            replace_trust_file(vault, foreign)
        with pytest.raises(TrustFileError):
            replace_trust_file(vault, b"nonsense")
    with open_vault(tmp_path / "vault") as vault:
        assert (vault.trust.version, vault.trust_raw) == (2, newer)


def test_settings_survive_their_file() -> None:
    for recorded_by in (None, 'Ada "the first" Example \\ Émile 🙂'):
        config = VaultConfig(ORIGIN, "https://user:secret@node.example/key", recorded_by=recorded_by)
        assert parse_config(encode_config(config)) == config


@pytest.mark.parametrize(
    "text",
    [
        "origin = ",
        "origin = 'acme'\nrpc_url = ''",
        "rpc_url = 'http://x'",
        "origin = 'acme/a'\nrpc_url = 3",
        "origin = 'acme/a'\nrpc_url = ''\nrecorded_by = 3",
        "origin = 'acme/a'\nrpc_url = ''\nrpc_ulr = ''",
        "\udcff",
    ],
)
def test_unusable_settings_are_named(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_config(text.encode(errors="surrogateescape"))


def test_a_place_that_cannot_be_written_is_named(network: SiteNetwork, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VaultStorageFailed, match="cannot write"):
        make_vault(network, tmp_path / "file" / "vault")
