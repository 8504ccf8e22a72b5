"""The wheel as users get it: complete, and able to verify with nothing but the base dependencies."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_node.clock import system_clock
from perdure_node.encryption.identity import KdfCost
from perdure_node.vault import NewVault, create_vault
from tools.story import CONTRACT, CONTRACT_EVIDENCE, STORY, TRUST

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("perdure_anchor", "perdure_contracts", "perdure_node", "perdure_devnet", "perdure_cli")
BASE = ("click", "coincurve", "cryptography", "safe-pysha3")


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_and_its_types_are_in_it(names: list[str], package: str) -> None:
    container = package.removeprefix("perdure_")
    folder = ROOT / container / package
    sources = {
        str(path.relative_to(ROOT / container))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".pyo")
    }
    assert sources <= set(names)
    assert f"{package}/py.typed" in names


def test_it_has_the_artifacts_and_the_licence(names: list[str]) -> None:
    for contract in ("AnchorRegistry", "Consortium"):
        assert f"perdure_contracts/artifacts/{contract}.json" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_has_nothing_else(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment that holds the wheel and its base dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    programs = folder / "bin"
    assert run(sys.executable, "-m", "venv", folder).returncode == 0
    installed = run(programs / "pip", "install", "--quiet", "--disable-pip-version-check", *pinned_base())
    if installed.returncode != 0:
        pytest.skip(f"no package registry can be reached: {installed.stderr.strip().splitlines()[-1][:200]}")
    assert run(programs / "pip", "install", "--quiet", "--no-deps", wheel).returncode == 0
    return programs


def pinned_base() -> list[str]:
    """The base dependencies in their pinned versions."""
    lines = (ROOT / "requirements" / "user.txt").read_text("utf-8").splitlines()
    pins = [
        line.split()[0]
        for line in lines
        if line.partition("==")[0] in (*BASE, "asn1crypto", "cffi", "pycparser")
    ]
    assert {pin.partition("==")[0] for pin in pins} >= set(BASE)
    return pins


def test_the_base_dependencies_are_enough(environment: Path) -> None:
    checked = run(environment / "pip", "check")
    assert checked.returncode == 0, checked.stdout
    listed = run(environment / "pip", "list", "--format", "freeze").stdout
    assert "web3" not in listed


def test_it_verifies(environment: Path, tmp_path: Path) -> None:
    verified = run(
        environment / "perdure", "verify", STORY / CONTRACT_EVIDENCE, STORY / CONTRACT, "--trust", STORY / TRUST,
        cwd=tmp_path, env=os.environ | {"PERDURE_CONFIG_DIR": str(tmp_path)},
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr
    assert "yes, final" in verified.stdout


def test_an_auditor_looks_at_trust_files_and_pins_them(environment: Path, tmp_path: Path) -> None:
    for words in (
        ("show", STORY / TRUST),
        ("fingerprint", STORY / TRUST),
        ("pin", STORY / TRUST),
        ("export", "out.json"),
    ):
        told = run(
            environment / "perdure", "trust", *words, cwd=tmp_path, env=os.environ | {"PERDURE_CONFIG_DIR": str(tmp_path)}
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
    assert (tmp_path / "out.json").read_bytes() == (STORY / TRUST).read_bytes()


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site's vault, made where the extras are."""
    folder = tmp_path_factory.mktemp("site") / ".perdure"
    new = NewVault(
        origin=parse_origin("acme/rotterdam"),
        trust_raw=(STORY / TRUST).read_bytes(),
        rpc_url="http://127.0.0.1:1",
        passphrase="a passphrase of the tests",
        relay_private_key=bytes(31) + b"\1",
        kdf=KdfCost(8, 1, 1),
    )
    create_vault(folder, new, clock=system_clock(), randomness=os.urandom).close()
    return folder


def test_how_a_site_stands_is_told_without_extras(environment: Path, vault: Path) -> None:
    for command in ("status", "config"):
        told = run(environment / "perdure", command, "--vault", vault)
        assert told.returncode == 0, told.stderr


def test_what_needs_more_says_what(environment: Path, vault: Path, tmp_path: Path) -> None:
    wanted: list[tuple[str, tuple[str | Path, ...]]] = [
        ("site", ("sync", "--vault", vault)),
        ("site", ("trust", "check", STORY / TRUST, "--rpc", "http://127.0.0.1:1")),
        (
            "site",
            ("trust", "extend", STORY / TRUST, "--rpc", "http://127.0.0.1:1", "--output", tmp_path / "new"),
        ),
        ("qr", ("trust", "fingerprint", STORY / TRUST, "--page", tmp_path / "page.html")),
        ("devnet", ("devnet", "up", "--dir", tmp_path / "chain")),
    ]
    for extra, arguments in wanted:
        failed = run(environment / "perdure", *arguments, env=os.environ | {"PERDURE_PASSPHRASE": "unused"})
        assert failed.returncode == 2
        assert f"pip install 'perdure[{extra}]'" in failed.stderr


def test_help_works(environment: Path) -> None:
    helped = run(environment / "perdure", "--help")
    assert helped.returncode == 0
    assert "verify" in helped.stdout
    assert "## perdure verify" in run(environment / "perdure", "help", "json").stdout
