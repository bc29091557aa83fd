"""Methods that are called without keeping their object.

What an object gives its parts to call must not keep it: the two would hold each other, and with them pictures, decoders
and networks, until the garbage collector comes by. That counts objects, not bytes, and may take hours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakMethod

P = ParamSpec("P")
R = TypeVar("R")


def weakly(method: Callable[P, R]) -> Callable[P, R | None]:
    """Return what calls a method as long as its object is there, and afterwards does nothing and returns ``None``.

    Args:
        method: a bound method.
    """
    reference = WeakMethod(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        there = reference()
        return None if there is None else there(*args, **kwargs)

    return call
