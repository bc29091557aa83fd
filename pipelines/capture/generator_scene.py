"""The scene ``synthetic:generator?model=FILE``: what a generator makes of latent vectors that wander.

Each tile has a way of its own from one vector to the next, along the sphere on which standard normal vectors lie
(White, "Sampling Generative Networks", 2016); equal seeds give equal films.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from streamvision.core.config.wording import faults_in_words
from streamvision.core.detections import Detections
from streamvision.core.errors import SourceError, StreamVisionError
from streamvision.core.files import exists
from streamvision.core.picture import BgrPicture
from streamvision.core.redaction import short
from streamvision.inference.backends.onnx_import import import_onnxruntime
from streamvision.inference.generator_card import GENERATOR_KEY, GeneratorCard

F32 = NDArray[np.float32]
ROWS = 2
"""Tiles above each other."""
MOST_COLUMNS = 16
STEP_S = 2.0
"""From one latent vector to the next."""
MOST_BYTES = 1 << 30
"""Of a generator's file."""


class GeneratorScene:
    """A wall of tiles, as many beside each other as fit.

    Args:
        width_px: of the picture.
        height_px: of the picture.
        fps: frames per second.
        seed: another seed gives other ways.
        model: path of the generator's ONNX file.

    Raises:
        SourceError: permanent; when the file is no generator's, or cannot be executed.
    """

    names = ("picture",)

    def __init__(self, width_px: int, height_px: int, fps: float, seed: int, *, model: str) -> None:
        self._path = Path(model).expanduser()
        self._session, self._card = _opened(self._path)
        self._input = self._session.get_inputs()[0].name
        self._size_px, self._fps, self._seed = (width_px, height_px), fps, seed
        self._tile_px = max(height_px // ROWS, 1)
        self._columns = min(max(width_px // self._tile_px, 1), MOST_COLUMNS)

    def objects_at(self, index: int) -> Detections:
        """Return nothing: what a generator draws has no names."""
        return Detections.empty()

    def latents_at(self, index: int) -> F32:
        """Return the (tiles, latents) vectors of a frame."""
        step, share = divmod(index / self._fps / STEP_S, 1.0)
        first, second = (self._drawn(int(step) + after) for after in (0, 1))
        return _on_the_sphere(first, second, share)

    def picture_at(self, index: int) -> BgrPicture:
        """Make a frame.

        Raises:
            SourceError: permanent; when the network fails, or gives something else than its card says.
        """
        try:
            found = np.asarray(self._session.run(None, {self._input: self.latents_at(index)})[0])
        except Exception as error:  # the runtime's classes derive from nothing narrower
            raise self._refused(str(error).splitlines()[0]) from error
        if found.shape != (ROWS * self._columns, 3, self._card.height_px, self._card.width_px):
            raise self._refused(f"it gives {found.shape}, which is not what its card says")
        levels = np.rint(np.clip(np.nan_to_num(found), 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)[..., ::-1]
        return BgrPicture(self._wall(levels))

    def _wall(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        width_px, height_px = self._size_px
        wall = np.full((height_px, width_px, 3), 114, np.uint8)
        side_px = self._tile_px
        left_px = max(width_px - self._columns * side_px, 0) // 2
        for number, tile in enumerate(tiles):
            row, column = divmod(number, self._columns)
            top, left = row * side_px, left_px + column * side_px
            larger = cv2.resize(tile, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
            place = wall[top : top + side_px, left : left + side_px]
            place[...] = larger[: place.shape[0], : place.shape[1]]
        return wall

    def _drawn(self, step: int) -> F32:
        rng = np.random.default_rng((self._seed, step))
        return rng.standard_normal((ROWS * self._columns, self._card.latents)).astype(np.float32)

    def _refused(self, why: str) -> SourceError:
        return SourceError(f"the generator {self._path} cannot be executed: {why}; make it again", permanent=True)


def _on_the_sphere(first: F32, second: F32, share: float) -> F32:
    """Return (N, L) vectors at a share of the ways along great circles, with lengths between those of the ends."""
    lengths = [np.linalg.norm(one, axis=1, keepdims=True) for one in (first, second)]
    cosine = (first * second).sum(axis=1, keepdims=True) / (lengths[0] * lengths[1])
    angle = np.arccos(np.clip(cosine, -0.9999, 0.9999))
    weights = [np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)]
    mixed: F32 = (weights[0] * first + weights[1] * second).astype(np.float32)
    return mixed


def _opened(path: Path) -> tuple[Any, GeneratorCard]:
    advice = "give the generator.onnx that streamvision train --model vae or dcgan leaves"
    if not (exists(path) and path.is_file()):
        raise SourceError(f"there is no generator at {path}; {advice}", permanent=True)
    if path.stat().st_size > MOST_BYTES:
        raise SourceError(
            f"{path} has more than {MOST_BYTES >> 20} MiB, which no generator has; {advice}", permanent=True
        )
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        if GENERATOR_KEY not in metadata:
            raise SourceError(f"{path} is an ONNX file, but no generator; {advice}", permanent=True)
        card = _card(metadata[GENERATOR_KEY])
        if len(session.get_inputs()) != 1:
            raise ValueError(f"{len(session.get_inputs())} inputs")
    except StreamVisionError:
        raise
    except Exception as error:  # the runtime's classes derive from nothing narrower
        cause = short(str(error))
        raise SourceError(f"{path} cannot be read as a generator ({cause}); {advice}", permanent=True) from error
    return session, card


def _card(text: str) -> GeneratorCard:
    try:
        return GeneratorCard.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(faults_in_words(error, GeneratorCard)) from error
