"""Recordings whose service is killed again and again while files are written: is all of it there afterwards?

    PYTHONPATH=tests python -m benchmarks.recording_kills --kills 200

A process records two cameras, one continuously and one around events, through the real writers into the real store with
a small quota, some hundred times faster than time goes, and is killed (SIGKILL) at a random moment, two seconds after
it began at most. Then the next start makes the index equal to the files, and every file must play: no error before the
end of its last whole fragment. Prints one JSON document; ends with 1 where something is not as it should be.
"""

from __future__ import annotations

import io
import json
import logging
import multiprocessing
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import av
import click

from pipelines.outputs.checked_file import end_of_fragments
from pipelines.recording.boxes_file import FoundObjects
from pipelines.recording.recording_writer import RecordingWriter
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.detections import Detections
from streamvision.core.telemetry import DropCounter
from streamvision.service.recordings.store import RecordingStore
from streamvision.state.database import Database
from support.coded_videos import CodedVideo, coded
from support.recorded_segments import files_below, indexed

VIDEO_S = 8
QUOTA_FILES = 40
LONGEST_S = 2.0
CAMERAS = {"door": "continuous", "yard": "events"}


def record(place: str, folder: Path, gb: float, video: CodedVideo, seed: int) -> None:
    """Record until the end of this process."""
    dice = random.Random(seed)
    config = RecordingConfig.model_validate({"gb": gb, "min_free_gb": 0, "segment_s": 2, "pre_s": 2, "post_s": 2})
    store = RecordingStore(Database.open(place), folder, config)
    store.start()
    writers = [
        RecordingWriter(name, config.model_copy(update={"mode": mode}), store, DropCounter())
        for name, mode in CAMERAS.items()
    ]
    for writer in writers:
        writer.begin(video.tracks)
    begin_s, round_ = time.monotonic(), 0
    while True:
        for packet in video.at(begin_s + round_ * VIDEO_S, clock_s=round_ * VIDEO_S):
            for writer in writers:
                writer.packet(packet)
                writer.found(FoundObjects(packet.arrived_at_s, Detections.empty(), (320, 240), ()))
                writer.tick(packet.arrived_at_s)
            if dice.random() < 0.02:
                writers[dice.randrange(2)].event(packet.arrived_at_s)
        round_ += 1


def killed(place: str, folder: Path, gb: float, video: CodedVideo, seed: int) -> None:
    """Let a process record, and kill it."""
    child = multiprocessing.get_context("fork").Process(target=record, args=(place, folder, gb, video, seed))
    before = set(folder.rglob("*"))
    child.start()
    deadline_s = time.monotonic() + 60
    while not set(folder.rglob("*")) - before and child.is_alive() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, LONGEST_S))
    if not child.is_alive():
        raise click.ClickException(f"what records ended by itself, with {child.exitcode}")
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()


def faults_after(place: str, folder: Path, gb: float) -> tuple[list[str], int, int]:
    """Start again, and return what is wrong, how many files there are, and how many of them the index did not know."""
    database = Database.open(place)
    store = RecordingStore(database, folder, RecordingConfig(gb=gb, min_free_gb=0))
    try:
        before = files_below(folder)
        found = store.rebuild()
        there = files_below(folder)
        faults = [] if indexed(store) == there else ["the index is not equal to the files"]
        if unreadable := len(before) - len(there) - found.removed:
            faults.append(f"{unreadable} files went")
        largest = max(there.values(), default=0)
        if (over := sum(before.values()) - gb * 1e9) > 2 * largest:  # two cameras, a file each that is being written
            faults.append(f"{over:.0f} bytes over the quota")
        unknown = found.added + found.removed
        return faults + [fault for name in there if (fault := fault_of(folder / name))], len(there), unknown
    finally:
        database.close()


def fault_of(path: Path) -> str | None:
    """Return why a file does not play up to its last whole fragment; ``None`` where it does."""
    end = end_of_fragments(path)
    try:
        with av.open(io.BytesIO(path.read_bytes()[:end])) as container:
            whole = sum(1 for _ in container.decode(video=0))
    except (av.FFmpegError, IndexError) as error:
        return f"{path}: {error}"
    shown = 0
    try:
        with av.open(str(path)) as container:
            for _ in container.decode(video=0):
                shown += 1
    except av.FFmpegError:  # behind the last whole fragment
        pass
    return None if whole and shown >= whole else f"{path}: {shown} pictures of {whole}"


@click.command()
@click.option("--kills", default=200, show_default=True, help="How often.")
@click.option("--database", help="Address of an empty PostgreSQL database; default: SQLite.")
@click.option("--seed", default=1, show_default=True, help="Of the moments.")
def main(kills: int, database: str | None, seed: int) -> None:
    """Kill, start again, and look."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "recordings"
        folder.mkdir()
        place = database or str(Path(scratch) / "state")
        Database.open(place).close()
        video = coded(Path(scratch), seconds=VIDEO_S)
        gb = QUOTA_FILES * 2 * sum(len(packet.data) for packet in video.packets) / VIDEO_S / 1e9
        faults: list[str] = []
        files = unknown = 0
        for number in range(kills):
            killed(place, folder, gb, video, seed + number)
            said, count, unknown_now = faults_after(place, folder, gb)
            faults += [f"kill {number}: {one}" for one in said]
            files, unknown = files + count, unknown + unknown_now
        click.echo(json.dumps({"kills": kills, "files_played": files, "files_unknown": unknown, "faults": faults}))
    if faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
