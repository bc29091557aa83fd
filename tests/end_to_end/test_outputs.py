"""Outputs of the real command: a restart destroys nothing, and one that fails is seen everywhere."""

from __future__ import annotations

import json
import resource
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from support.command_line import called, command, running

LIVE = "synthetic:boxes?fps=30&size=320x240"


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(list(container.decode(video=0)))


def test_a_killed_run_is_begun_again_and_nothing_is_lost(tiny: Path, tmp_path: Path) -> None:
    video, lines = tmp_path / "v.mp4", tmp_path / "d.jsonl"
    arguments = ["run", "--source", LIVE, "--model", tiny, "--record", video, "--detections", lines]
    with running(*arguments, stderr=subprocess.DEVNULL) as process:
        until(lambda: video.exists() and video.stat().st_size > 20_000, "something is recorded")
        process.kill()
    evidence, seen = video.read_bytes(), lines.read_text()
    assert frames_in(video) > 0
    done = called(*arguments, "--max-frames", "20", "--json")
    assert done.code == 0, done.stderr
    kept, new = sorted(tmp_path.glob("v*.mp4"))
    assert kept.read_bytes() == evidence
    assert new == video
    assert frames_in(new) > 0
    assert lines.read_text().startswith(seen)
    assert len(lines.read_text()) > len(seen)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_seen_on_every_page_and_in_the_exit_code(tiny: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    arguments = ["run", "--source", LIVE, "--model", tiny, "--detections", "/dev/full", "--serve", "127.0.0.1:0"]
    with log.open("w") as stderr, running(*arguments, stderr=stderr, stdout=subprocess.DEVNULL) as process:
        until(lambda: "Watch at" in log.read_text(), "the page is announced")
        page = log.read_text().split("Watch at ")[1].split()[0]
        until(lambda: answer(page + "readyz")[0] == 503 and "failing" in answer(page + "readyz")[1], "unready")
        assert "its output detections is failing: cannot write /dev/full: No space left" in answer(page + "readyz")[1]
        (stream,) = json.loads(answer(page + "api/streams")[1])["streams"]
        assert (stream["outputs"][0]["state"], stream["state"]) == ("failing", "live")
        assert 'streamvision_output_writing{output="detections",stream="boxes"} 0.0' in answer(page + "metrics")[1]
        process.terminate()
        assert process.wait(60) == 1
    assert "No space left" in log.read_text()


def test_a_disk_that_is_full_in_the_last_second_is_no_success(tiny: Path, video: Path, tmp_path: Path) -> None:
    arguments = ["run", "--source", video, "--model", tiny, "--max-frames", "40", "--json", "--record"]
    assert called(*arguments, tmp_path / "whole.mp4").code == 0
    size = (tmp_path / "whole.mp4").stat().st_size - 20_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    program = command(*arguments, tmp_path / "short.mp4")
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False, preexec_fn=limit)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert "short.mp4" in report["failures"][0]
    assert report["streams"][0]["outputs"][0]["failures"] == 1
    assert 0 < frames_in(tmp_path / "short.mp4") < 40


def until(condition: Callable[[], object], what: str) -> None:
    deadline_s = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.1)


def answer(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
