"""Recorded files and what stands beside them."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from pipelines.recording.media import (
    RecordedFile,
    Thumbnails,
    export,
    export_annotated,
    frames,
    media_type,
    motion,
    playable,
)
from pipelines.recording.segment_store import boxes_path
from streamvision.core.errors import StreamVisionError
from streamvision.core.recordings import RecordedSpan, Recording
from support.fuzzing.mutation import Files
from support.fuzzing.target import Target
from support.recorded_files import START_UNIX_S, write_recording

_VIDEO, _BOXES = "30-00.000Z.continuous.mp4", "30-00.000Z.boxes.jsonl"
_OBJECT = {"track_id": 7, "class_id": 1, "score": 0.9, "box": [0.1, 0.2, 0.5, 0.6]}
_WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]


def _seeds() -> list[Files]:
    seeds = []
    with tempfile.TemporaryDirectory() as scratch:
        for codec, sound in (("libx264", "aac"), ("libx264", "pcm_alaw"), ("mjpeg", None)):
            file = write_recording(
                Path(scratch) / codec / str(sound),
                count=12,
                gop=4,
                size_px=(96, 64),
                codec=codec,
                sound=sound,
                objects=[(0.0, [_OBJECT]), (0.2, [])],
            )
            seeds.append({_VIDEO: file.path.read_bytes(), _BOXES: boxes_path(file.path).read_bytes()})
    return seeds


def _run(folder: Path, rng: random.Random) -> list[str]:
    path = folder / _VIDEO
    start_unix_s = START_UNIX_S
    recording = Recording(1, "door", "continuous", start_unix_s, start_unix_s + 0.48, 1, "h264", 96, 64, True)
    file = RecordedFile(path, recording)
    span = RecordedSpan("door", start_unix_s + rng.choice((-1.0, 0.2)), start_unix_s + 9)
    said = []
    for read in (
        lambda: list(export([file], span)),
        lambda: list(export_annotated([file], span)),
        lambda: [None for _ in made] if not isinstance(made := playable(file), Path) else None,
        lambda: media_type(file),
        lambda: Thumbnails().jpeg(file, start_unix_s + 0.2, 64),
        lambda: list(motion([file], span, _WHOLE)),
        lambda: frames([file], span),
    ):
        try:
            read()
        except StreamVisionError as error:
            said.append(str(error))
    return said


RECORDINGS = [
    Target(name="recordings", group="readers", seeds=_seeds, run=_run, seconds=10.0),
]
