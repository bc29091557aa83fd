"""Collections of pictures, as a stream and somebody who labels would leave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from streamvision.datasets.collection import Collection, create_collection
from streamvision.datasets.collection_records import Corners, MarkedObject, Proposal, ProposedBox, Reason
from streamvision.datasets.picture_files import read_picture
from support.labelled_pictures import save_picture

_RNG = np.random.default_rng(0)
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


def collect(
    folder: Path,
    labelled: Mapping[int, Sequence[MarkedObject]],
    *,
    waiting: Sequence[int] = (),
    names: Sequence[str] = (),
) -> Collection:
    """Return a collection of pictures of random colours, by the seed of each; two seeds look nothing alike.

    Args:
        folder: where it is, or is made.
        labelled: what is marked on those that somebody has looked at.
        waiting: seeds of those that nobody has.
        names: classes of the model that collected.
    """
    collection = create_collection(folder, names)
    for seed in (*labelled, *waiting):
        shot = save_picture(folder.parent / "shots" / f"{seed}.jpg", 160, 120, seed=seed)
        name = put(collection, shot)
        if seed in labelled:
            collection.accept(name, labelled[seed])
    return collection


def put(collection: Collection, shot: Path) -> str:
    """Let a picture wait, and return what it is called."""
    file = read_picture(shot)
    why = (Reason("asked", 1.0, "somebody asked for it"),)
    proposal = Proposal(file.width_px, file.height_px, "gate", "drive.mp4", why, 1.0, ())
    return collection.add(shot.read_bytes(), proposal)


def picture(width: int = 64, height: int = 48) -> tuple[bytes, np.ndarray]:
    """Return a picture of noise as a JPEG file, and its RGB pixels."""
    rgb = _RNG.integers(0, 256, (height, width, 3), np.uint8)
    done, coded = cv2.imencode(".jpg", rgb)
    assert done
    return coded.tobytes(), rgb


def proposal(**changes: Any) -> Proposal:
    """Return what a stream would know of :func:`picture`, some of it changed."""
    made = Proposal(
        64,
        48,
        "front door",
        "rtsp://cam/live",
        (Reason("uncertain", 0.8, "a stop sign was seen with a score of 0.31"),),
        0.8,
        (
            ProposedBox("stop", 0.31, (4.0, 5.0, 20.0, 25.0)),
            ProposedBox("stop", 0.5, (30.0, 5.0, 40.0, 9.5), "tracker"),
        ),
        captured_unix_s=1_700_000_000.0,
        pts_s=3.5,
        frame=42,
        model_name="road_signs",
        model_sha256="ab" * 32,
    )
    return replace(made, **changes)
