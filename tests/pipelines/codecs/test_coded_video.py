"""What key frames say of themselves, against what FFmpeg says of the same video."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.capture.ffmpeg.track_header import encoded_track
from pipelines.codecs import av1, h264, hevc, vpx
from pipelines.codecs.coded_video import CodedVideo
from pipelines.codecs.units import units_behind_codes, units_behind_lengths, with_codes
from pipelines.live_video.bitstream import bitstream_of
from support.real_time import usual_scheduling

VIDEOS = {
    "h264 with reordered pictures": ("libx264", "yuv420p", (322, 182), {"bf": "2"}),
    "h264 baseline": ("libx264", "yuv420p", (320, 240), {"profile": "baseline"}),
    "h264 interlaced": ("libx264", "yuv420p", (640, 364), {"x264-params": "interlaced=1:bframes=0"}),
    "h264 of 4:4:4": ("libx264", "yuv444p", (334, 242), {"bf": "0"}),
    "h264 of 10 bits": ("libx264", "yuv420p10le", (320, 240), {}),
    "h265": ("libx265", "yuv420p", (322, 182), {}),
    "h265 in order": ("libx265", "yuv420p", (320, 240), {"x265-params": "bframes=0"}),
    "h265 of 10 bits": ("libx265", "yuv420p10le", (640, 360), {"x265-params": "high-tier=1:level-idc=5"}),
    "vp9": ("libvpx-vp9", "yuv420p", (321, 240), {"deadline": "realtime"}),
    "vp9 of 4:4:4": ("libvpx-vp9", "yuv444p", (1280, 720), {"deadline": "realtime", "profile": "1"}),
    "av1": ("libsvtav1", "yuv420p", (322, 182), {"preset": "12"}),
    "av1 of 10 bits": ("libsvtav1", "yuv420p10le", (320, 240), {"preset": "12"}),
}


def write(path: Path, codec: str, pixels: str, size: tuple[int, int], options: dict[str, str]) -> Path:
    """Write a film of eight pictures, or a manifest with it."""
    with usual_scheduling(), av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for index in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 20 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame.reformat(format=pixels)))
        output.mux(stream.encode(None))
    return path


def named(manifest: Path, extradata: bytes) -> str:
    """Return the codec as FFmpeg names it in a manifest; of H.265, which it does not, as its header has it."""
    if found := re.search(r'codecs="([^"]+)"', manifest.read_text()):
        return found[1]
    space, profile, tier = extradata[1] >> 6, extradata[1] & 0x1F, "LH"[extradata[1] >> 5 & 1]
    compatible = int("".join(f"{byte:08b}" for byte in extradata[2:6])[::-1], 2)
    constraints = [f"{byte:x}" for byte in extradata[6:12].rstrip(b"\0")]
    assert space == 0
    return ".".join(["hvc1", str(profile), f"{compatible:x}", f"{tier}{extradata[12]}", *constraints])


@pytest.mark.parametrize("video", VIDEOS.values(), ids=VIDEOS.keys())
def test_key_frames_say_what_ffmpeg_says(
    video: tuple[str, str, tuple[int, int], dict[str, str]], tmp_path: Path
) -> None:
    film, manifest = (write(tmp_path / name, *video) for name in ("film.mp4", "film.mpd"))
    with av.open(film) as source:
        stream = source.streams.video[0]
        bitstream = bitstream_of(encoded_track(stream))
        assert bitstream is not None
        prepared = [bitstream.prepare(bytes(one), is_key=one.is_keyframe) for one in source.demux(stream) if one.size]
        reorders = stream.codec_context.has_b_frames
        theirs = named(manifest, stream.codec_context.extradata or b"").lower().split(".")
        codec = stream.codec_context.codec.name
    said = bitstream.said
    assert said is not None
    assert prepared[0] is not None
    assert prepared[0].is_key
    assert (said.width_px, said.height_px) == video[2]
    ours = said.codec.lower().split(".")
    if ours[0] == "vp09":
        ours[2] = theirs[2] = ""  # FFmpeg's level counts the frame rate
    assert ours[: len(theirs)] == theirs[: len(ours)]
    assert said.reorders in (bool(reorders), None)
    context = av.CodecContext.create(codec, "r")
    frames = [frame for one in prepared if one for frame in context.decode(av.Packet(one.data))]
    assert len(frames) + len(context.decode(None)) == 8  # without anything that stands beside the packets


def test_a_key_frame_of_vp8_says_its_size(tmp_path: Path) -> None:
    film = tmp_path / "film.webm"
    with av.open(film, "w") as output:
        stream = output.add_stream("libvpx", rate=25, options={"deadline": "realtime"})
        stream.width, stream.height, stream.pix_fmt = 321, 181, "yuv420p"
        output.mux(stream.encode(av.VideoFrame(321, 181, "yuv420p")))
        output.mux(stream.encode(None))
    with av.open(film) as source:
        frame = next(bytes(packet) for packet in source.demux(video=0))
    assert vpx.vp8_video(frame) == CodedVideo("vp8", 321, 181, False)


@pytest.mark.parametrize("read", [h264.coded_video, hevc.coded_video, av1.coded_video, vpx.vp8_video, vpx.vp9_video])
def test_what_is_damaged_is_refused_and_nothing_else_happens(read: object) -> None:
    noise = np.random.default_rng(1)
    for _ in range(500):
        data = noise.bytes(int(noise.integers(0, 80)))
        try:
            said = read(data)  # type: ignore[operator]
        except ValueError:
            continue
        assert isinstance(said, CodedVideo)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_damaged_packets_are_prepared_or_left_out_and_nothing_else_happens(codec: str, tmp_path: Path) -> None:
    chance = random.Random(codec)
    with av.open(write(tmp_path / "film.mp4", codec, "yuv420p", (320, 240), {})) as source:
        track = encoded_track(source.streams.video[0])
        packets = [(bytes(one), one.is_keyframe) for one in source.demux(video=0) if one.size]
    for _ in range(60):
        extradata = track.extradata if chance.random() < 0.5 else _damaged(track.extradata, chance)
        bitstream = bitstream_of(replace(track, extradata=extradata))
        assert bitstream is not None
        for data, is_key in packets:
            bitstream.prepare(_damaged(data, chance), is_key=is_key)


def _damaged(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.randrange(6)):
        at = chance.randrange(min(len(damaged), 60) + 1)
        damaged[at : at + chance.randrange(4)] = chance.choice([b"", b"\0\0\1", b"\0\0\1\0\0\1", chance.randbytes(2)])
    return bytes(damaged)


def test_units_are_the_same_behind_lengths_and_behind_start_codes() -> None:
    units = [b"\x67\x01", b"\x68\x02\x03", b"\x65" + bytes([1, 2, 3]) * 50]
    coded = with_codes(units)
    assert units_behind_codes(coded) == units
    assert units_behind_lengths(b"".join(len(one).to_bytes(2, "big") + one for one in units), 2) == units
    with pytest.raises(ValueError):
        units_behind_lengths(b"\x00\x00\x00\xff\x65\x01", 4)
    assert units_behind_codes(b"\0\0\1" * 3 + coded) == units


@pytest.mark.parametrize("size", [1, 255, 256, 300, 511, 512])
def test_a_length_that_looks_like_a_start_code_is_a_length(size: int, tmp_path: Path) -> None:
    film = write(tmp_path / "film.mp4", "libx264", "yuv420p", (320, 240), {"bf": "0"})
    with av.open(film) as source:
        bitstream = bitstream_of(encoded_track(source.streams.video[0]))
        assert bitstream is not None
        unit = b"\x41" + b"\x9a" * (size - 1)
        prepared = bitstream.prepare(size.to_bytes(4, "big") + unit, is_key=False)
    assert prepared is not None
    assert prepared.data == b"\0\0\0\1" + unit
