"""What a browser shows of encoded pictures: at once, and in the colours of the camera, whatever their range."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from pipelines.encoding.encoder_kinds import EncoderChoice
from pipelines.encoding.fragments import codecs_of
from pipelines.encoding.h264 import VideoSettings
from pipelines.encoding.video_frame import colours_of, planes_of
from streamvision.core.picture import BgrPicture, ColorMatrix, Picture, YuvPicture
from support.module_page import ModulePage

pytestmark = pytest.mark.browser

WIDTH_PX, HEIGHT_PX = 640, 360
DECODE = """
  const units = given.units.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
  let failure = null;
  const shown = [];
  const error = (reason) => { failure = String(reason); };
  const decoder = new VideoDecoder({ output: (frame) => shown.push(frame), error });
  decoder.configure({ codec: given.codec, optimizeForLatency: true });
  for (const [number, data] of units.entries()) {
    decoder.decode(new EncodedVideoChunk({ type: number ? "delta" : "key", timestamp: number * 40000, data }));
    const until = performance.now() + 20000;
    while (shown.length <= number && !failure && performance.now() < until) {
      await new Promise((go) => setTimeout(go, 5));
    }
    if (failure) throw new Error(failure);
    if (shown.length <= number) throw new Error(`picture ${number} waits in the decoder`);
  }
  pen.drawImage(shown.at(-1), 0, 0);
  for (const frame of shown) frame.close();
  decoder.close();
"""


@pytest.fixture
def modules(shared_modules: ModulePage) -> ModulePage:
    return shared_modules


def yuv(*, full_range: bool, matrix: ColorMatrix) -> YuvPicture:
    """Return a picture of four colours in quarters."""
    planes = [np.zeros((HEIGHT_PX // by, WIDTH_PX // by), np.uint8) for by in (1, 2, 2)]
    quarters = [(60, 110, 140), (200, 120, 125), (110, 90, 170), (150, 150, 100)]
    for number, levels in enumerate(quarters):
        for plane, level in zip(planes, levels, strict=True):
            height, width = plane.shape[0] // 2, plane.shape[1] // 2
            plane[number // 2 * height :, number % 2 * width :][:height, :width] = level
    return YuvPicture(*planes, full_range=full_range, matrix=matrix)


PICTURES: dict[str, Picture] = {
    "limited BT.601": yuv(full_range=False, matrix="bt601"),
    "limited BT.709": yuv(full_range=False, matrix="bt709"),
    "full BT.601": yuv(full_range=True, matrix="bt601"),
    "BGR": BgrPicture(np.full((HEIGHT_PX, WIDTH_PX, 3), (180, 90, 40), np.uint8)),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_colours_are_the_cameras_and_no_picture_waits(modules: ModulePage, kind: str) -> None:
    picture = PICTURES[kind]
    planes = planes_of(picture)
    encoder = EncoderChoice().open(VideoSettings(WIDTH_PX, HEIGHT_PX, 2_000_000, colours_of(planes)))
    units = [encoder.encode(planes, number * 3600, is_key=number == 0) for number in range(4)]
    given = {"units": [base64.b64encode(unit).decode() for unit in units], "codec": codecs_of(units[0])}
    seen = modules.pixels(DECODE, given, width_px=WIDTH_PX, height_px=HEIGHT_PX)
    expected = picture.to_bgr()[..., ::-1]
    for row in (60, 300):
        for column in (100, 540):
            found = seen[row - 10 : row + 10, column - 10 : column + 10, :3].mean(axis=(0, 1))
            assert found == pytest.approx(expected[row, column], abs=6)
