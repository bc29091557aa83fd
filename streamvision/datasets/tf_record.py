"""TFRecord with the keys of TensorFlow's object-detection API (``image/encoded``, ``image/object/bbox/xmin``, ...).

Corners are 0..1 of the picture, continuous. Classes are named by ``image/object/class/text``, or by
``image/object/class/label`` (from 1) and ``label_map.pbtxt``. ``image/object/is_crowd`` and
``image/object/difficult`` both mean ``ignore``. One file, or several shards, a split, known by name or folder.

Pictures live inside the records. Reading puts them into a cache folder, since everything else works on picture files;
what has not been read for :data:`~streamvision.datasets.embedded.CACHE_DAYS` days is deleted there by the next
reading.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.core.files import cache_folder
from streamvision.core.reading import MAX_TEXT_BYTES, UnreadableError, lenient_text, read_bytes
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledImage, Split
from streamvision.datasets.embedded import delete_old, safe_name
from streamvision.datasets.files import SPLITS, files_below, is_there, root_of, split_in, split_of_path
from streamvision.datasets.record_file import (
    DamagedExampleError,
    DamagedRecordError,
    Values,
    decode_example,
    encode_example,
    read_records,
    write_records,
)
from streamvision.datasets.writing import OutputFolder

_RECORD_NAME = re.compile(r"\.(tfrecords?|records?)(\.gz)?(-\d+-of-\d+)?$|-\d{5}-of-\d{5}$", re.IGNORECASE)
_MAP_ITEM = re.compile(r"item\s*\{([^{}]*)\}")
_MAP_ID = re.compile(r"\bid\s*:\s*(\d{1,9})\b")
_MAP_NAME = re.compile(r"""\b(?:display_)?name\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")
_FORMATS = {".jpg": b"jpeg", ".jpeg": b"jpeg", ".png": b"png", ".bmp": b"bmp", ".webp": b"webp"}
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_KINDS: dict[str, type] = {
    "image/encoded": bytes,
    "image/filename": bytes,
    "image/width": int,
    "image/height": int,
    "image/object/class/text": bytes,
    "image/object/class/label": int,
    "image/object/is_crowd": int,
    "image/object/difficult": int,
    **{f"image/object/bbox/{key}": float for key in _CORNERS},
}


def find_record_files(path: Path) -> list[Path]:
    """Return the TFRecord files in a folder, sorted; or the file given."""
    if path.is_file():
        return [path]
    return [file for file in files_below(path, {""}) if _RECORD_NAME.search(file.name)]


