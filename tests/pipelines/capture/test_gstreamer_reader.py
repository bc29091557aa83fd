"""GStreamer pipelines, with and without a sink of their own, and the ways in which they fail."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipelines.capture.gstreamer_reader import GStreamerReader
from pipelines.capture.registry import parse_source
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import MissingDependencyError
from streamvision.core.stream_state import StreamState
from streamvision.core.telemetry import DropCounter
from support.capturing import capturing, take, wait_until
from support.rtsp_server import RtspServer, unavailable

gstreamer = pytest.mark.gstreamer


@pytest.fixture
def gst() -> None:
    if reason := unavailable():
        pytest.skip(reason)


@pytest.fixture
def server(gst: None, data_dir: Path) -> Iterator[RtspServer]:
    with RtspServer(data_dir / "videos" / "car-detection.mp4", users={"bob": "hunter2"}, size=(384, 216)) as server:
        yield server


@gstreamer
@pytest.mark.parametrize(
    "sink",
    [
        "",
        " ! appsink max-buffers=2",
        " ! videoconvert ! video/x-raw,format=BGR ! appsink max-buffers=2",
    ],
)
def test_a_pipeline_that_ends_gives_every_frame_in_the_right_colour(gst: None, sink: str) -> None:
    source = f"gst:videotestsrc num-buffers=12 pattern=red ! video/x-raw,format=I420,width=333,height=241{sink}"
    with capturing(source, policy="file") as capture:
        frames = take(capture)
    assert len(frames) == 12
    assert capture.state.state is StreamState.ENDED
    bgr = frames[-1].picture.to_bgr()
    assert bgr.shape == (241, 333, 3)
    assert np.abs(bgr.reshape(-1, 3).astype(int) - (0, 0, 255)).max() <= 12
    assert np.all(np.diff([frame.pts_s for frame in frames]) > 0)


@gstreamer
def test_an_rtsp_camera_through_gstreamer(server: RtspServer) -> None:
    bare = server.url.replace("bob:hunter2@", "")
    pipeline = "latency=0 ! rtph264depay ! avdec_h264"
    source = f"gst:rtspsrc location={bare} user-id=bob user-pw=hunter2 {pipeline}"
    with capturing(source, read_timeout_s=1.0) as capture:
        frames = take(capture, 5)
        assert frames[-1].age_s() < 60
        server.freeze()
        wait_until(lambda: capture.state.state is StreamState.STALLED)
    server.thaw()
    with capturing(source.replace("hunter2", "hunter3")) as capture:
        assert take(capture) == []
        assert capture.failure is not None
        assert "Unauthorized" in capture.failure
        assert "hunter" not in capture.failure


@gstreamer
@pytest.mark.parametrize(
    ("pipeline", "fault"),
    [
        ("nosuchelement ! fakesink", 'no element "nosuchelement"'),
        ("videotestsrc ! video/x-raw,format=NV12 ! appsink", "delivers NV12; end it in videoconvert"),
        ("filesrc location=/no/such/file ! decodebin", "such file"),
    ],
)
def test_a_pipeline_that_cannot_work_fails_in_one_sentence(gst: None, pipeline: str, fault: str) -> None:
    with capturing(f"gst:{pipeline}") as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert fault in capture.failure
    assert "\n" not in capture.failure


@gstreamer
def test_a_pipeline_that_stays_silent_is_reconnected(gst: None) -> None:
    with capturing("gst:appsrc is-live=true ! identity", open_timeout_s=0.5) as capture:
        wait_until(lambda: capture.reconnects >= 1)
        assert "has sent nothing" in capture.state.snapshot()[1]


SEVERAL_AT_ONCE = """
import threading
from pipelines.capture.gstreamer_reader import GStreamerReader
from pipelines.capture.registry import parse_source
from streamvision.core.config.stream import StreamConfig
from streamvision.core.telemetry import DropCounter

config = StreamConfig(source="gst:videotestsrc num-buffers=3 ! video/x-raw,width=64,height=48", policy="file")
spec = parse_source(config.source, policy="file")
together, counts = threading.Barrier(6), []

def run():
    reader = GStreamerReader(spec, config=config, drops=DropCounter())
    together.wait()
    reader.open()
    count = 0
    while reader.read() is not None:
        count += 1
    counts.append(count)
    reader.close()

threads = [threading.Thread(target=run) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(counts)
"""


@gstreamer
def test_several_pipelines_begin_at_once(gst: None) -> None:
    done = subprocess.run([sys.executable, "-c", SEVERAL_AT_ONCE], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[3, 3, 3, 3, 3, 3]", done.stderr


@gstreamer
@pytest.mark.parametrize(
    "sink", ["", " ! videoconvert ! video/x-raw,format=I420 ! appsink sync=false drop=true max-buffers=2"]
)
def test_frames_that_the_sink_drops_are_counted(gst: None, sink: str) -> None:
    source = f"gst:videotestsrc num-buffers=60 ! video/x-raw,width=320,height=240{sink}"
    reader = GStreamerReader(parse_source(source), config=StreamConfig(source=source), drops=(drops := DropCounter()))
    reader.open()
    read = 0
    while reader.read() is not None:
        read += 1
        time.sleep(0.02)
    reader.close()
    assert drops.by_cause()["appsink"] > 0
    assert read + drops.by_cause()["appsink"] == 60


def test_without_gstreamer_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gi", None)
    config = StreamConfig(source="gst:videotestsrc")
    reader = GStreamerReader(parse_source(config.source), config=config, drops=DropCounter())
    with pytest.raises(MissingDependencyError, match="apt-get install python3-gst"):
        reader.open()
    reader.close()
    with capturing("gst:videotestsrc") as capture:
        assert take(capture) == []
    assert capture.state.state is StreamState.FAILED
