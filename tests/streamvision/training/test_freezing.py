"""Which layers stay as they are, epoch by epoch."""

from __future__ import annotations

import pytest

from streamvision.core.errors import ConfigError
from streamvision.training.freezing import frozen_layers, thaw_sentence
from streamvision.training.recipe import load_recipe

GIVEN = {"data": ".", "model": "unet", "freeze": 10, "unfreeze_at": 3}


@pytest.mark.parametrize(("top", "after"), [(None, 0), (1, 9), (4, 6), (10, 0), (99, 0)])
def test_the_layers_nearest_the_result_thaw(top: int | None, after: int) -> None:
    recipe = load_recipe(None, GIVEN | {"unfreeze_layers": top})
    assert [frozen_layers(recipe, epoch, blocks=20) for epoch in (1, 2, 3, 4)] == [10, 10, after, after]


def test_the_layers_that_there_are_count() -> None:
    recipe = load_recipe(None, GIVEN | {"unfreeze_layers": 2})
    assert [frozen_layers(recipe, epoch, blocks=5) for epoch in (2, 3)] == [5, 3]
    assert thaw_sentence(recipe, 2, blocks=5) is None
    assert "2 of the 5 frozen layers learn; 3 stay" in str(thaw_sentence(recipe, 3, blocks=5))


def test_top_layers_need_an_epoch_to_thaw_in() -> None:
    with pytest.raises(ConfigError, match="unfreeze_layers needs unfreeze_at"):
        load_recipe(None, {"data": ".", "model": "unet", "freeze": 3, "unfreeze_layers": 1})
