"""Readers of labelled pictures, of class names, and of tracks."""

from __future__ import annotations

import random
from functools import cache, partial
from pathlib import Path

from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.class_labels import read_class_folders, read_class_map, read_class_maps
from streamvision.datasets.files import read_class_list
from streamvision.datasets.fingerprints import fingerprint
from streamvision.datasets.formats import FORMATS, read_dataset
from streamvision.datasets.record_file import masked_crc32c
from streamvision.datasets.tf_record import read_label_map
from streamvision.evaluation.tracks.mot_files import read_sequences
from support.fuzzing.mutation import NAMES, OUTSIDE, Files, mutate_bytes
from support.fuzzing.target import Target, mutate_files

CLASS_TABLE = b"filename,class,split\na.jpg,cat,train\nsub/b.jpg,dog,val\n"
COCO = b"""{"info": {}, "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48},
 {"id": 2, "file_name": "sub/b.jpg", "width": 64, "height": 48}],
 "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "iscrowd": 0, "area": 25,
 "segmentation": [[1, 1, 6, 1, 6, 6]], "keypoints": [1, 2, 2, 3, 4, 1]},
 {"id": 2, "image_id": 2, "category_id": 3, "bbox": [2, 3, 9.5, 8], "iscrowd": 1,
 "segmentation": {"counts": [1, 2, 3], "size": [48, 64]}}],
 "categories": [{"id": 1, "name": "car", "supercategory": "a"}, {"id": 3, "name": "bus"}]}"""
VOC = b"""<?xml version="1.0"?><!-- by hand --><annotation><folder>VOC2007</folder><filename>a.jpg</filename>
<source><database>The VOC2007 Database</database></source>
<size><width>64</width><height>48</height><depth>3</depth></size>
<object><name>car</name><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>30</xmax><ymax>20.5</ymax></bndbox></object>
<object><name>bus</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>60</xmax><ymax>40</ymax></bndbox></object>
</annotation>"""
CSV = (
    b"filename,width,height,class,xmin,ymin,xmax,ymax\n"
    b"a.jpg,64,48,car,1,1,30,20\na.jpg,64,48,bus,5,5,60,40\nb.jpg,64,48,car,1,1,9,9\n"
)
YAML = b"path: .\ntrain: images/train\nval: images/val\nkpt_shape: [2, 3]\nnames:\n  0: car\n  1: bus\n"
LABELS = b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.2 0.1 0.3 0.3\n0 0.5 0.5 0.2 0.2 0.4 0.4 2 0.5 0.5 1\n"
MAP = b"item {\n  id: 1\n  name: 'car'\n}\nitem {\n  id: 2\n  display_name: \"bus\"\n}\n"


@cache
def jpeg(format: str = ".jpg") -> bytes:
    """Return a picture of 64x48."""
    import cv2
    import numpy as np

    return bytes(cv2.imencode(format, np.full((48, 64, 3), 90, np.uint8))[1].tobytes())


@cache
def class_map() -> bytes:
    """Return a PNG of class ids."""
    import cv2
    import numpy as np

    return bytes(cv2.imencode(".png", np.arange(48 * 64, dtype=np.uint8).reshape(48, 64) % 3)[1].tobytes())


def with_links(rng: random.Random, files: Files, suffixes: tuple[str, ...]) -> Files:
    """Return the files, now and then with a label file that is a link to elsewhere, or under an odd name."""
    kind = rng.randrange(12)
    names = [name for name in files if name.endswith(suffixes)]
    if not names:
        return files
    name = rng.choice(names)
    if kind == 0:
        files[name] = (
            b"->" + rng.choice((f"../{OUTSIDE}.txt", f"{OUTSIDE}.json", ".", "..", name, "/dev/zero")).encode()
        )
    elif kind == 1:
        folder, slash, _ = name.rpartition("/")
        files[folder + slash + rng.choice(NAMES).replace("/", "") + suffixes[0]] = files[name]
    elif kind == 2:
        del files[name]
    return files


