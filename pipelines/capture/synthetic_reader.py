"""``synthetic:NAME?fps=..&size=WxH&seed=..&frames=..&realtime=..``: drawn scenes whose truth is known exactly.

``synthetic:generator?model=FILE`` shows what a network draws.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

from pipelines.capture.source import Captured, Policy, SourceKind, SourceSpec
from streamvision.core.config.stream import StreamConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.picture import Picture
from streamvision.core.registry import Plugin, Registry
from streamvision.core.telemetry import DropCounter

MAX_NUMBER = 2**32 - 1
"""Largest seed, and most frames."""


class DrawnScene(Protocol):
    """A film that is a pure function of the frame's index, and so is its truth."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, by class id."""

    def picture_at(self, index: int) -> Picture:
        """Return the picture of a frame."""

    def objects_at(self, index: int) -> Detections:
        """Return the exact boxes of a frame, with identities."""


GENERATOR = "generator"
"""The scene that has a model."""
SCENES: Registry[Plugin] = Registry(
    "drawn scene",
    group="streamvision.scenes",
    plugins=[
        Plugin(name="boxes", summary="drawn boxes, for tests", factory="streamvision.synthetic.boxes:BoxesScene"),
        Plugin(
            name="drive",
            summary="drawn drive with signs, exact truth known",
            factory="streamvision.synthetic.drive:DriveScene",
        ),
        Plugin(
            name="steered_drive",
            summary="drawn drive whose car a network drives, live",
            factory="streamvision.synthetic.driving.live:SteeredScene",
        ),
        Plugin(
            name=GENERATOR,
            summary="what a trained generator draws",
            factory="pipelines.capture.generator_scene:GeneratorScene",
        ),
    ],
)
"""Their factories take width and height in pixels, frames per second and seed, and give a :class:`DrawnScene`."""


@dataclass(frozen=True)
class SyntheticOptions:
    """What stands behind ``synthetic:``."""

    name: str
    """Name of the scene in :data:`SCENES`."""
    fps: float = 25.0
    """Frames per second."""
    width_px: int = 640
    """Width of the picture."""
    height_px: int = 360
    """Height of the picture."""
    seed: int = 0
    """Equal seeds give equal films; below 2**32."""
    frames: int | None = None
    """Length; ``None`` never ends."""
    model: str | None = None
    """File of the network that draws; for the scene ``generator`` alone."""

    def create_scene(self) -> DrawnScene:
        """Return the scene."""
        of_model = {} if self.model is None else {"model": self.model}
        factory = SCENES.get(self.name).load()
        scene: DrawnScene = factory(self.width_px, self.height_px, self.fps, self.seed, **of_model)
        return scene


def parse_options(text: str) -> SyntheticOptions:
    """Parse what stands behind ``synthetic:``.

    >>> parse_options("boxes?fps=5&size=320x180&frames=10")
    SyntheticOptions(name='boxes', fps=5.0, width_px=320, height_px=180, seed=0, frames=10, model=None)

    Raises:
        SourceError: permanent; when the scene, an option or a value is not known.
    """
    from streamvision.synthetic.sizes import SIZES_IN_WORDS, can_be_drawn

    name, _, query = text.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    try:
        SCENES.get(name)
    except ConfigError:
        raise _refused(text, f"the scenes are {', '.join(SCENES.names())}") from None
    options_of = ("fps", "size", "seed", "frames", "realtime", *(("model",) if name == GENERATOR else ()))
    if unknown := given.keys() - {*options_of}:
        raise _refused(text, f"{min(unknown)!r} is no option; the options are {', '.join(options_of)}")
    if name == GENERATOR and not given.get("model"):
        raise _refused(text, "give model=FILE, the generator.onnx that streamvision train --model vae or dcgan leaves")
    try:
        width_px, height_px = (int(part) for part in given.get("size", "640x360").split("x"))
        options = SyntheticOptions(
            name,
            fps=float(given.get("fps", 25)),
            width_px=width_px,
            height_px=height_px,
            seed=int(given.get("seed", 0)),
            frames=int(given["frames"]) if "frames" in given else None,
            model=given.get("model"),
        )
    except ValueError:
        raise _refused(text, "write size as WxH and the others as numbers") from None
    frames = 1 if options.frames is None else options.frames
    if not can_be_drawn(width_px, height_px):
        raise _refused(text, f"size takes {SIZES_IN_WORDS}")
    if not 0 < options.fps <= 1000 or not 0 < frames <= MAX_NUMBER or not 0 <= options.seed <= MAX_NUMBER:
        raise _refused(text, f"fps goes to 1000, frames from 1 and seed from 0 to {MAX_NUMBER}")
    return options


def _parse(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    scheme, separator, scene = text.partition(":")
    if scheme.lower() != "synthetic" or not separator:
        return None
    name = parse_options(scene).name
    paced = "realtime=0" not in re.split(r"[?&]", scene)
    live = policy == "live" or (policy == "auto" and paced)
    return SourceSpec(kind="synthetic", uri=scene, text=text, name=name, live=live, realtime=paced or realtime)


SYNTHETIC = SourceKind(
    name="synthetic",
    summary="drawn scene, exact truth known",
    accepts="synthetic:NAME",
    example="synthetic:drive?fps=30&size=1280x720&seed=1",
    factory="pipelines.capture.synthetic_reader:SyntheticReader",
    parse=_parse,
)


class SyntheticReader:
    """Draws a scene frame by frame."""

    def __init__(self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter) -> None:
        self.paced = spec.realtime
        self._options = parse_options(spec.uri)
        self.expected_frames = self._options.frames
        self._scene: DrawnScene | None = None
        self._index = 0

    def open(self) -> None:
        """Make the scene."""
        self._scene = self._options.create_scene()

    def read(self) -> Captured | None:
        """Draw the next frame."""
        if self._scene is None or self._index == self._options.frames:
            return None
        picture = self._scene.picture_at(self._index)
        self._index += 1
        return Captured(picture, (self._index - 1) / self._options.fps, time.monotonic())

    def close(self) -> None:
        """Forget the scene."""
        self._scene = None


def _refused(text: str, advice: str) -> SourceError:
    return SourceError(f"source 'synthetic:{text}' is not understood: {advice}", permanent=True)
