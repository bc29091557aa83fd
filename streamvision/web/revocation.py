"""Live responses end soon after whoever watches may do so no more: signed out, removed, changed."""

from __future__ import annotations

from typing import Protocol

from streamvision.web.access import Principal
from streamvision.web.connected_watch import ConnectedWatch
from streamvision.web.fanout import Fanout

CHECK_S = 1.5
"""How often those who watch are looked up; also by what another process wrote into the database."""


class Holding(Protocol):
    """Knows who may go on."""

    def holds(self, principal: Principal) -> bool:
        """Return whether somebody who began to watch may go on."""


class Revocation(ConnectedWatch):
    """Looks up those who watch, each once, and ends the responses of those who may not any more.

    Args:
        credentials: says who may go on.
        fanout: who watches.
    """

    def __init__(self, credentials: Holding, fanout: Fanout) -> None:
        self._credentials = credentials
        fault = "those who watch cannot be looked up"
        super().__init__(self._check, fanout, every_s=CHECK_S, name="web-revocation", fault=fault)

    def _check(self) -> None:
        for principal in self._fanout.principals():
            if not self._credentials.holds(principal):
                self._fanout.end(principal)
