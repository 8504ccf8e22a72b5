"""Circumstances that are worse than usual: a full disk, another user, another process that is under way."""

import contextlib
import multiprocessing
import os
import subprocess
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534
_FORK = multiprocessing.get_context("fork")


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of its own with so many bytes; the test is skipped where none can be mounted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill the disk but for so many bytes; gives the file that does."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


def as_nobody(work: Callable[[], Any]) -> Any:
    """What ``work`` gives in a process of a user without rights here; it must return, and what it needs be loaded."""
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=_as_nobody, args=(work, theirs))
    process.start()
    theirs.close()
    answer, error = ours.recv()
    process.join()
    if error is not None:
        raise error
    return answer


def _as_nobody(work: Callable[[], Any], pipe: Any) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    try:
        pipe.send((work(), None))
    except Exception as error:  # noqa: BLE001  # raised where it is waited for
        pipe.send((None, error))


@contextlib.contextmanager
def beside(work: Callable[..., None], *arguments: Any) -> Iterator[BaseProcess]:
    """Another process at work; it is told of nothing, and killed if it has not ended."""
    process = _FORK.Process(target=work, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
