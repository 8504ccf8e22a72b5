"""Groups of options: what several commands take alike is declared once, and may come to them as one argument."""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., object])
Option = Callable[[Any], Any]


def with_options(options: Iterable[Option]) -> Callable[[F], F]:
    """Give a command these options, in the order in which its help shows them."""

    def decorate(command: F) -> F:
        decorated = command
        for option in reversed(tuple(options)):
            decorated = option(decorated)
        return decorated

    return decorate


def as_one_argument(name: str, make: Callable[..., object], options: Iterable[Option]) -> Callable[[F], F]:
    """Give a command these options as one argument ``name``: what ``make`` makes of those that it names as its parameters."""
    taken = tuple(signature(make).parameters)

    def decorate(command: F) -> F:
        @wraps(command)
        def gathered(*words: Any, **said: Any) -> object:
            made = make(**{each: said.pop(each) for each in taken})
            return command(*words, **{name: made}, **said)

        return with_options(options)(cast("F", gathered))

    return decorate
