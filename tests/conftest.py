"""No test is timed: how long an example takes says how busy the machine is. What takes long comes first, so that workers end together."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Ten thousand tests are listed, and all stay: no rubbish is looked for among them, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow tests first, then those with many tests; each stays in one piece, in its own order."""
    tests: dict[str, int] = {}
    slow: dict[str, int] = {}
    for item in items:
        module = item.nodeid.partition("::")[0]
        tests[module] = tests.get(module, 0) + 1
        slow[module] = slow.get(module, 0) + (item.get_closest_marker("slow") is not None)
    items.sort(key=lambda item: _place(item.nodeid.partition("::")[0], slow, tests))


def _place(module: str, slow: dict[str, int], tests: dict[str, int]) -> tuple[int, int, str]:
    return -slow[module], -tests[module], module
