"""Layers of a stream: plain or drawn, in several widths, each with key frames as they are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import av
import cv2
import numpy as np
import pytest

from pipelines.encoding.encoder_kinds import KINDS, EncoderChoice
from pipelines.encoding.h264 import AccessUnit, H264Encoder
from pipelines.encoding.stream_encoder import Drawing, StreamEncoder
from pipelines.encoding.video_frame import planes_of, video_frame
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.live import LiveChannel
from streamvision.core.picture import BgrPicture, Canvas, ColorMatrix, Picture, YuvPicture
from streamvision.core.rendered_frame import RenderedFrame
from support.encoded import Taking

WIDTH_PX, HEIGHT_PX = 640, 360


def yuv(level: int, *, full_range: bool = False, matrix: ColorMatrix = "bt709", width_px: int = WIDTH_PX) -> YuvPicture:
    height_px = width_px * HEIGHT_PX // WIDTH_PX
    half = (height_px // 2, width_px // 2)
    return YuvPicture(
        np.full((height_px, width_px), level, np.uint8),
        np.full(half, 90, np.uint8),
        np.full(half, 160, np.uint8),
        full_range=full_range,
        matrix=matrix,
    )


class Stream:
    """Publishes pictures when it is told to, 25 a second by their times."""

    def __init__(self) -> None:
        self.channel = LiveChannel("gate", ("car",))
        self.drawn = 0
        self._numbers = count()
        self._begin_s = time.monotonic()

    def publish(self, picture: Picture, *, needs_drawing: bool = False, captured_at_s: float | None = None) -> Frame:
        number = next(self._numbers)
        captured_at_s = self._begin_s + number / 25 if captured_at_s is None else captured_at_s
        frame = Frame("gate", number, number / 25, captured_at_s, picture)

        def draw() -> Canvas:
            self.drawn += 1
            canvas = frame.picture.to_canvas()
            canvas.y[:] = 255
            return canvas

        result = Result(frame, Detections.empty())
        self.channel.publish(RenderedFrame(result, draw=draw, encode=lambda _: b"", needs_drawing=needs_drawing))
        return frame

    def encoder(self, drawing: Drawing = "where_needed", width_px: int | None = None) -> StreamEncoder:
        return StreamEncoder(self.channel, lambda: False, EncoderChoice(), drawing=drawing, width_px=width_px)


def decoded(units: list[AccessUnit]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.data))]
    return [*frames, *decoder.decode(None)]


@pytest.mark.parametrize(
    ("full_range", "matrix", "expected"),
    [(False, "bt709", (1, 1)), (False, "bt601", (1, 6)), (True, "bt601", (2, 6)), (False, "smpte240m", (1, 7))],
)
def test_plain_pictures_keep_their_levels_and_say_what_they_mean(
    full_range: bool, matrix: ColorMatrix, expected: tuple[int, int]
) -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking)
    stream.publish(yuv(200, full_range=full_range, matrix=matrix))
    assert taking.has(1)
    encoder.close()
    (frame,) = decoded(taking.units)
    assert (frame.color_range, frame.colorspace) == expected
    planes = [np.frombuffer(memoryview(plane), np.uint8).mean() for plane in frame.planes]
    assert planes == pytest.approx([200, 90, 160], abs=2)
    assert stream.drawn == 0
    assert not taking.units[0].is_drawn


def test_each_picture_comes_at_once_and_shows_when_it_was_captured() -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking)
    captured_us = []
    for number in range(1, 8):
        captured_us.append(round(stream.publish(yuv(50 + number * 10)).captured_at_s * 1e6))
        assert taking.has(number), "a picture waits in the encoder"
    assert [unit.captured_us for unit in taking.units] == captured_us
    encoder.close()
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.flags |= av.codec.context.Flags.low_delay
    for number, unit in enumerate(taking.units, start=1):
        (frame,) = decoder.decode(av.Packet(unit.data))
        assert np.frombuffer(memoryview(frame.planes[0]), np.uint8).mean() == pytest.approx(50 + number * 10, abs=2)


def test_a_picture_that_is_not_later_than_the_last_is_left_out() -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking)
    first = stream.publish(yuv(50))
    assert taking.has(1)
    stream.publish(yuv(60), captured_at_s=first.captured_at_s)
    stream.publish(yuv(70))
    assert taking.has(2)
    encoder.close()
    assert [
        round(float(np.frombuffer(memoryview(one.planes[0]), np.uint8).mean())) for one in decoded(taking.units)
    ] == [
        50,
        70,
    ]


def test_a_picture_of_any_kind_is_scaled_in_its_own_shape() -> None:
    for width_px, size_px, picture in (
        (320, (320, 180), yuv(99)),
        (160, (160, 90), BgrPicture(np.full((HEIGHT_PX, WIDTH_PX, 3), 99, np.uint8))),
        (1280, (640, 360), yuv(99)),
    ):
        stream, taking = Stream(), Taking()
        encoder = stream.encoder(width_px=width_px)
        encoder.add(taking)
        stream.publish(picture)
        assert taking.has(1)
        encoder.close()
        (frame,) = decoded(taking.units)
        assert (frame.width, frame.height) == size_px


def test_a_small_layer_fits_a_line_of_40_kb_a_second_whatever_is_seen() -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder(width_px=320)
    encoder.add(taking, key_s=4.0)
    noise = np.random.default_rng(1)
    for number in range(1, 101):
        bgr = cv2.resize(noise.integers(0, 255, (180, 320, 3), np.uint8), (WIDTH_PX, HEIGHT_PX))
        stream.publish(BgrPicture(bgr))
        assert taking.has(number)
    encoder.close()
    bits = sum(8 * len(unit.data) for unit in taking.units)
    assert bits / 4 < 200_000


def test_key_frames_come_when_asked_for_but_never_more_than_one_a_second() -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking, key_s=4.0)
    for number in range(1, 181):
        if 10 <= number <= 60 or number == 80:
            encoder.request_key_frame()
        stream.publish(yuv(99, width_px=160))
        assert taking.has(number)
    encoder.close()
    # Asked for from 10 on: at 25, 50 and 75, which were the first a second after another; at 80 for the one at 100.
    assert [n for n, unit in enumerate(taking.units) if unit.is_key] == [0, 25, 50, 75, 100]


def test_who_wants_key_frames_most_often_has_his_way_while_he_is_there() -> None:
    stream, live, hls = Stream(), Taking(), Taking()
    encoder = stream.encoder()
    encoder.add(live, key_s=4.0)

    def show(pictures: int) -> list[int]:
        begin = len(live.units)
        for number in range(begin + 1, begin + pictures + 1):
            stream.publish(yuv(99, width_px=160))
            assert live.has(number)
        return [n - begin for n, unit in enumerate(live.units) if unit.is_key and n >= begin]

    assert show(50) == [0]
    encoder.add(hls)
    assert show(60) == [0, 25, 50]
    encoder.remove(hls)
    assert show(100) == [90]
    encoder.close()


def test_pictures_are_drawn_where_nobody_else_can_and_the_video_begins_anew() -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking)
    for number, needs_drawing in enumerate([False, False, True, True, False], start=1):
        stream.publish(yuv(99), needs_drawing=needs_drawing)
        assert taking.has(number)
    encoder.close()
    assert [(unit.generation, unit.is_key, unit.is_drawn) for unit in taking.units] == [
        (1, True, False),
        (1, False, False),
        (2, True, True),
        (2, False, True),
        (3, True, False),
    ]
    assert stream.drawn == 2


def test_those_who_take_it_are_told_why_there_is_nothing() -> None:
    stream, taking = Stream(), Taking()
    encoder = StreamEncoder(stream.channel, lambda: False, EncoderChoice("of nobody"))
    encoder.add(taking)
    stream.publish(yuv(99))
    assert _eventually(lambda: taking.failed)
    encoder.close()
    assert len(taking.failed) == 1
    assert "no H.264 encoder works here" in taking.failed[0]


def test_after_a_device_has_failed_at_work_the_processor_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    x264 = next(kind for kind in KINDS if kind.name == "libx264")
    device = replace(x264, is_hardware=True)
    encode = H264Encoder.encode

    def failing(self: H264Encoder, planes: YuvPicture, tick: int, *, is_key: bool) -> bytes:
        if self.kind is device and tick > 9000:
            raise av.ExternalError(-1, "the device is gone")
        return encode(self, planes, tick, is_key=is_key)

    monkeypatch.setattr("pipelines.encoding.encoder_kinds.KINDS", (device, x264))
    monkeypatch.setattr("pipelines.encoding.stream_encoder.RETRY_S", 0.0)
    monkeypatch.setattr(H264Encoder, "encode", failing)
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking)
    taken = 0
    for number in range(8):
        stream.publish(yuv(99))
        taken += number != 3
        assert taking.has(taken)
        assert number != 3 or _eventually(lambda: taking.failed)
    encoder.close()
    assert len(taking.failed) == 1
    assert [unit.generation for unit in taking.units] == [1, 1, 1, 2, 2, 2, 2]


def _eventually(is_so: Callable[[], object]) -> bool:
    deadline_s = time.monotonic() + 30
    while not is_so() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return bool(is_so())


def test_both_layouts_hold_the_same_picture() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8)
    planes = planes_of(BgrPicture(cv2.GaussianBlur(noise, (0, 0), 3)))
    one, other = (video_frame(planes, 160, 90, layout) for layout in ("yuv420p", "nv12"))
    assert np.array_equal(one.to_ndarray(), other.reformat(format="yuv420p").to_ndarray())
