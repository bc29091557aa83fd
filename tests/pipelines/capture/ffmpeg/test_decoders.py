"""The choice of the decoder and what follows where a device gives no frame. No device of the list was there."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.capture.ffmpeg import decoders
from pipelines.capture.ffmpeg.decoders import DEVICES, DeviceDecoder, create_decoder
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, write_video


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=40, reordered=True)


def decodes_here(name: str, film: Path) -> bool:
    """Say whether this machine has the device, by a frame of the film that it gives."""
    (device,) = (device for device in DEVICES if device.name == name)
    try:
        context = device.create("h264")
        with av.open(str(film)) as container:
            context.extradata = container.streams.video[0].codec_context.extradata
            return any(context.decode(packet) for packet in container.demux(video=0))
    except (OSError, ValueError, RuntimeError, av.error.FFmpegError):
        return False


def luma(frames: list[Any]) -> list[float]:
    return [float(frame.picture.y.mean()) for frame in frames]


def software(_codec: str) -> Any:
    """Stand for a device by a decoder of FFmpeg's own, which is as real."""
    return av.CodecContext.create("h264", "r")


def of_another_codec(_codec: str) -> Any:
    return av.CodecContext.create("vp8", "r")


def absent(_codec: str) -> Any:
    raise RuntimeError("this machine has none")


@pytest.mark.parametrize("decode", ["cpu", "auto"])
def test_every_frame_comes_whoever_decodes(film: Path, decode: str) -> None:
    with capturing(film) as capture:
        expected = luma(take(capture))
    with capturing(film, decode=decode) as capture:
        frames = take(capture)
    assert luma(frames) == pytest.approx(expected, abs=2)
    assert (len(frames), capture.failure, capture.drops.by_cause()) == (40, None, {})


@pytest.mark.parametrize("name", [device.name for device in DEVICES])
def test_a_device_that_is_not_there_is_said_in_one_sentence(film: Path, name: str) -> None:
    if decodes_here(name, film):
        pytest.skip(f"this machine has {name}")
    with capturing(film, decode=name) as capture:
        assert take(capture) == []
    assert capture.state.state is StreamState.FAILED
    assert f"film.mp4 (h264) cannot be decoded by {name} here: " in str(capture.failure)
    assert str(capture.failure).endswith("; give --decode auto, which falls back to the processor, or cpu")


@pytest.mark.parametrize("faulty", [absent, of_another_codec])
@pytest.mark.parametrize("trial", [5, 300])
def test_auto_goes_on_to_the_next_device_and_loses_nothing(
    film: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, faulty: Any, trial: int
) -> None:
    monkeypatch.setattr(decoders, "TRIAL_PACKETS", trial)
    with capturing(film) as capture:
        expected = luma(take(capture))
    devices = DeviceDecoder("first", faulty), DeviceDecoder("second", faulty), DeviceDecoder("third", software)
    for tried in (devices, devices[:2]):
        monkeypatch.setattr(decoders, "DEVICES", tried)
        caplog.clear()
        with caplog.at_level(logging.INFO), capturing(film, decode="auto") as capture:
            frames = take(capture)
        assert luma(frames) == expected
        assert np.diff([frame.pts_s for frame in frames]) == pytest.approx([0.04] * 39)
        assert "is not decoded by first: " in caplog.text
        assert f"film.mp4 is decoded by {'third' if len(tried) == 3 else 'cpu'}" in caplog.text


def test_a_device_that_was_asked_for_and_gives_frames_is_used(
    film: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(decoders, "DEVICES", (DeviceDecoder("cuda", software), DeviceDecoder("qsv", absent)))
    with caplog.at_level(logging.INFO), capturing(film, decode="cuda") as capture:
        assert len(take(capture)) == 40
    assert "film.mp4 is decoded by cuda" in caplog.text
    monkeypatch.setattr(decoders, "DEVICES", (DeviceDecoder("cuda", of_another_codec),))
    monkeypatch.setattr(decoders, "TRIAL_PACKETS", 10)
    with capturing(film, decode="cuda") as capture:
        assert take(capture) == []
    assert "cannot be decoded by cuda here: 10 packets gave no frame" in str(capture.failure)


def test_a_device_whose_frames_are_not_those_of_the_processor_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = write_video(tmp_path / "film.avi", sizes=[(320, 176)], frames=20, codec="mpeg4")

    def smaller(codec: str) -> Any:
        context = av.CodecContext.create(codec, "r")
        context.options = {"lowres": "1"}
        return context

    monkeypatch.setattr(decoders, "DEVICES", (DeviceDecoder("cuda", smaller),))
    with capturing(film, decode="cuda") as capture:
        assert take(capture) == []
    assert "it gives 160x88 pictures, the processor 320x176" in str(capture.failure)
    with capturing(film, decode="auto") as capture:
        assert {frame.picture.width_px for frame in take(capture)} == {320}
    assert capture.frames_in == 20


def test_what_a_device_leaves_out_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = tmp_path / "turned.mp4"
    with av.open(str(turned), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(90)
        container.mux([*stream.encode(av.VideoFrame(64, 48, "yuv420p")), *stream.encode(None)])
    monkeypatch.setattr(decoders, "DEVICES", (DeviceDecoder("cuda", software),))
    with capturing(turned, decode="cuda") as capture:
        assert take(capture) == []
    assert "it does not say how the picture is to be turned" in str(capture.failure)
    with capturing(turned, decode="auto") as capture:
        assert [frame.picture.width_px for frame in take(capture)] == [48]


def test_frames_of_other_levels_are_told_apart() -> None:
    bright, dark = (np.full((48, 64, 3), level, np.uint8) for level in (90, 80))
    frames = [av.VideoFrame.from_ndarray(picture, format="rgb24") for picture in (bright, bright, dark)]
    assert decoders._difference(frames[0], frames[1]) is None
    assert "levels off the processor's" in str(decoders._difference(frames[2], frames[0]))


def test_the_processor_costs_nothing_more(film: Path) -> None:
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        assert create_decoder(stream, "cpu", "film") is stream.codec_context
