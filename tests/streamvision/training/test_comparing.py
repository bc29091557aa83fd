"""A run is measured beside the one that it went on from, and on what was held out of added pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.evaluation.gate import check_gate
from streamvision.training.comparing import compare_with_earlier, measure_added
from streamvision.training.data import TrainingData
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe, load_recipe, write_recipe
from streamvision.training.run_folder import RunFolder
from support.labelled_pictures import save_picture
from support.tiny_detector import tiny_detector

NAMES = ("c0", "c1", "c2")


def run_at(root: Path, *, seed: int = 0) -> RunFolder:
    """Return the folder of a run whose weights are a tiny detector."""
    run = RunFolder(root)
    run.best.parent.mkdir(parents=True)
    run.best.touch()
    tiny_detector(run.best.with_suffix(".onnx"), seed=seed)
    write_recipe(load_recipe(None, {"data": "d", "model": "m.yaml"}), run.recipe)
    run.split.write_text('{"origin": "by hand"}', encoding="utf-8")
    return run


def going_on(run: RunFolder) -> Recipe:
    return load_recipe(None, {"model": str(run.best), "add": ("more",)})


def shots(folder: Path, first: int) -> tuple[LabelledImage, ...]:
    box = (LabelledBox(2, (8, 8, 40, 40)),)
    pictures = (save_picture(folder / f"{at}.png", 64, 64, seed=at) for at in range(first, first + 4))
    return tuple(LabelledImage(path, 64, 64, box) for path in pictures)


@pytest.fixture
def data(tmp_path: Path) -> TrainingData[LabelledImage]:
    val, added = shots(tmp_path / "shots", 0), shots(tmp_path / "shots", 10)
    return TrainingData(NAMES, (), (), val, "by hand", (), held_out_added=added)


def test_the_result_is_told_and_lies_beside_the_new_model(
    data: TrainingData[LabelledImage], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = run_at(tmp_path / "old"), run_at(tmp_path / "new")
    recipe, progress = going_on(old), TrainingProgress()
    told = compare_with_earlier(recipe, new, data, progress, trusted=False)
    assert told["gate"]["passed"] and told["gate"]["images"] == 4
    said = capsys.readouterr().err
    assert "The new model passes: no worse by more than 0.02" in said
    assert "This rests on few pictures: 4 held-out pictures, with 4 objects of c2." in said
    assert "chooses the best epoch on what it holds out" in said
    assert check_gate(new.best.with_suffix(".onnx"), old=old.best.with_suffix(".onnx"))
    added = measure_added(recipe, new, data, progress, trusted=False)["added"]
    assert added["images"] == 4 and 0 <= added["map50_95"] <= added["map50"]
    assert "On 4 held-out pictures of those that were added: mAP50" in capsys.readouterr().err


def test_what_cannot_be_compared_costs_nothing_that_was_learnt(
    data: TrainingData[LabelledImage], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = run_at(tmp_path / "old"), run_at(tmp_path / "new")
    recipe, progress = going_on(old), TrainingProgress()
    assert (
        compare_with_earlier(load_recipe(None, {"data": "d", "model": "m.pt"}), new, data, progress, trusted=False)
        == {}
    )
    old.best.with_suffix(".onnx").write_bytes(b"none")
    new.best.with_suffix(".onnx").write_bytes(b"none")
    assert compare_with_earlier(recipe, new, data, progress, trusted=False) == {}
    assert measure_added(recipe, new, data, progress, trusted=False) == {}
    said = capsys.readouterr().err
    assert "The model was not compared with the one that it went on from: " in said
    assert "The 4 held-out pictures of those that were added were not measured: " in said
