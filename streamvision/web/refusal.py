"""How a request is refused: one JSON sentence."""

from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn

from werkzeug.exceptions import HTTPException


class Refused(HTTPException):
    """A request that cannot be granted, with the sentence that says why."""


def refuse(status: HTTPStatus, sentence: str) -> NoReturn:
    """End the request with a JSON error.

    Raises:
        Refused: always.
    """
    refusal = Refused(sentence)
    refusal.code = status
    raise refusal
