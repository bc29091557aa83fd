"""A model that takes the place of another between two batches, and the way back while it is on trial.

Until it is kept, the model before it stays open: a call that fails goes through that one instead, as all later ones do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.first_model import FirstModel
from pipelines.run_models import RunModels
from streamvision.core.errors import ModelError, StreamVisionError
from streamvision.core.redaction import redact_outside

log = logging.getLogger(__name__)

WAIT_S = 5.0
"""Longest wait for a network that is being opened again, before another model cannot take over now."""

OnGoingBack = Callable[[str], None]
"""Is told, from any thread and with the reason in words, that the model before has taken over again."""


class ModelExchange:
    """Of one group of streams; any thread may use it.

    Args:
        models: which model is the present one.
        drain: called before another takes over: begins no batch any more, and waits for those in the network.
        install: called with the model that takes over, and how long a call of it took where that is known; begins
            batches again.
        halted: returns why no batch is begun any more, in words; ``None`` while they are.
    """

    def __init__(
        self,
        models: RunModels,
        *,
        drain: Callable[[], None],
        install: Callable[[FirstModel, float | None], None],
        halted: Callable[[], str | None],
    ) -> None:
        self.held = threading.Lock()
        """Held by whoever opens the network again or exchanges it."""
        self._models = models
        self._drain = drain
        self._install = install
        self._halted = halted
        self._previous: FirstModel | None = None
        self._on_going_back: OnGoingBack = lambda reason: None

    def take_over(self, other: FirstModel, *, slowest_s: float | None, on_going_back: OnGoingBack) -> None:
        """Let another model take over; the one before stays open until :meth:`keep`.

        Args:
            other: the other model.
            slowest_s: how long a call of it took, if that is known.
            on_going_back: who is told where the one before has taken over again, since this one failed.

        Raises:
            ModelError: when the network has failed for good, was stopped, is being opened again or still on trial.
        """
        with self._holding():
            if self._previous is not None:
                raise ModelError("the model that took over last is still on trial; wait some seconds")
            self._drain()
            self._on_going_back = on_going_back
            self._previous = self._models.current  # before the first call of the other, which may fail at once
            self._install(other, slowest_s)

    def keep(self) -> None:
        """Release the model before the present one, once its last call has come back."""
        with self.held:
            previous, self._previous = self._previous, None
        if previous is not None:
            previous.retire()

    def go_back(self, reason: str) -> bool:
        """Let the model before the present one take over again, for a reason; return whether it was still there.

        Raises:
            ModelError: when the network is being opened again, has failed for good or was stopped.
        """
        with self._holding():
            return self.go_back_held(reason)

    def go_back_held(self, reason: str) -> bool:
        """Do the same for somebody who has :attr:`held`."""
        previous, self._previous = self._previous, None
        if previous is None:
            return False
        log.error("%s; the model before it takes over again", reason)
        failed = self._models.current
        self._install(previous, None)
        failed.retire()
        self._on_going_back(reason)
        return True

    def goes_through_another(self, model: FirstModel | None, error: BaseException) -> bool:
        """Say whether a batch that a model failed on goes through another one at once: what failed was on trial."""
        if self._previous is None and model is self._models.current:
            return False
        words = redact_outside(str(error) if isinstance(error, StreamVisionError) else repr(error))
        with self.held:
            return model is not self._models.current or self.go_back_held(f"the new model failed: {words}")

    @contextmanager
    def _holding(self) -> Iterator[None]:
        if not self.held.acquire(timeout=WAIT_S):
            raise ModelError("the network is being opened again, so no other can take over now; wait some seconds")
        try:
            if (reason := self._halted()) is not None:
                raise ModelError(reason)
            yield
        finally:
            self.held.release()
