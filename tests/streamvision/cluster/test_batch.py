"""One command for each of many inputs: what is done is not done again, and a try that fails leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from streamvision.cluster.batch import RESULT, STALE_S, Done, Tried, Try, check_command, items_of, run_batch
from streamvision.cluster.ray_tasks import TIMED_OUT, called
from streamvision.core.errors import ConfigError, StreamVisionError
from support.serving import until
from support.tiny_detector import tiny_detector

COMMAND = ("run", "{input}", "--detections", "{output}/found.jsonl", "--json")


class TasksAtOnce:
    """Does what it is given at once: writes a result beside the name of the input, or fails on it."""

    def __init__(self, *, failing: str = "", lost: str = "") -> None:
        self.failing, self.lost = failing, lost
        self.tries: list[Try] = []
        self.cancelled: list[int] = []

    @staticmethod
    def attempt(one: Try, number: int) -> str:
        folder = Path(one.folder) / str(number)
        folder.mkdir(exist_ok=True)
        return str(folder)

    def begin(self, one: Try) -> int:
        (Path(self.attempt(one, 1)) / "found.jsonl").write_text("half of it, by a machine that was lost")
        self.tries.append(one)
        words = one.arguments(self.attempt(one, 2))
        Path(words[3]).write_text(f"found in {words[1]}")
        return len(self.tries) - 1

    def finished(self, begun: Sequence[Any], timeout_s: float) -> list[Any]:
        return list(begun)

    def result(self, begun: int) -> Tried:
        one = self.tries[begun]
        name = Path(one.input).name
        if name == self.lost:
            raise StreamVisionError("no machine has finished it")
        errors = "streamvision: it cannot be read\n" if name == self.failing else ""
        return Tried(int(name == self.failing), '{"frames": 3}', errors, 0.1, "north", self.attempt(one, 2))

    def cancel(self, begun: int) -> None:
        self.cancelled.append(begun)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4", ".hidden"):
        (folder / name).write_text(name)
    return folder


def batch(films: Path, output: Path, tasks: TasksAtOnce, command: tuple[str, ...] = COMMAND) -> dict[str, Done]:
    done = run_batch(items_of([films], output), check_command(command), tasks, timeout_s=10)
    return {one.item.path.name: one for one in done}


def test_each_input_has_a_folder_of_its_name_and_is_done_once(films: Path, tmp_path: Path) -> None:
    output, tasks = tmp_path / "out", TasksAtOnce()
    done = batch(films, output, tasks)
    assert sorted(done) == ["a.mp4", "b.mp4", "c.mp4"] and not any(one.reason for one in done.values())
    assert (output / "b.mp4" / "found.jsonl").read_text() == f"found in {films / 'b.mp4'}"
    result = json.loads((output / "b.mp4" / RESULT).read_text())
    assert (result["machine"], result["output"], result["command"]) == ("north", {"frames": 3}, list(COMMAND))
    assert sorted(path.name for path in output.rglob("*.mp4")) == sorted(path.name for path in output.iterdir())
    assert sorted(path.name for path in (output / "b.mp4").iterdir()) == [RESULT, "found.jsonl"]
    again = batch(films, output, tasks)
    assert len(tasks.tries) == 3, "what was done was done again"
    assert all(one.tried is None and not one.reason for one in again.values())


def test_what_failed_leaves_nothing_and_is_tried_again(films: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = batch(films, output, TasksAtOnce(failing="b.mp4", lost="c.mp4"))
    assert done["b.mp4"].reason == "streamvision: it cannot be read"
    assert "no machine" in done["c.mp4"].reason
    assert [path.name for path in output.iterdir()] == ["a.mp4"]
    later = TasksAtOnce()
    batch(films, output, later)
    assert [Path(one.input).name for one in later.tries] == ["b.mp4", "c.mp4"]


def test_results_of_something_else_are_never_replaced(films: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    batch(films, output, TasksAtOnce())
    (films / "a.mp4").write_text("another film")
    tasks = TasksAtOnce()
    done = batch(films, output, tasks)
    assert "is there already" in done["a.mp4"].reason and not tasks.tries
    assert "found in" in (output / "a.mp4" / "found.jsonl").read_text()


def test_results_that_somebody_else_has_written_meanwhile_stay(films: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"

    class Both(TasksAtOnce):
        def result(self, begun: int) -> Tried:
            (output / "b.mp4").mkdir(exist_ok=True)
            (output / "b.mp4" / "theirs").touch()
            return super().result(begun)

    done = batch(films, output, Both())
    assert "somebody else" in done["b.mp4"].reason and not done["a.mp4"].reason and not done["c.mp4"].reason
    assert [path.name for path in (output / "b.mp4").iterdir()] == ["theirs"]


def test_secrets_of_a_command_are_not_written_down(films: Path, tmp_path: Path) -> None:
    output, command = tmp_path / "out", (*COMMAND, "--model", "kserve://user:pass-word@host/net")
    batch(films, output, TasksAtOnce(), command)
    assert "pass-word" not in (output / "a.mp4" / RESULT).read_text()
    again = TasksAtOnce()
    assert not any(one.reason for one in batch(films, output, again, command).values()) and not again.tries


def test_an_attempt_has_a_folder_of_its_own_and_the_end_of_what_it_said(tmp_path: Path) -> None:
    one = Try(
        ("run", "{input}", "--detections", "{output}/found.jsonl"), str(tmp_path / "{output}.mp4"), str(tmp_path), 60
    )
    tried = called(one, str(tmp_path))
    assert tried.code == 1 and "{output}.mp4" in tried.errors, tried
    late = called(Try(("run", "{input}"), "synthetic:boxes", str(tmp_path), 0.01), str(tmp_path))
    assert (late.code, late.errors) == (TIMED_OUT, "it took longer than 0 s")
    assert {Path(each.folder).parent for each in (tried, late)} == {tmp_path} and tried.folder != late.folder


def test_what_a_killed_call_has_left_is_removed_by_the_next(films: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    now_s = time.time()
    left = {
        ".a.mp4.0123456789ab": now_s - 2 * STALE_S,  # of a call that was killed
        ".b.mp4.0123456789ab": now_s,  # of one that waits for it elsewhere
        ".other.mp4.0123456789ab": now_s - 2 * STALE_S,  # of other inputs
        ".a.mp4.backup": now_s - 2 * STALE_S,
    }
    for name, at_s in left.items():
        (output / name / "attempt").mkdir(parents=True)
        os.utime(output / name, (at_s, at_s))
    batch(films, output, TasksAtOnce())
    assert {path.name for path in output.iterdir() if path.name[0] == "."} == set(left) - {".a.mp4.0123456789ab"}


def test_a_command_ends_with_the_process_that_waits_for_it(tmp_path: Path) -> None:
    model = tiny_detector(tmp_path / "tiny.onnx")
    command = ("run", "{input}", "--model", str(model), "--detections", "{output}/found.jsonl")
    one = Try(command, "synthetic:boxes?fps=5&size=160x120", str(tmp_path), 600.0)
    imports = "from streamvision.cluster.batch import Try\nfrom streamvision.cluster.ray_tasks import called\n"
    code = f"{imports}called({one!r}, '.')"
    worker = subprocess.Popen([sys.executable, "-c", code])
    try:
        until(lambda: psutil.Process(worker.pid).children(), "the command begins", 120)
        (child,) = psutil.Process(worker.pid).children()
    finally:
        worker.kill()
        worker.wait(60)
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "it has ended", 120)


def test_what_is_on_its_way_when_it_stops_is_ended(films: Path, tmp_path: Path) -> None:
    output, tasks = tmp_path / "out", TasksAtOnce()
    running = run_batch(items_of([films], output), COMMAND, tasks, timeout_s=10)
    next(running)
    running.close()
    assert len(tasks.tries) == 3 and len(tasks.cancelled) == 2
    assert len(list(output.iterdir())) == 1


def test_what_cannot_be_done_is_said(films: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one of run, trip, eval, export"):
        check_command(("users", "{input}"))
    with pytest.raises(ConfigError, match=r"has no \{input\}"):
        check_command(("run", "a.mp4"))
    with pytest.raises(ConfigError, match="is not there"):
        items_of([tmp_path / "nothing"], tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="0 inputs"):
        items_of([tmp_path / "empty"], tmp_path)
    twins = [films / "a.mp4", tmp_path / "a.mp4"]
    twins[1].write_text("another of its name")
    assert [item.folder.name for item in items_of(twins, tmp_path)] == ["a.mp4", "a.mp4-2"]


def test_a_card_of_a_dashcam_is_one_input_until_something_in_it_changes(films: Path, tmp_path: Path) -> None:
    output, command = tmp_path / "out", ("trip", "{input}", "--output", "{output}/drives")

    class Trips(TasksAtOnce):
        def begin(self, one: Try) -> int:
            self.tries.append(one)
            return len(self.tries) - 1

    def done(tasks: TasksAtOnce) -> list[Done]:
        return list(run_batch(items_of([films], output, folders=True), command, tasks, timeout_s=10))

    first, second = Trips(), Trips()
    assert [one.item.path for one in done(first)] == [films]
    assert [one.tried for one in done(second)] == [None] and not second.tries
    (films / "d.mp4").write_text("one more")
    assert "is there already" in done(second)[0].reason
    with pytest.raises(ConfigError, match="takes a folder"):
        items_of([films / "a.mp4"], output, folders=True)
