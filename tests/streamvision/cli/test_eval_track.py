from __future__ import annotations

from pathlib import Path

import av
import cv2
import pytest

from support.command_line import called


def test_the_figures_the_files_the_plot_and_the_video(data_dir: Path, tmp_path: Path) -> None:
    data = data_dir / "mot15" / "TUD-Stadtmitte"
    outputs = ["--save-results", tmp_path / "r", "--plot", tmp_path / "p.png", "--video", tmp_path / "v"]
    done = called("eval", "track", "--data", data, *outputs, "--json")
    assert done.code == 0, done.stderr
    assert set(done.report["combined"]) == {"HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW"}
    assert done.report["sequences"]["TUD-Stadtmitte"] == done.report["combined"]
    assert done.report["combined"]["HOTA"] > 50
    again = called("eval", "track", "--data", data, "--results", tmp_path / "r", "--json")
    assert again.report["combined"] == done.report["combined"]
    assert cv2.imread(str(tmp_path / "p.png")) is not None
    with av.open(str(tmp_path / "v" / "TUD-Stadtmitte.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 179


def test_dropped_frames_are_not_measured_and_the_same_each_time(data_dir: Path) -> None:
    data = data_dir / "mot15" / "TUD-Stadtmitte"
    one, two = (
        called("eval", "track", "--data", data, "--drop", "0.5", "--seed", "3", "--json").report for _ in range(2)
    )
    assert one["combined"] == two["combined"]
    assert 60 < one["frames"] < 120


def test_whole_trajectories_are_nearer_the_truth_of_a_tracker_and_of_files(data_dir: Path, tmp_path: Path) -> None:
    data = data_dir / "mot15" / "TUD-Stadtmitte"
    plain = called("eval", "track", "--data", data, "--save-results", tmp_path / "plain", "--json")
    smooth = called("eval", "track", "--data", data, "--smooth", "--save-results", tmp_path / "smooth", "--json")
    assert smooth.report["combined"]["HOTA"] > plain.report["combined"]["HOTA"] + 1
    assert smooth.report["combined"]["IDF1"] > plain.report["combined"]["IDF1"]
    again = called("eval", "track", "--data", data, "--results", tmp_path / "plain", "--smooth", "--json")
    assert again.report["combined"] == smooth.report["combined"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tracker", "none"], "nothing to measure"),
        (["--results", ".", "--drop", "0.5"], "leave out"),
        (["--results", "nowhere"], "nowhere"),
        (["--plot", "figures.txt"], "ends in"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(data_dir: Path, arguments: list[str], reason: str) -> None:
    done = called("eval", "track", "--data", data_dir / "mot15" / "TUD-Stadtmitte", *arguments)
    assert done.code == 1
    assert reason in done.sentence()


def test_a_benchmark_and_a_class_can_be_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "Road"
    for part, text in (("gt", "1,7,10,20,30,40,1,3,1\n"), ("det", "1,-1,10,20,30,40,67.5\n")):
        (folder / part).mkdir(parents=True)
        (folder / part / f"{part}.txt").write_text(text)
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=Road\nframeRate=10\nseqLength=1\n")
    refused = called("eval", "track", "--data", tmp_path)
    assert refused.code == 1 and "choose with --class 3" in refused.sentence()
    for option in (["--class", "3"], ["--benchmark", "mot15"]):
        done = called("eval", "track", "--data", tmp_path, *option, "--json")
        assert done.code == 0, done.stderr
        assert "Road: scores of det.txt are not from 0 to 1, so only their order is used" in done.stderr
    assert done.report["benchmarks"] == {"Road": "mot15"}
