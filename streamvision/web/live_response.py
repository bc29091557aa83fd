"""A response without an end: sent from the event loop where there is one, else by a generator in its own thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable, MutableMapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Response, request

from streamvision.web.handshake import Handshake
from streamvision.web.live_service import LiveService
from streamvision.web.viewer import Subscription
from streamvision.web.wire import CONTENT_TYPES, OPENINGS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HAND_OVER = "streamvision.hand_over"
"""Key of the ASGI scope under which the server offers to send a live, or a long, response itself."""


@dataclass
class Offer:
    """What Flask hands over to the event loop: a subscription, pieces, or nothing where the response is short."""

    subscription: Subscription | None = None
    """What is to be sent of live pictures or events."""
    opening: bytes = b""
    """The first bytes of a live body."""
    asks_websocket: bool = False
    """Whether the request is the handshake of a WebSocket."""
    handshake: Handshake | None = None
    """Of the WebSocket over which the subscription is to be sent; ``None``: it is the body of the response."""
    goes_on: bool = False
    """Whether a viewer who has a place already asks for something else."""
    pieces: Iterable[bytes] | None = None
    """The body of a long response."""
    start: MutableMapping[str, Any] | None = None
    """Status and headers, as an ASGI message."""
    waits_for: Future[Any] | None = None
    """What the answer waits for: Flask is asked again once it is there; what it says meanwhile is not sent."""
    has_waited: bool = False
    """Whether it was waited for, so that Flask has to answer now."""
    withdrawn: bool = False
    """Whether nobody waits for it any more."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held for what is taken and withdrawn, by different threads."""

    @property
    def taken(self) -> bool:
        """Whether there is something that the event loop is to send."""
        return self.subscription is not None or self.pieces is not None

    def take(self, pieces: Iterable[bytes]) -> None:
        """Hand over the body of a long response; it is closed where nobody waits for it any more."""
        with self.lock:
            self.pieces = pieces
            if self.withdrawn:
                _close(pieces)

    def withdraw(self) -> None:
        """Take nothing any more, and end what was handed over."""
        with self.lock:
            self.withdrawn = True
            if self.pieces is not None:
                _close(self.pieces)


def present_offer() -> Offer | None:
    """Return what the server offers to send itself for the present request; ``None`` where it offers nothing."""
    offer: Offer | None = request.environ.get("asgi.scope", {}).get(HAND_OVER)
    return offer


def _close(pieces: Iterable[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()


class LiveResponse(Response):
    """A response whose body is what the fan-out offers."""

    def __init__(
        self,
        live: LiveService,
        subscription: Subscription,
        *,
        opening: bytes = b"",
        handshake: Handshake | None = None,
    ) -> None:
        super().__init__(content_type=CONTENT_TYPES[subscription.form])
        self._handshake = handshake
        self._live = live
        self._subscription = subscription
        self._opening = opening

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand the response over where that is offered, or send it here; a HEAD request is answered as usual."""
        if environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        offer: Offer | None = environ.get("asgi.scope", {}).get(HAND_OVER)
        headers = [(name, value) for name, value in self.headers.items() if name.lower() != "content-length"]
        if offer is None:
            start_response(self.status, headers)
            return self._live.blocking(self._subscription, opening=self._opening)
        offer.opening = OPENINGS[self._subscription.form] + self._opening
        offer.subscription = self._subscription
        offer.handshake = self._handshake
        start_response(self.status, [*headers, ("Connection", "close")])
        return ()
