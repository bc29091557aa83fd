"""A new model passes where it is no worse than the old one on held-out pictures, and by that alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from streamvision.cli.main import cli
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.datasets import write_dataset
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage
from streamvision.evaluation.gate import Gate, check_gate, compare, gate_file, write_gate
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import read_bgr
from support.labelled_pictures import save_picture
from support.tiny_detector import tiny_detector

NAMES = ("c0", "c1", "c2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def old(folder: Path) -> Path:
    return tiny_detector(folder / "old.onnx")


@pytest.fixture(scope="module")
def other(folder: Path) -> Path:
    return tiny_detector(folder / "other.onnx", seed=3)


@pytest.fixture(scope="module")
def data(folder: Path, old: Path) -> Dataset:
    """Pictures on which what the old model is surest of is marked, of each class, so that it is good on them."""
    images = []
    with open_model(old) as model:
        for seed in range(16):
            path = save_picture(folder / "shots" / f"{seed}.png", 64, 64, seed=seed)
            found = model.find([BgrPicture(read_bgr(path))])[0].detections
            best = [max(np.flatnonzero(found.class_id == one), key=lambda at: found.score[at]) for one in range(3)]
            boxes = [LabelledBox(one, tuple(map(float, found.box_xyxy_px[at]))) for one, at in enumerate(best)]
            images.append(LabelledImage(path, 64, 64, tuple(boxes)))
    return Dataset(NAMES, tuple(images))


def compared(old: Path, new: Path, data: Dataset, gate: Gate | None = None) -> Any:
    with open_model(old) as before, open_model(new) as now:
        return compare(before, now, data, gate)


def test_a_copy_passes_and_one_that_finds_other_things_is_refused(
    old: Path, other: Path, data: Dataset, folder: Path
) -> None:
    same = compared(old, old, data)
    assert same.passed and same.old == same.new > 0.05 and (same.low, same.high) == (0, 0)
    worse = compared(old, other, data)
    assert not worse.passed and worse.chance_worse > 0.9 and worse.high < 0
    assert worse.sentence.startswith("worse by more than 0.02")
    better = compared(other, old, data)
    assert better.passed and better.low > 0
    assert compared(old, other, data, Gate(margin=1.0)).passed


def test_few_pictures_cannot_tell(old: Path, other: Path, data: Dataset) -> None:
    few = replace(compared(old, old, data), chance_worse=0.3)
    assert not few.passed and few.sentence.startswith("it cannot be told")


def test_few_pictures_and_chosen_epochs_are_told_and_refuse_nothing(old: Path, data: Dataset) -> None:
    enough = Dataset(NAMES, data.images * 4)
    assert compared(old, old, enough).caveats == ()
    [few] = compared(old, old, data).caveats
    assert few == "This rests on few pictures: 16 held-out pictures."
    rare = [replace(image, boxes=image.boxes[:1] if at else image.boxes) for at, image in enumerate(enough.images)]
    with open_model(old) as model:
        result = compare(model, model, Dataset(NAMES, tuple(rare)), is_selected=True)
    assert result.passed and result.objects == {"c0": 64, "c1": 1, "c2": 1}
    few, chosen = result.to_json()["caveats"]
    assert few == "This rests on few pictures: 64 held-out pictures, with 1 object of c1, 1 object of c2."
    assert "flatters the new model a little" in chosen


def test_classes_that_one_of_them_lacks(old: Path, data: Dataset, folder: Path) -> None:
    network = onnx.load(old)
    for entry in network.metadata_props:
        entry.value = entry.value.replace("c2", "elk")
    onnx.save(network, folder / "elk.onnx")
    lost = compared(old, folder / "elk.onnx", data)
    assert lost.lost == ("c2",) and not lost.passed and "does not know c2" in lost.sentence
    more = compared(folder / "elk.onnx", old, data)
    assert more.passed and list(more.only_new) == ["c2"] and list(more.per_class) == ["c0", "c1"]
    with pytest.raises(ConfigError, match="no class of these in common"):
        compared(old, old, Dataset(("cat", "dog", "elk"), data.images))


def test_the_record_lets_in_what_was_compared_and_nothing_else(
    old: Path, other: Path, data: Dataset, folder: Path
) -> None:
    new = tiny_detector(folder / "new.onnx")
    with pytest.raises(ConfigError, match=r"is not there|cannot be|does not exist|streamvision eval compare"):
        check_gate(new, old=old)
    write_gate(compared(old, new, data), old=old, new=new)
    told = check_gate(new, old=old)
    assert "held-out pictures its mAP50-95" in told and told.endswith("These are few pictures.")
    with pytest.raises(ConfigError, match="with another model than the one that runs"):
        check_gate(new, old=other)
    with pytest.raises(ConfigError, match="with another model than the one that runs"):
        check_gate(new, old=None)
    write_gate(compared(old, other, data), old=old, new=other)
    with pytest.raises(ConfigError, match="refuses it: worse by more than"):
        check_gate(other, old=old)
    gate_file(other).rename(gate_file(new))
    with pytest.raises(ConfigError, match="is of another model than the file beside it"):
        check_gate(new, old=old)
    gate_file(new).write_text('{"models": {"old": 3}}', encoding="utf-8")
    with pytest.raises(ConfigError, match="is no comparison"):
        check_gate(new, old=old)


def test_the_command(old: Path, other: Path, data: Dataset, folder: Path, tmp_path: Path) -> None:
    write_dataset(data, tmp_path / "set", format="yolo")

    def call(*arguments: str | Path) -> Any:
        return CliRunner().invoke(cli, ["eval", "compare", *map(str, arguments)], standalone_mode=False)

    refused = call(old, other, "--data", tmp_path / "set", "--json")
    assert refused.return_value == 1 and json.loads(refused.stdout)["passed"] is False
    new = tiny_detector(tmp_path / "new.onnx")
    passed = call(old, new, "--data", tmp_path / "set", "--record")
    assert passed.return_value == 0 and passed.stdout.startswith("passed: ")
    assert passed.stdout.splitlines()[1].startswith("This rests on few pictures")
    assert "mAP50-95" in check_gate(new, old=old)
    assert isinstance(call(old, new).exception, ConfigError)
    assert isinstance(call(old, new, "--run", tmp_path).exception, ConfigError)


def test_one_picture_cannot_tell_even_of_a_copy(old: Path, data: Dataset) -> None:
    result = compared(old, old, replace(data, images=data.images[:1]))
    assert not result.passed and "cannot be told from one picture" in result.sentence


def test_a_model_that_was_removed_meanwhile_is_a_sentence(old: Path, data: Dataset, tmp_path: Path) -> None:
    before, new = (tiny_detector(tmp_path / name) for name in ("before.onnx", "new.onnx"))
    write_gate(compared(before, new, data), old=before, new=new)
    before.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        check_gate(new, old=before)
    new.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        check_gate(new, old=before)


def test_a_record_of_no_number_of_pictures_lets_nobody_in(old: Path, data: Dataset, tmp_path: Path) -> None:
    new = tiny_detector(tmp_path / "new.onnx")
    write_gate(compared(old, new, data), old=old, new=new)
    document = json.loads(gate_file(new).read_text())
    for images in (0, -3, 1e308, "16"):
        gate_file(new).write_text(json.dumps(document | {"images": images}))
        with pytest.raises(ConfigError, match="refuses it"):
            check_gate(new, old=old)
