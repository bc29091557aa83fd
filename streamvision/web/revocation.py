"""Live responses end soon after whoever watches may do so no more: signed out, removed, changed."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from streamvision.core.errors import StateError
from streamvision.web.access import Principal
from streamvision.web.fanout import Fanout

_log = logging.getLogger(__name__)

CHECK_S = 1.5
"""How often those who watch are looked up; also by what another process wrote into the database."""


class Holding(Protocol):
    """Knows who may go on."""

    def holds(self, principal: Principal) -> bool:
        """Return whether somebody who began to watch may go on."""


class Revocation:
    """Looks up those who watch, each once, and ends the responses of those who may not any more.

    Args:
        credentials: says who may go on.
        fanout: who watches.
    """

    def __init__(self, credentials: Holding, fanout: Fanout) -> None:
        self._credentials = credentials
        self._fanout = fanout
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-revocation", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Look no more; calling it twice is harmless."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.wait(CHECK_S):
            if not self._fanout.connections:
                continue
            try:
                self._check()
            except StateError as error:
                _log.warning("those who watch cannot be looked up: %s", error)
            except ConnectionError:
                return  # the fan-out has ended
            except Exception:  # one bad reading must not let everybody watch for good
                _log.exception("those who watch cannot be looked up")

    def _check(self) -> None:
        for principal in self._fanout.principals():
            if not self._credentials.holds(principal):
                self._fanout.end(principal)
