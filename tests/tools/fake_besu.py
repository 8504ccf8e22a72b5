"""In the place of `besu` where only files are made: the two subcommands that devnet/besu/first-start.sh runs, as Besu documents them.

What it writes is what Besu's tutorial shows: a genesis file with extraData, and a folder for each validator, named by its address.
Everything else is refused, so that a test fails when the script asks for more.
"""

import json
import secrets
import sys
from pathlib import Path

from coincurve import PrivateKey
from perdure_anchor.hashes import Address, keccak256, to_hex
from perdure_anchor.qbft import ExtraData, encode_extra_data


def main(words: list[str]) -> None:
    options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    match [word for word in words if not word.startswith("--")]:
        case ["operator", "generate-blockchain-config"]:
            _generate(options)
        case ["public-key", "export"]:
            _export(options)
        case other:
            sys.exit(f"fake besu: what is {other}?")


def _generate(options: dict[str, str]) -> None:
    given = json.loads(Path(options["config-file"]).read_text("utf-8"))
    target = Path(options["to"])
    target.mkdir()  # Besu too refuses a folder that is there
    addresses = [
        _write_keys(target / "keys", options["private-key-file-name"], options["public-key-file-name"])
        for _ in range(given["blockchain"]["nodes"]["count"])
    ]
    extra = ExtraData(bytes(32), tuple(sorted(addresses)), None, 0, ())
    genesis = given["genesis"] | {"extraData": to_hex(encode_extra_data(extra))}
    (target / "genesis.json").write_text(json.dumps(genesis), "utf-8")


def _write_keys(folder: Path, private_name: str, public_name: str) -> Address:
    key = PrivateKey(secrets.token_bytes(32))
    public = key.public_key.format(compressed=False)[1:]
    address = Address(keccak256(public)[12:])
    place = folder / to_hex(address)
    place.mkdir(parents=True)
    (place / private_name).write_text(to_hex(key.secret), "utf-8")
    (place / public_name).write_text(to_hex(public), "utf-8")
    return address


def _export(options: dict[str, str]) -> None:
    """With a data path without a key, Besu makes one."""
    key = PrivateKey(secrets.token_bytes(32))
    (Path(options["data-path"]) / "key").write_text(to_hex(key.secret), "utf-8")
    Path(options["to"]).write_text(to_hex(key.public_key.format(compressed=False)[1:]), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
