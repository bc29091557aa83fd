"""Recorded files for tests, as a recorder writes them, with the number of each picture painted on it as a bar code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipelines.recording.recorded_file import RecordedFile
from streamvision.core.recordings import Recording

START_UNIX_S = datetime(2026, 5, 1, 12, 30, tzinfo=timezone.utc).timestamp()
BITS = 12
FPS = 25


def bar_code(number: int, width_px: int, height_px: int) -> np.ndarray:
    """Return a picture with stripes, white for each bit of the number that is set, the lowest at the left."""
    grey = np.full((height_px, width_px), 60, np.uint8)
    wide_px = width_px // BITS
    for bit in range(BITS):
        grey[: height_px // 2, bit * wide_px : (bit + 1) * wide_px] = 235 if number >> bit & 1 else 16
    return grey


def number_on(grey: np.ndarray) -> int:
    """Return the number that is painted on a picture of any size."""
    height_px, width_px = grey.shape
    wide_px = width_px / BITS
    row = grey[height_px // 4]
    return sum(int(row[int((bit + 0.5) * wide_px)] > 125) << bit for bit in range(BITS))


def numbers_of(path: Path) -> list[int]:
    """Return the numbers that are painted on the pictures of a video, in the order in which they are shown."""
    with av.open(str(path)) as container:
        return [number_on(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def write_recording(
    folder: Path,
    *,
    start_unix_s: float = START_UNIX_S,
    first: int = 0,
    count: int = 50,
    size_px: tuple[int, int] = (320, 180),
    codec: str = "libx264",
    sound: str | None = "aac",
    b_frames: int = 0,
    gop: int = 25,
    kind: Any = "continuous",
    stream: str = "door",
    number: int = 1,
    pictures: Sequence[np.ndarray] | None = None,
    objects: Sequence[tuple[float, list[dict[str, Any]]]] | None = None,
) -> RecordedFile:
    """Write a fragmented file of ``count`` pictures from the number ``first`` on; ``objects`` go beside it.

    ``pictures`` are shown instead of the numbers, where they are given: (H, W) grey, or (H, W, 3) BGR.
    """
    count = count if pictures is None else len(pictures)
    moment = datetime.fromtimestamp(start_unix_s, timezone.utc)
    stem = f"{moment:%M-%S}.{moment.microsecond // 1000:03d}Z"
    folder = folder / stream / f"{moment:%Y-%m-%d}" / f"{moment:%H}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.{kind}.mp4"
    width_px, height_px = size_px
    coded = "bgr24" if pictures is not None and pictures[0].ndim == 3 else "gray"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", coded, "-s", f"{width_px}x{height_px}"]
    command += ["-r", str(FPS), "-i", "-"]
    if sound:
        command += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=" + ("8000" if "pcm" in sound else "48000")]
    command += ["-t", str(count / FPS), "-c:v", codec, "-pix_fmt", "yuvj420p" if codec == "mjpeg" else "yuv420p"]
    command += [
        "-g",
        str(gop),
        "-sc_threshold",
        "0",
        "-bf",
        str(b_frames),
        *(["-preset", "veryfast"] if codec.startswith("libx26") else []),
    ]
    command += ["-x265-params", "log-level=none:scenecut=0"] if codec == "libx265" else []
    command += ["-c:a", sound] if sound else []
    command += ["-f", "mov" if sound and "pcm" in sound else "mp4", "-video_track_timescale", "90000"]
    command += ["-movflags", "frag_keyframe+empty_moov+default_base_moof", str(path)]
    shown = pictures or [bar_code(first + one, width_px, height_px) for one in range(count)]
    subprocess.run(command, input=b"".join(one.tobytes() for one in shown), check=True, timeout=120)
    if objects is not None:
        write_boxes(folder / f"{stem}.boxes.jsonl", stream, start_unix_s, objects)
    with av.open(str(path)) as container:
        name = container.streams.video[0].codec_context.name
    recording = Recording(
        id=number,
        stream=stream,
        kind=kind,
        start_unix_s=start_unix_s,
        end_unix_s=start_unix_s + count / FPS,
        size_bytes=path.stat().st_size,
        codec=name,
        width_px=width_px,
        height_px=height_px,
        has_sound=bool(sound),
    )
    return RecordedFile(path, recording)


def write_boxes(
    path: Path, stream: str, start_unix_s: float, objects: Sequence[tuple[float, list[dict[str, Any]]]]
) -> None:
    """Write the objects of frames, each with its time from the first picture on in seconds."""
    head = {"schema": 1, "stream": stream, "start_unix_s": start_unix_s, "names": ["person", "car"]}
    lines = [head, *({"t_s": t_s, "objects": found} for t_s, found in objects)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def packet_digests(path: Path, kind: str) -> list[bytes]:
    """Return what is in each packet of a file's pictures ("video") or of its sound ("audio")."""
    with av.open(str(path)) as container:
        stream = next(one for one in container.streams if one.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]
