"""Pictures become H.264 once for all, and that fragmented MP4 which FFmpeg reads from its header and any fragment."""

from __future__ import annotations

import io
import threading
import time

import av
import cv2
import numpy as np
import pytest

from pipelines.encoding.encoder_kinds import EncoderChoice
from pipelines.encoding.fragments import Fragment, Fragmenter, codecs_of
from pipelines.encoding.h264 import AccessUnit, VideoSettings
from pipelines.encoding.stream_encoder import StreamEncoder
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.live import LiveChannel
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame
from support.encoded import Taking

SIZE_PX = 320, 180


def picture(level: int, width_px: int = SIZE_PX[0], height_px: int = SIZE_PX[1]) -> BgrPicture:
    bgr = np.full((height_px, width_px, 3), level, np.uint8)
    cv2.rectangle(bgr, (20, 20), (60, 60), (0, 0, 255), -1)
    return BgrPicture(bgr)


def units(
    levels: list[int], *, key_every: int = 5, width_px: int = SIZE_PX[0], height_px: int = SIZE_PX[1]
) -> list[AccessUnit]:
    encoder = EncoderChoice().open(VideoSettings(width_px, height_px, 500_000))
    found = []
    for index, level in enumerate(levels):
        is_key = index % key_every == 0
        data = encoder.encode(picture(level, width_px, height_px).to_canvas(), index * 3600, is_key=is_key)
        found.append(AccessUnit(data, is_key, index * 3600, 1000 + index / 25, 1, index * 40_000, is_drawn=True))
    return found


def fragments_of(all_units: list[AccessUnit]) -> tuple[bytes, list[Fragment]]:
    fragmenter = Fragmenter(all_units[0])
    found = [fragment for unit in all_units if (fragment := fragmenter.add(unit))]
    last = fragmenter.finish()
    assert last is not None
    return fragmenter.header, [*found, last]


def decoded(data: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(data)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("size_px", [SIZE_PX, (321, 181)], ids=["even", "odd"])
def test_pictures_come_back_as_they_were(size_px: tuple[int, int]) -> None:
    levels = list(range(10, 250, 20))
    header, fragments = fragments_of(units(levels, width_px=size_px[0], height_px=size_px[1]))
    frames = decoded(header + b"".join(fragment.data for fragment in fragments))
    assert [
        round(float(frame.to_ndarray(format="bgr24")[100:150, 100:300].mean())) for frame in frames
    ] == pytest.approx(levels, abs=4)
    red = frames[-1].to_ndarray(format="bgr24")[30:50, 30:50].mean(axis=(0, 1))
    assert red == pytest.approx([0, 0, 255], abs=12)


def test_decoding_begins_with_any_fragment() -> None:
    header, fragments = fragments_of(units([100] * 5 + [200] * 5 + [50] * 3))
    assert [fragment.duration_s for fragment in fragments] == pytest.approx([0.2, 0.2, 0.12])
    assert [fragment.time_unix_s for fragment in fragments] == pytest.approx([1000, 1000.2, 1000.4])
    frames = decoded(header + fragments[1].data)
    assert len(frames) == 5
    assert frames[0].time == pytest.approx(0.2)
    assert frames[0].to_ndarray(format="gray")[100:150].mean() == pytest.approx(200, abs=4)


def test_times_stand_where_pictures_were_late() -> None:
    plain = units([10, 20, 30, 40, 50])
    late = [
        AccessUnit(one.data, one.is_key, one.tick + (90_000 if n > 2 else 0), 0.0, 1, one.captured_us, True)
        for n, one in enumerate(plain)
    ]
    header, fragments = fragments_of(late)
    frames = decoded(header + fragments[0].data)
    assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.08, 1.12, 1.16])


def test_profile_and_level_are_read_from_the_key_frame() -> None:
    key, *others = units([10, 20])
    assert codecs_of(key.data).startswith("avc1.4d")
    with pytest.raises(ValueError, match="no sequence parameters"):
        codecs_of(others[0].data)


