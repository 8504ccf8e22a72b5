"""Lines of ``--json`` against their documented shape: every one that a test sees is checked."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from perdure_cli.main import COMMANDS
from perdure_cli.topics import json_schema


def check(command: str, line: dict[str, Any]) -> None:
    """Fail unless the line is what the command, such as ``trust show``, is documented to print, or an error line.

    Whoever changes what a command prints changes json_schema.json with it: nothing is allowed that is not named there.
    """
    name = "error" if set(line) == {"ok", "errors"} else f"perdure {command}"
    faults = sorted(_validator(name).iter_errors(line), key=lambda fault: list(map(str, fault.path)))
    # of several forms, tell what is wrong with each
    told = [inner.message for fault in faults for inner in (fault.context or [fault])]
    assert not faults, f"{name} prints what json_schema.json does not say: {'; '.join(told)}"


def command_named(arguments: Sequence[str]) -> str:
    """The command that a command line calls, as `check` takes it."""
    words = [word for word in arguments if not word.startswith("-")]
    command, named = COMMANDS[words[0]].load(), [words[0]]
    for word in words[1:]:
        inner = getattr(command, "commands", {}).get(word)
        if inner is not None:
            command = inner
            named.append(word)
    return " ".join(named)


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json_schema()
    assert name in schema["$defs"], f"{name} is not in json_schema.json"
    return Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"})
