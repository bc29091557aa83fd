"""One picture in, its objects out, as people use it in a shell or a notebook."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import streamvision
from streamvision.core.errors import ConfigError, MissingDependencyError, OutputError, SourceError
from support.http_folder import served

SIGNS = "synthetic:drive?size=640x360&seed=1&realtime=0&frames=3"
FOUND = ["speedlimit", "speedlimit"]


@pytest.fixture(scope="module")
def bgr() -> np.ndarray:
    """Return a picture with two speed limits."""
    (first, *_) = streamvision.stream(SIGNS, model="road_signs", tracker="none", max_frames=1)
    return first.bgr.copy()


@pytest.fixture(scope="module")
def photo(bgr: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    cv2.imwrite(str(path), bgr)
    return path


def classes(picture: object, **options: object) -> list[str]:
    return [one.class_name for one in streamvision.detect(picture, model="road_signs", **options)]


def test_a_picture_may_be_a_file_an_address_an_array_or_a_source(photo: Path, bgr: np.ndarray) -> None:
    assert classes(photo) == classes(str(photo)) == classes(SIGNS) == FOUND
    assert classes(bgr) == classes(np.dstack([bgr, bgr[..., 0]])) == FOUND
    assert classes(np.asfortranarray(bgr)) == FOUND
    assert classes(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), score=0.01)
    with served(photo.parent) as address:
        assert classes(f"{address}/photo.png") == FOUND


def test_an_image_of_pillow_is_upright(bgr: np.ndarray) -> None:
    image = pytest.importorskip("PIL.Image")
    assert classes(image.fromarray(bgr[..., ::-1].copy())) == FOUND
    lying = image.fromarray(np.rot90(bgr[..., ::-1]).copy())
    lying.getexif()[0x0112] = 6  # to be turned clockwise by a quarter
    assert classes(lying) == FOUND


def test_a_large_picture_may_be_cut(bgr: np.ndarray) -> None:
    large = cv2.copyMakeBorder(bgr, 0, 3 * 360, 0, 3 * 640, cv2.BORDER_CONSTANT)
    assert classes(large) != FOUND, "signs of a few pixels in the network's input"
    assert classes(large, slices={"tiles": "4x4", "overlap": 0.0}) == FOUND
    with pytest.raises(ConfigError, match="COLSxROWS such as 4x2"):
        classes(bgr, slices="many")


def test_options_have_their_usual_names(photo: Path) -> None:
    first, second = streamvision.detect(photo, model="road_signs")
    assert classes(photo, conf=(first.score + second.score) / 2) == ["speedlimit"]
    assert classes(photo, classes=[1], imgsz=640) == FOUND
    assert classes(photo, classes=["stop"]) == []
    with pytest.raises(ConfigError, match="conf is another name of score, and both are given"):
        classes(photo, conf=0.8, score=0.7)
    with pytest.raises(ConfigError, match="has no option 'loop'; it has overlay, slices and steps, backend"):
        classes(photo, loop=True)


def test_without_a_model_the_shipped_one_is_used_and_said_once(photo: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "streamvision"):
        assert len(streamvision.detect(photo, iou=0.61)) == len(streamvision.detect(photo, iou=0.61)) == 2
    (said,) = caplog.messages
    assert said.startswith("No model was given: road_signs is used")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((4, 4), np.float32), r"an array of shape \(4, 4\) and type float32 is no picture; give \(height"),
        (np.zeros((4, 4, 5), np.uint8), r"an array of shape \(4, 4, 5\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "several pictures are for streamvision.stream"),
        (["a.jpg"], "got list, which is no picture"),
        (b"jpeg", "got bytes, which is no picture"),
        (True, "got bool, which is no picture"),
    ],
)
def test_what_is_no_picture_is_one_sentence(given: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        streamvision.detect(given, model="road_signs")


def test_a_picture_that_is_not_there_is_an_error_of_the_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        streamvision.detect(tmp_path / "nowhere.jpg", model="road_signs")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8nothing")
    with pytest.raises(SourceError, match=r"broken\.jpg"):
        streamvision.detect(tmp_path / "broken.jpg", model="road_signs")


def test_a_result_is_a_sequence_of_objects(photo: Path) -> None:
    result = streamvision.detect(photo, model="road_signs")
    assert len(result) == len(result.detections) == 2
    first, second = result
    assert repr(first).startswith("Detection(speedlimit, 0.")
    assert (result[0].class_name, result[0].class_id, result[0].track_id) == ("speedlimit", 1, None)
    assert result[0].box_xyxy_px == pytest.approx(result.detections.box_xyxy_px[0].tolist())
    assert result[-1].score == result.detections[-1].score == second.score < first.score
    assert isinstance(result.detections[:1], streamvision.Detections)
    assert [one.class_name for one in result.detections[1:]] == ["speedlimit"]
    with pytest.raises(IndexError):
        result[2]
    nothing = streamvision.detect(np.zeros((64, 64, 3), np.uint8), model="road_signs")
    assert (len(nothing), bool(nothing), list(nothing)) == (0, True, [])


def test_a_result_is_saved_and_never_under_a_name_that_is_taken(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = streamvision.detect(photo, model="road_signs")
    files = {result.save() for _ in range(3)}
    assert len(files) == len(list(tmp_path.glob("picture-000000-*.png"))) == 3
    assert result.save(tmp_path / "signs.jpg") == tmp_path / "signs.jpg"
    for file in (*files, tmp_path / "signs.jpg"):
        drawn = cv2.imread(str(file))
        assert drawn.shape == result.bgr.shape
        assert np.abs(drawn.astype(int) - result.bgr).max() > 100, "the boxes are drawn"
    with pytest.raises(OutputError, match="ending that no picture has"):
        result.save("signs.txt")
    with pytest.raises(OutputError, match="signs"):
        result.save(tmp_path / "nowhere" / "signs.png")


def test_a_notebook_shows_a_result_as_png(photo: Path) -> None:
    result = streamvision.detect(photo, model="road_signs")
    shown = cv2.imdecode(np.frombuffer(result._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(shown, result.annotated_bgr)


SHOWN = "import streamvision, sys; streamvision.detect(sys.argv[1], model='road_signs').show()"


def test_show_opens_the_picture_or_says_where_it_is(photo: Path, tmp_path: Path) -> None:
    viewer = tmp_path / "viewer"
    viewer.write_text(f'#!/bin/sh\necho "$1" > {tmp_path / "opened"}\n')
    viewer.chmod(0o755)
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    hidden = {name: value for name, value in os.environ.items() if name not in screens}
    command = [sys.executable, "-c", SHOWN, str(photo)]
    for extra in ({"BROWSER": f"{viewer} %s"}, {}):
        environment = {**hidden, "TMPDIR": str(tmp_path), **extra}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=environment)
        if extra:
            written = Path((tmp_path / "opened").read_text().strip().removeprefix("file://"))
        else:
            written = Path(done.stderr.strip().rpartition("the picture is in ")[2])
        assert cv2.imread(str(written)).shape == (360, 640, 3)


def test_a_table_has_a_row_for_each_object(photo: Path) -> None:
    pytest.importorskip("pandas", reason="the package pandas is not installed")
    table = streamvision.detect(photo, model="road_signs").to_pandas()
    assert table["class_name"].tolist() == FOUND
    assert table["track_id"].isna().all()
    assert (table["right_px"] > table["left_px"]).all()
    assert len(streamvision.detect(np.zeros((64, 64, 3), np.uint8), model="road_signs").to_pandas()) == 0
    *_, last = streamvision.stream(SIGNS, model="road_signs")
    assert sorted(last.to_pandas()["track_id"]) == [1, 2]


def test_a_table_without_pandas_is_one_sentence(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="needs pandas, which is not installed: pip install pandas"):
        streamvision.detect(photo, model="road_signs").to_pandas()