def _made(suffixes: tuple[str, ...]) -> object:
    def make(rng: random.Random, files: Files) -> Files:
        files = mutate_files(rng, files, frozenset({".jpg", ".png"}))
        return with_links(rng, files, suffixes)

    return make


def _read(folder: Path, rng: random.Random, *, format: str | None = None) -> list[str]:
    """Read a data set in every way; return what it says of problems."""
    said = []
    shaped = format is not None and FORMATS[format].has_shapes
    for shapes in (False, True) if shaped else (False,):
        dataset = read_dataset(folder, format=format if rng.random() < 0.7 else None, shapes=shapes)
        said += [problem.reason for problem in dataset.problems] + [name or "''" for name in dataset.names]
        assert all(image.path.is_file() for image in dataset.images)
        for _, box in dataset.boxes():
            left, top, right, bottom = box.box_xyxy_px
            assert 0 <= left < right and 0 <= top < bottom and dataset.names[box.class_id] is not None
    return said[:3000]


def _coco() -> list[Files]:
    pictures = {"a.jpg": jpeg(), "sub/b.jpg": jpeg()}
    return [
        pictures | {"c.json": COCO},
        {"annotations/instances_val.json": COCO, "val/a.jpg": jpeg(), "val/sub/b.jpg": jpeg()},
    ]


def _yolo() -> list[Files]:
    files = {"images/train/a.jpg": jpeg(), "images/val/b.jpg": jpeg(), "data.yaml": YAML}
    labels = {"labels/train/a.txt": LABELS, "labels/val/b.txt": LABELS}
    listed = {"data.yaml": b"train: train.txt\nval: val.txt\nnames: [car, bus]\n", "train.txt": b"images/train/a.jpg\n"}
    plain = {"a.jpg": jpeg(), "a.txt": LABELS, "classes.txt": b"car\nbus\n"}
    return [files | labels, files | labels | listed | {"val.txt": b"./images/val/b.jpg\n"}, plain]


def _voc() -> list[Files]:
    return [
        {"a.jpg": jpeg(), "a.xml": VOC},
        {
            "JPEGImages/a.jpg": jpeg(),
            "Annotations/a.xml": VOC,
            "ImageSets/Main/train.txt": b"a\n",
            "ImageSets/Main/car_train.txt": b"a  1\n",
            "classes.txt": b"car\nbus\n",
        },
    ]


def _tf_csv() -> list[Files]:
    return [{"a.jpg": jpeg(), "b.jpg": jpeg(), "train_labels.csv": CSV, "labels.txt": b"car\nbus\n"}]


@cache
def _example() -> bytes:
    from streamvision.datasets.record_file import encode_example

    features: dict[str, object] = {
        "image/encoded": [jpeg()],
        "image/filename": [b"a.jpg"],
        "image/width": [64],
        "image/height": [48],
        "image/object/class/text": [b"car", b"bus"],
        "image/object/class/label": [1, 2],
        "image/object/difficult": [0, 1],
    }
    corners = {f"image/object/bbox/{key}": [0.1, 0.2] for key in ("xmin", "ymin")}
    corners |= {f"image/object/bbox/{key}": [0.5, 0.6] for key in ("xmax", "ymax")}
    return encode_example(features | corners)  # type: ignore[arg-type]


def _framed(data: bytes) -> bytes:
    length = len(data).to_bytes(8, "little")
    head, foot = (masked_crc32c(part).to_bytes(4, "little") for part in (length, data))
    return length + head + data + foot


def _tf_record() -> list[Files]:
    return [{"train.tfrecord": _framed(_example()) * 2, "label_map.pbtxt": MAP}]


