"""One model of a run with all that its streams share: their batches, and the threads that take these through it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipelines.first_model import FirstModel
from pipelines.inference_threads import InferenceThreads
from pipelines.model_tuning import while_others_run
from pipelines.network_call import Observer
from pipelines.run_models import RunModels
from pipelines.scheduling.batcher import Batcher
from pipelines.scheduling.collection_window import CollectionWindow
from pipelines.stages.adaptive import Budget
from pipelines.stages.secondary import SecondaryModels
from pipelines.stream import Stream, Taken
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.telemetry import StageTimes
from streamvision.core.weak_method import weakly
from streamvision.inference.class_order import joined_names
from streamvision.inference.model import Model

LOOK_EVERY_S = 0.05
"""How often it is looked whether a stream is over: not with each batch, since that costs with each stream."""


class ModelGroup:
    """The streams of one model. They may come and go while it runs; any thread may add and remove them.

    Args:
        config: what holds for the run, with this group's model under ``model``.
        model: the model, already open; by default the one that ``config.model`` names is opened.
        secondary: models beside it, shared by all groups.
        times: where the seconds of each stage are recorded.
        on_rest: called several times a second while all its streams are over, from a thread of the network, and once
            when the network is broken for good.
        on_exchange: called when another model takes over, with what that was opened by.

    Raises:
        StreamVisionError: when the model is not there or cannot be run.
    """

    def __init__(
        self,
        config: AppConfig,
        *,
        model: Model | None,
        secondary: SecondaryModels,
        times: StageTimes,
        on_rest: Callable[[], None],
        on_exchange: Callable[[ModelConfig], None],
    ) -> None:
        self.users = 0
        """How many streams have it or are about to; whoever hands out groups counts."""
        self.models = RunModels(config, model=model, secondary=secondary, times=times)
        """The model, and those beside it."""
        window = CollectionWindow()
        self.batcher: Batcher[Taken] = Batcher(max_batch=self.models.first.useful_batch, window=window)
        """Where its streams' frames wait for the network."""
        self.budget = Budget(config.adaptive.full_frames_per_s)
        """Inference that its live streams share in adaptive mode."""
        self._config = config
        self._times = times
        self._on_rest = on_rest
        self._on_exchange = on_exchange
        self._lock = threading.Lock()
        self._streams: tuple[Stream, ...] = ()  # replaced, never changed: the threads of the network go through it
        self._started = False
        self._looked_at_s = 0.0
        self._inference = InferenceThreads(
            self.models,
            self.batcher,
            window,
            timeout_s=config.model.call_timeout_s,
            put_in_place=weakly(self._put_in_place),
            between=weakly(self._end_drained),
            on_broken=weakly(self._end_broken),
        )

    @property
    def error(self) -> str | None:
        """Why the network failed for good; ``None`` while it works."""
        return self._inference.error

    @property
    def away(self) -> str | None:
        """Why the model's server is away, in words; ``None`` while it answers, and for a model that is loaded here."""
        return self._inference.away

    @property
    def over(self) -> bool:
        """Whether no frame will go through it any more, as things are."""
        return self.error is not None or all(stream.drained() for stream in self._streams)

    def add(self, stream: Stream) -> None:
        """Take a stream's frames too."""
        with self._lock:
            self._streams = (*self._streams, stream)
            self._fit(stream, self.models.current)  # which may be another than it was built for
        self.batcher.add(stream)
        if self.error is not None:
            self._end_broken()

    def remove(self, stream: Stream) -> None:
        """Take no more frames of a stream whose capture has ended."""
        with self._lock:
            self._streams = tuple(one for one in self._streams if one is not stream)
        self.batcher.remove(stream)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Its streams now."""
        return self._streams

    def observe(self, observer: Observer | None) -> None:
        """Tell somebody of each batch that comes back from the network, from now on; ``None``: nobody."""
        self._inference.observer = observer

    def open_beside(self, config: ModelConfig) -> FirstModel:
        """Open another model, whose classes have the numbers by which the streams know them.

        Raises:
            StreamVisionError: when it is not there or cannot be run.
        """
        own = self._config.model_copy(update={"model": while_others_run(config)})
        return FirstModel.open(own, times=StageTimes(), known_names=self.models.names)

    def exchange(self, other: FirstModel, *, slowest_s: float | None, on_going_back: Callable[[str], None]) -> None:
        """Let another model take over between two batches; the one before stays open until :meth:`keep`.

        Args:
            other: the model, from :meth:`open_beside`.
            slowest_s: how long a call of it took, if that is known.
            on_going_back: called with a sentence, from any thread, where the one before has taken over again.

        Raises:
            ModelError: when that is not possible now; the present one goes on.
        """
        self._inference.exchange.take_over(other, slowest_s=slowest_s, on_going_back=on_going_back)

    def keep(self) -> None:
        """Release the model before the present one."""
        self._inference.exchange.keep()

    def go_back(self, reason: str) -> bool:
        """Let the model before the present one take over again, for a reason; return whether it was still there.

        Raises:
            ModelError: when that is not possible now.
        """
        return self._inference.exchange.go_back(reason)

    def _put_in_place(self, model: FirstModel) -> None:
        """Let the next frames go through a model, and all streams fit it."""
        model.record(self._times)
        with self._lock:
            self.models.names = joined_names(self.models.names, model.model.own_card.names)
            model.model.know(self.models.names)
            self.batcher.max_batch = model.model.useful_batch
            for stream in self._streams:
                self._fit(stream, model)
            self.models.exchange(model)
        self._on_exchange(model.config)

    def _fit(self, stream: Stream, model: FirstModel) -> None:
        stream.settings.use_model(model.model, model.config, self.models.names)

    def start(self) -> None:
        """Begin to take frames through the network; calling it twice is harmless."""
        with self._lock:
            if self._started:
                return
            self._started = True
        self._inference.start()

    def request_stop(self) -> None:
        """Begin no further batch."""
        self._inference.request_stop()

    def join(self, deadline_s: float) -> None:
        """Wait for the network's threads until a moment of the monotonic clock; one that hangs is left behind."""
        self._inference.join(deadline_s)

    def close(self, timeout_s: float) -> None:
        """Stop, and release the model, within about ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        self.request_stop()
        self.join(deadline_s)
        self.keep()
        self.models.close()

    def _end_drained(self) -> None:
        """Finish the outputs of streams that are over though others go on; looked at now and then is enough."""
        now_s = time.monotonic()
        if now_s - self._looked_at_s < LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        over = True
        for stream in self._streams:
            if stream.drained():
                stream.worker.end()
            else:
                over = False
        if over:
            self._on_rest()

    def _end_broken(self) -> None:
        """End all streams: there is no network for them any more."""
        for stream in self._streams:
            stream.give_up(self.error or "")
        self._on_rest()
