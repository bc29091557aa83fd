"""Folders of collected pictures, into which anybody may have written."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from streamvision.core.errors import StreamVisionError
from streamvision.datasets.collection import Collection
from streamvision.datasets.collection_records import (
    Look,
    Looks,
    MarkedObject,
    Proposal,
    ProposedBox,
    Reason,
)
from support.fuzzing.mutation import Files
from support.fuzzing.reader_targets import jpeg, with_links
from support.fuzzing.target import Target, mutate_files

_LOOKS = Looks(Look.of(np.full((48, 64, 3), 90, np.uint8)))
_PROPOSAL = Proposal(
    64,
    48,
    "gate",
    "gate.mp4",
    (Reason("uncertain", 0.5, "it is"),),
    0.5,
    (ProposedBox("car", 0.3, (1.0, 2.0, 30.0, 40.0)),),
    captured_unix_s=1.7e9,
    pts_s=0.5,
    frame=5,
    looks=_LOOKS,
)
_YAML = b"path: .\ntrain: images\nval: images\nnames:\n  0: car\n  1: bus\n"
_COCO = b"""{"images": [{"id": 1, "file_name": "c.jpg", "width": 64, "height": 48}],
 "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
 "categories": [{"id": 1, "name": "car"}]}"""


def _seeds() -> list[Files]:
    known = _PROPOSAL.as_json().encode()
    refused = {"version": 1, "refused": [{"name": "d", "look": _LOOKS.as_document()}]}
    files = {"data.yaml": _YAML, "annotations.json": _COCO, "refused.json": json.dumps(refused).encode()}
    pictures = {f"waiting/{name}.jpg": jpeg() for name in "ab"} | {"images/c.jpg": jpeg(), "labels/c.txt": b""}
    return [{**files, **pictures, "waiting/a.json": known, "waiting/b.json": known, "accepted/c.json": known}]


def _made(rng: random.Random, files: Files) -> Files:
    return with_links(rng, mutate_files(rng, files, frozenset({".jpg"})), (".json", ".yaml"))


def _run(folder: Path, rng: random.Random) -> list[str]:
    said: list[str] = []

    def tried(do: Callable[[], object]) -> None:
        try:
            do()
        except StreamVisionError as error:
            said.append(str(error))

    tried(lambda: Collection(folder))
    if said:
        return said
    collection = Collection(folder)
    for ask in (collection.waiting, collection.counts, lambda: list(collection.looks(most=9))):
        tried(ask)
    for name in "abc":
        tried(partial(collection.proposal, name))
        tried(partial(collection.picture, name))
    with tempfile.TemporaryDirectory() as scratch:
        copied = Path(shutil.copytree(folder, Path(scratch) / "copy", symlinks=True))
        tried(lambda: _decide(Collection(copied)))
    return said


def _decide(collection: Collection) -> None:
    collection.accept("a", [MarkedObject("bus", (1.0, 1.0, 20.0, 20.0))])
    collection.refuse("b")
    collection.undo()


COLLECTIONS = [Target(name="collections", group="readers", seeds=_seeds, make=_made, run=_run, seconds=3.0)]