def _record_case(rng: random.Random, files: Files) -> Files:
    """Change the bytes of a file, or the message in it below right checksums."""
    tokens = (b"image/filename", b"\0", b"\xff" * 9, *(name.encode("utf-8", "replace") for name in NAMES))
    if rng.random() < 0.3:
        return mutate_files(rng, files, frozenset())
    example = _example()
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.5:
            from streamvision.datasets.record_file import decode_example, encode_example

            try:
                features = decode_example(example)
            except ValueError:
                break
            key = rng.choice(list(features) or ["x"])
            odd: list[object] = [
                [rng.choice(NAMES).encode("utf-8", "replace")],
                [-1, 0],
                [1 << 62, 2],
                [float("nan"), float("inf")],
                [1e38],
                [],
                [0.5] * 1000,
            ]
            features[key] = rng.choice(odd)  # type: ignore[assignment]
            example = encode_example(features)
        else:
            example = mutate_bytes(rng, example, tokens)
    content = _framed(example) * rng.choice((1, 2))
    return files | {"train.tfrecord": content}


def _names_case(rng: random.Random, files: Files) -> Files:
    return mutate_files(rng, files, frozenset())


def _run_names(folder: Path, rng: random.Random) -> list[str]:
    return [name for name in read_class_list(folder) if name.strip()] + [str(len(read_label_map(folder)))]


def _run_folders(folder: Path, rng: random.Random) -> list[str]:
    found = read_class_folders(folder)
    return [problem.reason for problem in found.problems]


def _run_class_table(folder: Path, rng: random.Random) -> list[str]:
    found = read_classes(folder / "classes.csv")
    return [problem.reason for problem in found.problems]


def _run_maps(folder: Path, rng: random.Random) -> list[str]:
    found = read_class_maps(folder)
    for image in found.images:
        read_class_map(image.map_path)
    return [problem.reason for problem in found.problems]


def _run_picture(folder: Path, rng: random.Random) -> list[str]:
    said = [one.broken or "" for one in map(fingerprint, sorted(folder.iterdir()))]
    return [sentence for sentence in said if sentence]


def _mot() -> list[Files]:
    info = b"[Sequence]\nname=A\nimDir=img1\nframeRate=30\nseqLength=9\nimWidth=640\nimHeight=480\nimExt=.jpg\n"
    rows = b"1,1,10,10,20,20,1,1,1\n2,1,11,10,20,20,1,1,0.5\n2,2,50,50,20,20,1,7,1\n"
    found = b"1,-1,10,10,20,20,0.9\n2,-1,11,10,20,20,0.8\n"
    return [{"A/seqinfo.ini": info, "A/gt/gt.txt": rows, "A/det/det.txt": found}]


def _run_mot(folder: Path, rng: random.Random) -> None:
    for sequence in read_sequences(folder):
        sequence.detections()


def _target(name: str, seeds: object, suffixes: tuple[str, ...], make: object = None) -> Target:
    return Target(
        name=name,
        group="readers",
        seeds=seeds,  # type: ignore[arg-type]
        make=make or _made(suffixes),  # type: ignore[arg-type]
        run=partial(_read, format=name),
        seconds=3.0,
    )


CVAT = b"""<?xml version="1.0"?><annotations><meta><task><labels><label><name>car</name></label></labels>
<start_frame>0</start_frame><stop_frame>1</stop_frame></task></meta>
<image id="0" name="a.jpg" width="64" height="48"><box label="car" xtl="1" ytl="1" xbr="9" ybr="9" rotation="10"/>
<polygon label="car" points="1,1;9,1;9,9"/><mask label="car" rle="2,3,4" left="1" top="1" width="3" height="3"/>
<ellipse label="car" cx="5" cy="5" rx="3" ry="2"/><points label="car" points="1,1"/></image></annotations>"""
CVAT_VIDEO = b"""<annotations><track id="0" label="car"><box frame="0" outside="0" xtl="1" ytl="1" xbr="9" ybr="9"/>
<box frame="1" outside="1" xtl="2" ytl="1" xbr="9" ybr="9"/></track></annotations>"""
LABELME = b"""{"version": "5", "flags": {}, "imagePath": "a.jpg", "imageData": null,
 "imageWidth": 64, "imageHeight": 48, "shapes": [{"label": "car", "points": [[1, 1], [20, 20]], "group_id": null,
 "shape_type": "rectangle", "flags": {}},
 {"label": "bus", "points": [[1, 1], [20, 1], [20, 20]], "group_id": 1, "shape_type": "polygon"},
 {"label": "bus", "points": [[9, 9], [20, 1]], "shape_type": "circle"}]}"""
