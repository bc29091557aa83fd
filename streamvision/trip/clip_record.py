"""A clip as plain values and back, for the index: its drive is still known when a card has overwritten it."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from streamvision.core.position import Fix
from streamvision.dashcam.clip import Clip, ClipName
from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.side_files.beside import SideFile

_FIX = tuple(one.name for one in fields(Fix))


def clip_row(clip: Clip) -> dict[str, Any]:
    """Return a clip as JSON has it."""
    row = {one.name: getattr(clip, one.name) for one in fields(clip)} | {"path": str(clip.path)}
    if clip.name is not None:
        row["name"] = asdict(clip.name) | {"stamp": clip.name.stamp and clip.name.stamp.isoformat()}
    if clip.gps is not None:
        own = {one.name: getattr(clip.gps, one.name) for one in fields(clip.gps)}
        fixes = [[getattr(fix, name) for name in _FIX] for fix in clip.gps.fixes]
        row["gps"] = own | {"fixes": fixes, "file": str(clip.gps.file)}
    return row


def clip_from(row: dict[str, Any]) -> Clip:
    """Return the clip that :func:`clip_row` gave."""
    name, gps = row["name"], row["gps"]
    if name is not None:
        name = ClipName(**name | {"stamp": name["stamp"] and datetime.fromisoformat(name["stamp"])})
    if gps is not None:
        fixes = tuple(Fix(**dict(zip(_FIX, values, strict=True))) for values in gps["fixes"])
        gps = ClipGps(**gps | {"fixes": fixes, "file": Path(gps["file"])})
    beside = tuple(SideFile(*one) for one in row.get("beside", ()))
    return Clip(**row | {"path": Path(row["path"]), "name": name, "gps": gps, "beside": beside})
