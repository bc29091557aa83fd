from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, SourceError
from streamvision.evaluation.tracks.mot_files import (
    read_sequences,
    read_table,
    result_rows,
    write_results,
)

INFO = "[Sequence]\nname=Street\nframeRate=10\nseqLength=3\nimWidth=640\nimHeight=480\n"


@pytest.fixture
def street(tmp_path: Path) -> Path:
    folder = tmp_path / "Street"
    for part, text in (("gt", "1,7,10,20,30,40,1,1,1\n3,7,12,20,30,40,1,1,1\n"), ("det", "3,-1,12,20,30,40,0.9\n")):
        (folder / part).mkdir(parents=True)
        (folder / part / f"{part}.txt").write_text(text)
    (folder / "seqinfo.ini").write_text(INFO)
    return folder


def test_detections_come_frame_by_frame(street: Path) -> None:
    (sequence,) = read_sequences(street.parent)
    assert (sequence.name, sequence.frames, sequence.fps, sequence.has_classes) == ("Street", 3, 10, True)
    assert [len(one) for one in sequence.detections()] == [0, 0, 1]
    assert sequence.detections()[2].box_xyxy_px.tolist() == [[12, 20, 42, 60]]


def test_a_folder_that_is_a_sequence_is_one(street: Path) -> None:
    assert [one.name for one in read_sequences(street)] == ["Street"]


def test_dropped_frames_are_gone_and_the_others_keep_their_numbers(street: Path) -> None:
    (sequence,) = read_sequences(street)
    thinned = sequence.without(np.array([True, False, False]))
    assert thinned.number.tolist() == [2, 3]
    assert thinned.truth[:, 0].tolist() == [3]


def test_results_are_written_as_they_are_measured(tmp_path: Path) -> None:
    identity = np.ma.MaskedArray(np.array([5, 0]), mask=[False, True])
    boxes = np.array([[1.2345, 2, 11.1, 22.987], [0, 0, 1, 1]], np.float32)
    tracked = Detections(boxes, np.array([0.87654, 0.9], np.float32), np.zeros(2, np.int32), identity)
    rows = result_rows(tracked, frame_number=4)
    write_results(rows, tmp_path / "r.txt")
    assert (tmp_path / "r.txt").read_text() == "4,5,1.23,2.00,9.87,20.99,0.8765,-1,-1,-1\n"
    assert np.array_equal(read_table(tmp_path / "r.txt", least_columns=10), rows)


def test_no_sequence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no sequence in the form of MOTChallenge"):
        read_sequences(tmp_path)


@pytest.mark.parametrize("text", ["1,2,three,4,5,6,7\n", "1,2,3\n"])
def test_damaged_text_is_named(street: Path, text: str) -> None:
    (street / "det" / "det.txt").write_text(text)
    with pytest.raises(SourceError, match=r"det\.txt"):
        read_sequences(street)


def test_a_sequence_without_length_is_named(street: Path) -> None:
    (street / "seqinfo.ini").write_text("[Sequence]\nframeRate=10\n")
    with pytest.raises(SourceError, match="seqLength"):
        read_sequences(street)
