"""The best picture of each object, cut out of the clip that shows it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from streamvision.core.crops import crop_edges, cut, small_jpeg
from streamvision.core.detections import Detections
from streamvision.core.files import write_whole
from streamvision.core.picture import Picture
from streamvision.trip.hiding import Hiding
from streamvision.trip.kept_files import KeptFiles, Origin
from streamvision.trip.stills import Moment, stills

FOLDER = "pictures"
"""Where they lie, in the output folder."""
MARGIN = 0.6
"""How far a picture reaches beyond the object on each side, as a share of it."""
LONGEST_PX = 480
"""Longer side of a picture, at most."""
_NO_NAME = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_NAME = 40


@dataclass(frozen=True)
class BestView:
    """Where an object is seen best."""

    object_id: int
    """Its number."""
    class_name: str
    """What it is; any text."""
    clip: Path
    """The file."""
    pts_s: float
    """The picture's time as the file has it."""
    file_frame: int
    """Its number in the file, from 0, among those that could be decoded."""
    box_xyxy_px: tuple[float, float, float, float]
    """The object on it."""
    found: Detections = field(default_factory=Detections.empty)
    """What the model found on the picture."""
    clip_key: str = ""
    """What tells the clip from all others, where files of other content may come to have its name."""

    @property
    def file_name(self) -> str:
        """What its picture is called."""
        name = _NO_NAME.sub("-", self.class_name)[:_LONGEST_NAME].strip("-")
        return f"{self.object_id}-{name or 'object'}.jpg"


def write_pictures(
    views: Iterable[BestView],
    output: Path,
    *,
    hiding: Hiding | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, str]:
    """Write the pictures that are not there yet, and remove those that an earlier run left and nobody wants now.

    Args:
        views: of each object, the best one.
        output: the folder of the trip; they go into ``pictures`` in it.
        hiding: makes faces and plates unreadable before anything is cut out.
        on_progress: called with how many are written, and how many there are to write.

    Returns:
        By the number of the object its picture's path from the output folder; absent where it cannot be decoded.

    Raises:
        OutputError: when one cannot be written.
    """
    wanted = {view.file_name: view for view in views}
    with KeptFiles(output / FOLDER, {name: _origin(view, hiding) for name, view in wanted.items()}) as kept:
        missing = [wanted[name] for name in kept.missing]
        for done, (view, picture) in enumerate(_decoded(missing)):
            on_progress(done, len(missing))
            jpeg = _cut_out(picture if hiding is None else hiding.picture(picture, view.found), view)
            write_whole(output / FOLDER / view.file_name, jpeg, sync=False)
            kept.add(view.file_name)
        return {wanted[name].object_id: f"{FOLDER}/{name}" for name in kept.there}


def _decoded(views: Iterable[BestView]) -> Iterable[tuple[BestView, Picture]]:
    """Yield views with their pictures, clip by clip."""
    by_clip: defaultdict[Path, defaultdict[Moment, list[BestView]]] = defaultdict(lambda: defaultdict(list))
    for view in views:
        by_clip[view.clip][Moment(view.pts_s, view.file_frame)].append(view)
    for clip, by_moment in by_clip.items():
        for moment, picture in stills(clip, by_moment):
            for view in by_moment[moment]:
                yield view, picture


def _cut_out(picture: Picture, view: BestView) -> bytes:
    """Return the object with a margin as a JPEG file; all of the picture where the box lies outside of it."""
    size_px = picture.width_px, picture.height_px
    box = np.array([view.box_xyxy_px], np.float32)
    left, top, right, bottom = crop_edges(box, picture_px=size_px, margin=MARGIN)[0].tolist()
    if right <= left or bottom <= top:
        left, top, right, bottom = 0, 0, *size_px
    return small_jpeg(cut(picture, left, top, right, bottom), longest_px=LONGEST_PX)


def _origin(view: BestView, hiding: Hiding | None) -> Origin:
    parts = (view.clip_key or str(view.clip), round(view.pts_s, 6), [round(edge, 2) for edge in view.box_xyxy_px])
    return Origin(repr(parts), hidden_by=None if hiding is None else hiding.by, can_be_made=view.clip.is_file())
