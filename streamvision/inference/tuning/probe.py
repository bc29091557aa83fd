"""Pictures a second of a loaded model in surroundings like a pipeline's, measured in about a tenth of a second.

As many threads as it takes calls each fit a 1080p picture into the input and run the network, over and over, while
other threads do for each picture what decoding and encoding take: two JPEG files. Without them one call of all cores
looks better than it is: each of its threads waits for the one whose core is taken away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np
import simplejpeg

from streamvision.core.errors import ModelError, StreamVisionError
from streamvision.core.picture import U8, Canvas, Picture, YuvPicture
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.cores import Share
from streamvision.inference.input_sizes import InputSizes, SizedInput
from streamvision.inference.model_card import ModelCard

SLOT_S = 0.1
"""How long it runs at least."""
LEAST_CALLS = 2
"""How many calls each thread makes at least."""
ENCODINGS = 2
"""JPEG files a picture: one stands for decoding, which takes as long."""
ENCODERS = 2
"""Threads that make them."""
QUALITY = 80
CALLS_S = 60.0
"""Longest wait for the calls of one measurement."""
_SIZE_PX = (1920, 1080)


class TunedModel(Protocol):
    """What is needed of a model."""

    @property
    def backend(self) -> Backend:
        """The loaded model."""

    @property
    def card(self) -> ModelCard:
        """How to feed it."""

    @property
    def useful_batch(self) -> int:
        """Pictures of a call."""

    @property
    def requests(self) -> int:
        """How many threads may use it at a time."""

    def close(self) -> None:
        """Release it."""


@lru_cache(maxsize=1)
def sample_picture() -> Picture:
    """Return a 1080p picture with about the detail of a camera's, always the same."""
    width_px, height_px = _SIZE_PX
    random = np.random.default_rng(7)

    def plane(width: int, height: int) -> U8:
        coarse = random.integers(0, 256, (height // 24, width // 24), np.uint8)
        smooth: U8 = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        return smooth

    half = (width_px // 2, height_px // 2)
    return YuvPicture(plane(width_px, height_px), plane(*half), plane(*half))


M = TypeVar("M", bound=TunedModel)


class Probe(Generic[M]):
    """Measures one loaded model, again and again.

    Args:
        model: the model, which nobody else uses meanwhile; closed when this fails.
        share: what it was opened with.

    Raises:
        StreamVisionError: when the model fails on its first picture.
    """

    def __init__(self, model: M, share: Share) -> None:
        self.model = model
        """The model."""
        self.share = share
        """What it was opened with."""
        picture = sample_picture()
        self._pictures = [picture] * model.useful_batch
        self._canvas = picture.to_canvas()
        self._inputs = [self._input() for _ in range(model.requests)]
        self._begin = threading.Barrier(model.requests + 1)
        self._end = threading.Barrier(model.requests + 1)
        self._rates: list[float] = []
        self._failures: list[StreamVisionError] = []
        self._ended = False
        try:
            self._call(self._inputs[0])  # allocates buffers, and compiles for this size
            begin_s = time.perf_counter()
            self._call(self._inputs[0])
        except BaseException as error:
            model.close()
            if isinstance(error, Exception):
                raise _fault(error) from error
            raise
        self.call_s = time.perf_counter() - begin_s
        """How long one call takes, with nothing beside it."""
        # Runtimes have buffers for each thread, so that these stay from one measurement to the next.
        for sized in self._inputs:
            threading.Thread(target=self._serve, args=(sized,), name="tuning", daemon=True).start()

    def end(self) -> None:
        """Measure no more; the model stays open."""
        self._ended = True
        self._begin.abort()
        self._end.abort()

    def close(self) -> None:
        """Measure no more, and close the model."""
        self.end()
        self.model.close()

    def rate(self) -> float:
        """Return pictures a second.

        Each thread's rate is that of the calls that it has ended, so that it does not matter where the time is cut.

        Raises:
            ModelError: when the model fails, or a call does not come back.
        """
        self._rates.clear()
        self._behind = threading.Semaphore(0)
        # A pipeline lets no more pictures wait behind the network.
        self._ahead = threading.Semaphore(len(self._inputs) + 1)
        done = threading.Event()
        encoding = [
            threading.Thread(target=self._encode, args=(done,), name="tuning", daemon=True) for _ in range(ENCODERS)
        ]
        for thread in encoding:
            thread.start()
        try:
            self._begin.wait(CALLS_S)
            self._end.wait(CALLS_S)
        except threading.BrokenBarrierError:
            raise ModelError(f"the network has not answered for {CALLS_S:.0f} s") from None
        finally:
            done.set()
            for thread in encoding:
                thread.join(CALLS_S)
        if self._failures:
            raise self._failures[0]
        return sum(self._rates)

    def _serve(self, sized: SizedInput) -> None:
        self._tried(lambda: self._call(sized))
        with suppress(threading.BrokenBarrierError):
            while not self._ended:
                self._begin.wait()
                self._tried(lambda: self._rates.append(self._repeated(sized)))
                self._end.wait()

    def _tried(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # whoever waits is told
            self._failures.append(_fault(error))

    def _repeated(self, sized: SizedInput) -> float:
        calls, begin_s = 0, time.perf_counter()
        end_s = begin_s
        while calls < LEAST_CALLS or end_s - begin_s < SLOT_S:
            self._ahead.acquire(timeout=CALLS_S)
            self._call(sized)
            self._behind.release()
            calls, end_s = calls + 1, time.perf_counter()
        return calls * len(self._pictures) / max(end_s - begin_s, 1e-9)

    def _encode(self, done: threading.Event) -> None:
        while not done.is_set():
            if self._behind.acquire(timeout=SLOT_S / 4):
                for _ in range(ENCODINGS * len(self._pictures)):
                    _encode(self._canvas)
                self._ahead.release()

    def _input(self) -> SizedInput:
        sizes = InputSizes(self.model.card, self.model.backend.outputs)
        (call,) = sizes.calls(self._pictures, max_batch=len(self._pictures))
        return sizes.of(call.size)

    def _call(self, sized: SizedInput) -> None:
        sized.fill(self._pictures)
        sized.execute(self.model.backend)


def _fault(error: Exception) -> StreamVisionError:
    """Return what went wrong as a sentence of ours."""
    return error if isinstance(error, StreamVisionError) else ModelError(f"the network cannot be measured: {error!r}")


def _encode(canvas: Canvas) -> None:
    simplejpeg.encode_jpeg_yuv_planes(canvas.y, canvas.u, canvas.v, quality=QUALITY, fastdct=True)
