"""The main job on files: every frame counts, and what is written stays written."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import av
import pytest

from support.capturing import write_video
from support.command_line import called, running, streamvision

CARS_BY_EYE = 3
"""In the first 250 frames: a white car going up (frames 54-110), a silver one coming down (182-229), a red one going
up (187-237). Counted on a contact sheet of every fourth frame. The camera looks straight down, and the network
calls most of the cars cell phones: it is their identities that count here, not their names."""


def count_frames(video: Path) -> int:
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def begin_of(video: Path, target: Path, packets: int) -> Path:
    """Copy so many packets of a video."""
    with av.open(str(video)) as source, av.open(str(target), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in itertools.islice(source.demux(video=0), packets):
            packet.stream = stream
            copy.mux(packet)
    return target


def test_every_frame_goes_through_and_each_car_keeps_its_identity(video: Path, model: Path, tmp_path: Path) -> None:
    video = begin_of(video, tmp_path / "cars.mp4", 250)
    files = {name: tmp_path / name for name in ("d.jsonl", "m.txt", "r.mp4")}
    done = streamvision(
        "run", "--source", video, "--model", model, "--json",
        "--detections", files["d.jsonl"], "--mot", files["m.txt"], "--record", files["r.mp4"],
    )  # fmt: skip
    assert done.code == 0, done.stderr
    frames = count_frames(video)
    assert frames >= 240
    [stream] = done.report["streams"]
    assert stream["frames_in"] == stream["frames_done"] == frames
    assert not any(stream["drops"].values())
    assert {"id", "source", "fps", "age_s"} <= stream.keys()

    lines = read_lines(files["d.jsonl"])
    assert [line["frame"] for line in lines] == list(range(frames))
    assert all(a["pts_s"] < b["pts_s"] for a, b in itertools.pairwise(lines))
    seen: dict[int, int] = {}
    for line in lines:
        for found in line["objects"]:
            if found["track_id"] is not None:
                seen[found["track_id"]] = seen.get(found["track_id"], 0) + 1
    assert len(seen) == CARS_BY_EYE, seen
    assert min(seen.values()) >= 12, "each car is followed across the picture"

    assert {int(row.split(",")[1]) for row in files["m.txt"].read_text().splitlines()} >= seen.keys()
    assert count_frames(files["r.mp4"]) == frames


def test_lines_of_a_file_with_a_date_in_its_name_say_when(tiny: Path, tmp_path: Path) -> None:
    dated = write_video(tmp_path / "cam 2024-01-01T12:30:05Z.mp4", sizes=[(320, 180)])
    done = called(
        "run", "--source", dated, "--model", tiny, "--max-frames", "3", "--detections", tmp_path / "d.jsonl"
    )  # fmt: skip
    assert done.code == 0, done.stderr
    begin_unix_s = 1704112205
    lines = read_lines(tmp_path / "d.jsonl")
    assert len(lines) == 3
    assert {line["time_source"] for line in lines} == {"file_name"}
    passed_s = [line["pts_s"] - lines[0]["pts_s"] for line in lines]
    assert [line["time_unix_s"] - begin_unix_s for line in lines] == pytest.approx(passed_s, abs=2e-3)


def test_two_files_at_once_have_identities_and_files_of_their_own(data_dir: Path, tiny: Path, tmp_path: Path) -> None:
    videos = [data_dir / "videos" / name for name in ("car-detection.mp4", "one-by-one-person-detection.mp4")]
    done = called(
        "run", *(a for v in videos for a in ("--source", v)), "--model", tiny, "--max-frames", "20", "--json",
        "--detections", tmp_path / "d.jsonl", "--mot", tmp_path / "m.txt",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    streams = done.report["streams"]
    assert [stream["frames_done"] for stream in streams] == [20, 20]
    lines = read_lines(tmp_path / "d.jsonl")
    for stream in streams:
        assert [line["frame"] for line in lines if line["stream"] == stream["id"]] == list(range(20))
        assert (tmp_path / f"m.{stream['id']}.txt").exists()


def test_a_truncated_video_gives_what_it_has_and_says_so(video: Path, tiny: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    _write_index_first(video, cut)
    with cut.open("r+b") as file:
        file.truncate(cut.stat().st_size // 2)
    done = called("run", "--source", cut, "--model", tiny, "--detections", tmp_path / "d.jsonl", "--json")
    assert done.code == 1
    assert "cut" in done.sentence()
    lines = read_lines(tmp_path / "d.jsonl")
    assert len(lines) > 100
    assert done.report["streams"][0]["state"] == "failed"


def _write_index_first(video: Path, target: Path) -> None:
    """Copy a video so that its index stands at the front, as in a download that was cut off."""
    with av.open(str(video)) as source, av.open(str(target), "w", options={"movflags": "faststart"}) as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)


def test_ctrl_c_stops_cleanly_and_keeps_what_was_written(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    arguments = ("run", "--source", "synthetic:boxes", "--model", tiny, "--detections", out, "--json")
    with running(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline_s = time.monotonic() + 60
        while not (out.exists() and out.read_text().count("\n") >= 5):
            assert time.monotonic() < deadline_s, "nothing was written"
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    report = json.loads(stdout)
    assert report["interrupted"]
    assert len(read_lines(out)) == report["streams"][0]["frames_done"]


@pytest.mark.parametrize("name", ["dashcam", "rtsp", "multi-camera"])
def test_the_ready_made_configurations_run(
    project_root: Path, video: Path, model: Path, tmp_path: Path, name: str
) -> None:
    done = called(
        "run", "--config", project_root / "configs" / f"{name}.yaml", "--source", video, "--model", model,
        "--max-frames", "5", "--json", "--serve", "127.0.0.1:0", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert done.report["streams"][0]["frames_done"] == 5


def test_the_same_car_is_found_through_another_backend(video: Path, model: Path) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is an optional extra")
    done = called("run", "--source", video, "--model", model, "--backend", "openvino", "--max-frames", "80", "--json")
    assert done.code == 0, done.stderr
    assert sum(done.report["streams"][0]["identities"].values()) == 1


def test_copying_the_model_elsewhere_needs_nothing_beside_it(video: Path, model: Path, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path / "mine.onnx")
    done = called("run", "--source", video, "--model", tmp_path / "mine.onnx", "--max-frames", "3")
    assert done.code == 0, done.stderr
    assert "3 frames" in done.stdout
