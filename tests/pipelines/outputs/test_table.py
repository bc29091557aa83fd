"""The table of identities: its cells, its crops, what a crash leaves, what becomes of old files, and real runs."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
import simplejpeg

from pipelines.outputs import table, table_file
from pipelines.outputs.outputs import check_outputs, open_sinks
from pipelines.outputs.sink import SinkContext
from pipelines.outputs.table import COLUMNS
from pipelines.outputs.table_file import TableFile
from streamvision.core.config.app import parse_config
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.frame import FilePlace, Result, WallTime
from streamvision.synthetic.drive import DriveScene
from support.command_line import called
from support.identities import rendered, seen_on
from support.serving import until

NAMES = ("person", "=1+1", 'a "b", c')
BOX = (20, 20, 120, 170)
Row = dict[str, str]


def rows_in(path: Path) -> list[Row]:
    text = path.read_bytes().decode()
    assert text.count("\r\n") == text.count("\n"), "RFC 4180: lines end with CRLF"
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(tuple(row) == COLUMNS for row in found)
    return found


def write(path: Path, results: Iterable[Result], *, live: bool = False, **config: Any) -> list[Row]:
    context = SinkContext("gate", live, NAMES)
    (output,) = open_sinks(OutputsConfig(table=path, **config), [context])["gate"]
    for one in rendered(results):
        output.write(one)
    output.close()
    assert not output.failures
    return rows_in(path)


def test_every_cell_of_an_identity(tmp_path: Path) -> None:
    def at(index: int, name: str, file_frame: int, score: float) -> Result:
        place = FilePlace(name, file_frame, file_frame / 10)
        wall_time = WallTime(1790000000.25 + index / 25, "container")
        return seen_on(index, (7, BOX, score, 2), place=place, wall_time=wall_time)

    first, best, last = at(10, "a,1.mp4", 10, 0.5), at(11, "b.mp4", 0, 0.875), at(12, "=c.mp4", 0, 0.6)
    (row,) = write(tmp_path / "t.csv", [first, best, last])
    crop = row.pop("crop")
    assert row == {
        "stream": "gate", "file": "a,1.mp4", "class_name": 'a "b", c', "track_id": "7",
        "first_pts_s": "0.4", "last_pts_s": "0.48", "first_time": "2026-09-21T14:13:20.650Z",
        "last_time": "2026-09-21T14:13:20.730Z", "time_source": "container", "frames": "3", "best_score": "0.875",
        "best_frame": "11", "best_pts_s": "0.44", "best_left_px": "20.0", "best_top_px": "20.0",
        "best_right_px": "120.0", "best_bottom_px": "170.0", "first_file_pts_s": "1.0", "last_file": "'=c.mp4",
        "last_file_pts_s": "0.0", "best_file": "b.mp4", "best_file_frame": "0", "global_id": "",
    }  # fmt: skip
    picture = cv2.imread(str(tmp_path / crop))
    assert picture is not None and abs(float(picture.mean()) - 11) < 2, "the view of the best frame"


def test_what_is_not_known_is_empty_and_no_cell_is_a_formula(tmp_path: Path) -> None:
    (row,) = write(tmp_path / "t.csv", [seen_on(0, (1, BOX, 0.5, 1))], table_crops_kept=0)
    empty = {name for name, cell in row.items() if not cell}
    assert empty == {
        "file", "first_time", "last_time", "time_source", "first_file_pts_s", "last_file", "last_file_pts_s",
        "best_file", "best_file_frame", "crop", "global_id",
    }  # fmt: skip
    assert row["class_name"] == "'=1+1"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"], "no folder where no crops are wanted"


def test_a_run_without_identities_leaves_the_header_alone(tmp_path: Path) -> None:
    assert write(tmp_path / "t.csv", [seen_on(0, (None, BOX, 0.5, 0))]) == []
    assert (tmp_path / "t.csv").read_bytes() == ",".join(COLUMNS).encode() + b"\r\n"


def test_files_of_live_streams_go_on_and_others_get_dated_names(tmp_path: Path) -> None:
    for live, path in ((True, tmp_path / "live.csv"), (False, tmp_path / "file.csv")):
        for _ in range(2):
            write(path, [seen_on(0, (1, BOX, 0.5, 0))], live=live)
            time.sleep(0.002)  # crops carry milliseconds
        assert len(rows_in(path)) == (2 if live else 1)
        tables = sorted(tmp_path.glob(f"{path.stem}*.csv"))
        crops = [row["crop"] for one in tables for row in rows_in(one)]
        assert len(tables) == (1 if live else 2) and len(set(crops)) == 2
        assert all((tmp_path / crop).is_file() for crop in crops), "no crop of an earlier run is gone"
    write(tmp_path / "file.csv", [seen_on(0, (1, BOX, 0.5, 0))], overwrite=True)
    assert len(list((tmp_path / "file.crops").iterdir())) == 1, "replacing is asked for by name"


def test_crops_are_bounded_in_number_and_size(tmp_path: Path) -> None:
    results = [seen_on(index, (index + 1, (0, 0, 320, 180), 0.9, 0)) for index in range(9)]
    write(tmp_path / "t.csv", results, table_crops_kept=4)
    names = sorted(path.name for path in (tmp_path / "t.crops").iterdir())
    assert [name.rpartition("-")[2] for name in names] == ["6.jpg", "7.jpg", "8.jpg", "9.jpg"]
    height, width = simplejpeg.decode_jpeg_header((tmp_path / "t.crops" / names[0]).read_bytes())[:2]
    assert (width, height) == (320, 180)


def test_rows_of_those_that_stay_stand_there_meanwhile_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "FLUSH_S", 0.05)
    monkeypatch.setattr(table_file, "TAIL_EVERY_S", 0.0)
    path = tmp_path / "t.csv"
    contexts = [SinkContext(name, False, NAMES) for name in ("gate", "yard")]
    outputs = {name: one[0] for name, one in open_sinks(OutputsConfig(table=path), contexts).items()}

    def frames() -> list[tuple[str, str]]:
        return sorted((row["stream"], row["frames"]) for row in rows_in(path))

    for index in range(3):
        for name in ("gate", "yard"):
            (one,) = rendered([seen_on(index, (1, BOX, 0.5, 0), stream=name)])
            outputs[name].write(one)
        expected = [("gate", str(index + 1)), ("yard", str(index + 1))]
        until(lambda expected=expected: frames() == expected, "both rows are up to date")
    outputs["gate"].close()
    assert frames() == [("gate", "3"), ("yard", "3")]
    outputs["yard"].close()
    assert [row["stream"] for row in rows_in(path)] == ["gate", "yard"]


KILLED = """
import sys, time
from pathlib import Path
from pipelines.outputs import table
from pipelines.outputs.outputs import open_sinks
from pipelines.outputs.sink import SinkContext
from streamvision.core.config.outputs import OutputsConfig
from streamvision.synthetic.drive import DriveScene
from support.command_line import called
from support.identities import rendered, seen_on
table.FLUSH_S = 0.05
(output,) = open_sinks(OutputsConfig(table=Path(sys.argv[1])), [SinkContext("gate", True, ("car",))])["gate"]
for index in range(100_000):
    segment, identity = index // 50, index // 50 + 1
    here = seen_on(index, (identity, (20, 20, 120, 170), 0.9, 0), segment=segment)
    output.write(rendered([here])[0])
    time.sleep(0.001)
