"""A model beside the pipeline, shared by all streams: crops that wait go into one call, and what it said is kept.

Live streams never wait for it: what it says appears a few frames later. Files do, so that every run over one gives the
same. What waits is a set by object and not a queue: a better crop of an object takes the place of the one that waits.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamvision.core.config.model import ModelConfig
from streamvision.core.config.secondary import AuxiliaryModelConfig
from streamvision.core.errors import ModelAwayError
from streamvision.core.picture import Picture
from streamvision.core.redaction import redact_outside
from streamvision.core.status import StageStatus
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import Model, Prediction
from streamvision.models import find_model

F = TypeVar("F")
log = logging.getLogger(__name__)

MAX_CROPS = 64
"""Most crops in one call; at 224x224 the input tensor takes 39 MB then."""
MAX_WAITING = 256
"""Most crops that wait; further ones are refused and offered again with a later frame."""
MAX_KEPT = 4096
"""Most objects of which something is kept, those seen last."""
GATHER_S = 0.005
"""How long the first crop waits for those of other streams."""
GIVE_UP_AFTER = 5
"""Failed calls in a row after which the model is not called any more."""
AWAY_PAUSE_S = 1.0
"""Pause before a model's server that is away is asked again."""
PATIENCE_S = 30.0
"""Longest that the frame of a file waits for the said on it."""
POLL_S = 0.5


@dataclass(frozen=True, eq=False)
class Crop:
    """A picture for the model: an object, or a full frame."""

    key: Hashable
    """Whose it is: stream and identity."""
    picture: Picture
    """The object, cut out."""
    quality: float
    """Of two with one key, the model is shown the better: size in pixels times score, or time."""
    left_px: int = 0
    """Where it begins in the full picture."""
    top_px: int = 0
    """Where it begins in the full picture."""
    box_xyxy_px: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """The object's box in the full picture."""
    pts_s: float = 0.0
    """Time of its frame."""


@dataclass(frozen=True, eq=False)
class Kept(Generic[F]):
    """What the model said, of how good a crop, and of which time."""

    value: F | None
    quality: float
    pts_s: float = 0.0


