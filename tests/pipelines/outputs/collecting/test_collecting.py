"""Frames that real runs keep: films, networks whose scores are the brightness of cells, the folder on the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.engine import Pipeline
from pipelines.outputs.collecting.collector import Collector
from pipelines.outputs.collecting.second_model import SecondModel
from streamvision.core.config.app import parse_config
from streamvision.core.config.collect import CollectConfig
from streamvision.core.errors import ConfigError, OutputError, StreamVisionError
from streamvision.datasets.collection import Collection, Waiting
from support.command_line import called
from support.fixed_networks import bright_cell_detector
from support.tiny_embedder import tiny_embedder

FPS, SIDE_PX, CELL_PX = 10, 256, 32
WAIT_S = 300.0
FULL = "free space, or give another folder"
Show = tuple[float, float, tuple[int, int], float]
"""From one second to another, a cell has a brightness."""


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bright_cell_detector(tmp_path_factory.mktemp("models") / "cells.onnx")


def film(path: Path, seconds: float, shows: Iterable[Show], *, scene_s: float = 1e9) -> Path:
    """Write a film; every ``scene_s`` seconds the dark background is another."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (SIDE_PX, SIDE_PX))
    for number in range(round(seconds * FPS)):
        rng = np.random.default_rng(int(number / FPS / scene_s))
        dark = cv2.resize(rng.integers(0, 16, (8, 8, 3), np.uint8), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        for begin_s, end_s, (column, row), brightness in shows:
            if begin_s * FPS <= number < end_s * FPS:
                left, top = column * CELL_PX, row * CELL_PX
                dark[top : top + CELL_PX, left : left + CELL_PX] = round(255 * brightness)
        writer.write(dark)
    writer.release()
    return path


def run(
    source: Path, detector: Path, folder: Path, *, pipeline: dict[str, Any] | None = None, **collect: Any
) -> Pipeline:
    """Run a film to its end and return the pipeline."""
    document: dict[str, Any] = {
        "model": {"path": str(detector), "tune": "off"},
        "streams": [{"source": str(source), "id": "gate"}],
        "collect": {"folder": str(folder), "reasons": ["uncertain", "flicker", "disagreement"], **collect},
        **(pipeline or {}),
    }
    ran = Pipeline(parse_config(document, origin="test"))
    with ran:
        assert ran.wait(WAIT_S)
    return ran


def kept(folder: Path) -> list[Waiting]:
    return sorted(Collection(folder).waiting(), key=lambda one: one.proposal.frame or 0)


def kinds(one: Waiting) -> set[str]:
    return {reason.kind for reason in one.proposal.reasons}


def test_what_was_missed_and_what_is_unsure_is_kept_and_what_is_clear_is_not(tmp_path: Path, detector: Path) -> None:
    shows = [(0, 3, (2, 3), 0.95), (3.2, 9.5, (2, 3), 0.95), (6.5, 7.3, (5, 5), 0.3)]
    source = film(tmp_path / "gate.mp4", 10, shows)
    ran = run(source, detector, tmp_path / "hard")
    missed, unsure = kept(tmp_path / "hard")
    assert missed.proposal.frame in (30, 31)
    assert "disagreement" in kinds(missed)
    assert [box.origin for box in missed.proposal.boxes] == ["tracker"]
    assert missed.proposal.boxes[0].box_xyxy_px == pytest.approx((64, 96, 96, 128), abs=3)
    assert unsure.proposal.frame is not None and 65 <= unsure.proposal.frame < 73
    assert "uncertain" in kinds(unsure)
    assert {box.class_name for box in unsure.proposal.boxes} == {"plate"}
    assert (unsure.proposal.stream, unsure.proposal.source) == ("gate", str(source))
    assert unsure.proposal.model_name == "cells" and len(unsure.proposal.model_sha256) == 64
    tally = ran.collected
    assert tally is not None and (tally.kept, tally.frames) == (2, 100)
    picture = cv2.imdecode(np.frombuffer(Collection(tmp_path / "hard").picture(unsure.name), np.uint8), 1)
    assert picture.shape == (SIDE_PX, SIDE_PX, 3)
    assert picture[176, 176].mean() == pytest.approx(0.3 * 255, abs=12)  # without a box that is drawn


def test_a_static_doubt_is_kept_once_and_not_again_once_it_was_thrown_away(tmp_path: Path, detector: Path) -> None:
    source = film(tmp_path / "gate.mp4", 9, [(0, 9, (4, 4), 0.3)])
    ran = run(source, detector, tmp_path / "hard")
    assert ran.collected is not None and ran.collected.near_duplicates >= 1
    collection = Collection(tmp_path / "hard")
    [one] = collection.waiting_names()
    collection.refuse(one)
    assert run(source, detector, tmp_path / "hard").collected.kept == 0  # type: ignore[union-attr]
    assert collection.waiting_names() == []


def test_a_harder_frame_takes_the_place_of_the_easiest(tmp_path: Path, detector: Path) -> None:
    scores = (0.42, 0.36, 0.27, 0.31)
    shows = [(2.0 * at, 2.0 * at + 2, (1 + at, 2 + at), score) for at, score in enumerate(scores)]
    source = film(tmp_path / "gate.mp4", 8, shows, scene_s=2.0)
    ran = run(source, detector, tmp_path / "hard", most=2, reasons=["uncertain"])
    assert ran.collected is not None
    assert (ran.collected.kept, ran.collected.replaced) == (2, 2)
    frames = [one.proposal.frame // (2 * FPS) for one in kept(tmp_path / "hard") if one.proposal.frame is not None]
    assert frames == [2, 3]


def test_a_second_model_says_what_the_first_does_not_see(tmp_path: Path, detector: Path) -> None:
    shows = [(0, 6, (2, 3), 0.95), (2.5, 3.5, (5, 5), 0.5), (2.5, 3.5, (6, 1), 0.5)]
    source = film(tmp_path / "gate.mp4", 6, shows)
    model = {"model": {"path": str(detector), "score": 0.8, "tune": "off"}, "tracker": "none"}
    masked = {"streams": [{"source": str(source), "ignore": [[[0.7, 0], [1, 0], [1, 0.3], [0.7, 0.3]]]}]}
    settings = {"reasons": ["disagreement"], "second_model": str(detector), "second_score": 0.4}
    run(source, detector, tmp_path / "hard", pipeline={**model, **masked}, **settings)
    [one] = kept(tmp_path / "hard")
    [reason] = one.proposal.reasons
    assert reason.why.startswith("the second model alone sees a plate")
    others = [box.box_xyxy_px for box in one.proposal.boxes if box.origin == "second model"]
    assert len(others) == 1  # the other lies where objects are not to be seen
    assert others[0] == pytest.approx((160, 160, 192, 192), abs=2)


def test_a_model_that_cannot_be_compared_is_refused_before_anything_runs(tmp_path: Path, detector: Path) -> None:
    second = SecondModel(str(detector), score=0.4)
    with pytest.raises(ConfigError, match="no class of the stream's model"):
        second.check(("zebra",))
    second.close()
    source = film(tmp_path / "gate.mp4", 1, [])
    for refused in (tmp_path / "absent.onnx", tmp_path / f"{'x' * 400}.onnx", tiny_embedder(tmp_path / "embed.onnx")):
        with pytest.raises(StreamVisionError):
            run(source, detector, tmp_path / "hard", second_model=str(refused))


@pytest.mark.parametrize("described_by", ["its colours and edges", "a model"])
def test_a_new_scene_is_kept_and_the_same_one_is_not(tmp_path: Path, detector: Path, described_by: str) -> None:
    model = tiny_embedder(tmp_path / "embed.onnx", grey=0.1)
    more = {"embedding_model": str(model)} if described_by == "a model" else {}
    cells = [(column, row) for column in range(8) for row in range(8)]
    shows = [(0.0, 4.0, cell, 0.2) if cell[0] < 4 else (4.0, 8.0, cell, 0.2) for cell in cells]
    source = film(tmp_path / "gate.mp4", 8, shows)
    run(source, detector, tmp_path / "hard", reasons=["unseen"], least=0.2, **more)
    first, second = kept(tmp_path / "hard")
    assert first.proposal.frame is not None and first.proposal.frame < 40
    assert second.proposal.frame is not None and second.proposal.frame >= 40
    assert "nothing is kept yet" in first.proposal.reasons[0].why
    (tmp_path / "hard" / "waiting" / "zz.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (tmp_path / "hard" / "waiting" / "zz.json").write_text("{}")
    nearly = film(
        tmp_path / "again.mp4", 4, [(0.0, 4.0, (column, row), 0.2) for column, row in cells if column < 4 and row < 6]
    )
    run(nearly, detector, tmp_path / "hard", reasons=["unseen"], least=0.2, **more)
    assert not any("nothing is kept yet" in one.proposal.reasons[0].why for one in kept(tmp_path / "hard")[1:])


def test_a_stream_begins_before_what_is_kept_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.outputs.collecting.collector.kept_before", lambda _: pytest.fail("nobody can wait"))
    collector = Collector(CollectConfig(folder=tmp_path / "hard"))
    collector.open(SimpleNamespace(names=("stop",)))
    collector.close(for_good=True)


def test_pictures_are_kept_as_they_are_shown_to_everybody(tmp_path: Path, detector: Path) -> None:
    code = tmp_path / "hiding.py"
    code.write_text("def hide(view):\n    return view.bgr * 0 + 100\n")
    source = film(tmp_path / "gate.mp4", 3, [(0, 3, (4, 4), 0.3)])
    run(source, detector, tmp_path / "hard", pipeline={"stages": [{"path": f"{code}:hide", "budget_ms": 60_000}]})
    [one] = kept(tmp_path / "hard")
    picture = cv2.imdecode(np.frombuffer(Collection(tmp_path / "hard").picture(one.name), np.uint8), 1)
    assert np.abs(picture.astype(int) - 100).max() <= 2


def test_a_stream_that_is_not_to_be_collected_from_is_left_out(tmp_path: Path, detector: Path) -> None:
    source = film(tmp_path / "gate.mp4", 2, [(0, 2, (4, 4), 0.3)])
    ran = run(source, detector, tmp_path / "hard", pipeline={"streams": [{"source": str(source), "collect": False}]})
    assert ran.collected is not None and ran.collected.frames == 0
    assert not (tmp_path / "hard").exists()


def test_a_live_stream_is_collected_from_too(tmp_path: Path, detector: Path) -> None:
    source = film(tmp_path / "gate.mp4", 3, [(0, 3, (4, 4), 0.3)])
    stream = {"source": str(source), "policy": "live", "realtime": True}
    ran = run(source, detector, tmp_path / "hard", pipeline={"streams": [stream]})
    assert ran.failures() == []
    assert ran.collected is not None and ran.collected.frames > 0


def test_a_full_disk_is_one_sentence_and_the_stream_goes_on(
    tmp_path: Path, detector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = film(tmp_path / "gate.mp4", 6, [(0, 6, (4, 4), 0.3)], scene_s=2.0)
    real: Callable[[Path, Path], Path] = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target).suffix == ".jpg":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    ran = run(source, detector, tmp_path / "hard")
    [status] = ran.statuses()
    assert (status.state, status.frames_done) == ("ended", 60)
    assert status.outputs[0].name == "collect" and status.outputs[0].failures
    assert ran.failures() == [f"cannot write to {tmp_path / 'hard'}: No space left on device; {FULL}"]
    assert kept(tmp_path / "hard") == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"workers": 2}, "in one process"),
        ({"collect": {"folder": "x", "reasons": ["hard"]}}, "uncertain"),
        ({"collect": {}}, "folder"),
        ({"collect": None, "streams": [{"source": "a.mp4", "collect": True}]}, "does not say where"),
    ],
)
def test_settings_that_cannot_be_are_refused(more: dict[str, Any], said: str) -> None:
    document = {"model": "m.onnx", "streams": [{"source": "a.mp4"}], "collect": "hard"}
    assert parse_config({**document, "model": {"path": "m.onnx"}}, origin="test").collect is not None
    with pytest.raises(ConfigError, match=said):
        parse_config({**document, "model": {"path": "m.onnx"}, **more}, origin="test")


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, detector: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="something else"):
        run(film(tmp_path / "gate.mp4", 1, []), detector, tmp_path)


def test_the_command_says_what_was_kept_and_what_comes_next(tmp_path: Path, detector: Path) -> None:
    source = film(tmp_path / "gate.mp4", 3, [(0, 3, (4, 4), 0.3)])
    given = ("collect", source, "--model", detector, "--tune", "off", "--reasons", "uncertain")
    done = called(*given, "--output", tmp_path / "my hard ones")
    assert done.code == 0, done.stderr
    assert "kept 1 of 30 frames: 1 uncertain" in done.stdout
    assert f"Next: streamvision label '{tmp_path / 'my hard ones'}'" in done.stdout
    report = called(*given, "--output", tmp_path / "more", "--least", "0.99", "--json").report
    assert report["collected"] == {
        "folder": str(tmp_path / "more"),
        "frames": 30,
        "kept": 0,
        "near_duplicates": 0,
        "replaced": 0,
        "by_reason": {},
    }
    assert "--output hard" in called(*given).sentence()
    assert "reasons" in called(*given, "--output", tmp_path / "x", "--reasons", "hard").sentence()
