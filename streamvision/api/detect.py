"""``streamvision.detect("photo.jpg")``: what a model says of one picture, without a pipeline around it."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.source import NOT_YET, Captured
from pipelines.rendering.overlay import Overlay
from pipelines.rendering.renderer import JpegEncoder, Renderer
from streamvision.api.result import StreamResult
from streamvision.core.config.merging import MODEL_OPTIONS, with_aliases
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.config.section import validate
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.frame import Frame, Result
from streamvision.core.given_picture import ACCEPTED, is_picture, picture_of
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import Model
from streamvision.inference.slicing.planned import find_sliced
from streamvision.inference.slicing.tiles import tiling_of
from streamvision.models import with_default_model

log = logging.getLogger("streamvision")

KEPT_MODELS = 2
"""Models that stay open between calls; a further one closes that which was used least recently."""
LONGEST_WAIT_S = 30.0
"""For the first picture of a camera or an address."""
ORIGIN = "streamvision.detect"


def detect(picture: Any, *, model: str | Path | None = None, **options: Any) -> StreamResult:
    """Return what a model finds on one picture.

    The model stays open for the next call with the same options. Calls from several threads take turns; for videos,
    cameras and many pictures, :func:`streamvision.stream` is several times faster.

    Args:
        picture: a file, an address or whatever else is a source, whose first picture is taken; the number of a camera;
            a numpy array, (H, W, 3) uint8 in BGR as OpenCV has it, or grey or BGRA; or a Pillow image.
        model: its file, or the name of a model that ships; by default ``road_signs``, which is then said.
        options: keys of ``model`` in the configuration: ``score`` (or ``conf``), ``classes``, ``device``, ``side_px``
            (or ``imgsz``); ``overlay``, a mapping of what is drawn; and ``slices``, ``auto`` for tiles of large
            pictures, or whatever stands there in the configuration.

    Returns:
        The objects, and the picture with them drawn on it when that is asked for.

    Raises:
        ConfigError: when an argument is not known or not accepted.
        SourceError: when the picture cannot be read.
        StreamVisionError: when the model is refused, or fails.
    """
    given = with_aliases(options)
    overlay = validate(OverlayConfig, {"status": False, **given.pop("overlay", {})}, origin=ORIGIN)
    slices = _slices(given.pop("slices", "off"))
    if unknown := sorted(given.keys() - set(MODEL_OPTIONS)):
        raise ConfigError(
            f"{ORIGIN} has no option {unknown[0]!r}; it has overlay, slices and {', '.join(MODEL_OPTIONS)}"
        )
    captured = _captured(picture)
    with _turn:
        opened = _opened(given | ({} if model is None else {"path": model}))
        (prediction,) = find_sliced(opened, [captured.picture], tiling_of(slices, opened.card))
    frame = Frame(
        "picture", 0, 0.0, captured.captured_at_s, captured.picture, place=captured.place, wall_time=captured.wall_time
    )
    skeleton = opened.card.keypoints.skeleton if opened.card.keypoints else ()
    drawing = Overlay(overlay, opened.names, skeleton=skeleton)
    rendered = Renderer(drawing, JpegEncoder(), StageTimes()).render(Result(frame, *prediction), fps=0.0)
    return StreamResult(rendered, opened.names)


_turn = threading.Lock()
_open_models: OrderedDict[str, Model] = OrderedDict()


def _opened(given: Mapping[str, Any]) -> Model:
    """Return the model of these settings, opened if it is not open."""
    document, said = with_default_model({"model": {"requests": 1, **given}})
    config = validate(ModelConfig, document["model"], origin=ORIGIN)
    key = config.model_dump_json()
    if key not in _open_models:
        if said:
            log.warning("%s", said)
        _open_models[key] = Model.open(config)
        while len(_open_models) > KEPT_MODELS:
            _open_models.popitem(last=False)[1].close()
    _open_models.move_to_end(key)
    return _open_models[key]


def _slices(given: Any) -> SlicesConfig:
    return validate(SlicesConfig, given if isinstance(given, Mapping) else {"tiles": given}, origin=ORIGIN)


def _captured(given: Any) -> Captured:
    if is_picture(given):
        return Captured(picture_of(given), 0.0, time.monotonic())
    if not isinstance(given, (str, Path, int)) or isinstance(given, bool):
        raise ConfigError(
            f"{ORIGIN} got {type(given).__name__}, which is no picture; give a file or an address, or {ACCEPTED}; "
            "several pictures are for streamvision.stream"
        )
    spec = parse_source(str(given), policy="file")
    reader = create_reader(spec, config=StreamConfig(source=spec.text, policy="file"))
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    try:
        reader.open()
        while (captured := reader.read()) is NOT_YET and time.monotonic() < deadline_s:
            continue
    finally:
        reader.close()
    if not isinstance(captured, Captured):
        raise SourceError(f"{spec.safe_uri} gave no picture; give another", permanent=True)
    return captured
