"""Types of the fixtures that run `perdure` in this process."""

from collections.abc import Callable
from typing import Any

# exit code, standard output, standard error
Run = Callable[..., tuple[int, str, str]]
# exit code, one object for each line of standard output
RunJson = Callable[..., tuple[int, list[dict[str, Any]]]]
