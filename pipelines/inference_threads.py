"""The threads that take batches through the network, and who watches over them.

A call that fails is tried once more, and then its frames are given up; only failures in a row end the run. A call that
does not come back (a driver, a device that was reset) cannot be ended from outside: its thread is left behind, its
frames are given up, and the network is closed and opened again for new threads. A model's server that is away is waited
for: frames of files wait, too, those of live sources are given up.

Another model takes over between two batches: no batch is begun until those in the network have come back, unless that
takes long; these end with the model that they began with.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeGuard

from pipelines.bounded_call import fault_within
from pipelines.first_model import FirstModel
from pipelines.model_away import ModelAway
from pipelines.model_exchange import ModelExchange
from pipelines.network_call import INFERENCE_FAILED, INFERENCE_HUNG, MODEL_AWAY, STOPPED, NetworkCall, Observer
from pipelines.run_models import RunModels
from pipelines.scheduling.batcher import Batcher
from pipelines.scheduling.collection_window import CollectionWindow
from pipelines.stream import Taken
from streamvision.core.errors import ModelAwayError, ModelError, ModelRefusedError, StreamVisionError
from streamvision.core.redaction import redact_outside
from streamvision.core.weak_method import weakly

log = logging.getLogger(__name__)

RETRY_S = 0.1
"""Pause before a call that failed is tried once more; doubled with each batch that fails after another."""
MAX_FAILURES_IN_ROW = 5
"""Batches that fail one after another until the network counts as broken."""
MAX_REOPENINGS = 3
"""How often the network may hang within :data:`REOPENINGS_WITHIN_S` until it counts as broken."""
REOPENINGS_WITHIN_S = 600.0
OPEN_TIMEOUT_S = 120.0
"""Longest wait for the network to open again; some devices compile for minutes."""
PATIENCE = 5.0
"""A call may take as many times as long as the slowest before, and the first one as many times the limit."""
WATCH_S = 0.25
AWAY_PAUSE_S = 2.0
"""Pause before a network is opened again whose server is away."""
DRAIN_S = 1.0
"""Longest wait for batches in the network before another model takes the next one."""


class InferenceThreads:
    """As many threads as the network takes requests at a time, each with one batch across all its streams.

    Args:
        models: what the batches go through.
        batcher: where they come from.
        window: told what each call costs.
        timeout_s: longest time for one call of the network.
        put_in_place: called with a model that takes over, while no batch is begun; the next ones go through it.
        between: called by each thread before each batch, several times a second where none comes.
        on_broken: called once, when the network is broken and no batch is begun any more.
    """

    def __init__(
        self,
        models: RunModels,
        batcher: Batcher[Taken],
        window: CollectionWindow,
        *,
        timeout_s: float,
        put_in_place: Callable[[FirstModel], None],
        between: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        self.error: str | None = None
        """Why the network failed for good; ``None`` while it works."""
        self.observer: Observer | None = None
        """Who is told of each batch that came back; ``None`` where nobody is."""
        self._models = models
        self._batcher = batcher
        self._window = window
        self._timeout_s = timeout_s
        self._put_in_place = put_in_place
        self._between = between
        self._on_broken = on_broken
        self._away = ModelAway()
        self._stopping = threading.Event()
        self._usable = threading.Event()
        self._usable.set()
        self._lock = threading.Lock()
        self._started = False
        self._calls: set[NetworkCall] = set()
        self._threads: list[threading.Thread] = []
        self._generation = 0
        self._failures_in_row = 0
        self._closed_fault: str | None = None
        self._slowest_s: float | None = None
        self._reopened_at_s: deque[float] = deque(maxlen=MAX_REOPENINGS)
        self.exchange = ModelExchange(
            models, drain=weakly(self._drain), install=weakly(self._install), halted=weakly(self._halted_words)
        )
        """Lets another model take over."""
        self._watchdog = threading.Thread(target=self._watch, name="inference-watchdog", daemon=True)

    @property
    def halted(self) -> bool:
        """Whether no batch is begun any more."""
        return self._stopping.is_set() or self.error is not None

    def _halted_words(self) -> str | None:
        return self.error or ("the run has been stopped" if self._stopping.is_set() else None)

    @property
    def away(self) -> str | None:
        """Why the model's server is away, in words; ``None`` while it answers."""
        return self._away.reason

    def start(self) -> None:
        """Begin."""
        with self.exchange.held:
            self._started = True
            self._begin_generation()
        self._watchdog.start()

    def request_stop(self) -> None:
        """Begin no further batch."""
        self._stopping.set()
        self._wake_threads()

    def join(self, deadline_s: float) -> None:
        """Wait for the threads until a moment of the monotonic clock; one that hangs is left behind."""
        for thread in (*self._threads, self._watchdog):
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(deadline_s - time.monotonic(), 0.0))
        self._abandon_all(STOPPED)

    def _drain(self) -> None:
        """Begin no batch any more, and wait for those in the network, unless that takes long."""
        with self._lock:
            self._generation += 1
        self._wake_threads()
        deadline_s = time.monotonic() + DRAIN_S
        for thread in self._threads:
            thread.join(max(deadline_s - time.monotonic(), 0.0))

    def _install(self, model: FirstModel, slowest_s: float | None) -> None:
        self._put_in_place(model)
        self._failures_in_row = 0
        self._reopened_at_s.clear()
        self._away.replaced()
        if model.is_closed:  # its server was away when it was to be opened again, and another took over meanwhile
            self._usable.clear()
            self._closed_fault = "the model that takes over again was closed while its server was away"
        elif self._started:
            self._begin_generation(slowest_s)

    def _wake_threads(self) -> None:
        for _ in self._threads:
            self._batcher.wake()

    def _begin_generation(self, slowest_s: float | None = None) -> None:
        count = self._models.first.requests
        with self._lock:
            self._generation += 1
            self._slowest_s = slowest_s
            generation = self._generation
        self._threads = [
            threading.Thread(target=self._run, args=(generation,), name=f"inference-{number}", daemon=True)
            for number in range(count)
        ]
        self._usable.set()
        for thread in self._threads:
            thread.start()

    def _run(self, generation: int) -> None:
        try:
            while not self.halted and generation == self._generation:
                self._between()
                self._infer_batch(generation)
        except Exception as error:
            log.exception("inference")
            self._break(error)

    def _infer_batch(self, generation: int) -> None:
        batch = self._batcher.collect(stopped=lambda: self.halted or generation != self._generation)
        for stream, result in batch:
            if not result.plan.uses_network:
                stream.worker.put(result.sequence, result)
        shown = [taken for taken in batch if taken.result.plan.uses_network]
        if not shown:
            return
        call = NetworkCall(shown)
        with self._lock:
            self._calls.add(call)
        error = self._answered(call)
        with self._lock:
            self._calls.discard(call)
            if call.abandoned:
                return
        if error is None:
            self._failures_in_row = 0
            self._tell(call)
            for stream, result in call.batch:
                stream.worker.put(result.sequence, result)
            return
        if isinstance(error, ModelAwayError) or self._stopping.is_set():
            self._give_up(call.batch, STOPPED)
            return
        self._give_up(call.batch, INFERENCE_FAILED)
        self._note_failure(error)

    def _tell(self, call: NetworkCall) -> None:
        if (observer := self.observer) is None:
            return
        try:
            observer(call.batch, call.seconds)
        except Exception:  # it must not cost the streams anything
            log.exception("who is told of batches")
            self.observer = None

    def _answered(self, call: NetworkCall) -> BaseException | None:
        """Take a batch through the network, also where the model's server is away meanwhile.

        Returns:
            what failed twice; a :class:`ModelAwayError` where the run was stopped before the server was back.
        """
        error: BaseException | None = None
        while not call.abandoned:
            if not self._away.waits():
                error = self._tried(call)
                if not self._is_waited_for(error):
                    self._away.over()
                    return error
                self._away.note(error)
            self._give_up_live(call)
            if not call.batch:
                return None
            if self.halted or self._stopping.wait(WATCH_S):
                return error or ModelAwayError(self._away.reason or "the model's server is away")
        return error

    def _is_waited_for(self, error: BaseException | None) -> TypeGuard[ModelError]:
        """Say whether a server is waited for: it is away, or refuses one batch after another.

        What it refuses now and then is given up as what a network fails on, which may be for the picture.
        """
        refuses = isinstance(error, ModelRefusedError) and self._failures_in_row >= MAX_FAILURES_IN_ROW - 1
        return refuses or isinstance(error, ModelAwayError)

    def _give_up_live(self, call: NetworkCall) -> None:
        """Give up those frames of a batch that would be old by the time that the model's server is back."""
        with self._lock:
            if call.abandoned:
                return
            live = [taken for taken in call.batch if taken.stream.spec.live]
            call.batch = [taken for taken in call.batch if not taken.stream.spec.live]
        self._give_up(live, MODEL_AWAY)

    def _tried(self, call: NetworkCall) -> BaseException | None:
        """Take a batch through the network, a second time where that fails; return the second failure."""
        error = self._attempt(call)
        if error is not None and not call.abandoned and self.exchange.goes_through_another(call.model, error):
            return self._attempt(call)
        if error is None or isinstance(error, ModelAwayError) or call.abandoned:
            return error
        if self._stopping.wait(RETRY_S * 2**self._failures_in_row):
            return error
        log.warning("inference failed and is tried once more: %r", error)
        return self._attempt(call)

    def _attempt(self, call: NetworkCall) -> BaseException | None:
        while not self._usable.wait(WATCH_S):
            if self.halted:
                return ModelError("the network is not open")
        begin_s = time.monotonic()
        call.model = self._models.current
        call.begin_s = begin_s
        try:
            call.model.infer(call.batch)
        except BaseException as error:  # sys.exit() in somebody's backend must not end the thread without a word
            return error
        finally:
            call.begin_s = None
        call.seconds = time.monotonic() - begin_s
        self._slowest_s = max(self._slowest_s or 0.0, call.seconds / call.turns)
        self._window.observe(len(call.batch), call.seconds)
        return None

    def _abandon_all(self, cause: str) -> None:
        """Give up what is in the network; what comes back of it is not taken any more."""
        with self._lock:
            left, self._calls = self._calls, set()
            for call in left:
                call.abandoned = True
        for call in left:
            self._give_up(call.batch, cause)

    def _give_up(self, batch: Sequence[Taken], cause: str) -> None:
        for stream, result in batch:
            stream.capture.drops.add(cause)
            stream.worker.put(result.sequence, None)

    def _note_failure(self, error: BaseException) -> None:
        with self._lock:
            self._failures_in_row += 1
            is_broken = self._failures_in_row == MAX_FAILURES_IN_ROW
        if is_broken:
            log.error("inference failed %d times in a row", MAX_FAILURES_IN_ROW, exc_info=error)
            self._break(error)

    def _break(self, error: BaseException) -> None:
        """Begin no further batch, for good."""
        is_known = isinstance(error, StreamVisionError)
        fault = redact_outside(str(error) if is_known else f"inference failed: {error!r}")
        with self._lock:
            is_first, self.error = self.error is None, self.error or fault
        if is_first:
            self._abandon_all(INFERENCE_FAILED)
            self._on_broken()

    def _watch(self) -> None:
        while not self.halted and not self._stopping.wait(WATCH_S):
            if self._closed_fault is not None:
                self._open_closed(self._closed_fault)
            now_s = time.monotonic()
            slowest_s = self._slowest_s
            limit_s = PATIENCE * slowest_s if slowest_s is not None else PATIENCE * self._timeout_s
            limit_s = max(limit_s, self._timeout_s)
            with self._lock:
                hung = [call for call in self._calls if call.is_overdue(now_s, limit_s=limit_s)]
                for call in hung:
                    call.abandoned = True
                    self._calls.discard(call)
                if any(call.model is self._models.current for call in hung):
                    self._generation += 1
                    self._usable.clear()
            for call in hung:
                self._give_up(call.batch, INFERENCE_HUNG)
            if hung:
                fault = f"the network has not answered for {limit_s * max(call.turns for call in hung):.0f} s"
                with self.exchange.held:
                    is_back = self._replace(hung, fault)
                while not is_back and not self._stopping.wait(AWAY_PAUSE_S):
                    with self.exchange.held:  # let go of meanwhile: another model may take over
                        is_back = not self._is_present(hung) or self._open_again(fault)

    def _open_closed(self, fault: str) -> None:
        """Open a model again that has taken over closed, as soon as its server is there; another may take over."""
        is_open = False
        while not is_open and not self._stopping.wait(AWAY_PAUSE_S):
            with self.exchange.held:
                is_open = not self._models.current.is_closed or self._open_again(fault)
        self._closed_fault = None

    def _is_present(self, calls: list[NetworkCall]) -> bool:
        return any(call.model is self._models.current for call in calls)

    def _replace(self, hung: list[NetworkCall], fault: str) -> bool:
        """Put a network that works in place of one that hangs, unless another has taken over since.

        Returns:
            whether that is done; ``False`` where the model's server is away, so that it is to be tried again.
        """
        if not self._is_present(hung) or self.exchange.go_back_held(fault):
            return True
        log.error("%s; it is closed and opened again", fault)
        now_s = time.monotonic()
        times = self._reopened_at_s
        if len(times) == MAX_REOPENINGS and now_s - times[0] < REOPENINGS_WITHIN_S:
            self._break(ModelError(f"{fault}, as {MAX_REOPENINGS} times before; restart the device"))
            return True
        if not self._open_again(fault):
            return False  # which is no fault of the network
        times.append(now_s)
        return True

    def _open_again(self, fault: str) -> bool:
        """Open the network again; return ``False`` where the model's server is away."""
        away: list[ModelAwayError] = []

        def reopen() -> None:
            try:
                self._models.reopen()
            except ModelAwayError as found:
                away.append(found)

        error = fault_within(OPEN_TIMEOUT_S, reopen, given_up=self._stopping)
        if away:
            self._away.note(away[0])
            return False
        if error is not None:
            self._break(ModelError(f"{fault}, and cannot be opened again: {error}"))
        elif not self.halted:
            log.warning("the network is open again")
            self._away.over()
            self._begin_generation()
        return True