def read_tf_record(path: Path, *, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or its one record file; what is wrong becomes problems of the result."""
    collector = Collector(progress)
    folder = root_of(path)
    files = find_record_files(path)
    names = read_label_map(folder)
    delete_old(cache_folder("records"))
    labels_seen: dict[str, int] = {}
    for done, file in enumerate(files):
        collector.progress(done, len(files))
        split = split_in(file.name) or split_of_path(file, folder)
        if not is_there(file):
            collector.note(file, "broken_labels", "is not an ordinary file; left out")
            continue
        reader = _RecordReader(file, _cache_of(file), split, names, collector)
        reader.read()
        labels_seen |= reader.labels_seen
    ordered = [names[index] for index in sorted(names)] or sorted(labels_seen, key=lambda name: labels_seen[name])
    return collector.dataset(ordered)


def write_tf_record(dataset: Dataset, output: OutputFolder) -> None:
    """Write a data set: ``train.tfrecord`` and so on, or ``data.tfrecord`` where it is not split."""
    by_split: dict[Split | None, list[tuple[LabelledImage, str]]] = {}
    for image, place in output.names(dataset, lambda image: image.split or "data", unique_stems=False):
        by_split.setdefault(image.split, []).append((image, place.name))
    for split in (None, *SPLITS):
        if split in by_split:
            write_records(output.folder / f"{split or 'data'}.tfrecord", _examples(by_split[split], dataset, output))
    items = (f"item {{\n  id: {index}\n  name: '{_quoted(name)}'\n}}\n" for index, name in enumerate(dataset.names, 1))
    output.write_text("label_map.pbtxt", "".join(items))


def _text_of(path: Path) -> str:
    try:
        return lenient_text(read_bytes(path, limit=MAX_TEXT_BYTES))
    except UnreadableError:
        return ""


def read_label_map(folder: Path) -> dict[int, str]:
    """Return the class names by label of the first ``*.pbtxt`` of a folder; empty without such a file."""
    found = files_below(folder, {".pbtxt"})
    names = {}
    for item in _MAP_ITEM.findall(_text_of(found[0])) if found else ():
        if (label := _MAP_ID.search(item)) and (name := _MAP_NAME.search(item)):
            names[int(label[1])] = re.sub(r"\\(.)", r"\1", name[1] if name[1] is not None else name[2])
    return names


@dataclass
class _RecordReader:
    """Reads one record file."""

    path: Path
    pictures: Path
    split: Split | None
    names: dict[int, str]
    collector: Collector

    def __post_init__(self) -> None:
        self.labels_seen: dict[str, int] = {}
        """Class names that came with a number."""

    def read(self) -> None:
        """Take in all records up to the first that is damaged."""
        try:
            for index, data in enumerate(read_records(self.path)):
                try:
                    self._take(index, decode_example(data))
                except DamagedExampleError:
                    self.collector.note(self.path, "broken_labels", f"record {index} is no tf.train.Example; left out")
        except OSError as error:
            self.collector.note(self.path, "broken_labels", f"cannot be read ({error.strerror}); left out")
        except DamagedRecordError as error:
            self.collector.note(self.path, "broken_labels", f"{error}; this record and those after it were left out")

    def _take(self, index: int, example: dict[str, list[Any]]) -> None:
        for key, kind in _KINDS.items():
            if not isinstance(_first(example, key, kind()), kind):
                self.collector.note(self.path, "broken_labels", f"record {index} has {key} of a wrong type; left out")
                return
        encoded = _first(example, "image/encoded", b"")
        if not encoded:
            self.collector.note(self.path, "missing_picture", f"record {index} has no image/encoded; left out")
            return
        path = self._extract(index, encoded, _text(_first(example, "image/filename", b"")))
        if (picture := self.collector.open(path)) is None:
            return
        declared = (_first(example, "image/width", 0), _first(example, "image/height", 0))
        # Corners are relative, so the frame is what the record declares, where EXIF turns the picture afterwards.
        turned = declared == picture.stored_size_px
        width, height = picture.stored_size_px if turned else (picture.width_px, picture.height_px)
        boxes = self._boxes(index, example, width, height)
        self.collector.add(
            picture, boxes, split=self.split, labels=self.path, declared_size_px=declared if all(declared) else None
        )

    def _boxes(self, index: int, example: dict[str, list[Any]], width: int, height: int) -> Iterator[MarkedBox]:
        corners = [example.get(f"image/object/bbox/{key}", []) for key in _CORNERS]
        texts = [_text(text) for text in example.get("image/object/class/text", [])]
        labels = example.get("image/object/class/label", [])
        count = len(corners[0])
        if any(len(values) != count for values in corners) or max(len(texts), len(labels)) != count:
            reason = (
                f"record {index} has lists of different length for its corners and classes; its boxes were left out"
            )
            self.collector.note(self.path, "bad_box", reason)
            return
        flags = [example.get(f"image/object/{key}", []) for key in ("is_crowd", "difficult")]
        for at, (left, top, right, bottom) in enumerate(zip(*corners, strict=True)):
            label = labels[at] if at < len(labels) else None
            name = (texts[at] if at < len(texts) else "") or self.names.get(label or 0, "")
            if not name and label is None:
                self.collector.note(self.path, "bad_class", f"record {index} has a box without class; left out")
                continue
            name = name or str(label)
            if label is not None:
                self.labels_seen.setdefault(name, label)
            ignore = any(at < len(values) and bool(values[at]) for values in flags)
            yield MarkedBox(name, (left * width, top * height, right * width, bottom * height), ignore)

    def _extract(self, index: int, encoded: bytes, filename: str) -> Path:
        name = safe_name(filename or f"{self.path.stem}-{index:06}", encoded)
        path = self.pictures / name
        if self.collector.known(path):
            path = self.pictures / f"{index:06}" / name
        if not path.is_file() or path.stat().st_size != len(encoded):
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{os.getpid()}-{path.name}")
            unfinished.write_bytes(encoded)
            unfinished.replace(path)
        return path


def _examples(images: list[tuple[LabelledImage, str]], dataset: Dataset, output: OutputFolder) -> Iterator[bytes]:
    for done, (image, name) in enumerate(images):
        output.progress("pictures packed", done, len(images))
        encoded = image.path.read_bytes()
        boxes = image.boxes
        sides = (image.width_px, image.height_px, image.width_px, image.height_px)
        features: dict[str, Values] = {
            "image/encoded": [encoded],
            "image/filename": [name.encode()],
            "image/source_id": [name.encode()],
            "image/format": [_FORMATS.get(image.path.suffix.lower(), b"raw")],
            "image/key/sha256": [hashlib.sha256(encoded).hexdigest().encode()],
            "image/width": [image.width_px],
            "image/height": [image.height_px],
            "image/object/class/text": [dataset.names[box.class_id].encode() for box in boxes],
            "image/object/class/label": [box.class_id + 1 for box in boxes],
            "image/object/difficult": [int(box.ignore) for box in boxes],
        }
        for at, key in enumerate(_CORNERS):
            features[f"image/object/bbox/{key}"] = [box.box_xyxy_px[at] / sides[at] for box in boxes]
        yield encode_example(features)


def _cache_of(file: Path) -> Path:
    stat = file.stat()
    key = f"{file.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"
    folder = cache_folder("records") / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    return folder


def _first(example: dict[str, list[Any]], key: str, default: Any) -> Any:
    return next(iter(example.get(key, [])), default)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "\\'")
