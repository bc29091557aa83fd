"""What a page needs to draw what was found by itself: a result with each frame, and beside them what seldom changes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from streamvision.core.analysis import Analysis
from streamvision.core.frame import describe
from streamvision.core.live import LiveChannel
from streamvision.core.masks import outlines
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.stage_output import Mark, Outline

FINE_PX, FULL_HD_PX = 1.0, 1920
"""How far the outlines of masks may be beside the mask on a picture of that width or less: below one pixel the steps
between pixels come with it, at four times the bytes."""


def result_json(channel: LiveChannel, rendered: RenderedFrame) -> dict[str, Any]:
    """Return what was found on a frame, in plain values; of masks their outlines, of embeddings nothing.

    Args:
        channel: the stream.
        rendered: its frame.
    """
    result = rendered.result
    frame, detections = result.frame, result.detections
    found = describe(replace(result, detections=detections.with_columns(mask=None)), channel.names)
    for one in (found, *found.get("key_frames", {}).values()):
        one.pop("embedding", None)
    if detections.mask is not None:
        tolerance_px = FINE_PX * max(1.0, frame.picture.width_px / FULL_HD_PX)
        for described, mask in zip(found["objects"], detections.mask, strict=True):
            described["outlines_px"] = outlines(mask, tolerance_px=tolerance_px)
    return {
        "generation": frame.packet.generation if frame.packet else None,
        "time_us": frame.packet.time_us if frame.packet else None,
        "captured_us": round(frame.captured_at_s * 1e6),
        "frame": frame.index,
        "segment": frame.segment,
        "pts_s": round(frame.pts_s, 6),
        "width_px": frame.picture.width_px,
        "height_px": frame.picture.height_px,
        "is_tracked": detections.track_id is not None,
        **found,
        **_counts(result.analysis),
        **({"marks": [_mark(mark) for mark in result.marks]} if result.marks else {}),
    }


def scene_json(channel: LiveChannel, rendered: RenderedFrame, *, name: str) -> dict[str, Any]:
    """Return what stays the same from frame to frame, in plain values; see :func:`scene_key`.

    Args:
        channel: the stream.
        rendered: its newest frame.
        name: what people call the stream.
    """
    settings, analysis = rendered.settings, rendered.result.analysis or Analysis()
    lines = [
        {"kind": "line", "name": line.name, "points": line.points, "directions": line.directions}
        for line in analysis.lines
    ]
    zones = [{"kind": "zone", "name": zone.name, "points": zone.points} for zone in analysis.zones]
    return {
        "name": name,
        "names": channel.names,
        "skeleton": settings.skeleton,
        "regions": [*lines, *zones],
        "drawn": settings.overlay.model_dump(include={"boxes", "labels", "trails_s", "analytics"}),
    }


def scene_key(channel: LiveChannel, rendered: RenderedFrame) -> Hashable:
    """Return what is another one whenever :func:`scene_json` would say something else of the same stream."""
    analysis = rendered.result.analysis or Analysis()
    regions = [(line.name, line.points, line.directions) for line in analysis.lines]
    return channel.names, rendered.settings, *regions, *((zone.name, zone.points) for zone in analysis.zones)


def _counts(analysis: Analysis | None) -> dict[str, list[list[int]]]:
    """Return the counts of each region of the scene: of a line for both its directions, of a zone who is inside."""
    if analysis is None or not (analysis.lines or analysis.zones):
        return {}
    lines = [[sum(counts.values()) for counts in line.counts] for line in analysis.lines]
    return {"counts": [*lines, *([zone.inside] for zone in analysis.zones)]}


def _mark(mark: Mark) -> dict[str, Any]:
    colour = "#{:02x}{:02x}{:02x}".format(*mark.color)
    if isinstance(mark, Outline):
        return {"points_px": mark.points_px, "closed": mark.closed, "colour": colour}
    return {"text": mark.text, "at_px": mark.at_px, "colour": colour}
