"""What `make dist` makes is installed and works where there is no network at all: in a network namespace without routes."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tools.offline_archive import NotBuilt, collect_wheels, write_archive
from tools.story import CONTRACT, CONTRACT_EVIDENCE, STORY, TRUST

ALONE = ("unshare", "--map-root-user", "--net")

pytestmark = pytest.mark.slow


def alone(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command without any network."""
    words = [*ALONE, *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    try:
        collect_wheels(folder)
    except NotBuilt as error:
        pytest.skip(f"no package registry can be reached: {str(error).splitlines()[-1][:200]}")
    return folder


@pytest.fixture(scope="module")
def archive(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(wheels, tmp_path_factory.mktemp("dist"))


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (inner,) = folder.iterdir()
    return inner


@pytest.fixture(scope="module")
def installed(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that install.sh made on a machine without a network."""
    if not shutil.which(ALONE[0]) or alone("true").returncode:
        pytest.skip("no network namespace can be made here")
    folder = unpacked(archive, tmp_path_factory.mktemp("stick"))
    target = tmp_path_factory.mktemp("machine") / "perdure"
    done = alone(
        "sh", folder / "install.sh", target, env={"PATH": path_of_python(), "HOME": str(target.parent)}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("perdure ")
    return target


def path_of_python() -> str:
    """Where the Python is that the archive was made with, and the system's own programs."""
    return f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin"


def test_there_is_no_network_in_it(installed: Path) -> None:
    connecting = "import socket; socket.create_connection(('127.0.0.1', 9), 2)"
    assert "unreachable" in alone(installed / "bin" / "python", "-c", connecting).stderr.lower()


def test_it_verifies(installed: Path, tmp_path: Path) -> None:
    done = alone(
        installed / "bin" / "perdure", "verify", STORY / CONTRACT_EVIDENCE, STORY / CONTRACT, "--trust", STORY / TRUST,
        cwd=tmp_path, env={"PERDURE_CONFIG_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "yes, final" in done.stdout


def test_all_extras_are_there(installed: Path) -> None:
    """What a site needs, and the devnet to try things on."""
    modules = "pyrage, cryptography, eth_account, httpx, segno, eth, starlette, uvicorn"
    done = alone(installed / "bin" / "python", "-c", f"import {modules}")
    assert done.returncode == 0, done.stderr


def test_a_damaged_copy_is_refused(archive: Path, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path / "stick")
    wheel = max((folder / "wheels").iterdir(), key=lambda path: path.stat().st_size)
    octets = bytearray(wheel.read_bytes())
    octets[len(octets) // 2] ^= 1
    wheel.write_bytes(octets)
    done = subprocess.run(
        ["sh", folder / "install.sh", tmp_path / "target"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "copy the archive again" in done.stderr
    assert not (tmp_path / "target").exists()


def test_another_python_is_refused(archive: Path, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path / "stick")
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": "/bin/false", "HOME": str(tmp_path)}
    script = (folder / "install.sh").read_text()
    # as it is on a machine with a later Python only
    assert "wanted=3." in script
    (folder / "install.sh").write_text(script.replace("wanted=3.", "wanted=9."))
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    (folder / "SHA256SUMS").write_text(
        "\n".join(line for line in sums if not line.endswith("install.sh")) + "\n"
    )
    done = subprocess.run(
        ["sh", folder / "install.sh", tmp_path / "target"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 2
    assert "no Python 9." in done.stderr


def test_the_same_wheels_give_the_same_archive(wheels: Path, archive: Path, tmp_path: Path) -> None:
    again = write_archive(wheels, tmp_path / "again")
    assert again.read_bytes() == archive.read_bytes()
    assert again.with_name(f"{again.name}.sha256").read_text().endswith(f"  {archive.name}\n")


def test_no_file_names_a_host(archive: Path, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path / "stick")
    for name in ("install.sh", "README.txt", "requirements.txt"):
        text = (folder / name).read_text()
        assert "://" not in text
        assert "@" not in text.replace('"$@"', "")