"""


def test_a_kill_leaves_whole_rows_and_those_that_were_there(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], env=_environment())
    try:
        until(lambda: path.exists() and len(rows_in(path)) > 4, "some identities are over", timeout_s=60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    rows = rows_in(path)
    assert [int(row["track_id"]) for row in rows] == list(range(1, len(rows) + 1)), "each once, none is missing"
    assert {row["frames"] for row in rows[:-1]} == {"50"}
    assert all(simplejpeg.is_jpeg((tmp_path / row["crop"]).read_bytes()) for row in rows)
    before = path.read_bytes()
    write(path, [seen_on(0, (1, BOX, 0.5, 0))], live=True)
    assert path.read_bytes().startswith(before) and len(rows_in(path)) == len(rows) + 1


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_a_disk_that_is_full_loses_no_row_once_there_is_room_again(tmp_path: Path) -> None:
    """The limit on the size of files stands for the disk; a child process has it alone."""
    script = f"""
import resource, signal, sys, time
from pathlib import Path
from pipelines.outputs import output, table
from pipelines.outputs.outputs import open_sinks
from pipelines.outputs.sink import SinkContext
from streamvision.core.config.outputs import OutputsConfig
from streamvision.synthetic.drive import DriveScene
from support.command_line import called
from support.identities import rendered, seen_on
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
table.FLUSH_S, output.FIRST_RETRY_S, output.RECOVERED_S = 0.02, 0.05, 0.0
path = Path({str(tmp_path / "t.csv")!r})
config = OutputsConfig(table=path, table_crops_kept=0)
(one,) = open_sinks(config, [SinkContext("gate", True, ("car",))])["gate"]
def show(first, last):
    for index in range(first, last):
        one.write(rendered([seen_on(index, (index + 1, (20, 20, 120, 170), 0.9, 0), segment=index)])[0])
show(0, 3)
time.sleep(0.3)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, resource.RLIM_INFINITY))
deadline = time.monotonic() + 30
index = 3
while one.status().state != "failing" and time.monotonic() < deadline:
    show(index, index + 1)
    index += 1
    time.sleep(0.02)
