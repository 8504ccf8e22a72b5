"""Nothing that users install is under a licence that Apache-2.0 cannot be combined with."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
COPYLEFT = re.compile(r"\b(?:A|L)?GPL|GNU", re.IGNORECASE)


def required(name: str) -> list[str]:
    text = (ROOT / "requirements" / name).read_text("utf-8")
    return re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, re.MULTILINE)


@pytest.mark.parametrize("package", required("user.txt"))
def test_what_users_install(package: str) -> None:
    try:
        found = metadata(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is for other platforms")
    said = [found.get("License-Expression"), found.get("License"), *(found.get_all("Classifier") or [])]
    licences = [text for text in said if text and not text.startswith("Topic")]
    assert licences
    assert not [text for text in licences if COPYLEFT.search(text)]


def test_the_gpl_oracle_is_for_tests_only() -> None:
    assert "pymerkle" in required("dev.txt")
    assert "pymerkle" not in required("user.txt")


def test_our_own() -> None:
    assert metadata("perdure")["License-Expression"] == "Apache-2.0"
    assert (ROOT / "LICENSE").read_text("utf-8").lstrip().startswith("Apache License")
