"""The pipeline as an iterator: nothing of a file is lost, live stays fresh, and leaving the loop ends everything."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

import streamvision
from pipelines.capture import array_reader
from streamvision.core.errors import ConfigError, SourceError, StreamVisionError
from support.tiny_detector import tiny_detector

FILE = "synthetic:drive?fps=30&size=320x180&frames={}&realtime=0"
LIVE = "synthetic:drive?fps=60&size=320x180"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def data_held() -> Iterator[None]:
    """Fail where pictures in memory are kept after their stream."""
    yield
    gc.collect()
    assert not array_reader._held


def pipeline_threads() -> set[str]:
    prefixes = ("lane-", "inference-", "capture-")
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(prefixes)}


def assert_all_over() -> None:
    deadline_s = time.monotonic() + 60
    while pipeline_threads():
        assert time.monotonic() < deadline_s, pipeline_threads()
        time.sleep(0.02)


def test_every_frame_of_a_file_is_given_in_order_however_slow_the_loop_is(model: Path) -> None:
    indices = []
    for result in streamvision.stream(FILE.format(25), model=model):
        indices.append(result.frame.index)
        time.sleep(0.01)
    assert indices == list(range(25))
    assert_all_over()


def test_a_live_source_gives_the_newest_and_counts_the_rest(model: Path) -> None:
    with streamvision.stream(LIVE, model=model) as results:
        next(results)
        deadline_s = time.monotonic() + 60
        while (done := results.statuses()[0].frames_done) < 20:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        late = [next(results) for _ in range(2)]
        status = results.statuses()[0]
    assert late[-1].frame.index >= done - 1, "of the frames that came meanwhile the newest"
    assert status.outputs[-1].lost["reader_behind"] > 0
    assert set(status.drops) <= {"newer_frame"}, "what the loop had no time for went the whole way"


def test_several_files_are_all_given_whole_each_in_its_order(model: Path) -> None:
    seen: dict[str, list[int]] = {"left": [], "right": []}
    for result in streamvision.stream({"left": FILE.format(12), "right": FILE.format(20)}, model=model):
        seen[result.stream_id].append(result.frame.index)
    assert seen == {"left": list(range(12)), "right": list(range(20))}


def test_a_list_of_sources_names_the_streams_itself(model: Path) -> None:
    ids = {result.stream_id for result in streamvision.stream([FILE.format(3), FILE.format(3)], model=model)}
    assert ids == {"drive", "drive-2"}


def test_break_ends_everything(model: Path) -> None:
    for _ in streamvision.stream(LIVE, model=model):
        break
    gc.collect()
    assert_all_over()


def test_an_exception_in_the_loop_ends_everything(model: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        for _ in streamvision.stream(FILE.format(500), model=model):
            raise ZeroDivisionError
    gc.collect()
    assert_all_over()


def test_close_ends_everything_and_the_iteration(model: Path) -> None:
    results = streamvision.stream(LIVE, model=model)
    next(results)
    begin_s = time.monotonic()
    results.close()
    results.close()
    assert time.monotonic() - begin_s < 60
    assert list(results) == []
    assert_all_over()


def test_one_that_was_never_begun_holds_nothing(model: Path) -> None:
    results = streamvision.stream(LIVE, model=model)
    assert "not started" in repr(results)
    del results
    gc.collect()
    assert_all_over()


def test_a_program_that_ends_in_the_middle_ends(model: Path) -> None:
    program = (
        "import streamvision\n"
        f"results = streamvision.stream({LIVE!r}, model={str(model)!r})\n"
        "print(next(results).stream_id)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "drive\n"
    assert "Traceback" not in done.stderr


def test_a_result_has_picture_objects_and_age(model: Path) -> None:
    result = next(iter(streamvision.stream(FILE.format(2), model=model, score=0.1)))
    assert result.bgr.shape == (180, 320, 3)
    assert result.bgr.dtype == np.uint8
    assert not result.bgr.flags.writeable
    assert result.age_s >= 0
    assert result.names == ("c0", "c1", "c2")
    assert result.to_dict()["stream"] == "drive"
    assert len(result.to_dict()["objects"]) == len(result.detections)
    assert result.jpeg()[:2] == b"\xff\xd8"
    assert result.annotated_bgr.shape == result.bgr.shape
    assert np.any(result.annotated_bgr != result.bgr)


def test_a_bgr_source_is_given_as_a_view(model: Path) -> None:
    result = next(iter(streamvision.stream(FILE.format(1).replace("drive", "boxes"), model=model)))
    assert np.shares_memory(result.bgr, result.frame.picture.to_bgr()) is hasattr(result.frame.picture, "bgr")


def test_options_reach_the_part_that_they_belong_to(model: Path, tmp_path: Path) -> None:
    lines, video = tmp_path / "d.jsonl", tmp_path / "v.mp4"
    options = {"tracker": "none", "max_frames": 5, "detections": lines, "record": video}
    results = list(streamvision.stream(FILE.format(50), model=model, **options))
    assert len(results) == 5
    assert results[0].detections.track_id is None
    assert len(lines.read_text().splitlines()) == 5
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_a_configuration_is_taken_and_arguments_win(model: Path) -> None:
    config = {"model": {"path": "nothing.onnx", "score": 0.9}, "streams": [{"source": LIVE}], "max_frames": 99}
    results = streamvision.stream(FILE.format(4), model=model, config=config, max_frames=3)
    assert [result.frame.index for result in results] == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"scor": 0.5}, "did you mean 'score'"), ({"score": 7}, "score"), ({"tracker": "magic"}, "tracker")],
)
def test_an_unknown_or_wrong_option_is_said(model: Path, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        streamvision.stream(FILE.format(1), model=model, **options)


def test_a_missing_source_is_said_at_once(model: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        streamvision.stream("no-such-file.mp4", model=model)


def test_what_fails_midway_is_raised_after_the_last_result(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video" * 100)
    seen = []
    with pytest.raises(StreamVisionError, match="broken"):
        for result in streamvision.stream([FILE.format(6), broken], model=model):
            seen.append(result.frame.index)  # noqa: PERF401
    assert seen == list(range(6))
    assert_all_over()


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = "import sys, streamvision; print([m for m in ('numpy', 'cv2', 'av', 'onnxruntime') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[]"
    assert callable(streamvision.stream)
    with pytest.raises(AttributeError, match="no attribute 'strem'"):
        _ = streamvision.strem


def test_pictures_in_memory_are_one_stream(model: Path, data_held: None) -> None:
    black, white = np.zeros((64, 96, 3), np.uint8), np.full((64, 96, 3), 255, np.uint8)
    for pictures in ([black, white, black], np.stack([black, white, black])):
        results = list(streamvision.stream(pictures, model=model))
        assert [int(one.bgr.mean()) for one in results] == [0, 255, 0]
        assert [one.frame.pts_s for one in results] == pytest.approx([0, 0.1, 0.2])
        assert {one.stream_id for one in results} == {"pictures"}
    assert len(list(streamvision.stream(white, model=model))) == 1
    with pytest.raises(StreamVisionError, match=r"an array of shape \(2, 2\) and type float64 is no picture"):
        list(streamvision.stream([black, np.zeros((2, 2))], model=model))


def test_a_camera_may_be_given_by_its_number(model: Path) -> None:
    if Path("/dev/video63").exists():
        pytest.skip("this machine has that camera")
    with pytest.raises(StreamVisionError, match="/dev/video63 is no camera of this machine"):
        list(streamvision.stream(63, model=model))


@pytest.mark.parametrize(("source", "said"), [(1.5, "float"), ([None], "NoneType"), ({"gate": True}, "bool")])
def test_what_is_no_source_is_one_sentence(model: Path, source: object, said: str) -> None:
    with pytest.raises(ConfigError, match=f"a source is {said}; give a file or an address as text"):
        streamvision.stream(source, model=model)  # type: ignore[arg-type]


def test_without_a_model_the_shipped_one_is_used_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "streamvision"):
        (result,) = streamvision.stream(FILE.format(1))
    assert result.names == ("crosswalk", "speedlimit", "stop", "trafficlight")
    assert [said for said in caplog.messages if said.startswith("No model was given: road_signs is used")]
