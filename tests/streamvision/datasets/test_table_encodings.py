"""Tables are read in every encoding in which spreadsheets save them."""

from __future__ import annotations

import codecs
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.reading import UnreadableError, read_text
from streamvision.datasets.captions import read_captions
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.tf_csv import is_tf_csv, read_tf_csv

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


@pytest.mark.parametrize(
    "content", [codecs.BOM_UTF16_LE + b"a", "ä".encode("latin-1"), codecs.BOM_UTF32_LE + b"a\0\0\0"]
)
def test_what_is_no_such_text_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UnreadableError, match="is not text in UTF-8"):
        read_text(tmp_path / "a.csv")
