"""The standard input and named pipes."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.assembly import name_streams
from pipelines.capture.ffmpeg import pipe_reader
from pipelines.capture.registry import parse_source, source_files
from pipelines.capture.source import Policy
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, write_video
from support.command_line import command
from support.tiny_detector import tiny_detector


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(path := tmp_path / "camera.ts")
    return path


@contextmanager
def writing(fifo: Path, data: bytes, *, pause_s: float = 0.0) -> Iterator[None]:
    """Write into the pipe, with a pause in the middle."""

    def write() -> None:
        try:
            with fifo.open("wb") as file:
                file.write(data[: len(data) // 2])
                file.flush()
                over.wait(pause_s)
                file.write(data[len(data) // 2 :])
        except BrokenPipeError:
            pass

    over = threading.Event()
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join(60)


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".h264", ".mp4"])
def test_every_frame_of_a_named_pipe(fifo: Path, tmp_path: Path, suffix: str) -> None:
    film = write_video(tmp_path / f"film{suffix}", sizes=[(320, 180)], frames=50, reordered=suffix == ".mkv")
    if suffix == ".mp4":  # its header first, as a pipe needs it
        head_first = tmp_path / "head_first.mp4"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", film, "-c", "copy", "-movflags", "+faststart", head_first],
            check=True,
            timeout=60,
        )
        film = head_first
    with writing(fifo, film.read_bytes()), capturing(fifo) as capture:
        assert (capture.spec.kind, capture.spec.live, capture.spec.suggest_id) == ("pipe", False, "camera")
        assert len(take(capture)) == 50
    assert (capture.failure, capture.state.state) == (None, StreamState.ENDED)
    assert source_files(parse_source(str(fifo))) == []


def test_a_live_pipe_gives_its_newest_frame(fifo: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.ts", sizes=[(320, 180)], frames=50)
    with writing(fifo, film.read_bytes()), capturing(fifo, policy="live") as capture:
        while not capture.finished:
            capture.buffer.get(0.2)
    assert capture.spec.live
    assert (capture.frames_in, capture.failure) == (50, None)


@pytest.mark.parametrize(("policy", "pause_s"), [("file", 0.0), ("live", 600.0)])
def test_a_silent_writer_is_a_stall(
    fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Policy, pause_s: float
) -> None:
    monkeypatch.setattr(pipe_reader, "SILENCE_S", 0.3)
    if policy == "file":  # nobody ever writes
        with capturing(fifo, policy=policy) as capture:
            assert take(capture) == []
    else:
        film = write_video(tmp_path / "film.ts", sizes=[(320, 180)], frames=50)
        with (
            writing(fifo, film.read_bytes(), pause_s=pause_s),
            capturing(fifo, policy=policy, read_timeout_s=0.3) as capture,
        ):
            take(capture)
    assert capture.state.state is StreamState.FAILED
    assert "has sent nothing for 0.3 s; start what writes to it" in str(capture.failure)


def test_a_pipe_whose_film_needs_seeking_is_told(fifo: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(640, 360)], frames=200, codec="mjpeg")
    with writing(fifo, film.read_bytes()), capturing(fifo) as capture:
        assert take(capture) == []
    assert "fragmented MP4" in str(capture.failure)


def test_the_standard_input_is_read_by_the_command(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.ts", sizes=[(320, 180)], frames=30)
    run = command("run", "--source", "-", "--model", tiny_detector(tmp_path / "model.onnx"), "--json")
    piped = subprocess.run(run, input=film.read_bytes(), capture_output=True, timeout=300, check=True)
    with film.open("rb") as file:
        redirected = subprocess.run(run, stdin=file, capture_output=True, timeout=300, check=True)
    empty = subprocess.run(run, input=b"", capture_output=True, timeout=300, check=False)
    for done in (piped, redirected):
        (stream,) = json.loads(done.stdout)["streams"]
        assert (stream["id"], stream["source"], stream["frames_done"]) == ("stdin", "-", 30)
    assert empty.returncode == 1
    assert b"ended before its first byte" in empty.stderr


def test_two_streams_cannot_share_a_pipe(fifo: Path) -> None:
    for source in ("-", str(fifo)):
        with pytest.raises(ConfigError, match="two streams read"):
            name_streams((StreamConfig(source=source), StreamConfig(source=source)))
