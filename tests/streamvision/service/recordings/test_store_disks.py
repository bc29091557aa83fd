"""Recordings on a disk that is full, or that others need, too."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import av
import pytest

from pipelines.recording.recording_writer import RecordingWriter
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.errors import OutputError
from streamvision.core.recordings import RecordedSpan
from streamvision.core.telemetry import DropCounter
from streamvision.service.recordings.library import RecordingLibrary
from support.coded_videos import FPS, coded
from support.recorded_segments import files_below, indexed, record, recording_store, segment
from support.small_disk import small_disk

EVER = (0.0, 1e11)
NOON = 1_777_636_800.0  # 2026-05-01 12:00 UTC
GB = 10**9


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_full_loses_its_oldest_and_it_is_said(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=4) as folder, recording_store(str(tmp_path / "s"), folder) as store:
        store.start()
        written = 0
        for number in range(60):  # 6 MB
            path = store.begin("door", NOON + number, "continuous")
            data = bytes(100_000)
            try:
                path.write_bytes(data)
            except OSError:
                assert not store.full()
                path.write_bytes(data)
            store.end(segment(path, "door", NOON + number, 1))
            written += 1
        assert written == 60
        assert any("is full, so the oldest recordings are removed before their time" in one for one in store.faults())
        store.flush()
        assert indexed(store) == files_below(folder)
        assert (folder / "door/2026-05-01/12/00-59.000Z.continuous.mp4").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_what_others_leave_free_is_kept_free_and_where_nothing_is_left_it_is_said(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", megabytes=4) as folder,
        recording_store(str(tmp_path / "s"), folder / "r", min_free_gb=0.001) as store,
    ):
        for number in range(50):
            record(store, start_unix_s=NOON + number, length_s=1, data=bytes(100_000))
        free = store.files.free_bytes()
        assert free is not None and free >= 1_000_000
        assert 20 <= len(files_below(folder / "r")) < 35
        assert any("less than 0.001 GB free, so the oldest" in one for one in store.faults())
        store.remove(RecordedSpan("door", NOON + 40, NOON + 90))
        store.keep(RecordedSpan("door", *EVER), kept=True)
        (folder / "theirs").write_bytes(bytes(store.files.free_bytes() or 0))
        with pytest.raises(OutputError, match=r"no recordings are left that may be removed; free space"):
            store.begin("door", NOON + 99, "continuous")
        assert store.full()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_camera_goes_on_being_recorded_on_a_disk_that_is_full(tmp_path: Path) -> None:
    video = coded(tmp_path, seconds=8, size_px=(640, 480))
    second_bytes = sum(len(packet.data) for packet in video.packets) / 8
    with (
        small_disk(tmp_path / "disk", megabytes=4) as folder,
        recording_store(str(tmp_path / "s"), folder / "r") as store,
    ):
        free_bytes = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        (folder / "theirs").write_bytes(bytes(free_bytes - int(12 * second_bytes)))
        drops = DropCounter()
        writer = RecordingWriter("door", RecordingConfig(mode="continuous", segment_s=2), store, drops)
        begin_s, begin_unix_s = time.monotonic() - 100, time.time() - 100
        writer.begin(video.tracks)
        for turn in range(4):  # 32 s, of which 12 have room
            for packet in video.at(begin_s + 8 * turn, clock_s=8 * turn):
                writer.packet(packet)
        writer.finish()
        store.flush()
        library = RecordingLibrary(store)
        found = library.find(None, *EVER)
        assert indexed(store) == files_below(folder / "r")
        assert found[-1].end_unix_s - found[0].start_unix_s > 1.5, "a segment at least, however late room is made"
        assert found[-1].end_unix_s == pytest.approx(begin_unix_s + 32, abs=2)
        assert any("is full, so the oldest recordings are removed" in one for one in store.faults())
        assert sum(drops.by_cause().values()) == 0
        pictures = b"".join(library.export(RecordedSpan("door", *EVER), annotated=False))
        with av.open(io.BytesIO(pictures)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 1.5 * FPS