CREATEML = b"""[{"image": "a.jpg", "annotations": [{"label": "car",
 "coordinates": {"x": 10, "y": 10, "width": 9, "height": 8}}]}]"""
KITTI = (
    b"Car 0.0 0 -1.5 1 1 30 20 1.5 1.6 3.7 1 1.5 9 -1.5\nDontCare -1 -1 -10 2 2 9 9 -1 -1 -1 -1000 -1000 -1000 -10\n"
)
OPEN_IMAGES = (
    b"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
    b"a,x,/m/1,1,0.1,0.5,0.1,0.6,0,0,0,0,0\n"
)


def _cvat() -> list[Files]:
    video = {"annotations.xml": CVAT_VIDEO, "images/frame_000000.jpg": jpeg(), "images/frame_000001.jpg": jpeg()}
    return [{"annotations.xml": CVAT, "images/a.jpg": jpeg()}, video]


def _open_images() -> list[Files]:
    return [{"train-bbox.csv": OPEN_IMAGES, "class-descriptions.csv": b"/m/1,Car\n", "a.jpg": jpeg()}]


READERS = [
    _target("cvat", _cvat, (".xml",)),
    _target("labelme", lambda: [{"a.json": LABELME, "a.jpg": jpeg()}], (".json",)),
    _target("createml", lambda: [{"a.json": CREATEML, "a.jpg": jpeg()}], (".json",)),
    _target("kitti", lambda: [{"label_2/a.txt": KITTI, "image_2/a.jpg": jpeg()}], (".txt",)),
    _target("openimages", _open_images, (".csv",)),
    _target("coco", _coco, (".json",)),
    _target("yolo", _yolo, (".txt", ".yaml")),
    _target("voc", _voc, (".xml", ".txt")),
    _target("tfcsv", _tf_csv, (".csv", ".txt")),
    _target("tfrecord", _tf_record, (".tfrecord",), _record_case),
    Target(
        name="class-names",
        group="readers",
        seeds=lambda: [{"classes.txt": b"car\nbus\n"}, {"label_map.pbtxt": MAP}],
        make=_names_case,
        run=_run_names,
    ),
    Target(
        name="class-folders",
        group="readers",
        seeds=lambda: [{"train/car/a.jpg": jpeg(), "val/bus/b.jpg": jpeg()}],
        make=lambda rng, files: with_links(rng, files, (".jpg",)),
        run=_run_folders,
    ),
    Target(
        name="class-table",
        group="readers",
        seeds=lambda: [{"classes.csv": CLASS_TABLE, "a.jpg": jpeg(), "sub/b.jpg": jpeg()}],
        run=_run_class_table,
        beside=frozenset({".jpg"}),
    ),
    Target(
        name="class-maps",
        group="readers",
        seeds=lambda: [{"images/a.jpg": jpeg(), "masks/a.png": class_map(), "classes.txt": b"a\nb\n"}],
        run=_run_maps,
        beside=frozenset({".jpg"}),
    ),
    Target(
        name="pictures",
        group="readers",
        seeds=lambda: [{f"a{end}": jpeg(end)} for end in (".jpg", ".png", ".bmp", ".webp", ".tiff")],
        run=_run_picture,
        seconds=5.0,
    ),
    Target(name="mot", group="readers", seeds=_mot, run=_run_mot),
]
