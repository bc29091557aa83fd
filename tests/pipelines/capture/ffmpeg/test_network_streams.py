"""RTMP, UDP and TCP streams from real FFmpeg senders, and a sentence for what this FFmpeg does not have."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
import pytest

from pipelines.capture.registry import parse_source
from streamvision.core.errors import SourceError
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until
from support.free_ports import free_port


@contextmanager
def sending(url: str, *output: str) -> Iterator[subprocess.Popen[bytes]]:
    """Send 25 pictures a second for as long as the block runs, to whoever takes them."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("the sender is the ffmpeg command; apt-get install ffmpeg")
    pictures = ["-re", "-f", "lavfi", "-i", "testsrc=size=160x96:rate=25"]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "10"]
    with subprocess.Popen(["ffmpeg", "-v", "error", *pictures, *encoder, *output, url]) as sender:
        try:
            yield sender
        finally:
            sender.kill()


@pytest.mark.parametrize("address", ["udp://127.0.0.1:{}", "udp://@:{}", "rtp://127.0.0.1:{}"])
def test_a_transport_stream_over_udp_is_live(address: str) -> None:
    port = free_port(socket.SOCK_DGRAM)
    target = address.replace("@:", "127.0.0.1:").format(port)
    sent = ["-f", "rtp_mpegts"] if target.startswith("rtp:") else ["-f", "mpegts", "-pkt_size", "1316"]
    with sending(target, *sent), capturing(address.format(port), open_timeout_s=30) as capture:
        frames = take(capture, 8)
        assert capture.state.state is StreamState.LIVE
    assert (len(frames), frames[0].picture.width_px, capture.spec.kind) == (8, 160, "network")
    assert np.all(np.diff([frame.pts_s for frame in frames]) > 0)


@pytest.mark.parametrize(("scheme", "sent"), [("rtmp", "flv"), ("tcp", "mpegts")])
def test_a_stream_whose_server_comes_back_goes_on(scheme: str, sent: str) -> None:
    address = f"{scheme}://127.0.0.1:{free_port()}" + ("/live/camera" if scheme == "rtmp" else "")
    server = address, "-f", sent, "-listen", "1"
    with capturing(address) as capture:
        with sending(*server):
            frames = take(capture, 5)
        wait_until(lambda: capture.state.state is not StreamState.LIVE)
        deadline_s = time.monotonic() + 60
        while frames[-1].segment == 0 and time.monotonic() < deadline_s:
            with sending(*server) as sender:  # which ends with whoever only asks whether it is there
                tried_s = time.monotonic()
                while sender.poll() is None and time.monotonic() - tried_s < 10 and frames[-1].segment == 0:
                    frames += take(capture, 1, timeout_s=0.2)
    assert frames[-1].segment >= 1
    assert (len(frames) > 5, capture.failure) == (True, None)


def test_a_protocol_that_this_ffmpeg_does_not_have_is_said() -> None:
    if _has("srt"):
        pytest.skip("this FFmpeg has SRT")
    with capturing("srt://127.0.0.1:9000?passphrase=hunter2hunter2") as capture:
        assert take(capture) == []
    assert capture.state.state is StreamState.FAILED
    assert "PyAV's FFmpeg was built without srt; read it with a gst: source, or pipe it" in str(capture.failure)
    assert "hunter2" not in str(capture.failure)


def _has(scheme: str) -> bool:
    try:
        av.open(f"{scheme}://127.0.0.1:1", timeout=0.2)
    except av.error.ProtocolNotFoundError:
        return False
    except (OSError, av.error.FFmpegError):
        pass
    return True


@pytest.mark.parametrize("text", ["rtmp:///live", "udp://", "srt://host:port"])
def test_an_address_without_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="names no host or a wrong port") as caught:
        parse_source(text)
    assert caught.value.permanent
