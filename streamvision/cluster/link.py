"""The head's connection with one node: exchanges, one after another, each with a deadline, until the node is lost."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from typing import Any, Protocol

from pipelines.workers.process import Call, Reply
from streamvision.cluster.messages import About, Orders, Told, Wanted
from streamvision.core.errors import StreamVisionError
from streamvision.core.version import __version__

_log = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 180.0
"""Longest wait for a new node's process: it imports this program, from a slow disk, too."""
ASK_TIMEOUT_S = 2.0
"""Longest wait for an answer to a question."""
SILENT_SHARE = 0.4
"""A node that has told nothing for so much of the lease is said to be silent."""
RETRY_S = 0.1
"""How soon an exchange is repeated that could not be sent."""
CLOCK_SAMPLES = 256
"""Answers by which clocks are compared: the fastest of them says the most."""


class NodeSilentError(StreamVisionError, TimeoutError):
    """A node has not answered in time; it may yet."""


class NodeGoneError(StreamVisionError, ConnectionError):
    """The process of a node is not there any more, as far as Ray can tell."""


class NodeHandle(Protocol):
    """A node as Ray gives it, or a test.

    Raises, each method but ``end``: NodeSilentError, NodeGoneError.
    """

    def about(self, timeout_s: float) -> About:
        """Return what it is."""

    def exchange(self, orders: Orders, timeout_s: float) -> Told:
        """Give it orders and return its answer."""

    def stop(self, timeout_s: float) -> None:
        """Let it end its streams."""

    def end(self) -> None:
        """End its process as far as it can be reached; never waits."""


class LinkOwner(Protocol):
    """Whoever gives nodes their streams; called from the thread of a link."""

    def wanted_of(self, link: NodeLink) -> dict[str, Wanted]:
        """Return what a node is to run, by id."""

    def viewers_of(self, link: NodeLink) -> dict[str, int]:
        """Return how many watch its streams, where somebody does."""

    def joined(self, link: NodeLink) -> None:
        """Take note that a node may be given streams."""

    def told(self, link: NodeLink, told: Told) -> None:
        """Take what a node has told."""

    def lost(self, link: NodeLink, reason: str) -> None:
        """Take note that a node runs nothing any more, and why, in words."""


