from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.stages.tracking.steady import SteadyTracker
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, SourceError
from streamvision.evaluation.tracks.benchmarks import rules_of
from streamvision.evaluation.tracks.evaluate import check_truth, evaluate, read_results, run_tracker
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


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff3,-1,12,20,30,40,0.9\n",
        "3,-1,12,20,30,40,0.9,\r\n\r\n",
        "3 -1 12 20  30 40 0.9\n",
        "3;-1;12;20;30;40;0.9",
    ],
    ids=["byte order mark", "trailing comma", "blanks", "semicolons"],
)
def test_other_ways_of_writing_the_same_are_read(street: Path, text: str) -> None:
    (street / "det" / "det.txt").write_text(text, encoding="utf-8", newline="")
    (street / "seqinfo.ini").write_text("\ufeff" + INFO, encoding="utf-8")
    (sequence,) = read_sequences(street)
    assert sequence.detections()[2].box_xyxy_px.tolist() == [[12, 20, 42, 60]]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("0,-1,12,20,30,40,0.9", "boxes on frame 0, but the sequence has frames 1 to 3; count from 1, so add 1"),
        ("4,-1,12,20,30,40,0.9", "boxes on frame 4, but the sequence has frames 1 to 3; give frames from 1 to 3"),
        ("1.5,-1,12,20,30,40,0.9", "boxes on frame 1.5"),
        ("1,-1,nan,20,30,40,0.9", "row 1 has nan in column 3; give numbers from -1e9 to 1e9"),
        ("1,-1,12,20,30,inf,0.9", "row 1 has inf in column 6"),
        ("1,-1,12,20,30,40,1e300", r"row 1 has 1e\+300 in column 7"),
    ],
)
def test_what_no_sequence_can_have_is_refused(street: Path, line: str, sentence: str) -> None:
    (street / "det" / "det.txt").write_text(line)
    with pytest.raises(SourceError, match=rf"det\.txt.*{sentence}"):
        read_sequences(street)


@pytest.mark.parametrize("info", ["frameRate=nan\nseqLength=3", "frameRate=10\nseqLength=999999999999"])
def test_a_length_or_rate_out_of_bounds_is_refused(street: Path, info: str) -> None:
    (street / "seqinfo.ini").write_text(f"[Sequence]\n{info}\n")
    with pytest.raises(SourceError, match="must be above 0, and seqLength at most"):
        read_sequences(street)


def test_folders_with_one_name_are_told_apart_by_their_folders(street: Path) -> None:
    shutil.copytree(street, street.parent / "Copy")
    sequences = read_sequences(street.parent)
    assert [one.name for one in sequences] == ["Copy", "Street"]
    assert set(evaluate(sequences, {one.name: one.truth for one in sequences}).counts) == {"Copy", "Street"}


@pytest.mark.parametrize("name", ["../../elsewhere", "%(no)s/x", ""])
def test_a_name_that_is_a_path_is_not_used(street: Path, name: str) -> None:
    (street / "seqinfo.ini").write_text(INFO.replace("name=Street", f"name={name}"))
    assert [one.name for one in read_sequences(street)] == ["Street"]


def test_without_detections_there_is_nothing_to_track_but_results_can_be_measured(street: Path) -> None:
    shutil.rmtree(street / "det")
    (sequence,) = read_sequences(street)
    with pytest.raises(ConfigError, match=r"no det/det\.txt.*--results"):
        run_tracker([sequence], SteadyTracker)
    write_results(np.column_stack([sequence.truth[:, :7], *[np.full(2, -1)] * 3]), street.parent / "Street.txt")
    results = read_results(street.parent, [sequence])
    assert evaluate([sequence], results).to_json()["combined"]["HOTA"] == 100


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1,7,10,20,30,40,1,-1,-1,-1\n1,7,90,20,30,40,1,-1,-1,-1", r"identity twice on one frame \(7 on frame 1\)"),
        ("1,-1,10,20,30,40,1,-1,-1,-1", "the identity -1; give whole numbers"),
        ("1,1.5,10,20,30,40,1,-1,-1,-1", "the identity 1.5; give whole numbers"),
        ("0,7,10,20,30,40,1,-1,-1,-1", "count from 1"),
        ("4,7,10,20,30,40,1,-1,-1,-1", "boxes on frame 4"),
        ("1,7,10,20,30,40,1,3,-1,-1", r"objects of class 3 \(car\), but what counts is class 1 \(pedestrian\)"),
    ],
)
def test_results_that_cannot_be_measured_are_refused(street: Path, line: str, sentence: str) -> None:
    (street.parent / "Street.txt").write_text(line)
    with pytest.raises(SourceError, match=rf"Street\.txt.*{sentence}"):
        read_results(street.parent, read_sequences(street))


def test_a_truth_in_which_nothing_counts_is_refused_until_a_class_is_chosen(street: Path) -> None:
    truth = street / "gt" / "gt.txt"
    truth.write_text(truth.read_text().replace("1,1,1\n", "1,3,1\n"))
    with pytest.raises(ConfigError, match=r"no object of class 1 \(pedestrian\).*it has 3 \(car\).*--class 3"):
        check_truth(read_sequences(street))
    chosen = read_sequences(street, classes=(3,))
    check_truth(chosen)
    assert evaluate(chosen, {"Street": chosen[0].truth}).to_json()["combined"]["HOTA"] == 100
    truth.write_text("1,7,10,20,30,40,0,1,1\n")
    with pytest.raises(ConfigError, match="marks every object as not to be counted"):
        check_truth(read_sequences(street))
    truth.write_text("")
    with pytest.raises(ConfigError, match="has no object, so nothing can be measured"):
        check_truth(read_sequences(street))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=200) | st.text("0123456789.,;- \t\nenaif+", max_size=200).map(str.encode))
def test_any_bytes_are_a_table_or_one_sentence(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gt.txt"
        path.write_bytes(content)
        try:
            table = read_table(path, least_columns=7)
        except SourceError as refused:
            assert str(path) in str(refused)
        else:
            assert np.isfinite(table).all() and table.shape[1] >= 7


@pytest.mark.parametrize(
    ("root", "folder", "columns", "benchmark"),
    [
        ("MOT20/train", "MOT20-01", 9, "mot20"),
        ("MOT20/train", "one", 9, "mot20"),
        ("2DMOT2015/train", "Venice-2", 10, "mot15"),
        ("MOT17/train", "MOT17-02-DPM", 9, "mot17"),
        ("MOT16/train", "MOT16-02", None, "mot16"),
        ("dancetrack", "dancetrack0004", 9, "dancetrack"),
        ("mine", "MOT2000", 9, "mot17"),
        ("mine", "street", 9, "mot17"),
        ("mine", "street", 10, "mot15"),
    ],
)
def test_names_and_form_tell_whose_rules_hold(root: str, folder: str, columns: int | None, benchmark: str) -> None:
    place = Path("/data") / root
    assert rules_of(folder, place / folder, root=place, columns=columns).benchmark == benchmark


def test_the_name_that_a_sequence_gives_itself_tells_whose_rules_hold(street: Path) -> None:
    (street / "seqinfo.ini").write_text(INFO.replace("Street", "MOT20-01"))
    assert read_sequences(street)[0].rules.benchmark == "mot20"


def test_a_sequence_without_length_is_named(street: Path) -> None:
    (street / "seqinfo.ini").write_text("[Sequence]\nframeRate=10\n")
    with pytest.raises(SourceError, match="seqLength"):
        read_sequences(street)
