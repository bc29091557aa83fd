"""A recorded file has the packets of its source, in every codec that cameras have, and plays after its writer died."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from pipelines.capture.packets import EncodedTrack
from pipelines.codecs.adts import without_header
from pipelines.recording.parameter_sets import parameters
from pipelines.recording.segment_file import SegmentFile, described, described_sound, recordable
from streamvision.core.errors import OutputError
from support.bar_codes import number_on
from support.coded_videos import FPS, CodedVideo, coded
from support.recording import packets_of, pictures_of


def tracks_for(video: CodedVideo) -> list[EncodedTrack]:
    first_of = {packet.track: packet for packet in reversed(video.packets)}
    picture, *sound = recordable(video.tracks)
    found = described(picture, next(packet.data for packet in video.packets if packet.track == 0))
    assert found is not None
    return [found, *(described_sound(track, first_of[1].data) for track in sound)]


def written(video: CodedVideo, path: Path) -> SegmentFile:
    file = SegmentFile(path, tracks_for(video))
    origins = [
        next(packet.pts or 0 for packet in video.packets if packet.track == number)
        for number in range(len(video.tracks))
    ]
    for packet in video.packets:
        assert packet.pts is not None
        assert packet.dts is not None
        file.write(packet, packet.pts - origins[packet.track], packet.dts - origins[packet.track])
    return file


def units(data: bytes, *, prefixed: bool) -> list[bytes]:
    """Return the NAL units of a packet."""
    if not prefixed:
        return [unit.rstrip(b"\x00") for unit in data.split(b"\x00\x00\x01") if unit.strip(b"\x00")]
    found, place = [], 0
    while place < len(data):
        end = place + 4 + int.from_bytes(data[place : place + 4], "big")
        found.append(data[place + 4 : end])
        place = end
    return found


@pytest.mark.parametrize(
    ("codec", "container", "options"),
    [
        ("libx264", "ts", {}),
        ("libx264", "ts", {"bf": "3"}),
        ("libx264", "mp4", {"bf": "2"}),
        ("libx265", "ts", {"x265-params": "log-level=none:bframes=2"}),
        ("libx265", "mp4", {"x265-params": "log-level=none"}),
        ("mjpeg", "mkv", {}),
    ],
)
def test_packets_and_pictures_are_the_sources(
    tmp_path: Path, codec: str, container: str, options: dict[str, str]
) -> None:
    video = coded(tmp_path, codec, container=container, seconds=2, **options)
    path = tmp_path / "out.mp4"
    written(video, path).close()
    given = [packet.data for packet in video.packets]
    kept = packets_of(path, "video")
    if container == "ts":
        assert [units(data, prefixed=True) for data in kept] == [units(data, prefixed=False) for data in given]
    else:
        assert kept == given
    pictures = pictures_of(path)
    assert [number for _, number in pictures] == list(range(2 * FPS))
    assert [time_s for time_s, _ in pictures] == pytest.approx([number / FPS for number in range(2 * FPS)], abs=0.002)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("sound", "container"), [("pcm_mulaw", "mov"), ("pcm_alaw", "mov"), ("aac", "mp4"), ("aac", "ts")]
)
def test_sound_is_kept(tmp_path: Path, sound: str, container: str) -> None:
    video = coded(tmp_path, container=container, sound=sound, seconds=2)
    path = tmp_path / "out.mp4"
    written(video, path).close()
    given = [without_header(packet.data) if sound == "aac" else packet.data for packet in video.packets if packet.track]
    assert b"".join(packets_of(path, "audio")) == b"".join(given)
    assert len(given) > 10
    with av.open(path) as container_again:
        heard = sum(frame.samples for frame in container_again.decode(audio=0))
    assert heard == pytest.approx(16000, abs=2048)


def test_what_no_player_knows_is_refused_in_one_sentence(tmp_path: Path) -> None:
    video = coded(tmp_path, "rawvideo", container="nut", seconds=1)
    with pytest.raises(
        OutputError, match=r"its pictures are rawvideo, which is not recorded; set the camera to H\.264"
    ):
        recordable(video.tracks)


def test_sound_that_has_no_name_in_such_files_is_left_out(tmp_path: Path) -> None:
    video = coded(tmp_path, seconds=1)
    sound = EncodedTrack(kind="audio", codec="adpcm_g722", time_base=Fraction(1, 16000), header=b"x")
    assert recordable((video.tracks[0], sound)) == video.tracks


def test_parameters_are_those_of_the_key_frame(tmp_path: Path) -> None:
    """A source may have said others when it was opened, or none."""
    small, large = coded(tmp_path, seconds=1), coded(tmp_path, seconds=1, size_px=(640, 480))
    for said in (small.tracks[0], replace(small.tracks[0], extradata=b"", header=b"", width_px=0)):
        found = described(said, large.packets[0].data)
        assert found is not None
        assert (found.width_px, found.height_px) == (640, 480)
        assert found.extradata == parameters("h264", large.packets[0].data) != b""
    without = next(packet.data for packet in small.packets if not packet.is_key)
    assert described(replace(small.tracks[0], extradata=b""), without) is None
    assert described(small.tracks[0], small.packets[0].data) == small.tracks[0]


def test_a_jpeg_says_its_size(tmp_path: Path) -> None:
    small, large = (
        coded(tmp_path, "mjpeg", container="mkv", seconds=1, size_px=size) for size in ((320, 240), (160, 120))
    )
    sizes = {parameters("mjpeg", packet.data) for packet in (*small.packets, *large.packets)}
    assert len(sizes) == 2
    found = described(small.tracks[0], large.packets[0].data)
    assert found is not None
    assert (found.width_px, found.height_px) == (160, 120)


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x00\x00\x01", b"\x00\x00\x00\x01\x67", b"\xff\xd8\xff", b"\xff\xd8" * 9, bytes(64)]
)
def test_damaged_packets_say_nothing(data: bytes) -> None:
    for codec in ("h264", "hevc", "mjpeg", "av1"):
        assert len(parameters(codec, data)) <= len(data)


KILLED = """
import os, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from support.coded_videos import coded
from pipelines.recording.segment_file import SegmentFile
video = coded(Path(sys.argv[1]), seconds=6)
file = SegmentFile(Path(sys.argv[2]), video.tracks)
for number, packet in enumerate(video.packets):
    if number == 5 * 20 + 10:
        os.kill(os.getpid(), 9)
    file.write(packet, packet.pts - video.packets[0].pts, packet.dts - video.packets[0].pts)
