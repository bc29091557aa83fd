"""Clips are found wherever the folders of a card are, each once."""

import shutil
from functools import reduce
from operator import xor

import av
import numpy as np
import pytest

from streamvision.dashcam.card import find_clips


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(path)
    return path


def write_film(path, seconds=2, fps=5):
    with av.open(str(path), "w") as container:
        container.metadata["creation_time"] = "2026-06-28T13:34:16Z"
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height = 64, 48
        for index in range(seconds * fps):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def laid_out(folder, film, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(film, path)


def found(folder):
    return [clip.path.relative_to(folder).as_posix() for clip in find_clips(folder)]


def test_all_folders_are_looked_through_and_previews_left_out(tmp_path, film):
    laid_out(
        tmp_path,
        film,
        "DCIM/Movie/2026_0628_133416_0001F.MP4",
        "DCIM/Movie/RO/2026_0628_133516_0002F.MP4",
        "DCIM/Movie/.s_Front/2026_0628_133416_0001F.MP4",
        "DCIM/Movie/._2026_0628_133416_0001F.MP4",
        "DCIM/Movie/2026_0628_133416_0001F.THM",
        "System Volume Information/x.mp4",
    )
    assert found(tmp_path) == ["DCIM/Movie/2026_0628_133416_0001F.MP4", "DCIM/Movie/RO/2026_0628_133516_0002F.MP4"]


def test_smaller_copies_are_left_out_where_the_clip_is_there(tmp_path, film):
    laid_out(
        tmp_path,
        film,
        "260628_133416_001_FH.MP4",
        "260628_133416_001_FL.MP4",
        "20260628_133416_NF.mp4",
        "20260628_133416_NFS.mp4",
        "20260628_133516_NFS.mp4",
    )
    assert found(tmp_path) == ["20260628_133416_NF.mp4", "20260628_133516_NFS.mp4", "260628_133416_001_FH.MP4"]


def test_equal_names_in_two_folders_are_two_clips(tmp_path, film):
    laid_out(tmp_path, film, "DCIM/104UNSVD/GRMN0001.MP4", "DCIM/101SAVED/GRMN0001.MP4")
    assert [(clip.mode, clip.name.counter) for clip in find_clips(tmp_path)] == [("event", 1), ("normal", 1)]


def test_headers_say_length_and_time(tmp_path, film):
    laid_out(tmp_path, film, "whole.mp4")
    (tmp_path / "cut.mp4").write_bytes(film.read_bytes()[:200])
    (tmp_path / "empty.mp4").touch()
    with av.open(str(film)) as source, av.open(str(tmp_path / "stream.ts"), "w", format="mpegts") as target:
        track = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = track
                target.mux(packet)
    cut, stream, whole = find_clips(tmp_path)
    assert cut.path.name == "cut.mp4" and cut.duration_s is None and cut.name is None
    assert whole.duration_s == pytest.approx(2.0) and whole.created_unix_s == 1782653656
    assert stream.duration_s == pytest.approx(2.0, abs=0.25)


def test_the_folder_that_is_given_counts_and_what_lies_above_does_not(tmp_path, film):
    laid_out(tmp_path, film, "rear/Parking/GRMN0001.MP4", "rear/front/Movie/GRMN0002.MP4")
    assert [(clip.view, clip.mode) for clip in find_clips(tmp_path / "rear" / "Parking")] == [("front", "parking")]
    assert [clip.view for clip in find_clips(tmp_path / "rear" / "front")] == ["front"]


def test_clips_that_have_not_changed_are_not_read_again(tmp_path, film):
    laid_out(tmp_path, film, "a.mp4", "b.mp4")
    before = {clip.path: clip for clip in find_clips(tmp_path)}
    write_film(tmp_path / "b.mp4", seconds=3)
    a, b = find_clips(tmp_path, known=before)
    assert a is before[a.path] and b is not before[b.path] and b.duration_s == pytest.approx(3.0)


def test_positions_that_somebody_lays_beside_a_known_clip_are_read(tmp_path, film):
    laid_out(tmp_path, film, "a.mp4")
    before = {clip.path: clip for clip in find_clips(tmp_path)}
    (tmp_path / "a.gpx").write_text(
        "<gpx><trk><trkseg><trkpt lat='48' lon='11'><time>2026-06-28T13:34:16Z</time></trkpt></trkseg></trk></gpx>"
    )
    (clip,) = find_clips(tmp_path, known=before)
    assert before[clip.path].gps is None
    assert clip.gps is not None and len(clip.gps.fixes) == 1


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        find_clips(tmp_path / "nothing")


def sentences(count):
    lines = (f"GPRMC,1134{at:02d}.00,A,5000.{at:04d},N,01000.0000,E,20.0,0.0,280626,,,A" for at in range(count))
    return "".join(f"${line}*{reduce(xor, line.encode()):02X}\r\n" for line in lines)


def test_positions_that_had_come_in_part_are_read_again_and_stay_where_nothing_is_said_any_more(tmp_path, film):
    laid_out(tmp_path, film, "clip.mp4")
    beside = tmp_path / "clip.nmea"
    known, seen = {}, []
    for text in (None, sentences(5)[:-60], sentences(9), ""):
        if text is not None:
            beside.write_text(text)
        (clip,) = find_clips(tmp_path, known=known)
        assert find_clips(tmp_path, known={clip.path: clip})[0] is clip
        seen.append(clip.gps and len(clip.gps.fixes))
        known = {clip.path: clip}
    assert seen == [None, 4, 9, 9]
