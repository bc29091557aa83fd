"""The clips of a card as one stream: each frame once and in order, its time, and identities across the cuts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.trip.cards import TrueCard, joined
from benchmarks.trip.program import run
from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.source import Captured
from streamvision.core.config.stream import StreamConfig
from streamvision.core.picture import BgrPicture
from streamvision.core.telemetry import DropCounter

FrameKey = tuple[str, int]
_SAME_BOX = 0.9
_NO_PICTURE = BgrPicture(np.zeros((1, 1, 3), np.uint8))


def measure_frames(card: TrueCard) -> dict[str, Any]:
    """Return what is wrong with the order of frames and their times, all drives one after the other."""
    captured = list(captured_frames(card.folder))
    wanted = [(Path(row["file"]).name, int(row["file_frame"])) for row in card.frames]
    got = [key for key, _ in captured]
    times = {key: float(row["time_unix_s"]) for key, row in zip(wanted, card.frames, strict=True)}
    told = [(key, one.wall_time) for key, one in captured if one.wall_time is not None]
    off_s = [abs(time.unix_s - times[key]) for key, time in told if key in times]
    counted = Counter(got)
    return {
        "frames": len(wanted),
        "equal": got == wanted,
        "missing": len(set(wanted) - set(got)),
        "twice": sum(count - 1 for count in counted.values()),
        "out_of_order": sum(a > b for a, b in _places(got, wanted)),
        "utc_error_s": _spread(off_s),
        "utc_unknown": len(got) - len(off_s),
        "positions": sum(one.position is not None for _, one in captured),
        "time_sources": dict(Counter(time.source for _, time in told)),
    }


def captured_frames(folder: Path) -> Iterator[tuple[FrameKey, Captured]]:
    """Yield what the source gives of a card: the name of the file and the frame's number in it, and the frame.

    The pictures are let go, so that a card of any length may be looked at.
    """
    source = f"trip:{folder}"
    reader = create_reader(parse_source(source), config=StreamConfig(source=source), drops=DropCounter())
    try:
        reader.open()
        while (captured := reader.read()) is not None:
            if isinstance(captured, Captured) and captured.place is not None:
                key = Path(captured.place.name).name, captured.place.frame
                yield key, captured._replace(picture=_NO_PICTURE)
    finally:
        reader.close()


def measure_identities(card: TrueCard, work: Path) -> dict[str, Any]:
    """Return which share of the objects of the first drive keeps the identity that it has in the uncut file."""
    name = card.folder.name
    uncut = joined(card.clips_of(1), work / f"uncut-{name}.mp4")
    cut = _lines(f"trip:{card.folder}?drive=1", work / f"cut-{name}")
    whole = _lines(str(uncut), work / f"uncut-{name}")
    return {
        "frames": [len(cut), len(whole)],
        "objects": sum(len(_tracked(line)) for line in whole),
        "kept_share": round(same_objects_share(cut, whole), 5),
        "identities": [len({one["track_id"] for line in lines for one in _tracked(line)}) for lines in (cut, whole)],
    }


def same_objects_share(cut: list[dict[str, Any]], uncut: list[dict[str, Any]]) -> float:
    """Return the share of the uncut file's objects whose identity is one of the cut file's, each of them used once."""
    pairs: Counter[tuple[int, int]] = Counter()
    for one, other in zip(cut, uncut, strict=False):
        pairs.update(_same_objects(_tracked(one), _tracked(other)))
    kept, cut_ids, uncut_ids = 0, set[int](), set[int]()
    for (cut_id, uncut_id), count in pairs.most_common():
        if cut_id not in cut_ids and uncut_id not in uncut_ids:
            kept += count
            cut_ids.add(cut_id)
            uncut_ids.add(uncut_id)
    return kept / max(sum(len(_tracked(line)) for line in uncut), 1)


def _lines(source: str, place: Path) -> list[dict[str, Any]]:
    target = place.with_suffix(".jsonl")
    run(
        ["run", "--source", source, "--model", "road_signs", "--detections", target, "--json"],
        place.with_suffix(".log"),
    )
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


def _places(got: list[Any], wanted: list[Any]) -> Iterable[tuple[int, int]]:
    place = {key: number for number, key in enumerate(wanted)}
    known = [place[key] for key in got if key in place]
    return pairwise(known)


def _spread(values: list[float]) -> dict[str, float | None]:
    if not values:
        return {"median": None, "most": None}
    return {"median": round(float(np.median(values)), 4), "most": round(max(values), 4)}


def _tracked(line: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in line["objects"] if one.get("track_id") is not None]


def _same_objects(ones: list[dict[str, Any]], others: list[dict[str, Any]]) -> Iterable[tuple[int, int]]:
    for one in ones:
        overlap = [_iou(one["box_xyxy_px"], other["box_xyxy_px"]) for other in others]
        if overlap and max(overlap) >= _SAME_BOX:
            yield one["track_id"], others[int(np.argmax(overlap))]["track_id"]


def _iou(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / max(areas - both, 1e-9)
