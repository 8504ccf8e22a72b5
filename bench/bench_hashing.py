"""Hashing large documents, beside openssl on the same file; and, as `perdure add` does, looking through a PDF that is not signed for a
signature in the same pass.

openssl reads and hashes as we do; its start is in its time, which for such a file is nothing.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row, best_seconds
from perdure_node.documents import hash_document
from perdure_node.signatures.recognising import Recogniser

SIZE = 512 << 20
ROUNDS = 5


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "large.pdf")
        write_document(path)

        def hashed() -> None:
            hash_document(path)

        def looked_through() -> None:
            recogniser = Recogniser()
            hash_document(path, taker=recogniser.take)
            assert recogniser.form() is None

        def openssl() -> None:
            subprocess.run(["openssl", "dgst", "-sha256", str(path)], check=True, capture_output=True)

        ours, with_look, theirs = best_seconds(ROUNDS, [hashed, looked_through, openssl])
    beside = f"openssl dgst {rate(theirs)}"
    yield Row("hash a document of 512 MiB", rate(ours), beside, theirs / ours, 0.8)
    yield Row("  and look through it for a signature", rate(with_look), beside, theirs / with_look)


def write_document(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))


def rate(seconds: float) -> str:
    return f"{SIZE / seconds / 2**20:.0f} MiB/s"
