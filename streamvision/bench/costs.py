"""The bound: how many frames a second the machine could do if only the work that cannot be avoided were done.

Three things cannot be avoided: the source must be decoded, the network must run, and what viewers see must be encoded.
Each is measured alone, in the process, with the decoder, the threads and the number of calls at a time that the
pipeline uses, as processor time a frame:

- decode: the source's own reader, reading as fast as it gives pictures, and nothing else;
- network: the backend on one prepared tensor, by as many threads as it takes requests, all at the same time;
- encode: the JPEG encoder on one prepared canvas at the source's size.

On a CPU the bound is ``cores / (decode + network + encode)``: all cores do nothing but these three, and lose nothing to
scheduling, resizing, suppression, tracking, drawing or Python. On an accelerator it is also at most what the
accelerator did alone. For a live source nothing can be done that is not offered, so efficiency is against the smaller
of the bound and the source's own rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.capture.registry import create_reader
from pipelines.capture.source import NOT_YET, SourceSpec
from pipelines.rendering.renderer import JpegEncoder
from streamvision.core.config.slices import NO_SLICES, SlicesConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.crops import part_of
from streamvision.core.errors import SourceError, StreamVisionError
from streamvision.core.picture import Picture
from streamvision.inference.input_sizes import InputSizes
from streamvision.inference.model import Model
from streamvision.inference.slicing.tiles import Tiling, tiling_of

SECONDS_EACH = 2.0
SKIPPED_FRAMES = 5
"""The first frames of a decoder cost more: its threads start and its buffers are allocated."""


@dataclass(frozen=True)
class Costs:
    """Processor time of one frame, each part alone, in seconds."""

    decode_s: float
    """The source's reader."""
    network_s: float
    """The network."""
    encode_s: float
    """The JPEG encoder."""
    device_fps: float | None
    """Frames a second of the network alone, where it does not run on the CPU."""

    def bound_fps(self, cores: int) -> float:
        """Return how many frames a second so many cores could do."""
        by_cores = cores / (self.decode_s + self.network_s + self.encode_s)
        return by_cores if self.device_fps is None else min(by_cores, self.device_fps)

    def to_json(self) -> dict[str, float]:
        """Return milliseconds of processor time a frame, by part."""
        parts = {"decode": self.decode_s, "network": self.network_s, "encode": self.encode_s}
        return {name: round(1e3 * seconds, 3) for name, seconds in parts.items()}


def measure_costs(
    detector: Model,
    sources: Sequence[tuple[SourceSpec, StreamConfig]],
    *,
    encode: JpegEncoder,
    slices: SlicesConfig = NO_SLICES,
    seconds_each: float = SECONDS_EACH,
) -> Costs:
    """Measure the three parts, one after the other; with several sources, each counts alike.

    Args:
        detector: the model.
        sources: where frames come from, and what is set for each.
        encode: the JPEG encoder.
        slices: in which tiles pictures are shown where their stream does not say so itself.
        seconds_each: how long each part is measured.

    Raises:
        SourceError: when a source gives no picture.
        ModelError: when the model fails.
    """
    distinct = {spec.uri: (spec, config) for spec, config in sources}
    weights = [sum(other.uri == uri for other, _ in sources) / len(sources) for uri in distinct]
    decoded = [_decode(spec, config, seconds_each / len(distinct)) for spec, config in distinct.values()]
    pictures = [picture for _, picture in decoded]
    sliced = [config.slices or slices for _, config in distinct.values()]
    networks = [
        _network(detector, picture, tiling_of(how, detector.card), seconds_each / len(pictures))
        for picture, how in zip(pictures, sliced, strict=True)
    ]
    encoded = [_encode(encode, picture, seconds_each / 2 / len(pictures)) for picture in pictures]
    return Costs(
        decode_s=float(np.dot(weights, [cost_s for cost_s, _ in decoded])),
        network_s=float(np.dot(weights, [cost_s for cost_s, _ in networks])),
        encode_s=float(np.dot(weights, encoded)),
        device_fps=None
        if detector.backend.device == "cpu"
        else 1 / float(np.dot(weights, [1 / fps for _, fps in networks])),
    )


