"""The models that ship: small, licensed, and they find real signs without any flag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamvision.core.errors import ModelError
from streamvision.datasets import read_dataset
from streamvision.datasets.drive import DriveSampling, write_drive_dataset
from streamvision.evaluation.evaluate import evaluate
from streamvision.evaluation.matching import match_predictions
from streamvision.evaluation.model import open_model
from streamvision.inference.backends.registry import open_backend
from streamvision.inference.card_reader import read_card
from streamvision.models import SHIPPED, ShippedModel, default_model_path, model_file
from support.command_line import called

CLASSES = {"crosswalk", "speedlimit", "stop", "trafficlight"}
every_model = pytest.mark.parametrize("model", SHIPPED, ids=lambda model: model.name)


def test_one_is_the_default_and_one_is_free() -> None:
    assert {model.name: model.licence for model in SHIPPED} == {
        "road_signs": "AGPL-3.0-only",
        "road_signs_yolox": "Apache-2.0",
    }
    assert default_model_path() == SHIPPED[0].path


def test_where_its_file_is_not_its_name_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamvision.models.__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ModelError, match=r"lacks the model road_signs_yolox, .* Apache-2\.0; install it anew"):
        model_file("road_signs_yolox")


@every_model
def test_it_is_small_and_says_what_it_is(model: ShippedModel) -> None:
    path = model.path
    assert path.stat().st_size <= 6_000_000
    backend = open_backend(path)
    try:
        card = read_card(backend, path=path)
    finally:
        backend.close()
    assert set(card.names) == CLASSES
    assert card.licence is not None
    assert card.licence.startswith(model.licence.removesuffix("-only"))
    assert card.source is not None
    assert card.measured is not None
    assert card.measured["map50"] > 0.9
    assert card.input.dynamic_size and card.input.dynamic_batch
    assert card.assumed == ()


@every_model
def test_its_licence_lies_beside_it(model: ShippedModel) -> None:
    licences = (model.path.parent / "LICENSE-weights.txt").read_text(encoding="utf-8")
    own = licences.partition(f"\n{model.path.name}")[2].partition("\n\n")[0]
    assert f"({model.licence}, " in own
    assert f"**{model.licence}**" in model.path.with_suffix(".md").read_text(encoding="utf-8")


@every_model
def test_it_finds_real_signs(model: ShippedModel, data_dir: Path, tmp_path: Path) -> None:
    for name in ("road1.jpg", "road2.jpg", "road100.jpg", "road200.jpg", "road300.jpg"):
        source = data_dir / "roadsigns" / "images" / name
        if source.exists():
            (tmp_path / name).write_bytes(source.read_bytes())
    done = called("run", "--source", tmp_path, "--model", model.name, "--json")
    assert done.code == 0, done.stderr
    found = done.report["streams"][0]["objects"]
    assert set(found) <= CLASSES
    assert sum(found.values()) >= len(list(tmp_path.iterdir())) - 1


@pytest.mark.slow
def test_it_finds_the_signs_of_the_synthetic_drive(tmp_path: Path) -> None:
    """Of objects from 16 px high at least 0.8 are found, at a score where 0.9 of what is found is right."""
    sampling = DriveSampling(images=40, seed=902, ignore_below_px=16)
    write_drive_dataset(tmp_path / "drive", sampling, format="voc")
    with open_model(default_model_path()) as detector:
        found = evaluate(detector, read_dataset(tmp_path / "drive")).predictions
    matches = match_predictions(found)
    objects = sum(int(np.count_nonzero(~one.truth.ignore)) for one in matches)
    score, hit = (
        np.concatenate([part[~one.ignored] for one, part in zip(matches, parts, strict=True)])
        for parts in ([one.score for one in matches], [one.hit for one in matches])
    )
    right = np.cumsum(hit[np.argsort(-score)])
    precision, recall = right / np.arange(1, len(right) + 1), right / objects
    assert recall[precision >= 0.9].max() >= 0.8
