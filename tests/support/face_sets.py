"""Small sets of drawn faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from streamvision.datasets.drive import DriveSampling
from streamvision.datasets.faces import write_drawn_faces

SMALL = DriveSampling(images=1, width_px=96, height_px=96)


def face_set(folder: Path, *, images: int, val_images: int, sampling: DriveSampling = SMALL) -> Path:
    """Write pictures of faces and return their folder."""
    write_drawn_faces(folder, replace(sampling, images=images, val_images=val_images))
    return folder
