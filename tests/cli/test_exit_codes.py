"""Exit codes: "no" and "could not find out" are never the same."""

import pytest
from perdure_anchor.errors import (
    ChainError,
    ConfigError,
    EncodingError,
    PerdureError,
    Refused,
    VaultError,
    VerificationError,
)
from perdure_cli.exit_codes import FileUnreadable, batch_exit_code, exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EncodingError("x"), 1),
        (VerificationError("x"), 1),
        (ConfigError("x"), 2),
        (VaultError("x"), 2),
        (ChainError("x"), 3),
        (Refused("x"), 1),
        (FileUnreadable("x"), 3),
        (ConnectionRefusedError(), 3),
        (TimeoutError(), 3),
        (PermissionError(), 2),
    ],
)
def test_exit_code(error: PerdureError | OSError, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize(
    ("codes", "code"),
    [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 1], 1), ([2, 3], 2), ([0, 2, 1, 3], 1)],
)
def test_batch(codes: list[int], code: int) -> None:
    assert batch_exit_code(codes) == code
