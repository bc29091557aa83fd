"""Looks at something again and again, in a thread of its own, while anybody is connected."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from streamvision.core.errors import StateError
from streamvision.web.fanout import Fanout
from streamvision.web.loop_calls import LoopEndedError

_log = logging.getLogger(__name__)


class ConnectedWatch:
    """Calls a function until it is stopped.

    Args:
        look: is called; what it raises is logged, and it is called again.
        fanout: who is connected.
        every_s: how often.
        name: of the thread.
        fault: what is logged where it raises, as the beginning of a sentence.
    """

    def __init__(self, look: Callable[[], None], fanout: Fanout, *, every_s: float, name: str, fault: str) -> None:
        self._look, self._fanout, self._every_s, self._fault = look, fanout, every_s, fault
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Look no more; calling it twice is harmless."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            if not self._fanout.connections:
                continue
            try:
                self._look()
            except StateError as error:
                _log.warning("%s: %s", self._fault, error)
            except LoopEndedError:
                return
            except Exception:  # one bad reading must not be the last
                _log.exception("%s", self._fault)
