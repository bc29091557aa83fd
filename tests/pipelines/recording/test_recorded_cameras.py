"""Real cameras, recorded: the clip of an event has what came before it, all of it the camera's own, with sound."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from pipelines.engine import Pipeline
from pipelines.recording.recorders import StreamRecorders
from streamvision.core.config.app import parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.status import OutputStatus
from support.bar_codes import bar_code_video, number_on
from support.changes import LIVE, status_of, until, until_frames
from support.clock_camera import ClockCamera
from support.free_ports import free_port
from support.odd_http_camera import OddHttpCamera, picture
from support.recording import FolderStore, boxes_of, hashes_of, packets_of, pictures_of, recorded, sent
from support.rtsp_server import RtspServer, unavailable
from support.tiny_detector import tiny_detector

pytestmark = pytest.mark.gstreamer
FPS = 20


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := unavailable():
        pytest.skip(reason)
    return bar_code_video(tmp_path_factory.mktemp("video") / "codes.mp4", frames=1200, fps=FPS)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return FolderStore(folder)


@pytest.mark.parametrize("sound", ["aac", "pcmu"])
def test_the_clip_of_an_event_is_the_cameras_own(video: Path, store: FolderStore, tmp_path: Path, sound: Any) -> None:
    log = tmp_path / "sent.txt"
    with (
        RtspServer(video, sound=sound, sent=log) as server,
        recorded(server.url, store, mode="events", pre_s=1, post_s=1) as camera,
    ):
        until(lambda: camera.came >= 3 * FPS and camera.frames, "frames come")
        frame = camera.frames[-1]
        camera.event(frame)
        until(lambda: store.written, "the file is complete")
        lost = camera.drops.by_cause()
    (clip,) = store.written
    number = number_on(av.VideoFrame.from_ndarray(frame.picture.to_bgr(), format="bgr24"))
    pictures = pictures_of(clip.path)
    numbers = [shown for _, shown in pictures]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))  # none is missing
    assert numbers[0] <= number - FPS
    assert numbers[-1] >= number + FPS - 1
    assert len(numbers) <= 2 * FPS + 2 * FPS + 2  # and no more than up to the key frames around it
    kept, all_sent = hashes_of(clip.path), sent(log, "video")
    begin = all_sent.index(kept[0])
    assert all_sent[begin : begin + len(kept)] == kept
    heard = packets_of(clip.path, "audio")
    given = sent(log, "sound")
    if sound == "aac":
        first = given.index(heard[0].hex())
        assert given[first : first + len(heard)] == [packet.hex() for packet in heard]
    assert b"".join(heard).hex() in "".join(given)
    with av.open(clip.path) as container:
        heard_s = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert heard_s == pytest.approx(len(numbers) / FPS, abs=0.7)
    assert (clip.has_sound, clip.codec, lost) == (True, "h264", {})
    times = {round(time_s, 2) for time_s, _ in pictures}
    boxes = {round(line["t_s"], 2) for line in boxes_of(clip.path)[1:]}  # a live stream may leave frames out
    assert len(boxes & times) >= 0.8 * len(boxes) > 3


def test_sound_is_asked_for_only_where_it_is_recorded(video: Path, store: FolderStore) -> None:
    with RtspServer(video, sound="pcmu") as server:
        with recorded(server.url, store, mode="continuous", sound=False) as camera:
            until(lambda: camera.came >= FPS, "frames come")
            assert len(camera.recorder._writer._tracks) == 1
        with recorded(server.url, store) as camera:
            until(lambda: camera.came >= FPS, "frames come")
            assert not camera.recorder.wants_sound
            assert camera.recorder._queue._bytes_in == 0  # nothing is copied
    assert [one.has_sound for one in store.written] == [False]


def test_a_camera_that_comes_back_with_another_size_is_recorded_in_another_file(
    video: Path, store: FolderStore
) -> None:
    with RtspServer(video) as server, recorded(server.url, store, mode="continuous") as camera:
        until(lambda: camera.came >= 2 * FPS, "frames come")
        server.kill()
        server._size = (160, 120)
        server.start()
        until(lambda: store.written, "the first file is complete")
        seen = camera.came
        until(lambda: camera.came >= seen + 2 * FPS, "it is back")
    first, *_, last = store.written
    assert ((first.width_px, last.width_px)) == (320, 160)
    for one in (first, last):
        assert len(pictures_of(one.path)) == one.pictures > FPS
    assert last.start_unix_s > first.end_unix_s - 1.0


KILLED = """
import sys, time
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from support.odd_http_camera import OddHttpCamera, picture
from support.recording import FolderStore, recorded
store = FolderStore(Path(sys.argv[2]))
with recorded(sys.argv[1], store, mode="continuous", segment_s=2) as camera:
    while True:
        print(camera.came, flush=True)
        time.sleep(0.1)
