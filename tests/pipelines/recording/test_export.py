from __future__ import annotations

import itertools
import os
from pathlib import Path

import av
import pytest

from pipelines.recording.media import RecordedFile, export
from streamvision.core.errors import ConfigError
from streamvision.core.recordings import RecordedSpan, RecordingAbsentError
from support.recorded_files import START_UNIX_S, numbers_of, packet_digests, write_recording


def span(since_s: float, until_s: float) -> RecordedSpan:
    return RecordedSpan("door", START_UNIX_S + since_s, START_UNIX_S + until_s)


def exported(files: list[RecordedFile], since_s: float, until_s: float, path: Path) -> Path:
    path.write_bytes(b"".join(export(files, span(since_s, until_s))))
    return path


def times_s(path: Path, kind: str) -> list[float]:
    with av.open(str(path)) as container:
        stream = next(one for one in container.streams if one.type == kind)
        return sorted(float(one.pts * one.time_base) for one in container.demux(stream) if one.size)


@pytest.mark.parametrize(
    ("codec", "sound", "b_frames"),
    [("libx264", "aac", 0), ("libx264", "pcm_alaw", 2), ("libx265", None, 0), ("mjpeg", "aac", 0)],
)
def test_packets_are_the_cameras_own_over_files_and_gaps(
    tmp_path: Path, codec: str, sound: str | None, b_frames: int
) -> None:
    starts_s = (0.0, 2.0, 3600.0)
    files = [
        write_recording(
            tmp_path,
            start_unix_s=START_UNIX_S + start_s,
            first=50 * place,
            codec=codec,
            sound=sound,
            b_frames=b_frames,
        )
        for place, start_s in enumerate(starts_s)
    ]
    out = exported(files, 1.3, 3601.0, tmp_path / "out.mp4")
    for kind in ("video", "audio") if sound else ("video",):
        recorded = [digest for file in files for digest in packet_digests(file.path, kind)]
        written = packet_digests(out, kind)
        begin = recorded.index(written[0])
        assert recorded[begin : begin + len(written)] == written
    numbers = numbers_of(out)
    assert 20 <= numbers[0] <= (32 if codec == "mjpeg" else 25)
    assert 124 <= numbers[-1] <= 127
    shown_s = times_s(out, "video")
    steps_s = [late - soon for soon, late in itertools.pairwise(shown_s)]
    assert min(steps_s) > 0 and max(steps_s) < 0.1
    if sound:
        heard_s = times_s(out, "audio")
        assert abs(heard_s[0] - shown_s[0]) < 0.2 and abs(heard_s[-1] - shown_s[-1]) < 0.3
        assert max(late - soon for soon, late in itertools.pairwise(heard_s)) < 0.3


def test_sound_that_begins_in_a_later_file_stays_where_it_was(tmp_path: Path) -> None:
    silent = write_recording(tmp_path, sound=None)
    sounding = write_recording(tmp_path, start_unix_s=START_UNIX_S + 2, first=50)
    out = exported([silent, sounding], 0.0, 5.0, tmp_path / "out.mp4")
    assert len(numbers_of(out)) == 100
    assert packet_digests(out, "audio") == packet_digests(sounding.path, "audio")
    assert abs(times_s(out, "audio")[0] - 2.0) < 0.1


def test_files_that_are_cut_short_renamed_removed_or_no_videos_cost_only_themselves(tmp_path: Path) -> None:
    files = [
        write_recording(tmp_path, start_unix_s=START_UNIX_S + 2 * place, first=50 * place, gop=10) for place in range(5)
    ]
    torn, renamed, removed, garbage = (file.path for file in files[:4])
    os.truncate(torn, torn.stat().st_size * 2 // 3)
    renamed.rename(renamed.with_name(renamed.name.replace("continuous", "event")))
    removed.unlink()
    garbage.write_bytes(b"#EXTM3U\n#EXTINF:1\nfile:///etc/hostname\n")
    numbers = numbers_of(exported(files, 0.0, 10.0, tmp_path / "out.mp4"))
    cut = numbers.index(50)
    assert numbers[:cut] == list(range(cut)) and 15 < cut < 50
    assert numbers[cut:] == [*range(50, 100), *range(200, 250)]


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    file = write_recording(tmp_path)
    elsewhere = tmp_path / "elsewhere.mp4"
    file.path.rename(elsewhere)
    file.path.symlink_to(elsewhere)
    with pytest.raises(RecordingAbsentError, match="nothing was recorded of door"):
        export([file], span(0, 2))
    file.path.unlink()
    os.mkfifo(file.path)
    with pytest.raises(RecordingAbsentError, match="nothing was recorded of door"):
        export([file], span(0, 2))


def test_pictures_of_another_size_are_refused_at_once_with_the_moment(tmp_path: Path) -> None:
    files = [
        write_recording(tmp_path),
        write_recording(tmp_path, start_unix_s=START_UNIX_S + 2, size_px=(640, 360)),
    ]
    with pytest.raises(ConfigError, match=r"h264 320x180 to h264 640x360 at 2026-05-01T12:30:02Z.*export until"):
        export(files, span(0, 4))
    assert len(numbers_of(exported(files, 2.0, 4.0, tmp_path / "out.mp4"))) == 50


def test_parameter_sets_that_differ_are_put_before_the_picture_that_needs_them(tmp_path: Path) -> None:
    plain, with_b_frames = (
        write_recording(tmp_path, start_unix_s=START_UNIX_S + 2 * place, first=50 * place, b_frames=2 * (place % 2))
        for place in range(2)
    )
    again = write_recording(tmp_path, start_unix_s=START_UNIX_S + 4, first=100)
    out = exported([plain, with_b_frames, again], 0.0, 6.0, tmp_path / "out.mp4")
    assert numbers_of(out) == list(range(150))
    recorded = [digest for file in (plain, with_b_frames, again) for digest in packet_digests(file.path, "video")]
    changed = [i for i, (was, now) in enumerate(zip(recorded, packet_digests(out, "video"), strict=True)) if was != now]
    assert changed == [50, 100]


def test_a_long_silence_within_a_file_takes_no_time(tmp_path: Path) -> None:
    file = write_recording(tmp_path, sound=None)
    late = tmp_path / "late.mp4"
    with av.open(str(file.path)) as source, av.open(str(late), "w", options={"movflags": "empty_moov"}) as out:
        track = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = track
                if packet.pts * packet.time_base >= 1:
                    packet.pts = packet.dts = packet.pts + round(3600 / packet.time_base)
                out.mux(packet)
    late.replace(file.path)
    shown_s = times_s(exported([file], 0.0, 4000.0, tmp_path / "out.mp4"), "video")
    assert len(shown_s) == 50 and shown_s[-1] < 4


def test_nothing_recorded_is_said_at_once(tmp_path: Path) -> None:
    file = write_recording(tmp_path)
    with pytest.raises(RecordingAbsentError, match="from 2026-05-01T12:31:40Z to 2026-05-01T12:31:50Z"):
        export([file], span(100, 110))
