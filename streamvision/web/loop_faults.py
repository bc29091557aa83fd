"""What the event loop of the server says about faults that no request has."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import time
from typing import Any

_log = logging.getLogger(__name__)

SAID_EVERY_S = 30.0
_USED_UP = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class LoopFaults:
    """Logs the faults of a loop; asyncio says thousands of times a second that no connection can be accepted."""

    def __init__(self) -> None:
        self._said_at_s = -math.inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log a fault, as asyncio calls an exception handler."""
        fault = context.get("exception")
        if not isinstance(fault, OSError) or fault.errno not in _USED_UP or "socket" not in context:
            loop.default_exception_handler(context)
            return
        now_s = time.monotonic()
        if now_s - self._said_at_s >= SAID_EVERY_S:
            self._said_at_s = now_s
            _log.error("no further connection can be accepted: %s; raise the limit of open files", fault)
