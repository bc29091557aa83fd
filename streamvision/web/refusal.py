"""How a request is refused: one JSON sentence."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import NoReturn

from werkzeug.exceptions import HTTPException


class Refused(HTTPException):
    """A request that cannot be granted, with the sentence that says why, and headers that go with it."""

    headers: Mapping[str, str] = {}


def refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str] = {}) -> NoReturn:
    """End the request with a JSON error.

    Raises:
        Refused: always.
    """
    refusal = Refused(sentence)
    refusal.code = status
    refusal.headers = headers
    raise refusal
