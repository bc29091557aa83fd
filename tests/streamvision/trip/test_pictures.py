"""The best picture of an object is cut out of its clip: the right frame, the right place, the right colours."""

from __future__ import annotations

import os
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest

from pipelines.stages.blur.private_regions import PrivateRegions
from streamvision.core.detections import Detections
from streamvision.trip.hiding import Hiding
from streamvision.trip.pictures import BestView, write_pictures
from streamvision.trip.stills import Moment, stills
from support.bar_codes import BITS, SIZE_PX, picture_with

FPS = 20


def number_in(bgr):
    """Return the number on a picture."""
    cells = bgr[40:200].mean(axis=(0, 2)).reshape(BITS, -1)[:, 5:-5].mean(axis=1)
    return int("".join("1" if level > 128 else "0" for level in cells), 2)


def _clip(path, *, frames=120, codec="libx264", start=0, container=None, **options):
    """Write a video with the number of each picture in it, key frames 2 s apart, with pictures out of order."""
    with av.open(path, "w", options=container or {}) as output:
        given = {"g": str(2 * FPS), "bf": "2"} if codec == "libx264" else {}
        video = output.add_stream(codec, rate=FPS, options=given | options)
        video.width, video.height = SIZE_PX
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture_with(number), format="bgr24")
            frame.pts = number + start
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return path


def _times(path):
    with av.open(path) as source:
        return [frame.time for frame in source.decode(video=0)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("later.mkv", {"start": 50}),
        ("a.ts", {}),
        ("open.mp4", {"x264-params": "open-gop=1"}),
        ("a.avi", {"codec": "mjpeg"}),
    ],
)
def test_the_frame_is_the_one_that_was_meant(tmp_path, name, options):
    path = _clip(tmp_path / name, **options)
    times = _times(path)
    wanted = [0, 1, 37, 39, 40, 41, 44, 79, 80, 81, 119]
    found = {moment.file_frame: picture for moment, picture in stills(path, [Moment(times[n], n) for n in wanted])}
    assert {number: number_in(picture.to_bgr()) for number, picture in found.items()} == {n: n for n in wanted}


def test_where_times_say_nothing_pictures_are_counted(tmp_path):
    path = _clip(tmp_path / "a.mp4")
    found = [(one.file_frame, number_in(picture.to_bgr())) for one, picture in stills(path, [Moment(777.0, 33)])]
    assert found == [(33, 33)]


def test_what_a_cut_clip_still_holds_is_found(tmp_path):
    path = _clip(tmp_path / "a.mp4", container={"movflags": "frag_keyframe+empty_moov"})
    times = _times(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    found = dict(stills(path, [Moment(times[30], 30), Moment(times[119], 119)]))
    assert [number_in(picture.to_bgr()) for picture in found.values()] == [30]


def test_what_is_no_video_gives_nothing(tmp_path):
    (tmp_path / "a.mp4").write_bytes(os.urandom(5000))
    assert list(stills(tmp_path / "a.mp4", [Moment(0.5, 3)])) == []
    assert list(stills(tmp_path / "absent.mp4", [Moment(0.5, 3)])) == []


def _view(path, *, number=25, box=(100, 80, 140, 120), object_id=12, class_name="stop"):
    return BestView(object_id, class_name, path, number / FPS, number, box)


def test_the_object_is_cut_out_with_a_margin(tmp_path):
    path = _clip(tmp_path / "a.mp4")
    assert write_pictures([_view(path)], tmp_path) == {12: "pictures/12-stop.jpg"}
    cut = cv2.imread(str(tmp_path / "pictures" / "12-stop.jpg"))
    assert cut.shape == (88, 88, 3)
    shown = picture_with(25)[56:144, 76:164]
    assert np.abs(cut.astype(int) - shown).mean() < 25


def test_faces_are_hidden_before_anything_is_cut_out_and_no_open_picture_stays(tmp_path):
    path = _clip(tmp_path / "a.mp4")
    view = _view(path, number=85)
    everywhere = np.array([(0, 0, *SIZE_PX)], np.float32)
    plate = Detections(everywhere, np.ones(1, np.float32), np.zeros(1, np.int32))
    file = tmp_path / "pictures" / "12-stop.jpg"
    write_pictures([view, _view(path, object_id=13)], tmp_path)
    before = cv2.imread(str(file)).astype(int)
    write_pictures([replace(view, found=plate)], tmp_path, hiding=Hiding(PrivateRegions(), ("plate",), by="cascades"))
    assert sorted(one.name for one in file.parent.glob("*.jpg")) == ["12-stop.jpg"]
    assert np.abs(cv2.imread(str(file)) - before).mean() > 10


def test_a_picture_that_is_there_is_not_made_again_and_a_better_one_takes_its_place(tmp_path):
    path = _clip(tmp_path / "a.mp4")
    write_pictures([_view(path)], tmp_path)
    before = (tmp_path / "pictures" / "12-stop.jpg").stat()
    write_pictures([_view(path)], tmp_path)
    assert (tmp_path / "pictures" / "12-stop.jpg").stat().st_mtime_ns == before.st_mtime_ns
    write_pictures([_view(path, number=90)], tmp_path)
    assert (tmp_path / "pictures" / "12-stop.jpg").stat().st_mtime_ns != before.st_mtime_ns


@pytest.mark.parametrize("name", ["../../evil", "a/b\\c\x00", "", "Vorfahrt gewähren", "x" * 500, "\ud800"])
def test_names_of_classes_lead_nowhere(tmp_path, name):
    path = _clip(tmp_path / "a.mp4", frames=30)
    (told,) = write_pictures([_view(path, class_name=name)], tmp_path).values()
    assert (tmp_path / told).resolve().parent == (tmp_path / "pictures").resolve()
    assert len(told) < 80


def test_a_list_of_kept_pictures_that_somebody_else_wrote_removes_nothing_of_his(tmp_path):
    path = _clip(tmp_path / "a.mp4", frames=30)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    (tmp_path / "pictures" / "other.jpg").write_bytes(b"other")
    for text in ('{"../mine.jpg": []}', "[1]", "no json", "[" * 100_000):
        (tmp_path / "pictures" / ".kept.json").write_text(text)
        write_pictures([_view(path)], tmp_path)
    assert (tmp_path / "mine.jpg").exists()
    assert (tmp_path / "pictures" / "other.jpg").exists()


def test_a_box_outside_of_the_picture_gives_all_of_it(tmp_path):
    path = _clip(tmp_path / "a.mp4", frames=30)
    write_pictures([_view(path, box=(900, 900, 950, 950))], tmp_path)
    assert number_in(cv2.imread(str(tmp_path / "pictures" / "12-stop.jpg"))) == 25
