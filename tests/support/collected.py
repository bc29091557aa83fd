"""Collections of pictures, some labelled and some waiting, as a stream and somebody who labels would leave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from streamvision.datasets.collection import Collection, create_collection
from streamvision.datasets.collection_records import MarkedObject, Proposal, Reason
from streamvision.datasets.picture_files import read_picture
from support.labelled_pictures import save_picture


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