assert one.status().state == "failing"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
while one.status().state == "failing" and time.monotonic() < deadline:
    time.sleep(0.1)
    show(index, index + 1)
    index += 1
one.close()
print(index, one.status().lost)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    written = [int(row["track_id"]) for row in rows_in(tmp_path / "t.csv")]
    shown = int(done.stdout.split()[0])
    assert len(set(written)) == len(written) and written[:3] == [1, 2, 3] and written[-1] == shown
    lost = int(done.stdout.split("'failing': ")[1].rstrip("}\n"))
    assert len(written) == shown - lost, "what came while it failed is counted, and nothing else is missing"


def test_final_lines_stay_whoever_else_changes_his(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "TAIL_EVERY_S", 0.0)
    path = tmp_path / "t.csv"
    path.write_bytes(b"half a li")
    file = TableFile(path, existing="continue")
    file.retain()
    file.put("a", "", "a1\n")
    assert path.read_bytes() == b"half a li\na1\n"
    file.put("b", "b0\n", "b1\n")
    assert path.read_bytes() == b"half a li\nb0\na1\nb1\n"
    file.put("a", "a0\n", "")
    assert path.read_bytes() == b"half a li\nb0\na0\nb1\n"
    file.put("b", "b1\n", "")
    assert path.read_bytes() == b"half a li\nb0\na0\nb1\n"
    file.release()
    with pytest.raises(OutputError, match="closed already"):
        file.put("a", "x\n", "")


def test_where_other_processes_write_too_rows_come_once_they_are_final(tmp_path: Path) -> None:
    files = [TableFile(tmp_path / "t.csv", existing="continue", shared=True) for _ in range(2)]
    for number, file in enumerate(files):
        file.put("gate", f"{number}\n", "not yet\n")
    assert (tmp_path / "t.csv").read_bytes() == b"0\n1\n"


def test_a_table_needs_identities_and_the_ending_that_says_what_it_is(tmp_path: Path) -> None:
    document = {"model": {"path": "m.onnx"}, "tracker": {"name": "none"}, "outputs": {"table": "t.csv"}}
    with pytest.raises(ConfigError, match="the tracker is none; choose one"):
        parse_config(document, origin="test")
    with pytest.raises(OutputError, match=r"ends in \.csv"):
        check_outputs(OutputsConfig(table=tmp_path / "t.xlsx"), stream_ids=["gate"])


def test_a_run_over_two_files_agrees_with_its_own_lines(tmp_path: Path) -> None:
    """Two clips of the drawn drive, the real model and tracker: each row against the lines of ``--detections``."""
    clips, lines, path = tmp_path / "clips", tmp_path / "d.jsonl", tmp_path / "t.csv"
    clips.mkdir()
    for seed, name in ((1, "a.mp4"), (2, "b.mp4")):
        drive_clip(clips / name, seed=seed, frames=16)
    done = called("run", clips, "--score", "0.3", "--detections", lines, "--table", path, "--json")
    assert done.code == 0, done.stderr
    seen: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in lines.read_text().splitlines():
        frame = json.loads(line)
        for one in frame.pop("objects"):
            if one["track_id"] is not None:
                seen[one["track_id"]].append({**frame, **one})
    rows = {int(row["track_id"]): row for row in rows_in(path)}
    assert rows.keys() == seen.keys() and len(rows) > 2
    assert {row["file"] for row in rows.values()} == {"a.mp4", "b.mp4"}
    for identity, of_one in seen.items():
        row, first, last = rows[identity], of_one[0], of_one[-1]
        best = max(of_one, key=lambda one: one["score"])
        assert (row["file"], row["last_file"]) == (first["file"], last["file"])
        assert float(row["first_pts_s"]) == first["pts_s"] and float(row["last_pts_s"]) == last["pts_s"]
        assert float(row["first_file_pts_s"]) == first["file_pts_s"] and int(row["frames"]) == len(of_one)
        assert float(row["best_score"]) == best["score"]
        edges = [float(row[f"best_{edge}_px"]) for edge in ("left", "top", "right", "bottom")]
        assert any(one["box_xyxy_px"] == edges for one in of_one if one["score"] == best["score"])
        counts = Counter(one["class_name"] for one in of_one)
        assert counts[row["class_name"]] == max(counts.values())
        assert simplejpeg.is_jpeg((tmp_path / row["crop"]).read_bytes())


def drive_clip(path: Path, *, seed: int, frames: int) -> None:
    """Write the drawn drive as a film."""
    scene = DriveScene(640, 360, 12.0, seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(scene.picture_at(index).to_bgr(), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