"""


def test_kill_9_leaves_files_that_play(video: Path, store: FolderStore, tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    log = tmp_path / "sent.txt"
    with RtspServer(video, sent=log) as server:
        command = [sys.executable, "-c", KILLED, server.url, str(store.folder), str(root), str(root / "tests")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) >= 5 * FPS:
                    break
            os.kill(process.pid, signal.SIGKILL)
    files = sorted(store.folder.glob("*.mp4"))
    assert len(files) >= 2
    numbers = [number for path in files if path.stat().st_size for _, number in pictures_of(path)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) >= 3 * FPS
    kept, all_sent = [one for path in files if path.stat().st_size for one in hashes_of(path)], sent(log, "video")
    begin = all_sent.index(kept[0])
    assert all_sent[begin : begin + len(kept)] == kept


def test_pictures_over_http_are_recorded_as_they_are(store: FolderStore) -> None:
    """More come than are decoded."""
    habits = {"/mjpg": lambda request: request.stream(interval_s=0.02)}
    with (
        OddHttpCamera(habits) as camera_server,
        recorded(f"http://{camera_server.address}/mjpg", store, mode="continuous") as camera,
    ):
        until(lambda: camera.came >= 40, "frames come")
    (segment,) = store.written
    assert (segment.codec, segment.width_px, segment.height_px, segment.has_sound) == ("mjpeg", 320, 240, False)
    kept = packets_of(segment.path, "video")
    assert kept == [picture(number) for number in range(len(kept))]
    assert len(kept) == segment.pictures >= 40
    with av.open(segment.path) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert times[-1] == pytest.approx(segment.end_unix_s - segment.start_unix_s, abs=1.0)


@pytest.mark.parametrize("leap_s", [7200.0, -7200.0])
def test_a_camera_that_sets_its_clock_is_recorded_in_real_time(store: FolderStore, leap_s: float) -> None:
    with (
        ClockCamera(leaps_s={30: leap_s}, unix_offset_s=leap_s) as server,
        recorded(server.url, store, mode="continuous") as camera,
    ):
        until(lambda: camera.came >= 50, "frames come")
    (segment,) = store.written
    with av.open(segment.path) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert len(times) == segment.pictures >= 45
    steps = [after - before for before, after in pairwise(times)]
    assert steps == pytest.approx([0.04] * len(steps), abs=0.03)
    assert segment.end_unix_s - segment.start_unix_s == pytest.approx(len(times) * 0.04, abs=60)


def test_mpeg_ts_over_udp_is_recorded_with_its_sound(video: Path, store: FolderStore) -> None:
    """Pictures that refer to later ones, and sound whose form stands in each packet."""
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    command = ["ffmpeg", "-v", "error", "-re", "-i", video, "-f", "lavfi", "-i", "sine=sample_rate=16000"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "20", "-c:a", "aac"]
    with subprocess.Popen([*map(str, command), "-f", "mpegts", f"{url}?pkt_size=1316"]) as sender:
        try:
            with recorded(url, store, mode="continuous") as camera:
                until(lambda: camera.came >= 3 * FPS, "frames come")
        finally:
            sender.kill()
    segment = store.written[-1]
    pictures = pictures_of(segment.path)
    first, last_s = pictures[0][1], pictures[-1][0]
    right = [abs(time_s - (number - first) / FPS) < 0.02 for time_s, number in pictures]
    assert sum(right) > 0.5 * len(pictures), "UDP may lose some on a busy machine, and what refers to these is damaged"
    assert segment.has_sound
    with av.open(segment.path) as container:
        heard_s = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert heard_s == pytest.approx(last_s, abs=1.5 + 0.5 * last_s)


# --- in the pipeline ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


def output_of(pipeline: Pipeline, stream_id: str) -> OutputStatus:
    return next(one for one in status_of(pipeline, stream_id).outputs if one.name == "recording")


def config_for(model: Path, url: str) -> Any:
    streams = [
        {"source": url, "id": "cam"},
        {"source": LIVE, "id": "drawn", "recording": {"mode": "continuous"}},
    ]
    return parse_config({"model": {"path": model, "threads": 1, "score": 0.05}, "streams": streams}, origin="test")


def test_a_stream_is_recorded_as_it_is_set_while_it_runs(video: Path, store: FolderStore, model: Path) -> None:
    with RtspServer(video) as server:
        config = config_for(model, server.url)
        recorders = StreamRecorders(config.recording, store)
        with Pipeline(config, sinks=[recorders], packets=recorders.listener, service=True) as pipeline:
            until_frames(pipeline, "cam", 5)
            assert output_of(pipeline, "cam").state == "off"
            until_frames(pipeline, "drawn", 5)
            drawn = output_of(pipeline, "drawn")
            assert drawn.state == "off"
            assert "gst: and synthetic: do not" in drawn.reason
            for mode in ("continuous", "off"):
                changed = StreamConfig.model_validate({"source": server.url, "id": "cam", "recording": {"mode": mode}})
                pipeline.replace_stream("cam", changed)
                assert output_of(pipeline, "cam").state == {"continuous": "writing", "off": "off"}[mode]
                until_frames(pipeline, "cam", 2 * FPS)
            assert status_of(pipeline, "cam").reconnects == 0
            until(lambda: store.written, "it is complete")
            recorders.configure(config.recording.model_copy(update={"mode": "continuous"}))
            assert output_of(pipeline, "cam").state == "off"  # as it is set for the stream
            pipeline.remove_stream("cam")
    assert len(store.written) == len(store.begun) == 1
    numbers = [number for _, number in pictures_of(store.written[0].path)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) >= FPS
    assert not recorders._recorders.keys() - {"drawn"}
