"""JSON as RFC 8259 has it, in both directions, so that what one has sent can be read by all others."""

from __future__ import annotations

import json
from typing import Any

from flask.json.provider import DefaultJSONProvider


class StrictJson(DefaultJSONProvider):
    """Refuses numbers that JSON does not have (NaN, Infinity, 1e999) and texts with half of a surrogate pair."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return the value of a text.

        Raises:
            ValueError: when it is not JSON, or could not be sent on as JSON.
        """
        value = super().loads(s, **kwargs)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return value
