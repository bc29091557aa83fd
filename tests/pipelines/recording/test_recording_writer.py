"""What of a stream is recorded: modes, what came before an event, where files end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipelines.capture.packets import EncodedPacket
from pipelines.codecs.adts import without_header
from pipelines.recording.boxes_file import FoundObjects
from pipelines.recording.stream_recorder import StreamRecorder
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.detections import Detections
from support.coded_videos import FPS, CodedVideo, coded
from support.recorder_feed import START_S, all_numbers, feed, numbers, second, seconds, writer_for
from support.recording import FolderStore, boxes_of, packets_of, pictures_of


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> CodedVideo:
    return coded(tmp_path_factory.mktemp("video"), seconds=12)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def test_continuous_recording_loses_nothing_between_files(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store, mode="continuous", segment_s=5)
    writer.begin(video.tracks)
    feed(writer, second(video, 0))
    writer.finish()
    assert all_numbers(store) == [seconds(0, 5), seconds(5, 10), seconds(10, 12)]
    first, then, last = store.written
    assert [round(one.end_unix_s - one.start_unix_s, 2) for one in store.written] == [5, 5, 2]
    assert then.start_unix_s == pytest.approx(first.end_unix_s, abs=0.01)
    assert (last.codec, last.width_px, last.height_px, last.has_sound, last.pictures) == ("h264", 320, 240, False, 40)
    assert [kind for _, _, kind in store.begun] == ["continuous"] * 3


def test_off_records_nothing(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store)
    writer.begin(video.tracks)
    feed(writer, second(video, 0))
    writer.event(START_S + 5)
    writer.finish()
    assert store.begun == []


def test_an_event_has_what_came_before_it_and_after_it(video: CodedVideo, store: FolderStore) -> None:
    """It is told late, when the pictures are behind the network."""
    writer = writer_for(store, mode="events", pre_s=2, post_s=3)
    writer.begin(video.tracks)
    feed(writer, second(video, 0, 7.5))
    writer.event(START_S + 5.5)
    feed(writer, second(video, 7.5))
    writer.finish()
    assert all_numbers(store) == [seconds(3, 9)]  # from the key frame before 3.5 to the one behind 8.5
    assert store.begun[0][2] == "event"
    since_s, until_s = (round(at_s - store.written[0].start_unix_s, 1) for at_s in store.events[0])
    assert since_s == pytest.approx(0.5, abs=0.11)
    assert until_s == pytest.approx(5.5 + 1, abs=0.11)


def test_events_one_after_another_are_one_file_and_none_is_written_twice(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store, mode="events", pre_s=2, post_s=1)
    writer.begin(video.tracks)
    feed(writer, second(video, 0, 3.2))
    for at_s in (3.0, 3.05, 3.1):
        writer.event(START_S + at_s)
    feed(writer, second(video, 3.2, 4.0))
    writer.event(START_S + 3.9)
    feed(writer, second(video, 4.0, 7.5))
    writer.event(START_S + 7.2)
    feed(writer, second(video, 7.5))
    writer.finish()
    assert all_numbers(store) == [seconds(1, 5), seconds(5, 9)]
    assert len(store.events) == 2  # the store is not asked about each frame


def test_an_event_that_is_told_when_all_of_it_is_over_is_recorded(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store, mode="events", pre_s=1, post_s=1)
    writer.begin(video.tracks)
    feed(writer, second(video, 0, 10.5))
    writer.event(START_S + 5.5)
    assert all_numbers(store) == [seconds(4, 7)]
    writer.event(START_S + 10.4)
    writer.finish()
    assert all_numbers(store)[1] == list(range(9 * FPS, 210))


def test_memory_bounds_how_far_an_event_reaches_back(video: CodedVideo, store: FolderStore) -> None:
    size = sum(len(packet.data) for packet in second(video, 4, 8))
    writer = writer_for(store, mode="events", pre_s=100, post_s=1, ring_mb=size / 1e6)
    writer.begin(video.tracks)
    feed(writer, second(video, 0, 8))
    writer.event(START_S + 7.9)
    writer.finish()
    (recorded,) = all_numbers(store)
    assert 2 * FPS <= len(recorded) <= 5 * FPS
    assert recorded == list(range(recorded[0], 8 * FPS))


def one_group(video: CodedVideo, step_s: float, count: int) -> Iterator[EncodedPacket]:
    """Yield one key frame and pictures behind it, as a camera sends them that refreshes its picture bit by bit."""
    key, other = list(second(video, 0))[:2]
    ticks = round(step_s / video.tracks[0].time_base)
    for number in range(count):
        place = number * ticks
        packet = other if number else key
        yield replace(
            packet, data=packet.data[:1] + packet.data[1:], pts=place, dts=place, arrived_at_s=START_S + number * step_s
        )


def test_a_group_of_pictures_without_end_takes_no_memory_without_end(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store, mode="continuous", ring_mb=0.02)
    writer.begin(video.tracks)
    sent_bytes = 0
    for packet in one_group(video, 0.04, 2000):
        sent_bytes += len(packet.data)
        writer.packet(packet)
    del packet
    gc.collect()
    held = [one for one in gc.get_objects() if isinstance(one, EncodedPacket) and one.arrived_at_s >= START_S + 1]
    assert sent_bytes > 100_000
    assert sum(len(one.data) for one in held) <= 20_000
    writer.finish()
    assert [one.pictures for one in store.written] == [2000]


def test_a_camera_that_sends_no_more_key_frames_fills_no_disk(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store, mode="continuous", segment_s=5)
    writer.begin(video.tracks)
    feed(writer, one_group(video, 1.0, 700))
    (written,) = store.written
    assert written.end_unix_s - written.start_unix_s == pytest.approx(601, abs=1)
    state, reason = writer.report()
    assert state == "failing" and "no key frame for 10 minutes" in reason
    assert writer.drops.by_cause() == {"failing": 700 - written.pictures}
    feed(writer, (replace(packet, arrived_at_s=packet.arrived_at_s + 700) for packet in second(video, 0)))
    assert len(store.begun) > 1 and writer.report() == ("writing", "")
    writer.finish()


def test_another_size_begins_another_file(tmp_path: Path, store: FolderStore) -> None:
    """In the middle of a connection, as when somebody sets the camera; no packet is lost."""
    small = coded(tmp_path, seconds=2)
    large = coded(tmp_path, seconds=2, first=2 * FPS, size_px=(640, 480))
    writer = writer_for(store, mode="continuous")
    writer.begin(small.tracks)
    feed(writer, small.at(START_S))
    feed(writer, large.at(START_S + 2, clock_s=2))
    writer.finish()
    assert [(one.width_px, one.pictures) for one in store.written] == [(320, 40), (640, 40)]
    assert numbers(store.written[0].path) == seconds(0, 2)


@pytest.mark.parametrize("codec", ["libx265", "mjpeg"])
def test_a_new_connection_begins_another_file_whatever_its_codec(
    tmp_path: Path, store: FolderStore, codec: str
) -> None:
    first = coded(tmp_path, seconds=1)
    then = coded(tmp_path, codec, container="mkv", seconds=1, first=FPS)
    writer = writer_for(store, mode="continuous")
    for number, one in enumerate((first, then)):
        writer.begin(one.tracks)
        feed(writer, one.at(START_S + number))
        writer.interrupt()
    assert [segment.codec for segment in store.written] == ["h264", {"libx265": "hevc"}.get(codec, codec)]
    assert all_numbers(store) == [seconds(0, 1), seconds(1, 2)]


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_a_clock_that_is_set_squeezes_and_stretches_nothing(
    video: CodedVideo, store: FolderStore, jump_s: float
) -> None:
    writer = writer_for(store, mode="continuous")
    writer.begin(video.tracks)
    feed(writer, second(video, 0, 2.5, clock_s=10_000))
    feed(writer, second(video, 2.5, 5, clock_s=10_000 + jump_s))
    writer.finish()
    pictures = pictures_of(store.written[0].path)
    assert [number for _, number in pictures] == seconds(0, 5)
    assert [time_s for time_s, _ in pictures] == pytest.approx([n / FPS for n in range(5 * FPS)], abs=0.06)


def test_sound_goes_with_the_pictures_over_files(tmp_path: Path, store: FolderStore) -> None:
    video = coded(tmp_path, container="ts", sound="aac", seconds=4)
    writer = writer_for(store, mode="continuous", segment_s=2)
    writer.begin(video.tracks)
    feed(writer, video.at(START_S))
    writer.finish()
    assert [(segment.has_sound, segment.pictures) for segment in store.written] == [(True, 40), (True, 40)]
    kept = [data for one in store.written for data in packets_of(one.path, "audio")]
    assert kept == [without_header(packet.data) for packet in video.packets if packet.track]


@pytest.mark.parametrize("seconds_heard", [0, 3])
def test_sound_that_never_comes_or_ends_holds_no_file_back(
    tmp_path: Path, store: FolderStore, seconds_heard: int
) -> None:
    """Cameras without a microphone say that they have one."""
    video = coded(tmp_path, container="mp4", sound="aac", seconds=12, crf="0")
    writer = writer_for(store, mode="continuous")
    writer.begin(video.tracks)
    kept_by: dict[int, int] = {}
    for packet in video.at(START_S):
        if packet.track == 0 or packet.arrived_at_s < START_S + seconds_heard:
            writer.packet(packet)
        if store.begun and packet.track == 0 and packet.is_key:
            kept_by[round(packet.arrived_at_s - START_S)] = store.begun[-1][0].stat().st_size
    writer.finish()
    assert [number for recorded in all_numbers(store) for number in recorded] == seconds(0, 12)
    assert [segment.has_sound for segment in store.written] == ([True, False] if seconds_heard else [False])
    assert min(size for at, size in kept_by.items() if at in (5, 6, 7)) > 0  # it would be lost if the power went


def test_sound_is_left_out_where_it_is_not_wanted(tmp_path: Path, store: FolderStore) -> None:
    video = coded(tmp_path, container="mp4", sound="aac", seconds=2)
    writer = writer_for(store, mode="continuous", sound=False)
    writer.begin(video.tracks)
    feed(writer, video.at(START_S))
    writer.finish()
    assert [(one.has_sound, one.pictures) for one in store.written] == [(False, 40)]


def test_a_change_of_mode_counts_from_the_next_key_frame(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store, mode="off")
    writer.begin(video.tracks)
    feed(writer, second(video, 0, 2.5))
    writer.apply(RecordingConfig(mode="continuous"))
    feed(writer, second(video, 2.5, 5.5))
    writer.apply(RecordingConfig(mode="off"))
    assert all_numbers(store) == [list(range(3 * FPS, 110))]
    feed(writer, second(video, 5.5, 7.5))
    writer.apply(RecordingConfig(mode="events", pre_s=1, post_s=0))
    feed(writer, second(video, 7.5, 11.2))
    writer.event(START_S + 10.5)
    writer.finish()
    assert all_numbers(store)[1:] == [seconds(9, 11)]


def found(at_s: float, count: int) -> FoundObjects:
    identity = np.ma.MaskedArray(np.array([7] * count, np.int64), mask=[False] * count)
    boxes = np.array([[-5, 24, 160, 120]] * count, np.float32).reshape(-1, 4)
    score, kind = np.full(count, 0.91234, np.float32), np.ones(count, np.int32)
    return FoundObjects(at_s, Detections(boxes, score, kind, identity), (320, 240), ("a", "b"))


def test_boxes_lie_beside_the_file_at_the_times_of_their_pictures(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store, mode="events", pre_s=2, post_s=1)
    writer.begin(video.tracks)
    packets = list(second(video, 0, 12))
    for number, packet in enumerate(packets):
        writer.packet(packet)
        if number >= 10:  # the network is half a second behind
            writer.found(found(packets[number - 10].arrived_at_s, count=number % 2))
        if number == 5 * FPS + 15:
            writer.event(packets[5 * FPS].arrived_at_s)
    writer.finish()
    (segment,) = store.written
    head, *lines = boxes_of(segment.path)
    assert head == {"schema": 1, "stream": "cam", "start_unix_s": segment.start_unix_s, "names": ["a", "b"]}
    shown = [time_s for time_s, _ in pictures_of(segment.path)]
    with_objects = [line for line in lines if line["objects"]]
    assert [line["t_s"] for line in with_objects] == pytest.approx(shown[1::2], abs=0.002)
    assert with_objects[0]["objects"] == [{"track_id": 7, "class_id": 1, "score": 0.9123, "box": [0.0, 0.1, 0.5, 0.5]}]
    gaps = [b["t_s"] - a["t_s"] for a, b in pairwise(lines)]
    assert max(gaps) <= 1.01


def test_that_nothing_is_found_is_said_once_a_second(video: CodedVideo, store: FolderStore) -> None:
    writer = writer_for(store, mode="continuous")
    writer.begin(video.tracks)
    for packet in second(video, 0, 5):
        writer.packet(packet)
        writer.found(found(packet.arrived_at_s, 0))
    writer.finish()
    assert len(boxes_of(store.written[0].path)) - 1 in (5, 6)


def test_what_is_no_stream_of_packets_says_so(store: FolderStore) -> None:
    recorder = StreamRecorder("cam", RecordingConfig(mode="continuous"), StreamConfig(source="x"), store)
    assert recorder.report() == ("off", "")
    recorder._sees_frames = True
    assert "only cameras and streams over the network give their own packets" in recorder.report()[1]


def test_what_cannot_be_recorded_is_not_even_copied(tmp_path: Path, store: FolderStore) -> None:
    raw, coded_ = coded(tmp_path, "rawvideo", container="nut", seconds=1), coded(tmp_path, seconds=1)
    recorder = StreamRecorder("cam", RecordingConfig(mode="continuous"), StreamConfig(source="x"), store)
    recorder.begin(raw.tracks)
    assert not recorder.wants_packets
    assert recorder.report()[0] == "off"
    assert "its pictures are rawvideo" in recorder.report()[1]
    recorder.end()
    recorder.begin(coded_.tracks)
    assert recorder.wants_packets
    assert recorder.report() == ("writing", "")
