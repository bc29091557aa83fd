"""The truth about a card, as files that any language reads."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.core.detections import Detections
from streamvision.datasets.trip.spec import ClipCut, TripSpec
from streamvision.datasets.trip.world import DriveWorld, TrueObject, Way
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.truth import MIN_HEIGHT_PX
from streamvision.synthetic.drive.view import CAMERA_HEIGHT_M, FOCAL_PER_WIDTH, HORIZON_PER_HEIGHT


@dataclass(frozen=True, eq=False)
class WrittenClip:
    """A clip on the card."""

    cut: ClipCut
    """Which frames it holds."""
    file: str
    """Where it lies, from the card's folder."""
    is_cut: bool
    """Whether its end and its index are missing."""
    objects: tuple[Detections, ...]
    """What each of its frames shows."""


def write_truth(
    folder: Path, spec: TripSpec, maker: str, worlds: Sequence[DriveWorld], clips: Sequence[WrittenClip]
) -> None:
    """Write ``trip.json``, ``signs.geojson``, and for each drive ``way-N.geojson`` and ``frames-N.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: list[dict[int, int]] = []
    for drive, world in enumerate(worlds):
        shown = [clip for clip in clips if clip.cut.drive == drive]
        way = world.camera_way(spec.begin_of(drive) + np.arange(spec.frames) / spec.fps)
        (folder / f"way-{drive + 1}.geojson").write_text(_dumped(_way(way, spec, drive)), encoding="utf-8")
        (folder / f"frames-{drive + 1}.csv").write_text(_frames(way, spec, shown), encoding="utf-8")
        seen.append(_frames_of_objects(shown))
    (folder / "signs.geojson").write_text(_dumped(_signs(worlds[0].objects(), seen)), encoding="utf-8")
    with (folder / "boxes.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(_boxes(clips, worlds[0]))
    (folder / "trip.json").write_text(json.dumps(_trip(spec, maker, clips), indent=2), encoding="utf-8")


def camera_model(spec: TripSpec) -> dict[str, Any]:
    """Return the camera's model: a pinhole that looks along the road."""
    return {
        "model": "pinhole",
        "width_px": spec.width_px,
        "height_px": spec.height_px,
        "focal_px": FOCAL_PER_WIDTH * spec.width_px,
        "center_px": [spec.width_px / 2, HORIZON_PER_HEIGHT * spec.height_px],
        "height_m": CAMERA_HEIGHT_M,
        "yaw_deg": 0.0,
        "pitch_deg": 0.0,
        "shake_deg": 0.12,
        "distortion": None,
    }


def _trip(spec: TripSpec, maker: str, clips: Sequence[WrittenClip]) -> dict[str, Any]:
    stated = {name: value for name, value in asdict(spec).items() if name != "start"}
    return {
        "maker": maker,
        "start": spec.start.isoformat(),
        **stated,
        "camera": camera_model(spec),
        "least_height_px": MIN_HEIGHT_PX,
        "clips": [
            {
                "file": clip.file,
                "drive": clip.cut.drive + 1,
                "first_frame": clip.cut.first,
                "frames": clip.cut.frames,
                "start_unix_s": round(spec.start_unix_s(clip.cut.drive) + clip.cut.first / spec.fps, 6),
                "is_cut": clip.is_cut,
            }
            for clip in clips
        ],
    }


def _signs(objects: Sequence[TrueObject], seen: Sequence[dict[int, int]]) -> dict[str, Any]:
    features = []
    for one in objects:
        frames = [shown.get(one.id, 0) for shown in seen]
        if not any(frames):
            continue
        told: dict[str, Any] = {"id": one.id, "class_name": one.class_name, "text": one.text}
        told |= {"height_m": round(one.height_m, 2), "right_m": round(one.right_m, 2), "frames": frames}
        features.append(_feature("Point", _lon_lat(one.latitude_deg, one.longitude_deg), told))
    return {"type": "FeatureCollection", "features": features}


def _way(way: Way, spec: TripSpec, drive: int) -> dict[str, Any]:
    line = [_lon_lat(*place) for place in zip(way.latitude_deg.tolist(), way.longitude_deg.tolist(), strict=True)]
    times = {"start_unix_s": spec.start_unix_s(drive), "interval_s": 1 / spec.fps, "drive": drive + 1}
    return {"type": "FeatureCollection", "features": [_feature("LineString", line, times)]}


def _feature(kind: str, coordinates: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def _lon_lat(latitude_deg: float, longitude_deg: float) -> list[float]:
    return [round(longitude_deg, 8), round(latitude_deg, 8)]


def _frames(way: Way, spec: TripSpec, clips: Sequence[WrittenClip]) -> str:
    """Return a line a frame of a clip; frames that no clip holds are left out, those of two stand there twice."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = ("frame", "file", "file_frame", "time_unix_s", "latitude_deg", "longitude_deg", "speed_m_s", "course_deg")
    table.writerow(names)
    for clip in clips:
        start_unix_s = spec.start_unix_s(clip.cut.drive)
        for number in range(clip.cut.frames):
            frame = clip.cut.first + number
            place = (f"{way.latitude_deg[frame]:.8f}", f"{way.longitude_deg[frame]:.8f}")
            motion = (f"{way.speed_m_s[frame]:.3f}", f"{way.course_deg[frame]:.3f}")
            time = f"{start_unix_s + frame / spec.fps:.6f}"
            table.writerow((frame, clip.file, number, time, *place, *motion))
    return text.getvalue()


def _frames_of_objects(clips: Sequence[WrittenClip]) -> dict[int, int]:
    """Return in how many frames each object is seen."""
    frames: defaultdict[int, set[int]] = defaultdict(set)
    for clip in clips:
        for number, found in enumerate(clip.objects):
            for identity in _identities(found):
                frames[identity].add(clip.cut.first + number)
    return {identity: len(numbers) for identity, numbers in frames.items()}


def _boxes(clips: Sequence[WrittenClip], world: DriveWorld) -> Iterator[str]:
    """Yield a line for each frame that shows something, as ``--detections`` writes them."""
    for clip in clips:
        for number, found in enumerate(clip.objects):
            if not len(found):
                continue
            objects = [
                {
                    "id": identity,
                    "class_name": DriveScene.names[class_id],
                    "box_xyxy_px": [round(value, 2) for value in box],
                }
                for identity, class_id, box in zip(
                    _identities(found), found.class_id.tolist(), found.box_xyxy_px.astype(float).tolist(), strict=True
                )
            ]
            place = {"file": clip.file, "file_frame": number, "drive": clip.cut.drive + 1}
            yield _dumped(place | {"frame": clip.cut.first + number, "objects": objects}) + "\n"


def _identities(found: Detections) -> list[int]:
    assert found.track_id is not None
    return [int(identity) for identity in found.track_id.tolist()]


def _dumped(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
