"""``streamvision find`` on a real recording: the person who was asked for comes first, and the index saves the work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import streamvision
from pipelines.rendering.match_sheet import clock, draw_matches
from streamvision.api.find import picture_of
from streamvision.cli.main import main
from streamvision.core.errors import ConfigError, SourceError
from streamvision.models import default_model_path
from streamvision.search.embedder import Embedder
from support.backbone_embedder import backbone_embedder
from support.tiny_embedder import tiny_embedder

FRAMES = 460
"""Two people have walked through the picture by then."""
FPS = 10
QUERIES = {120: (385.0, 16.0, 516.0, 393.0), 300: (380.0, 4.0, 543.0, 379.0), 430: (381.0, 6.0, 545.0, 381.0)}
"""Where somebody is on a frame of the recording: a woman, then a man, each at the table."""
DRIVE = "synthetic:drive?fps=10&size=640x360&frames=25&realtime=0&seed=3"


def find(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any], str]:
    with pytest.raises(SystemExit) as ended:
        main(["find", *map(str, arguments), "--json"])
    told = capsys.readouterr()
    assert told.out.count("\n") == 1, "one document, and nothing else"
    return int(ended.value.code or 0), json.loads(told.out), told.err


@pytest.fixture(scope="module")
def people(data_dir: Path) -> Path:
    return data_dir / "videos" / "one-by-one-person-detection.mp4"


@pytest.fixture(scope="module")
def embedder(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return backbone_embedder(data_dir / "models" / "yolox_nano.onnx", tmp_path_factory.mktemp("embed") / "eye.onnx")


@pytest.fixture(scope="module")
def index_path(data_dir: Path, people: Path, embedder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = streamvision.index_objects(
        people,
        model=data_dir / "models" / "yolox_nano.onnx",
        embedder=embedder,
        score=0.4,
        classes=["person"],
        max_frames=FRAMES,
    )
    path = tmp_path_factory.mktemp("index") / "people.npz"
    streamvision.save_index(made, path)
    return path


@pytest.mark.slow
def test_the_person_who_was_asked_for_comes_first(index_path: Path, people: Path, embedder: Path) -> None:
    index = streamvision.load_index(index_path)
    assert len(index) == 2 and {one.class_name for one in index.tracklets} == {"person"}
    with Embedder.open(embedder) as eye:
        for frame, box_xyxy_px in QUERIES.items():
            assert frame not in [one.best_frame for one in index.tracklets], "another pose than the index shows best"
            (vector,) = eye.describe([picture_of(people, frame=frame, box_xyxy_px=box_xyxy_px)])
            best, other = index.search(vector)
            assert best.tracklet.first_s < frame / FPS < best.tracklet.last_s
            assert best.similarity > other.similarity


@pytest.mark.slow
def test_a_second_search_runs_no_detector(
    index_path: Path, people: Path, embedder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "found.png"
    code, report, _ = find(
        capsys, "--index", index_path, "--embedder", embedder, "--query", people, "--frame", 430,
        "--box", "381,6,545,381", "--sheet", sheet,
    )  # fmt: skip
    assert code == 0 and not report["made"]
    best = report["matches"][0]
    assert best["first_s"] < 430 / FPS < best["last_s"], "the person of that frame"
    assert set(best) == {
        "similarity", "stream_id", "track_id", "class_name", "score", "first_s", "last_s", "frames", "best_frame",
        "best_s", "box_xyxy_px", "first_unix_s", "last_unix_s",
    }  # fmt: skip
    drawn = cv2.imread(str(sheet))
    assert drawn is not None and drawn.shape[1] > 1000
    code, report, _ = find(capsys, "--index", index_path, "--identity", best["track_id"])
    assert code == 0
    assert best["track_id"] not in [match["track_id"] for match in report["matches"]], "the others, by looks"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedder(tmp_path_factory.mktemp("embed") / "tiny.onnx")


def test_an_index_is_made_once_and_used_again(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ("--source", DRIVE, "--model", default_model_path(), "--embedder", tiny, "--index", "drive.npz")
    code, report, _ = find(capsys, *given)
    assert (code, report["made"], report["matches"]) == (0, True, [])
    assert report["identities"] >= 1
    before = (tmp_path / "drive.npz").stat().st_mtime_ns
    code, report, _ = find(capsys, *given, "--identity", "drive:1", "--top", 1)
    assert (code, report["made"]) == (0, False)
    assert (tmp_path / "drive.npz").stat().st_mtime_ns == before
    code, report, _ = find(capsys, "--source", DRIVE.replace("seed=3", "seed=4"), *given[2:])
    assert code == 1 and "leave --source out, or give another --index" in report["error"]
    code, report, _ = find(capsys, *given, "--identity", 1, "--score", 0.6)
    assert code == 1 and "made with other settings" in report["error"]
    other = tiny_embedder(tmp_path / "other.onnx", grey=0.3)
    code, report, _ = find(capsys, "--index", "drive.npz", "--embedder", other, "--query", DRIVE)
    assert code == 1 and "made by the embedding model tiny.onnx" in report["error"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "nothing to look for was given"),
        (("--query", "a.jpg", "--identity", "3"), "both --query and --identity"),
        (("--identity", "three", "--source", DRIVE), "--identity three is no identity"),
        (("--identity", "3", "--sheet", "found.doc"), "found.doc has an ending that no picture has"),
        (("--identity", "3"), "no recording was given"),
        (("--identity", "3", "--source", DRIVE), "no embedding model was given"),
        (("--identity", "3", "--index", "none.npz"), "there is no index none.npz"),
        (("--query", "none.jpg", "--index", "none.npz"), "does not exist"),
        (("--query", DRIVE, "--box", "1,2,3"), "--box 1,2,3 is no box"),
        (("--query", DRIVE, "--box", "900,10,990,20"), "is not on the picture of 640x360"),
        (("--query", DRIVE, "--box", "nan,10,30,20"), "is not on the picture of 640x360"),
        (("--query", DRIVE, "--box", "5,5,inf,20"), "is not on the picture of 640x360"),
        (("--query", DRIVE, "--box", "5,5,5,5"), "is not on the picture of 640x360"),
        (("--identity", "3", "--sheet", "none/found.png"), "there is no folder none for the sheet"),
        (("--query", DRIVE, "--frame", "25"), "has 25 frames"),
        (("--query", "rtsp://127.0.0.1/x"), "is no recording"),
    ],
)
def test_what_makes_no_sense_is_said(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, report, err = find(capsys, *arguments)
    assert code == 1
    assert sentence in report["error"]
    assert "Traceback" not in err


def test_what_never_ends_or_has_no_identities_is_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="is live and has no end"):
        streamvision.index_objects("synthetic:boxes", model=default_model_path(), embedder=tiny)
    with pytest.raises(ConfigError, match="needs identities"):
        streamvision.index_objects(DRIVE, model=default_model_path(), embedder=tiny, tracker="none")


def test_a_part_of_a_frame_is_what_was_asked_for(tmp_path: Path) -> None:
    bgr = np.zeros((40, 60, 3), np.uint8)
    bgr[10:20, 30:50] = 200
    cv2.imwrite(str(tmp_path / "a.png"), bgr)
    part = picture_of(tmp_path / "a.png", box_xyxy_px=(30, 10, 50, 20))
    assert (part.to_bgr() == 200).all()
    assert picture_of(tmp_path / "a.png").width_px == 60
    with pytest.raises(SourceError, match="has 1 frames"):
        picture_of(tmp_path / "a.png", frame=1)


def test_a_sheet_of_nothing_says_so() -> None:
    canvas = draw_matches(np.full((50, 30, 3), 200, np.uint8), [])
    assert canvas.y.max() > 190
    assert clock(59.96) == "1:00.0"
    assert clock(3725.46) == "1:02:05.5"
