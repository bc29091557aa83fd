"""JSON lines and MOT text: their forms, what a crash leaves, and how a full disk shows."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.outputs.json_lines import JsonLinesSink
from pipelines.outputs.line_file import LineFile
from pipelines.outputs.mot import MotSink
from streamvision.core.detections import Detections
from streamvision.core.errors import OutputError
from streamvision.core.frame import Frame, Result, WallTime
from streamvision.core.picture import BgrPicture, Canvas
from streamvision.core.rendered_frame import RenderedFrame

NAMES = ("person", "car")


def unused() -> Canvas:
    raise AssertionError("text needs no picture")


def annotated(index: int, detections: Detections, *, stream_id: str = "gate", pts_s: float = 0.0) -> RenderedFrame:
    frame = Frame(stream_id, index, pts_s, 0.0, BgrPicture(np.zeros((4, 4, 3), np.uint8)))
    return RenderedFrame(Result(frame, detections), draw=unused, encode=bytes)


def two_objects() -> Detections:
    return Detections(
        np.array([[10.123, 20, 110.5, 220], [5, 6, 7, 8]], np.float32),
        np.array([0.87654, 0.5], np.float32),
        np.array([1, 0], np.int32),
        np.ma.array([42, 0], mask=[False, True], dtype=np.int64),
    )


def test_a_json_line_has_the_documented_form(tmp_path: Path) -> None:
    sink = JsonLinesSink(LineFile(tmp_path / "d.jsonl"), names=NAMES)
    sink.write(annotated(3, two_objects(), pts_s=0.12))
    sink.write(annotated(4, Detections.empty(), pts_s=0.16))
    sink.close()
    first, second = map(json.loads, (tmp_path / "d.jsonl").read_text().splitlines())
    assert first == {
        "stream": "gate",
        "frame": 3,
        "pts_s": 0.12,
        "objects": [
            {
                "track_id": 42,
                "class_id": 1,
                "class_name": "car",
                "score": 0.8765,
                "box_xyxy_px": [10.12, 20.0, 110.5, 220.0],
            },
            {
                "track_id": None,
                "class_id": 0,
                "class_name": "person",
                "score": 0.5,
                "box_xyxy_px": [5.0, 6.0, 7.0, 8.0],
            },
        ],
    }
    assert second == {"stream": "gate", "frame": 4, "pts_s": 0.16, "objects": []}


def test_a_json_line_says_when_where_that_is_known(tmp_path: Path) -> None:
    sink = JsonLinesSink(LineFile(tmp_path / "d.jsonl"), names=NAMES)
    rendered = annotated(3, Detections.empty(), pts_s=0.12)
    rendered.result.frame = replace(rendered.result.frame, wall_time=WallTime(1704112205.12345, "rtcp"))
    sink.write(rendered)
    sink.close()
    assert (tmp_path / "d.jsonl").read_text() == (
        '{"stream":"gate","frame":3,"pts_s":0.12,"time_unix_s":1704112205.123,"time_source":"rtcp","objects":[]}\n'
    )


def test_streams_share_a_file_and_the_last_to_close_closes_it(tmp_path: Path) -> None:
    shared = LineFile(tmp_path / "d.jsonl")
    sinks = {name: JsonLinesSink(shared, names=NAMES) for name in ("a", "b", "c")}

    def work(name: str) -> None:
        for index in range(200):
            sinks[name].write(annotated(index, two_objects(), stream_id=name))
        sinks[name].close()
        sinks[name].close()

    threads = [threading.Thread(target=work, args=(name,)) for name in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    records = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    for name in sinks:
        assert [r["frame"] for r in records if r["stream"] == name] == list(range(200))
    with pytest.raises(OutputError, match="closed"):
        shared.append("x\n")


def test_a_killed_process_loses_no_written_line(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    program = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from pipelines.outputs.line_file import LineFile
        file = LineFile(Path({str(path)!r}))
        for number in range(100):
            file.append(f"line {{number}}\\n")
        print("written", flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert path.read_text().splitlines() == [f"line {number}" for number in range(100)]


def test_a_line_that_does_not_fit_is_taken_back_whole(tmp_path: Path) -> None:
    """A file size limit behaves like a disk that runs full in the middle of a line."""
    path = tmp_path / "d.jsonl"
    program = textwrap.dedent(
        f"""
        import resource, signal
        from pathlib import Path
        from pipelines.outputs.line_file import LineFile
        from streamvision.core.errors import OutputError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1050, 1050))
        file = LineFile(Path({str(path)!r}))
        try:
            for number in range(20):
                file.append("x" * 99 + "\\n")
        except OutputError as error:
            print(error)
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "cannot write" in done.stdout
    assert path.read_text() == ("x" * 99 + "\n") * 10


def test_mot_lines_have_the_benchmarks_form(tmp_path: Path) -> None:
    sink = MotSink(LineFile(tmp_path / "m.txt"))
    sink.write(annotated(0, two_objects()))
    sink.write(annotated(1, Detections.empty()))
    sink.write(annotated(6, two_objects()))
    sink.close()
    sink.close()
    lines = (tmp_path / "m.txt").read_text().splitlines()
    assert lines == [f"{frame},42,10.12,20.00,100.38,200.00,0.8765,-1,-1,-1" for frame in (1, 7)]
    assert np.loadtxt(tmp_path / "m.txt", delimiter=",").shape == (2, 10)


def test_without_identities_the_mot_file_is_empty(tmp_path: Path) -> None:
    sink = MotSink(LineFile(tmp_path / "m.txt"))
    untracked = Detections(np.ones((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))
    sink.write(annotated(0, untracked))
    sink.close()
    assert (tmp_path / "m.txt").read_text() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("kind", ["jsonl", "mot"])
def test_a_full_disk_is_an_output_error(kind: str) -> None:
    file = LineFile(Path("/dev/full"))
    sink = JsonLinesSink(file, names=NAMES) if kind == "jsonl" else MotSink(file)
    with pytest.raises(OutputError, match=r"cannot write /dev/full: No space left on device; give"):
        sink.write(annotated(0, two_objects()))
    sink.close()


def test_a_file_that_cannot_be_created_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        LineFile(tmp_path / "missing" / "d.jsonl")
    with pytest.raises(OutputError, match="cannot write"):
        LineFile(tmp_path)


def test_descriptors_are_not_leaked(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        MotSink(LineFile(tmp_path / "m.txt")).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