"""


def test_what_a_killed_process_leaves_plays_to_the_last_whole_group(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(path), str(root), str(root / "tests")], timeout=120
    )
    assert ended.returncode == -9
    with av.open(path) as container:
        numbers = [number_on(frame) for frame in container.decode(video=0)]
    assert numbers == list(range(5 * FPS))


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("yesterday's")
    with pytest.raises(OutputError, match="cannot write"):
        SegmentFile(path, coded(tmp_path, seconds=1).tracks)
    assert path.read_text() == "yesterday's"


def test_what_was_begun_is_cut_to_what_is_whole(tmp_path: Path) -> None:
    video = coded(tmp_path, seconds=3)
    path = tmp_path / "out.mp4"
    file = written(CodedVideo(video.tracks, video.packets[:50]), path)
    assert file.cut()
    assert [number for _, number in pictures_of(path)][:40] == list(range(40))
    empty = SegmentFile(tmp_path / "empty.mp4", video.tracks)
    assert not empty.cut()
    assert not (tmp_path / "empty.mp4").exists()


def test_one_picture_is_a_file(tmp_path: Path) -> None:
    video = coded(tmp_path, seconds=1)
    path = tmp_path / "out.mp4"
    written(CodedVideo(video.tracks, (replace(video.packets[0], duration=0),)), path).close()
    assert [number for _, number in pictures_of(path)] == [0]
