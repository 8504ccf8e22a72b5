"""Partners of a consortium in tests: each has a folder, a key in a keystore and pinned trust files of its own, and nobody has more."""

import contextlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from perdure_anchor.hashes import checksum_address, keccak256
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_cli.main import main
from tools.json_lines import check, command_named
from tools.keystores import encrypt_key

PASSPHRASE = "a partner's passphrase in a test"


class PartnerDesk:
    """One partner's machine; ``url`` is a node that it can reach, None where there is no network."""

    def __init__(self, folder: Path, name: str, url: str | None, key: bytes | None = None) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.name, self.url = name, url
        self.key = key or keccak256(b"the key of the partner " + name.encode())
        self.use_key(self.key)

    def use_key(self, key: bytes) -> None:
        self.key = key
        self.address = address_from_private_key(key)
        self.account = checksum_address(self.address)
        (self.folder / "key.json").write_bytes(encrypt_key(key, PASSPHRASE))

    @contextmanager
    def at_the_desk(self) -> Iterator[None]:
        environment = {
            "PERDURE_CONFIG_DIR": str(self.folder / "settings"),
            "PERDURE_KEYSTORE_PASSPHRASE": PASSPHRASE,
            "PERDURE_PASSPHRASE": PASSPHRASE,
        }
        with contextlib.chdir(self.folder), mock.patch.dict(os.environ, environment):
            yield

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        with self.at_the_desk(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(arguments))
        return code, out.getvalue(), err.getvalue()

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command of the consortium prints, of the documented shape; fails if it fails."""
        words = ("consortium", *arguments)
        code, out, err = self.run(*words, "--json")
        assert code == 0, (words, out, err)
        lines = [json.loads(line) for line in out.splitlines()]
        for line in lines:
            check(command_named(words), line)
        return lines

    def step(self, *arguments: str) -> dict[str, Any]:
        """A step with this partner's key, sent."""
        assert self.url is not None
        (line,) = self.json(*arguments, "--rpc", self.url, "--keystore", "key.json", "--yes")
        return line

    def refused(self, *arguments: str, code: int = 1) -> str:
        """The message of a step that fails with this code."""
        assert self.url is not None
        words = ("consortium", *arguments, "--rpc", self.url, "--keystore", "key.json", "--yes")
        ended, out, err = self.run(*words)
        assert ended == code, (words, ended, out, err)
        return err

    def show(self) -> dict[str, Any]:
        assert self.url is not None
        (line,) = self.json("show", "--rpc", self.url)
        return line

    def pin(self, file: Path) -> None:
        code, _, err = self.run("trust", "pin", str(file))
        assert code == 0, err


def carry(file: str, source: PartnerDesk, target: PartnerDesk) -> None:
    """A file on a stick from one desk to another."""
    (target.folder / file).write_bytes((source.folder / file).read_bytes())
