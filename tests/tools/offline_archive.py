"""`make dist`: one archive from which perdure is installed where there is no network: all wheels, their sums, and install.sh.

For the platform and the Python that it is made with. The same sources, Python and pinned wheels give the same bytes: members are sorted,
and bear the time of the last commit. Where a package has no wheel for this platform one is built, which may differ from build to build.
"""

import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = ROOT / "cli" / "offline"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SYSTEM = f"{platform.system()} {platform.machine()}"
_WHEEL = re.compile(r"([A-Za-z0-9_.]+)-([A-Za-z0-9_.!+]+)-[^-]+-[^-]+-[^-]+\.whl")


class NotBuilt(Exception):
    """The archive cannot be made; the message says what pip said."""


def collect_wheels(folder: Path) -> None:
    """Every wheel that users install, as pinned, and perdure's own; raises `NotBuilt`, such as where no registry can be reached."""
    _run(
        "pip",
        "wheel",
        "--no-deps",
        "--require-hashes",
        "--requirement",
        ROOT / "requirements" / "user.txt",
        "--wheel-dir",
        folder,
    )
    _run("build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)


def write_archive(wheels: Path, target: Path) -> Path:
    """The archive with these wheels, in the folder ``target``."""
    version = next(_name_and_version(path)[1] for path in wheels.glob("perdure-*.whl"))
    name = f"perdure-{version}-{SYSTEM.replace(' ', '-').lower()}-python{PYTHON}"
    words = {"@PYTHON@": PYTHON, "@SYSTEM@": SYSTEM, "@VERSION@": version, "@ARCHIVE@": f"{name}.tar.gz"}
    members = {f"wheels/{path.name}": path.read_bytes() for path in sorted(wheels.glob("*.whl"))}
    members |= {path.name: _filled(path, words) for path in sorted(TEMPLATES.iterdir())}
    members["requirements.txt"] = "".join(_requirements(wheels)).encode()
    sums = "".join(f"{_sha256(octets)}  {member}\n" for member, octets in sorted(members.items()))
    members["SHA256SUMS"] = sums.encode()
    target.mkdir(exist_ok=True)
    archive = target / f"{name}.tar.gz"
    archive.write_bytes(_archived(name, members))
    (target / f"{archive.name}.sha256").write_text(f"{_sha256(archive.read_bytes())}  {archive.name}\n")
    return archive


def _requirements(wheels: Path) -> Iterator[str]:
    for path in sorted(wheels.glob("*.whl")):
        name, version = _name_and_version(path)
        yield f"{name}=={version} --hash=sha256:{_sha256(path.read_bytes())}\n"


def _archived(name: str, members: dict[str, bytes]) -> bytes:
    plain = BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, octets in sorted(members.items()):
            entry = tarfile.TarInfo(f"{name}/{member}")
            entry.size, entry.mtime = len(octets), _time()
            entry.mode = 0o755 if member.endswith(".sh") else 0o644
            archive.addfile(entry, BytesIO(octets))
    return gzip.compress(plain.getvalue(), mtime=0)


def _time() -> int:
    """When the sources were last changed, as reproducible builds have it (SOURCE_DATE_EPOCH)."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    shown = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return int(shown.stdout) if shown.returncode == 0 and shown.stdout.strip() else 0


def _filled(path: Path, words: dict[str, str]) -> bytes:
    text = path.read_text("utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text.encode()


def _name_and_version(wheel: Path) -> tuple[str, str]:
    found = _WHEEL.fullmatch(wheel.name)
    if found is None:
        raise NotBuilt(f"{wheel.name} is no wheel's name")
    return found[1].replace("_", "-").lower(), found[2]


def _sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _run(module: str, *arguments: str | Path) -> None:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(_time()), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise NotBuilt(f"{module}: {(done.stderr or done.stdout).strip()[-600:]}")


def main() -> int:
    """Make dist/ anew."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            collect_wheels(Path(folder))
        except NotBuilt as error:
            print(f"make dist: {error}", file=sys.stderr)
            return 3
        shutil.rmtree(ROOT / "dist", ignore_errors=True)
        archive = write_archive(Path(folder), ROOT / "dist")
    size = archive.stat().st_size / 1e6
    print(f"{archive.relative_to(ROOT)}, {size:.1f} MB for {SYSTEM} and Python {PYTHON}")
    print(f"SHA-256 {_sha256(archive.read_bytes())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
