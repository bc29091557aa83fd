"""The ready recipe of a driver is accepted, and leaves pictures where they are."""

from __future__ import annotations

from pathlib import Path

from streamvision.training.recipe import load_recipe


def test_the_ready_recipe_is_accepted(project_root: Path) -> None:
    path = project_root / "configs" / "train-driver.yaml"
    text = path.read_text(encoding="utf-8")
    changed = load_recipe(path, {}).augmentation()
    moved = (changed.flip, changed.translate, changed.scale, changed.rotate_deg, changed.perspective)
    assert moved == (0, 0, 0, 0, 0)  # each would ask for another steering
    for command in (
        "streamvision data synthetic --task drive",
        "streamvision train --config",
        "streamvision eval drive",
    ):
        assert command in text