def test_the_rate_is_bounded_whatever_is_seen() -> None:
    encoder = EncoderChoice().open(VideoSettings(*SIZE_PX, 500_000))
    noise = np.random.default_rng(1)
    bits = 0
    for index in range(60):
        bgr = noise.integers(0, 255, (SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
        bits += 8 * len(encoder.encode(BgrPicture(bgr).to_canvas(), index * 3600, is_key=index % 25 == 0))
    assert bits / (60 / 25) < 2 * encoder.max_bit_s


class Stream:
    """Publishes pictures when it is told to."""

    def __init__(self) -> None:
        self.channel = LiveChannel("gate", ("car",))
        self.drawn = 0
        self.is_over = False
        self._begin_s = time.monotonic()

    def publish(self, time_s: float, *, segment: int = 0, pts_s: float | None = None, width_px: int = 320) -> None:
        pts_s = time_s if pts_s is None else pts_s
        frame = Frame("gate", 0, pts_s, self._begin_s + time_s, picture(99, width_px), segment=segment)

        def draw():
            self.drawn += 1
            return frame.picture.to_canvas()

        self.channel.publish(RenderedFrame(Result(frame, Detections.empty()), draw=draw, encode=lambda _: b""))

    def encoder(self) -> StreamEncoder:
        return StreamEncoder(self.channel, lambda: self.is_over, EncoderChoice())


def test_nothing_is_drawn_or_encoded_while_nobody_reads() -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    stream.publish(0.0)
    assert not encoder.is_encoding
    encoder.add(taking)
    for index in range(1, 4):
        stream.publish(index / 25)
        assert taking.has(index + 1)
    encoder.remove(taking)
    drawn, encoded = stream.drawn, encoder.encoded
    for index in range(4, 8):
        stream.publish(index / 25)
    time.sleep(0.1)
    assert not encoder.is_encoding
    assert (stream.drawn, encoder.encoded) == (drawn, encoded)
    assert not [thread for thread in threading.enumerate() if thread.name == "encode-gate" and not _ends(thread)]


def _ends(thread: threading.Thread) -> bool:
    thread.join(60)
    return not thread.is_alive()


def test_all_who_read_have_the_same_video_from_a_key_frame_on() -> None:
    stream, first, later = Stream(), Taking(), Taking()
    encoder = stream.encoder()
    encoder.add(first)
    stream.publish(0.0)
    assert first.has(1)
    stream.publish(0.04)
    assert first.has(2)
    encoder.add(later)
    stream.publish(0.08)
    assert later.has(1)
    stream.publish(0.12)
    assert later.has(2)
    assert first.has(4)
    assert [unit.is_key for unit in first.units] == [True, False, True, False]
    assert [a is b for a, b in zip(first.units[2:], later.units, strict=True)] == [True, True]
    assert encoder.encoded == 4
    encoder.close()
    assert first.ended.is_set()
    assert later.ended.is_set()


@pytest.mark.parametrize("how", ["another size", "a long silence"])
def test_the_video_begins_anew(how: str) -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking)
    stream.publish(0.0)
    assert taking.has(1)
    stream.publish(0.04) if how == "another size" else stream.publish(60.0)
    stream.publish(0.08, width_px=640) if how == "another size" else stream.publish(60.04)
    assert taking.has(3) or how == "a long silence"
    assert [unit.generation for unit in taking.units][-1] == 2
    assert next(unit for unit in taking.units if unit.generation == 2).is_key
    encoder.close()


def test_times_grow_whatever_the_source_says() -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking)
    said = [(0.00, 0, 0.0), (0.06, 0, 0.04), (0.08, 0, 0.08), (0.12, 0, 7200.0), (0.16, 1, 0.0), (0.20, 1, 0.04)]
    for count, (arrived_s, segment, pts_s) in enumerate(said, start=1):
        stream.publish(arrived_s, segment=segment, pts_s=pts_s)
        assert taking.has(count)
    times_s = [unit.tick / 90_000 for unit in taking.units]
    assert times_s == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16, 0.20], abs=1e-4)
    encoder.close()


def test_those_who_read_are_told_that_the_stream_is_over() -> None:
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    stream.publish(0.0)
    stream.is_over = True
    encoder.add(taking)
    assert taking.has(1)  # a stream that is over has its last picture still
    assert taking.ended.wait(60)
    encoder.close()


def test_one_bad_picture_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.encoding.stream_encoder.RETRY_S", 0.0)
    stream, taking = Stream(), Taking()
    encoder = stream.encoder()
    encoder.add(taking)
    stream.publish(0.0)
    assert taking.has(1)
    frame = Frame("gate", 0, 0.04, time.monotonic(), picture(1))

    def draw():
        raise RuntimeError("no picture")

    stream.channel.publish(RenderedFrame(Result(frame, Detections.empty()), draw=draw, encode=lambda _: b""))
    time.sleep(0.2)
    stream.publish(0.08)
    assert taking.has(2)
    assert taking.units[-1].is_key
    encoder.close()
