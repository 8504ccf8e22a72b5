"""Both contracts, freshly deployed for each test: it takes 20 ms."""

import pytest
from tools.founded import Founded, found


@pytest.fixture
def founded() -> Founded:
    return found()


@pytest.fixture
def site(founded: Founded) -> bytes:
    """acme/rotterdam, registered with KEY."""
    return founded.register()