class NodeLink:
    """One node from when it joins until it is lost; the same machine may join again, by another link.

    Args:
        node_id: which node.
        name: what people call it.
        handle: the node.
        owner: who gives it streams.
        lease_s: how long it may run streams without word of the head.
        take_over_s: how long after it was last heard it certainly runs nothing.
    """

    def __init__(
        self, node_id: str, name: str, handle: NodeHandle, owner: LinkOwner, *, lease_s: float, take_over_s: float
    ) -> None:
        self.node_id = node_id
        self.name = name
        self.revision = 1
        """Number of what is wanted of it now."""
        self.has_joined = False
        """Whether it may be given streams."""
        self.blamed: str | None = None
        """The stream that is to blame for its end, where that is known."""
        self._given_up = ""
        self._handle = handle
        self._owner = owner
        self._lease_s = lease_s
        self._take_over_s = take_over_s
        self._heard_at_s = time.monotonic()
        self._known_revision = 0
        self._number = 0
        self._calls: deque[Call] = deque()
        self._numbers = itertools.count(1)
        self._replies: dict[int, Reply | None] = {}  # by number, of the questions that somebody waits for
        self._replied = threading.Condition()
        self._offsets_s: deque[float] = deque(maxlen=CLOCK_SAMPLES)
        self._over = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"node-{name}", daemon=True)

    def start(self) -> None:
        """Let it join."""
        self._thread.start()

    def revise(self) -> None:
        """Take note that something else is wanted of it."""
        self.revision += 1

    def give_up(self, reason: str, stream_id: str) -> None:
        """End its process, for a reason in words, though it is heard: a stream holds it, and so others wait there."""
        if not self._given_up:
            self._given_up, self.blamed = reason, stream_id

    @property
    def silent_s(self) -> float:
        """For how long it has told nothing, where that is longer than it should; else 0."""
        silent_s = time.monotonic() - self._heard_at_s
        return silent_s if silent_s > self._lease_s * SILENT_SHARE else 0.0

    @property
    def take_over_in_s(self) -> float:
        """In how many seconds it is lost unless it is heard."""
        return max(self._heard_at_s + self._take_over_s - time.monotonic(), 0.0)

    def here_s(self, there_s: float) -> float:
        """Return a moment of the node's monotonic clock on this machine's.

        Clocks are compared by the answer that was fastest: its way is taken to have needed no time.
        """
        return there_s + min(tuple(self._offsets_s), default=0.0)

    def ask(self, stream_id: str, method: str) -> Any:
        """Return the answer to a question; ``None`` where there is none in time.

        Raises:
            StreamVisionError: as the node raises it.
        """
        if self._over or self.silent_s:
            return None
        number = next(self._numbers)
        with self._replied:
            self._replies[number] = None
            self._calls.append(Call(number, stream_id, method))
            self._replied.wait_for(lambda: self._replies[number] is not None or self._over, ASK_TIMEOUT_S)
            reply = self._replies.pop(number)
        if reply is not None and reply.error is not None:
            raise reply.error
        return None if reply is None else reply.value

    def stop(self, timeout_s: float) -> None:
        """End its streams and its process, within about ``timeout_s``."""
        self._stopping.set()
        self._thread.join(max(timeout_s / 2, 0.1))
        try:
            if self.has_joined and not self._over:
                self._handle.stop(timeout_s / 2)
        except StreamVisionError as error:
            _log.info("node %s: %s", self.name, error)
        finally:
            self._handle.end()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            reason = self._join() or self._serve()
        except StreamVisionError as error:
            reason = str(error)
        except Exception as error:
            _log.exception("node %s", self.name)
            reason = f"its link broke: {error!r}"
        if not self._stopping.is_set():
            self._wait_out()
        self._over = True
        with self._replied:
            self._replied.notify_all()
        if not self._stopping.is_set():
            self._handle.end()
            self._owner.lost(self, reason)

    def _join(self) -> str:
        """Begin; return why it cannot be used, in words, or nothing."""
        about = self._handle.about(JOIN_TIMEOUT_S)
        if about.version != __version__:
            return f"it has version {about.version} of this program, and here is {__version__}; install the same"
        self._take(self._handle.exchange(Orders(heard=0), JOIN_TIMEOUT_S))
        self.has_joined = True
        self._owner.joined(self)
        return ""

    def _serve(self) -> str:
        """Exchange until it is lost; return why, in words."""
        while not self._stopping.is_set():
            if self._given_up:
                self._handle.end()
                return self._given_up
            left_s = self.take_over_in_s
            if left_s <= 0:
                return f"it has told nothing for {self._take_over_s:.1f} s"
            try:
                self._take(self._handle.exchange(self._orders(), left_s))
            except NodeSilentError:
                self._stopping.wait(RETRY_S)
        return ""

    def _wait_out(self) -> None:
        """Wait until it certainly runs nothing, though it may be that nobody can tell it."""
        if self.has_joined:
            self._stopping.wait(self.take_over_in_s)

    def _orders(self) -> Orders:
        revision = self.revision  # before what is wanted is asked for: what is revised meanwhile is told again
        wanted = None if self._known_revision == revision else self._owner.wanted_of(self)
        calls = []
        while self._calls:
            calls.append(self._calls.popleft())
        return Orders(self._number, revision, wanted, self._owner.viewers_of(self), tuple(calls))

    def _take(self, told: Told) -> None:
        self._heard_at_s = time.monotonic()
        self._number = told.number
        self._known_revision = told.revision
        self._offsets_s.append(self._heard_at_s - told.sent_at_s)
        with self._replied:
            for reply in told.replies:
                if reply.number in self._replies:
                    self._replies[reply.number] = reply
            self._replied.notify_all()
        self._owner.told(self, told)
