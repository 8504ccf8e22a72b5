"""Bundles from files: those that are whole, and what is said of the others."""

from collections.abc import Callable, Iterable
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_node.courier.bundle_file import Bundle, load_bundle
from perdure_node.encryption.hybrid import PrivateKey

from perdure_cli.exit_codes import exit_code
from perdure_cli.output import print_json, tell_error


def load_bundles(
    files: Iterable[Path], identity: Callable[[], PrivateKey], as_json: bool
) -> tuple[list[tuple[Path, Bundle]], list[int]]:
    """The bundles that are whole, each with its file, and the exit codes of the others.

    ``identity`` is asked for the reader's key if one is encrypted.
    """
    loaded, codes = [], []
    for file in files:
        try:
            loaded.append((file, load_bundle(file, lambda: [identity()])))
        except PerdureError as error:
            codes.append(tell_refused(file, error, as_json))
    return loaded, codes


def tell_refused(file: Path, error: PerdureError, as_json: bool) -> int:
    """Say why nothing of a bundle was taken in; returns the exit code."""
    if as_json:
        fault = {"error": type(error).__name__, "message": str(error), "hint": error.hint}
        print_json({"ok": False, "file": str(file), "errors": [fault]})
    tell_error(f"{file.name}: {error}", error.hint)
    return exit_code(error)
