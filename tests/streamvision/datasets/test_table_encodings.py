"""Tables are read in every encoding in which spreadsheets save them."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.reading import UnreadableError, read_text
from streamvision.datasets.captions import read_captions
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.formats import read_dataset
from streamvision.datasets.tf_csv import is_tf_csv, read_tf_csv
from streamvision.datasets.tf_record import read_label_map

ENCODINGS = {"utf-8": b"", "utf-8-sig": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
"""With the byte order mark that Python does not write by itself."""


def write(path: Path, text: str, encoding: str) -> Path:
    path.write_bytes(ENCODINGS[encoding] + text.replace("\n", "\r\n").encode(encoding))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((20, 30, 3), np.uint8))
    return tmp_path


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_is_read_in_the_encodings_of_spreadsheets(folder: Path, encoding: str) -> None:
    classes = write(folder / "classes.csv", "filename,class\na.png,grün\nb.png,rot\n", encoding)
    assert read_classes(classes).names == ("grün", "rot")
    classes.unlink()
    said = write(folder / "said.csv", "filename,caption\na.png,Ein grünes Licht\n", encoding)
    assert [one.captions for one in read_captions(said).images] == [("Ein grünes Licht",)]
    said.unlink()
    rows = "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,30,20,Tür,1,2,10,12\n"
    boxes = write(folder / "boxes.csv", rows, encoding)
    assert is_tf_csv(boxes) and read_tf_csv(boxes).names == ("Tür",)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_labels_are_known_and_read_in_them(tmp_path: Path, encoding: str) -> None:
    """Each format is found in its folder without being named, by the beginning of its files."""
    for name in ("open", "yolo", "kitti", "coco", "voc", "listed", "labelme"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), np.zeros((40, 60, 3), np.uint8))
    rows = "ImageID,LabelName,XMin,XMax,YMin,YMax\na,/m/1,0.1,0.5,0.2,0.6\n"
    write(tmp_path / "open" / "boxes.csv", rows, encoding)
    write(tmp_path / "open" / "classes.csv", "/m/1,Tür\n", encoding)
    write(tmp_path / "yolo" / "a.txt", "0 0.5 0.5 0.2 0.2\n", encoding)
    write(tmp_path / "yolo" / "classes.txt", "Tür\n", encoding)
    write(tmp_path / "kitti" / "a.txt", "Tür 0 0 0 1 2 30 20 0 0 0 0 0 0 0\n", encoding)
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20]}],
        "categories": [{"id": 1, "name": "Tür"}],
    }
    write(tmp_path / "coco" / "boxes.json", json.dumps(document), encoding)
    box = {"label": "Tür", "shape_type": "rectangle", "points": [[1, 2], [30, 20]], "flags": {}}
    labelme = {"version": "5", "imagePath": "a.png", "imageHeight": 40, "imageWidth": 60, "shapes": [box]}
    write(tmp_path / "labelme" / "a.json", json.dumps(labelme), encoding)
    corners = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>20</ymax></bndbox>"
    xml = f"<annotation><filename>a.png</filename><object><name>Tür</name>{corners}</object></annotation>"
    write(tmp_path / "voc" / "a.xml", xml, encoding)
    write(tmp_path / "listed" / "a.txt", "0 0.5 0.5 0.2 0.2\n", encoding)
    write(tmp_path / "listed" / "part.txt", "a.png\n", encoding)
    (tmp_path / "listed" / "data.yaml").write_text("train: part.txt\nval: part.txt\nnames: [Tür]\n")
    for folder in sorted(tmp_path.iterdir()):
        found = read_dataset(folder)
        assert (found.names, len(list(found.boxes()))) == (("Tür",), 1), folder.name


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_label_maps_are_read_in_them(tmp_path: Path, encoding: str) -> None:
    write(tmp_path / "map.pbtxt", "item {\n  id: 2\n  name: 'Tür'\n}\n", encoding)
    assert read_label_map(tmp_path) == {2: "Tür"}


@pytest.mark.parametrize(
    "content", [codecs.BOM_UTF16_LE + b"a", "ä".encode("latin-1"), codecs.BOM_UTF32_LE + b"a\0\0\0"]
)
def test_what_is_no_such_text_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UnreadableError, match="is not text in UTF-8"):
        read_text(tmp_path / "a.csv")