class ModelWorker(ABC, Generic[F]):
    """A model with its memory; stream workers hand over crops, one thread calls the model.

    Args:
        name: what it is called.
        model: already open; :meth:`close` closes it.
        lasting: whether what was found stays true, so that a crop on which nothing is found is no reason to forget it,
            and of two crops the model is shown the better; otherwise the newest, and what it says replaces all before.
    """

    def __init__(self, name: str, model: Model, *, lasting: bool = True) -> None:
        self.name = name
        """What it is called."""
        self.lasting = lasting
        """Whether what was found stays true."""
        self.calls = 0
        """Calls of the model so far."""
        self._model = model
        self._changed = threading.Condition()
        self._waiting: OrderedDict[Hashable, Crop] = OrderedDict()
        self._under_way: set[Hashable] = set()
        self._kept: OrderedDict[Hashable, Kept[F]] = OrderedDict()
        self._closed = False
        self._reason = ""
        self._failures_in_row = 0
        self._is_away = False
        self._done = self._skipped = self._failures = 0
        self._thread = threading.Thread(target=self._work, name=f"secondary-{name}", daemon=True)

    @abstractmethod
    def read(self, crop: Crop, found: Prediction) -> F | None:
        """Return what is kept of what the model says about a crop; ``None`` where it says nothing."""

    @property
    def off(self) -> bool:
        """Whether the model has failed so often that it is not called any more."""
        return self._failures_in_row >= GIVE_UP_AFTER

    def start(self) -> None:
        """Begin to work on what is handed over."""
        self._thread.start()

    def known(self, keys: Sequence[Hashable]) -> list[Kept[F] | None]:
        """Return what is known of objects; asking keeps it in memory."""
        with self._changed:
            for key in keys:
                if key in self._kept:
                    self._kept.move_to_end(key)
            return [self._kept.get(key) for key in keys]

    def submit(self, crops: Sequence[Crop]) -> list[Hashable]:
        """Hand over crops; one that waits already is replaced by a better one of its object, or a newer.

        Returns:
            The keys of those that the model will be shown; not those of objects that are in its present call.
        """
        taken = []
        with self._changed:
            for crop in crops:
                before = self._waiting.get(crop.key)
                if crop.key in self._under_way:
                    continue
                if self._closed or self.off or (before is None and len(self._waiting) >= MAX_WAITING):
                    self._skipped += 1
                elif before is None or not self.lasting or before.quality < crop.quality:
                    self._waiting[crop.key] = crop
                    taken.append(crop.key)
            self._changed.notify_all()
        return taken

    def waits(self, key: Hashable) -> bool:
        """Say whether a crop of this key waits."""
        with self._changed:
            return key in self._waiting

    def forget(self, key: Hashable) -> None:
        """Let go of what is known of a key that will not come again, and of its crop, even one in the present call."""
        with self._changed:
            self._kept.pop(key, None)
            self._waiting.pop(key, None)
            self._under_way.discard(key)
            self._changed.notify_all()

    def forget_owner(self, owner: Hashable) -> None:
        """Let go of all keys whose first part this is, and of their crops."""
        with self._changed:
            for key in [key for key in (*self._kept, *self._waiting, *self._under_way) if _owner_of(key) is owner]:
                self._kept.pop(key, None)
                self._waiting.pop(key, None)
                self._under_way.discard(key)
            self._changed.notify_all()

    def wait(self, keys: Sequence[Hashable], timeout_s: float = PATIENCE_S) -> bool:
        """Wait until none of these objects waits any more; return whether that fitted the time."""

        def none_left() -> bool:
            return self._closed or not any(key in self._waiting or key in self._under_way for key in keys)

        with self._changed:
            return self._changed.wait_for(none_left, timeout_s)

    def status(self) -> StageStatus:
        """Return how the model is doing now, over all streams."""
        with self._changed:
            state = "off" if self.off else "failing" if self._failures_in_row or self._is_away else "running"
            return StageStatus(
                name=self.name,
                state=state,
                reason=self._reason if state != "running" else "",
                budget_ms=None,
                done=self._done,
                overruns=0,
                skipped=self._skipped,
                failures=self._failures,
                p95_ms=None,
                of_all_streams=True,
            )

    def request_close(self) -> None:
        """Take nothing more and let the thread end, without waiting for it."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop and release the model, unless a call of it hangs; calling it twice is harmless."""
        self.request_close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._model.close()

    def _work(self) -> None:
        while crops := self._gather():
            try:
                found = self._model.find([crop.picture for crop in crops])
                said = [self.read(crop, one) for crop, one in zip(crops, found, strict=True)]
                self._keep(crops, said)
            except ModelAwayError as error:
                self._await_server(crops, error)
            except Exception as error:
                self._fail(crops, error)

    def _gather(self) -> list[Crop]:
        """Return the crops of the next call; nothing once it is closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait(POLL_S)
            until_s = time.monotonic() + GATHER_S
            while not self._closed and len(self._waiting) < MAX_CROPS and (left_s := until_s - time.monotonic()) > 0:
                self._changed.wait(left_s)
            count = min(len(self._waiting), MAX_CROPS)
            crops = [self._waiting.popitem(last=False)[1] for _ in range(count)]
            self._under_way = {crop.key for crop in crops}
            return crops

    def _keep(self, crops: list[Crop], said: list[F | None]) -> None:
        with self._changed:
            self.calls += 1
            self._done += len(crops)
            self._failures_in_row, self._is_away = 0, False
            for crop, value in zip(crops, said, strict=True):
                if crop.key not in self._under_way:
                    continue  # forgotten meanwhile
                before = self._kept.get(crop.key)
                if self.lasting and before is not None and not value:
                    value = before.value
                self._kept[crop.key] = Kept(value, crop.quality, crop.pts_s)
                self._kept.move_to_end(crop.key)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            self._under_way = set()
            self._changed.notify_all()

    def _await_server(self, crops: list[Crop], error: ModelAwayError) -> None:
        """Give up crops since the model's server is away; however long that lasts, it is asked again."""
        with self._changed:
            if not self._is_away:
                log.warning("secondary model %s: %s", self.name, error)
            self._is_away, self._reason = True, redact_outside(str(error))
            self._failures += len(crops)
            self._under_way = set()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed, AWAY_PAUSE_S)

    def _fail(self, crops: list[Crop], error: Exception) -> None:
        log.warning("secondary model %s", self.name, exc_info=error)
        with self._changed:
            self._failures += len(crops)
            self._failures_in_row += 1
            self._reason = redact_outside(f"{type(error).__name__}: {error}")
            if self.off:
                self._reason = f"switched off after {self._failures_in_row} errors in a row: {self._reason}"
                self._waiting.clear()
            self._under_way = set()
            self._changed.notify_all()


def _owner_of(key: Hashable) -> Hashable:
    return key[0] if isinstance(key, tuple) else None


def open_auxiliary(
    config: AuxiliaryModelConfig, *, max_batch: int = MAX_CROPS, times: StageTimes | None = None
) -> Model:
    """Load a model that stands beside the first one; all its pictures have one input size, so that those of all
    streams share a call.

    Raises:
        StreamVisionError: when it is not there, or cannot be run.
    """
    model = ModelConfig(
        path=find_model(config.model),
        backend=config.backend,
        device=config.device,
        threads=config.threads,
        requests=1,
        head=config.head,
        names=config.names,
        input=config.input,
        score=config.score,
    )
    return Model.open(model, one_size=True, max_batch=max_batch, times=times)
