"""Collections with drawn pictures, for those who test what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from streamvision.datasets.collection import create_collection
from streamvision.datasets.collection_records import Corners, Proposal, ProposedBox, Reason

SIZE_PX = (160, 120)
PROPOSED: Corners = (20.0, 30.0, 60.0, 70.0)


def drawn(number: int, size_px: tuple[int, int] = SIZE_PX) -> np.ndarray:
    """Return a BGR picture that differs from those of other numbers, with a red square where a box is proposed."""
    width, height = size_px
    bgr = np.random.default_rng(number).integers(40, 200, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    bgr = cv2.resize(bgr, size_px, interpolation=cv2.INTER_LINEAR)
    left, top, right, bottom = map(int, PROPOSED)
    bgr[top:bottom, left:right] = (40, 40, 220)
    return bgr


def as_jpeg(bgr: np.ndarray) -> bytes:
    """Return a picture as a JPEG file."""
    done, coded = cv2.imencode(".jpg", bgr)
    assert done
    return coded.tobytes()


def collection_with(
    folder: Path,
    *,
    hardness: Sequence[float],
    classes: Sequence[str] = ("stop", "yield"),
    size_px: tuple[int, int] = SIZE_PX,
) -> Path:
    """Make a collection in which pictures wait, one for each hardness, with one proposed box each."""
    collection = create_collection(folder, classes)
    for number, value in enumerate(hardness):
        proposal = Proposal(
            *size_px,
            f"camera {number}",
            "rtsp://camera/live",
            (Reason("uncertain", value, "a stop sign was seen with a score of 0.31"),),
            value,
            (ProposedBox("stop", 0.31, PROPOSED),),
            captured_unix_s=1_700_000_000.0,
        )
        collection.add(as_jpeg(drawn(number, size_px)), proposal)
    return folder
