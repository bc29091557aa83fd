"""What a recipe accepts, and how it says what it does not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import pytest

from streamvision.core.config.section import Section, validate
from streamvision.core.errors import ConfigError
from streamvision.training.driving.agent_recipe import AgentRecipe
from streamvision.training.recipe import Augmentation, Recipe, load_recipe, write_recipe
from streamvision.training.session import checked


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("data: signs\nmodel: yolov8n.pt\nepochs: 9\nlr: 0.01\n", encoding="utf-8")
    recipe = load_recipe(file, {"epochs": 3})
    assert (recipe.epochs, recipe.lr, recipe.model) == (3, 0.01, "yolov8n.pt")


def test_a_written_recipe_is_read_back_whole(tmp_path: Path) -> None:
    given = {"data": tmp_path, "model": "m.pt", "augment": {"flip": 0.5}, "freeze": 3, "unfreeze_at": 2}
    recipe = load_recipe(None, given)
    write_recipe(recipe, tmp_path / "recipe.yaml")
    assert load_recipe(tmp_path / "recipe.yaml", {}) == recipe


def test_a_recipe_may_change_single_augmentations_of_its_preset() -> None:
    recipe = load_recipe(None, {"data": ".", "model": "m.pt", "preset": "road", "augment": {"flip": 0.5}})
    assert recipe.augmentation().flip == 0.5
    assert recipe.augmentation().mosaic > 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "m.pt"}, "--data"),
        ({"add": ("collected",)}, "RUN/weights/best.pt"),
        ({"model": "runs/none-1/weights/best.pt", "add": ("collected",)}, "no weights at runs/none-1"),
        ({"data": "."}, "--model"),
        ({"data": ".", "model": "m.pt", "epochs": 0}, "epochs"),
        ({"data": ".", "model": "m.pt", "augment": {"flap": 1.0}}, "flap"),
        ({"data": ".", "model": "m.pt", "augment": {"flip": 2.0}}, "flip"),
        ({"data": ".", "model": "m.pt", "unfreeze_at": 2}, "freeze"),
        ({"data": ".", "model": "edsr_x2", "features": "vgg16.pth"}, "give perceptual, its weight, too"),
        ({"data": ".", "model": "edsr_x2", "perceptual": 0.0}, "perceptual"),
        ({"data": ".", "model": "m.pt", "epoch": 2}, "epoch"),
        ({"data": ".", "model": "m.pt", "seed": 1 << 40}, "seed"),
        ({"data": ".", "model": "m.pt", "oversample_most": 8}, "give balance: oversample, too"),
        ({"data": ".", "model": "m.pt", "augment": {"mosaic_off_share": 0.5}}, "none of which is on"),
    ],
)
def test_what_is_not_accepted_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_recipe(None, given)


def test_a_missing_recipe_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give an existing YAML file"):
        load_recipe(tmp_path / "none.yaml", {})


def test_weights_that_are_not_given_are_not_taken_over_in_part(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(ConfigError, match="unet begins from nothing; give --weights"):
        checked(load_recipe(None, {"data": tmp_path, "model": "unet", "partial_weights": True}), trusted=False)


def numbers_of(section: type[Section]) -> list[tuple[type[Section], str]]:
    kinds = {int, float}
    return [
        (section, name)
        for name, field in section.model_fields.items()
        if field.annotation in kinds or kinds & set(get_args(field.annotation))
    ]


@pytest.mark.parametrize(
    ("section", "name"), [*numbers_of(Recipe), *numbers_of(Augmentation), *numbers_of(AgentRecipe)]
)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, -math.inf, 1e300])
def test_no_number_is_senseless(section: type[Section], name: str, value: float) -> None:
    needed = {Recipe: {"data": "signs", "model": "lenet"}, AgentRecipe: {"perception": "best.pt"}}.get(section, {})
    with pytest.raises(ConfigError, match=name):
        validate(section, needed | {name: value}, origin="command line")


@pytest.mark.parametrize("name", ["epochs", "batch", "lr", "hours", "patience", "val_share"])
def test_a_training_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: give"):
        load_recipe(None, {"data": "signs", "model": "lenet", name: 0})


@pytest.mark.parametrize("name", ["steps", "roads", "lr"])
def test_an_agent_that_cannot_learn_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: give"):
        validate(AgentRecipe, {"perception": "best.pt", name: 0}, origin="command line")