def first_picture(spec: SourceSpec, config: StreamConfig) -> Picture:
    """Return the first picture of a source.

    Raises:
        SourceError: when it gives none.
    """
    return _decode(spec, config, seconds=0.0)[1]


def _decode(spec: SourceSpec, config: StreamConfig, seconds: float) -> tuple[float, Picture]:
    """Return the processor time of a frame, and a picture that stays valid."""
    reader = create_reader(spec, config=config)
    try:
        reader.open()
        picture, cpu_s, frames = None, 0.0, 0
        deadline_s = time.monotonic() + seconds
        before_s = begin_s = time.process_time()
        with suppress(SourceError):  # the end of a broken file: what was read is enough
            while (captured := reader.read()) is not None:
                if captured is NOT_YET:
                    continue
                picture, frames = captured.picture, frames + 1
                if frames == SKIPPED_FRAMES:
                    before_s = time.process_time()
                cpu_s = time.process_time()
                if time.monotonic() >= deadline_s and (frames > 2 * SKIPPED_FRAMES or seconds == 0):
                    break
    finally:
        reader.close()
    if picture is None:
        raise SourceError(f"{spec.safe_uri} gave no picture; give a source that does", permanent=True)
    if frames <= SKIPPED_FRAMES:
        return (cpu_s - begin_s) / frames, picture
    return (cpu_s - before_s) / (frames - SKIPPED_FRAMES), picture


def _network(detector: Model, picture: Picture, tiling: Tiling | None, seconds: float) -> tuple[float, float]:
    """Return the processor time of a picture with its tiles, and pictures a second."""
    tiles = tiling.of(picture.width_px, picture.height_px) if tiling else ()
    if not tiles:
        return _inputs(detector, picture, seconds)
    whole_s, whole_fps = _inputs(detector, picture, seconds / 2)
    tile_s, tile_fps = _inputs(detector, part_of(picture, tiles[0]), seconds / 2)
    return whole_s + len(tiles) * tile_s, 1 / (1 / whole_fps + len(tiles) / tile_fps)


def _inputs(detector: Model, picture: Picture, seconds: float) -> tuple[float, float]:
    """Return the processor time of one input, and inputs a second."""
    tensor, pictures = prepared_tensor(detector, picture)
    detector.backend.run(tensor)
    begin_s, cpu_s = time.monotonic(), time.process_time()
    calls = repeat(lambda: partial(detector.backend.run, tensor.copy()), workers=detector.requests, seconds=seconds)
    done = calls * pictures
    return (time.process_time() - cpu_s) / done, done / (time.monotonic() - begin_s)


def repeat(prepare: Callable[[], Callable[[], object]], *, workers: int, seconds: float) -> int:
    """Call what ``prepare`` returns over and over in so many threads, at least twice in each; return how often.

    Raises:
        StreamVisionError: when a call does.
    """
    counts = [0] * workers
    failures: list[StreamVisionError] = []
    deadline_s = time.monotonic() + seconds

    def work(worker: int) -> None:
        call = prepare()
        try:
            while time.monotonic() < deadline_s or counts[worker] < 2:
                call()
                counts[worker] += 1
        except StreamVisionError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(counts)


def prepared_tensor(detector: Model, picture: Picture) -> tuple[NDArray[Any], int]:
    """Return the input tensor of one call filled with this picture, and how many pictures it holds."""
    count = detector.useful_batch
    sizes = InputSizes(detector.card, detector.backend.outputs)
    (call,) = sizes.calls([picture] * count, max_batch=count)
    sized = sizes.of(call.size)
    sized.fill([picture] * count)
    return sized.batch.tensor, count


def _encode(encode: JpegEncoder, picture: Picture, seconds: float) -> float:
    canvas, frames = picture.to_canvas(), 0
    deadline_s = time.monotonic() + seconds
    encode(canvas)
    cpu_s = time.process_time()
    while time.monotonic() < deadline_s or frames < 3:
        encode(canvas)
        frames += 1
    return (time.process_time() - cpu_s) / frames
