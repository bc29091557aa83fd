"""The stage in a real run: two files, a real detector, a real embedding model, JSON lines and a table."""

from __future__ import annotations

import csv
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.assembly import check_clocks, name_streams
from pipelines.engine import Pipeline
from pipelines.stages.across_cameras import stage as stage_module
from pipelines.stages.across_cameras.shared import CameraIdentities
from pipelines.stages.across_cameras.stage import AcrossCameras
from streamvision.core.config.across_cameras import AcrossCamerasConfig
from streamvision.core.config.app import parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.frame import Frame, Result, describe
from streamvision.core.picture import BgrPicture
from support.command_line import called
from support.fixed_networks import bright_cell_detector
from support.tiny_classifier import tiny_classifier
from support.tiny_embedder import tiny_embedder

BGR = {"red": (20, 20, 255), "green": (20, 255, 20), "blue": (255, 20, 20)}
FPS, SIDE_PX, CELL_PX = 10, 256, 32


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedder(tmp_path_factory.mktemp("embed") / "colours.onnx", grey=0.3)


def film(path: Path, *shows: tuple[str, int, int], cell: tuple[int, int], gain: float) -> Path:
    """Write a film in which a cell has a colour from one second to another."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (SIDE_PX, SIDE_PX))
    left, top = cell[0] * CELL_PX, cell[1] * CELL_PX
    for number in range(12 * FPS):
        picture = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
        for colour, begin_s, end_s in shows:
            if begin_s * FPS <= number < end_s * FPS:
                picture[top : top + CELL_PX, left : left + CELL_PX] = np.array(BGR[colour]) * gain
        writer.write(picture)
    writer.release()
    return path


def test_two_files_agree_on_who_is_who(tmp_path: Path, embedder: Path) -> None:
    films = [
        film(tmp_path / "gate.mp4", ("red", 0, 2), ("green", 4, 6), ("blue", 8, 10), cell=(2, 3), gain=1.0),
        film(tmp_path / "yard.mp4", ("red", 3, 5), ("blue", 10, 12), cell=(5, 2), gain=0.9),
    ]
    detector = bright_cell_detector(tmp_path / "cells.onnx")
    config = tmp_path / "run.yaml"
    config.write_text(json.dumps({"across_cameras": {"model": str(embedder), "similarity": 0.5}}))
    written = []
    for turn in ("one", "two"):
        lines, table = tmp_path / f"{turn}.jsonl", tmp_path / f"{turn}.csv"
        done = called(
            "run", "--config", config, "--source", films[0], "--source", films[1], "--model", detector,
            "--score", "0.2", "--detections", lines, "--table", table, "--json",
        )  # fmt: skip
        assert done.code == 0, done.stderr
        written.append(lines.read_text())
    ids = by_colour([json.loads(line) for line in written[0].splitlines()])
    assert {name: len(known) for name, known in ids.items()} == {"red": 1, "green": 1, "blue": 1}, ids
    assert len(set.union(*ids.values())) == 3
    assert sorted(written[0].splitlines()) == sorted(written[1].splitlines())
    rows = list(csv.DictReader(table.open()))
    assert sorted((row["stream"], row["global_id"]) for row in rows) == [
        ("gate", "1"), ("gate", "2"), ("gate", "3"), ("yard", "1"), ("yard", "3"),
    ]  # fmt: skip
    (one,) = {tuple(stream["stages"][0]["counts"].items()) for stream in done.report["streams"] if stream["stages"]}
    assert dict(one) == {"identities": 3, "begun": 3, "matches": 2, "clashes": 0, "refused": 0}


def by_colour(lines: list[dict[str, Any]]) -> dict[str, set[int]]:
    """Return the identities that each colour had, by when and where it was shown."""
    when = {"gate": {0: "red", 4: "green", 8: "blue"}, "yard": {3: "red", 10: "blue"}}
    ids: dict[str, set[int]] = {name: set() for name in BGR}
    for line in lines:
        for one in line["objects"]:
            begin_s = max(second for second in when[line["stream"]] if second <= line["pts_s"] + 1e-3)
            if one["global_id"] is not None:
                assert one["track_id"] is not None
                ids[when[line["stream"]][begin_s]].add(one["global_id"])
    return ids


def seen(camera: str, index: int, *colours: str, first_id: int = 1, captured_at_s: float = 0.0) -> Result:
    """Return a frame with a square of each colour, away from the edge."""
    bgr = np.zeros((80, 20 + 60 * max(len(colours), 1), 3), np.uint8)
    boxes = np.array([[10 + 60 * n, 10, 50 + 60 * n, 60] for n in range(len(colours))], np.float32).reshape(-1, 4)
    for (left, top, right, bottom), colour in zip(boxes.astype(int).tolist(), colours, strict=True):
        bgr[top:bottom, left:right] = BGR[colour]
    count = len(colours)
    track_id = np.ma.MaskedArray(np.arange(first_id, first_id + count, dtype=np.int64), mask=False)
    found = Detections(boxes, np.full(count, 0.9, np.float32), np.zeros(count, np.int32), track_id)
    return Result(Frame(camera, index, index / FPS, captured_at_s, BgrPicture(bgr)), found)


class Cameras:
    """Stages of several cameras that share a gallery, fed by hand."""

    def __init__(self, embedder: Path, *, live: bool = False, **settings: Any) -> None:
        config = AcrossCamerasConfig(model=str(embedder), **{"similarity": 0.5, "views": 1, **settings})
        self.shared = CameraIdentities.open(config)
        self.shared.model.start()
        self.live = live
        self.stages: dict[str, AcrossCameras] = {}

    def show(self, result: Result) -> list[int | None]:
        camera = result.frame.stream_id
        if camera not in self.stages:
            self.stages[camera] = AcrossCameras(
                self.shared, stream_id=camera, names=("square",), live=self.live, memory_s=1.0
            )
        if not self.live:  # the other files are behind; here nobody reads them
            for other in self.stages:
                if other != camera:
                    self.stages.pop(other).close()
        self.stages[camera].process(result)
        column = result.detections.global_id
        assert column is not None
        return column.tolist()


@pytest.fixture
def cameras(embedder: Path) -> Any:
    made: list[Cameras] = []

    def make(**settings: Any) -> Cameras:
        made.append(Cameras(embedder, **settings))
        return made[-1]

    yield make
    for one in made:
        one.shared.model.close(10)


def test_an_object_is_described_a_few_times_and_not_on_each_frame(cameras: Any) -> None:
    one = cameras(views=3, every_s=2.0)
    told = [one.show(seen("gate", index, "red")) for index in range(100)]
    assert told[0] == [None] and told[-1] == [1]
    assert 6 <= one.shared.model.status().done <= 9  # three at first, then one each two seconds of ten


def test_a_live_stream_never_waits_for_the_model(cameras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = cameras(live=True)
    monkeypatch.setattr(one.shared.model, "wait", lambda keys: pytest.fail("it waited"))
    index, told = 0, [None]
    while told == [None]:
        told = one.show(seen("gate", index, "red", captured_at_s=index / FPS))
        index += 1
        assert index < 1_000_000
    assert told == [1]


def test_what_only_its_tracker_does_not_know_has_no_identity(cameras: Any) -> None:
    result = seen("gate", 0, "red", "blue")
    result.detections = result.detections.with_columns(
        track_id=np.ma.MaskedArray(np.array([1, 2], np.int64), mask=[True, False])
    )
    assert cameras().show(result) == [None, 1]
    assert [one["global_id"] for one in describe(result, ("square",))["objects"]] == [None, 1]
    assert [one.global_id for one in result.detections] == [None, 1]
    assert result.detections[np.array([1])].global_id.tolist() == [1]  # type: ignore[union-attr]


def test_objects_of_other_classes_and_small_ones_are_left_out(cameras: Any) -> None:
    assert cameras(classes=("person",)).show(seen("gate", 0, "red")) == [None]
    assert cameras(min_side_px=100).show(seen("gate", 0, "red")) == [None]


def test_a_stream_that_begins_anew_finds_its_objects_again(cameras: Any) -> None:
    one = cameras()
    assert one.show(seen("gate", 0, "red", "green")) == [1, 2]
    one.stages["gate"].reset()
    assert one.show(seen("gate", 40, "green", "red", first_id=1)) == [2, 1]


def test_tracks_are_remembered_within_bounds(cameras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "MAX_FOLLOWED", 5)
    one = cameras()
    for index in range(20):
        one.show(seen("gate", index, "red", first_id=index + 1))
    assert len(one.stages["gate"]._followed) <= 5


def test_a_model_for_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"across_cameras: .* give an embedding model"):
        CameraIdentities.open(AcrossCamerasConfig(model=str(tiny_classifier(tmp_path / "classes.onnx"))))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"workers": 2}, "compares the objects of all streams in one process"),
        ({"cluster": "auto"}, "run on several machines"),
        ({"tracker": {"name": "none"}}, "the tracker is none"),
        ({"across_cameras": {"model": "m.onnx", "transit": [{"between": ["a", "a"]}]}}, "give two streams"),
        ({"across_cameras": {"model": "m.onnx", "transit": [{"between": ["a", "b"], "min_s": 9, "max_s": 3}]}}, "exch"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(more: dict[str, Any], said: str) -> None:
    document = {"model": {"path": "m.onnx"}, "streams": [], "across_cameras": "looks.onnx", **more}
    with pytest.raises(ConfigError, match=said) as caught:
        parse_config(document, origin="run.yaml")
    assert "\n" not in str(caught.value)


def test_a_stream_that_is_not_there_is_named(tmp_path: Path, embedder: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(json.dumps({"across_cameras": {"model": str(embedder), "streams": ["gate", "yrad"]}}))
    detector = bright_cell_detector(tmp_path / "cells.onnx")
    done = called("run", "--config", config, "--source", "synthetic:boxes?frames=2", "--model", detector)
    assert done.code != 0
    assert "across_cameras speaks of the stream 'gate', which there is not" in done.sentence()


LIVE = "synthetic:boxes?frames=2"
MIXED = "'clip' is read as a file, whose time counts from its beginning, while 'gate' is live"


@pytest.mark.parametrize(
    ("clip", "across", "is_refused"),
    [
        ({}, {}, True),
        ({"policy": "live"}, {}, False),
        ({"enabled": False}, {}, False),
        ({"tracker": "none"}, {}, False),
        ({}, {"streams": ["gate"]}, False),
    ],
)
def test_files_beside_live_cameras_are_refused_where_both_are_compared(
    clip: dict[str, Any], across: dict[str, Any], is_refused: bool
) -> None:
    streams = [
        {"id": "clip", "source": LIVE, "policy": "file", **clip},
        {"id": "gate", "source": LIVE},
        {"id": "yard", "source": LIVE, "enabled": False},
    ]
    document = {"model": {"path": "m.onnx"}, "streams": streams, "across_cameras": {"model": "looks.onnx", **across}}
    config = parse_config(document, origin="run.yaml")
    with pytest.raises(ConfigError, match=MIXED) if is_refused else nullcontext():
        check_clocks(config, name_streams(config.streams))


def test_a_run_with_both_ends_with_a_sentence(tmp_path: Path, embedder: Path) -> None:
    config = tmp_path / "run.yaml"
    streams = [{"id": "clip", "source": LIVE, "policy": "file"}, {"id": "gate", "source": LIVE}]
    config.write_text(json.dumps({"across_cameras": {"model": str(embedder)}, "streams": streams}))
    done = called("run", "--config", config, "--model", bright_cell_detector(tmp_path / "cells.onnx"))
    assert done.code != 0
    assert MIXED in done.sentence()


def test_a_file_is_not_added_to_live_cameras_but_takes_their_place(tmp_path: Path, embedder: Path) -> None:
    document = {
        "model": {"path": str(bright_cell_detector(tmp_path / "cells.onnx")), "threads": 1},
        "across_cameras": {"model": str(embedder)},
    }
    gate = StreamConfig(id="gate", source="synthetic:boxes?fps=5&size=160x120")
    clip = StreamConfig(id="clip", source=gate.source, policy="file")
    with Pipeline(parse_config(document, origin="run.yaml"), service=True) as pipeline:
        pipeline.add_stream(gate)
        with pytest.raises(ConfigError, match=r"'clip' is read as a file, .* while another is live") as refused:
            pipeline.add_stream(clip)
        assert "gate" not in str(refused.value)  # who may see clip alone reads it as the reason why it is not there
        pipeline.replace_stream("gate", clip.model_copy(update={"id": "gate"}))  # it is the only one
        with pytest.raises(ConfigError, match=r"another is read as a file, .* while 'clip' is live"):
            pipeline.add_stream(clip.model_copy(update={"policy": "live"}))
        pipeline.add_stream(clip)
        assert not pipeline.failures()


def test_identities_by_another_clock_are_forgotten(cameras: Any) -> None:
    one = cameras()
    assert one.show(seen("gate", 0, "red")) == [1]
    one.stages.pop("gate").close()
    one.live = True
    told = [None]
    for index in range(10_000):
        told = one.show(seen("gate", index, "red", captured_at_s=index / FPS))
        if told != [None]:
            break
        one.shared.model.wait([followed.key for followed in one.stages["gate"]._followed.values()])
    assert told == [2]
