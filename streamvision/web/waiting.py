"""Answers that wait for something: on the event loop where there is one, so that no thread waits with them."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, TimeoutError
from http import HTTPStatus
from typing import TypeVar

from flask import request

from streamvision.web.live_response import HAND_OVER, Offer
from streamvision.web.refusal import refuse

WAIT_S = 8.0
"""Longest wait of an answer."""

T = TypeVar("T")


def awaited(coming: Future[T], missing: str) -> T:
    """Return what is coming; the view that calls this is called a second time where it is not there yet.

    Args:
        coming: what the answer needs.
        missing: why there is no answer, where it does not come in time.

    Raises:
        Refused: when it does not come in time.
    """
    offer: Offer | None = request.environ.get("asgi.scope", {}).get(HAND_OVER)
    if offer is not None and not offer.has_waited and not coming.done():
        offer.waits_for = coming
    try:
        return coming.result(0.0 if offer else WAIT_S)
    except (TimeoutError, CancelledError):
        refuse(HTTPStatus.SERVICE_UNAVAILABLE, missing, {"Retry-After": "2"})
