"""HDR and BT.2020 films show what the same scene shows in SDR.

Diffuse white of HDR is at 203 cd/m2 (ITU-R BT.2408). The films are coded here from the light of the eight bars, by the
formulas of BT.2100 written down once more, the other way round.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.capture.ffmpeg.tone_mapping import ToneMapper
from support.capturing import capturing, take
from support.colour_bars import COLOURS, bars, seen_colours

F64 = NDArray[np.float64]
PQ, HLG, BT2020_10, BT709 = 16, 18, 14, 1
BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
WEIGHTS = np.array([0.2627, 0.6780, 0.0593])


def light_of(rgb: NDArray[np.uint8]) -> F64:
    """Return light of sRGB levels, 1.0 at white."""
    code = rgb / 255
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def coded(light: F64, transfer: int) -> F64:
    """Return BT.2020 codes of 0..1 by BT.2100 (PQ, HLG) or sRGB, of BT.709 light with diffuse white at 1.0."""
    wide = np.maximum(light @ BT709_TO_BT2020.T, 0)
    if transfer == PQ:
        powered = (wide * 203 / 10_000) ** (2610 / 16384)
        return ((3424 / 4096 + 2413 / 128 * powered) / (1 + 2392 / 128 * powered)) ** (2523 / 32)
    if transfer == HLG:
        shown = wide * 203 / 1000
        luminance = np.maximum(shown @ WEIGHTS, 1e-9)
        scene = shown * luminance[..., None] ** ((1 - 1.2) / 1.2)
        bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return np.where(wide <= 0.0031308, 12.92 * wide, 1.055 * wide ** (1 / 2.4) - 0.055)


def planes(codes: F64, *, full_range: bool, bits: int = 10) -> list[NDArray[np.uint16]]:
    """Return 4:2:0 planes of RGB codes, whose colours are flat for at least two pixels."""
    luma = codes @ WEIGHTS
    blue, red = (codes[..., 2] - luma) / 1.8814, (codes[..., 0] - luma) / 1.4746
    step = 1 << (bits - 8)
    if full_range:
        levels = [luma * (256 * step - 1), blue * (256 * step - 1) + 128 * step, red * (256 * step - 1) + 128 * step]
    else:
        levels = [(16 + 219 * luma) * step, (128 + 224 * blue) * step, (128 + 224 * red) * step]
    y, u, v = (np.rint(level).astype(np.uint16) for level in levels)
    return [y, u[::2, ::2], v[::2, ::2]]


def write_film(path: Path, rgb: NDArray[np.uint8], transfer: int, *, codec: str, full_range: bool = False) -> Path:
    """Write six frames of a picture, tagged."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = rgb.shape[1], rgb.shape[0], "yuv420p10le"
        stream.options = {"x265-params": "log-level=none:qp=4"} if codec == "libx265" else {"qp": "4"}
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, 9, 9
        context.color_range = 2 if full_range else 1
        frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], "yuv420p10le")
        levels = planes(coded(light_of(rgb), transfer), full_range=full_range)
        for plane, values in zip(frame.planes, levels, strict=True):
            padded = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            padded[:, : plane.width] = values
            plane.update(padded.tobytes())
        frame.color_range, frame.colorspace = context.color_range, 9
        frame.color_trc, frame.color_primaries = transfer, 9
        for _ in range(6):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("transfer", [PQ, HLG, BT2020_10, BT709])
@pytest.mark.parametrize(("codec", "suffix"), [("libx265", ".mp4"), ("libx265", ".mkv"), ("libx264", ".mov")])
@pytest.mark.parametrize("full_range", [False, True])
def test_a_scene_looks_as_it_does_in_sdr(
    tmp_path: Path, transfer: int, codec: str, suffix: str, full_range: bool
) -> None:
    film = write_film(tmp_path / f"film{suffix}", bars(), transfer, codec=codec, full_range=full_range)
    with capturing(film) as capture:
        frames = take(capture)
    assert len(frames) == 6
    rgb = np.ascontiguousarray(frames[-1].picture.to_bgr()[..., ::-1])
    off = np.abs(seen_colours(rgb) - COLOURS.astype(int))
    white = COLOURS.max(1) > 220  # above the knee white is a little darker, for the sake of what is brighter still
    assert off[~white].max() <= 4
    assert off[white].max() <= (14 if transfer in (PQ, HLG) else 4)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_highlights_are_compressed_and_never_darker_than_what_is_less_bright(transfer: int) -> None:
    steps = np.repeat(np.linspace(0, 4.9, 160), 2)
    codes = coded(np.repeat(np.repeat(steps[None, :, None], 4, 0), 3, 2), transfer)
    y, u, v = planes(codes, full_range=False)
    mapper = ToneMapper("pq" if transfer == PQ else "hlg", full_range=False)
    shown = mapper.mapped(y, u, v).to_bgr()[0, ::2].astype(int)
    assert (np.diff(shown, axis=0) >= -1).all()
    assert np.ptp(shown, axis=1).max() <= 3  # grey stays grey
    levels = dict(zip(np.round(steps[::2], 1), shown[:, 1], strict=True))
    assert 236 <= levels[1.0] <= 246 < levels[2.0] < levels[3.0] <= levels[4.9]
    assert levels[4.9] >= 254


def test_odd_sizes_and_edges_are_mapped(tmp_path: Path) -> None:
    rgb = bars()[:179, :319]
    even = np.pad(rgb, ((0, 1), (0, 1), (0, 0)), mode="edge")
    y, u, v = planes(coded(light_of(even), PQ), full_range=True)
    picture = ToneMapper("pq", full_range=True).mapped(y[:179, :319], u, v)
    assert (picture.width_px, picture.height_px) == (319, 179)
    off = np.abs(picture.to_bgr()[..., ::-1].astype(int) - rgb).max(2)
    assert np.median(off) <= 4
