"""Reads ``synthetic:NAME?fps=..&size=WxH&seed=..&frames=..&realtime=..``: drawn scenes whose truth is known exactly.

A new scene is one new module with a class that meets :class:`Scene`, and its line in :data:`SCENES`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

from pipelines.capture.reader import Captured
from pipelines.capture.uri import SourceSpec
from streamvision.core.detections import Detections
from streamvision.core.errors import SourceError
from streamvision.core.picture import Picture
from streamvision.synthetic.boxes import BoxesScene
from streamvision.synthetic.drive import DriveScene


class Scene(Protocol):
    """A film that is a pure function of the frame's index, and so is its truth."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, by class id."""

    def picture_at(self, index: int) -> Picture:
        """Return the picture of a frame."""

    def objects_at(self, index: int) -> Detections:
        """Return the exact boxes of a frame, with identities."""


SceneFactory = Callable[[int, int, float, int], Scene]
"""Takes width and height in pixels, frames per second and seed."""
SCENES: dict[str, SceneFactory] = {"boxes": BoxesScene, "drive": DriveScene}


@dataclass(frozen=True)
class SyntheticOptions:
    """What stands behind ``synthetic:``."""

    name: str
    """Scene, a key of :data:`SCENES`."""
    fps: float = 25.0
    """Frames per second."""
    width_px: int = 640
    """Width of the picture."""
    height_px: int = 360
    """Height of the picture."""
    seed: int = 0
    """Equal seeds give equal films."""
    frames: int | None = None
    """Length; ``None`` never ends."""

    def create_scene(self) -> Scene:
        """Return the scene."""
        return SCENES[self.name](self.width_px, self.height_px, self.fps, self.seed)


def parse_options(text: str) -> SyntheticOptions:
    """Parse what stands behind ``synthetic:``.

    >>> parse_options("boxes?fps=5&size=320x180&frames=10")
    SyntheticOptions(name='boxes', fps=5.0, width_px=320, height_px=180, seed=0, frames=10)

    Raises:
        SourceError: permanent; when the scene, an option or a value is not known.
    """
    name, _, query = text.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if name not in SCENES:
        raise _refused(text, f"the scenes are {', '.join(sorted(SCENES))}")
    if unknown := given.keys() - {"fps", "size", "seed", "frames", "realtime"}:
        raise _refused(text, f"{sorted(unknown)[0]!r} is none of the options fps, size, seed, frames, realtime")
    try:
        width_px, height_px = (int(part) for part in given.get("size", "640x360").split("x"))
        options = SyntheticOptions(
            name,
            fps=float(given.get("fps", 25)),
            width_px=width_px,
            height_px=height_px,
            seed=int(given.get("seed", 0)),
            frames=int(given["frames"]) if "frames" in given else None,
        )
    except ValueError:
        raise _refused(text, "write size as WxH and the others as numbers") from None
    in_range = 0 < options.fps <= 1000 and all(32 <= side <= 8192 for side in (width_px, height_px))
    if not in_range or (options.frames is not None and options.frames < 1) or options.seed < 0:
        raise _refused(text, "fps goes to 1000, sides from 32 to 8192, frames from 1, seed from 0")
    return options


class SyntheticReader:
    """Draws a scene frame by frame."""

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        self._options: SyntheticOptions | None = None
        self._scene: Scene | None = None
        self._index = 0

    @property
    def expected_frames(self) -> int | None:
        """The length that was asked for."""
        return self._options.frames if self._options else None

    @property
    def paced(self) -> bool:
        """True unless ``realtime=0``."""
        return self._spec.realtime

    @property
    def losses(self) -> Mapping[str, int]:
        """Nothing is ever lost here."""
        return {}

    def open(self) -> None:
        """Make the scene."""
        self._options = parse_options(self._spec.uri)
        self._scene = self._options.create_scene()

    def read(self) -> Captured | None:
        """Draw the next frame."""
        if self._scene is None or self._options is None or self._index == self._options.frames:
            return None
        picture = self._scene.picture_at(self._index)
        captured = Captured(picture, self._index / self._options.fps, time.monotonic())
        self._index += 1
        return captured

    def close(self) -> None:
        """Forget the scene."""
        self._scene = None


def _refused(text: str, advice: str) -> SourceError:
    return SourceError(f"source 'synthetic:{text}' is not understood: {advice}", permanent=True)
