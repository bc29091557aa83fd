"""JSON as RFC 8259 has it, in both directions, so that what one has sent can be read by all others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from flask.json.provider import DefaultJSONProvider

from streamvision.core.reading import MAX_DEPTH


class StrictJson(DefaultJSONProvider):
    """Refuses numbers that JSON does not have (NaN, Infinity, 1e999), texts with half of a surrogate pair, and what is
    nested so deeply that it cannot be gone through."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return the value of a text.

        Raises:
            ValueError: when it is not JSON, or could not be sent on as JSON.
        """
        value = super().loads(s, **kwargs)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        if _is_deeper(value, MAX_DEPTH):
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        return value


def _is_deeper(value: Any, levels: int) -> bool:
    inside = [value]
    for _ in range(levels):
        inside = [one for outer in inside for one in _members(outer)]
        if not inside:
            return False
    return True


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
