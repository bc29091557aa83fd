"""Full and slow disks under a recording: what goes, what is lost, and what is said of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.recording.segment_store import SegmentKind
from pipelines.recording.stream_recorder import StreamRecorder
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.telemetry import DropCounter
from support.changes import until
from support.coded_videos import FPS, CodedVideo, coded
from support.recorder_feed import START_S, all_numbers, feed, numbers, second, seconds, writer_for
from support.recording import FolderStore
from support.small_disk import small_disk


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> CodedVideo:
    return coded(tmp_path_factory.mktemp("video"), seconds=12)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=0.4) as folder:
        yield folder


class OldestGoes(FolderStore):
    """Removes its oldest files where the disk is full."""

    def full(self) -> bool:
        super().full()
        done = [segment.path for segment in self.written if segment.path.exists()]
        for path in done:
            path.unlink()
        return not done


def noisy(folder: Path) -> CodedVideo:
    return coded(folder, seconds=12, crf="0", first=1000)


def test_on_a_full_disk_the_oldest_goes_and_nothing_is_lost(tmp_path: Path, disk: Path) -> None:
    video = noisy(tmp_path)
    size = sum(len(packet.data) for packet in video.packets)
    video = _padded(video, 1_200_000 - size)
    store = OldestGoes(disk)
    writer = writer_for(store, mode="continuous", segment_s=2)
    writer.begin(video.tracks)
    feed(writer, second(video, 0))
    writer.finish()
    assert store.asked_for_room >= 2
    assert writer.report() == ("writing", "")
    left = [one for one in store.written if one.path.exists() and one.pictures]
    assert left
    assert writer.drops.by_cause() == {}
    assert numbers(left[-1].path)[-1] == 1000 + 12 * FPS - 1
    spans = [(one.start_unix_s, one.end_unix_s) for one in store.written]
    assert all(begin <= end + 0.02 for (_, end), (begin, _) in pairwise(spans))


def _padded(video: CodedVideo, more_bytes: int) -> CodedVideo:
    """Return the video with a filler unit in each packet (H.264, 7.3.2.7), as cameras of constant bit rate send."""
    each = more_bytes // len(video.packets)
    filler = b"\x00\x00\x00\x01\x0c" + b"\xff" * each + b"\x80"
    return CodedVideo(video.tracks, tuple(replace(one, data=one.data + filler) for one in video.packets))


def test_a_disk_that_stays_full_is_said_and_counted_and_tried_again(tmp_path: Path, disk: Path) -> None:
    video = _padded(noisy(tmp_path), 1_200_000)
    store = FolderStore(disk)
    store.is_full = True
    writer = writer_for(store, mode="continuous", segment_s=60)
    writer.begin(video.tracks)
    feed(writer, second(video, 0))
    writer.interrupt()
    state, reason = writer.report()
    assert state == "failing"
    assert "No space left on device" in reason
    assert writer.drops.by_cause()["failing"] > FPS
    assert store.written[0].pictures > 0
    assert numbers(store.written[0].path)[:FPS] == list(range(1000, 1000 + FPS))
    for path in disk.iterdir():
        path.unlink()
    calm = coded(tmp_path, seconds=12)
    writer.begin(calm.tracks)
    feed(writer, calm.at(START_S + 30))
    writer.finish()
    assert writer.report() == ("writing", "")
    assert numbers(store.written[-1].path) == seconds(0, 12)


class HangingStore(FolderStore):
    """A disk that takes nothing until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.goes_on = threading.Event()

    def begin(self, stream: str, start_unix_s: float, kind: SegmentKind) -> Path:
        assert self.goes_on.wait(60)
        return super().begin(stream, start_unix_s, kind)


def test_a_disk_that_hangs_holds_no_capture_up_and_what_is_lost_is_counted(video: CodedVideo, tmp_path: Path) -> None:
    store = HangingStore(tmp_path)
    size = sum(len(packet.data) for packet in second(video, 0, 4.5))
    run = RecordingConfig(mode="continuous", ring_mb=size / 1e6)
    recorder = StreamRecorder("cam", run, StreamConfig(source="x"), store)
    drops = DropCounter()
    recorder.start(drops)
    recorder.begin(video.tracks)
    begin_s = time.perf_counter()
    for packet in second(video, 0, 8):
        recorder.take(packet)
    assert time.perf_counter() - begin_s < 10  # the disk would hang for a minute
    lost = drops.by_cause()["recorder_behind"]
    assert lost >= 3 * FPS
    store.goes_on.set()
    until(lambda: store.begun, "the disk goes on")
    until(lambda: recorder._queue._bytes_in == recorder._queue._bytes_out, "what waited is written")
    for packet in second(video, 8):
        recorder.take(packet)
    recorder.close()
    first, then = all_numbers(store)
    assert first == list(range(len(first)))
    assert then == seconds(8, 12)
    assert len(first) + lost == 8 * FPS
    assert recorder.report() == ("off", "")
