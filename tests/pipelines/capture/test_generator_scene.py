"""``synthetic:generator``: what a network draws, the same each time, and files that are no generators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import streamvision
from pipelines.capture.generator_scene import ROWS, STEP_S, GeneratorScene
from pipelines.capture.synthetic_reader import parse_options
from streamvision.core.errors import SourceError
from support.tiny_generator import LATENTS, tiny_generator


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_generator(tmp_path_factory.mktemp("generator") / "with blank.onnx")


def test_a_walk_goes_from_vector_to_vector_and_is_the_same_for_a_seed(model: Path) -> None:
    scene, again, other = (GeneratorScene(320, 180, 10, seed, model=str(model)) for seed in (1, 1, 2))
    step = round(STEP_S * 10)
    first, middle, last = (scene.latents_at(index) for index in (0, step // 2, step))
    assert first.shape == (ROWS * 3, LATENTS)
    assert np.array_equal(first, again.latents_at(0))
    assert not np.array_equal(first, other.latents_at(0))
    lengths = [np.linalg.norm(one, axis=1) for one in (first, middle, last)]
    assert (np.minimum(lengths[0], lengths[2]) * 0.5 < lengths[1]).all()  # a straight line would pass near zero
    assert np.abs(scene.latents_at(1) - first).max() < np.abs(last - first).max()
    assert np.allclose(scene.latents_at(step - 1), last, atol=1.0)


def test_tiles_show_what_the_network_gives(model: Path) -> None:
    scene = GeneratorScene(400, 180, 10, 3, model=str(model))
    picture = scene.picture_at(7).to_bgr()
    assert picture.shape == (180, 400, 3)
    colours = 1 / (1 + np.exp(-scene.latents_at(7)))
    columns = 400 // 90
    left = (400 - columns * 90) // 2
    for tile, rgb in enumerate(colours):
        row, column = divmod(tile, columns)
        found = picture[row * 90 + 45, left + column * 90 + 45, ::-1]
        assert np.abs(found - 255 * rgb).max() <= 1
    assert (picture[:, : left - 1] == 114).all()
    assert len(scene.objects_at(7)) == 0


def test_it_is_a_source_like_others(model: Path) -> None:
    source = f"synthetic:generator?model={model}&size=64x64&frames=3&realtime=0"
    frames = [result.frame for result in streamvision.stream(source, model="none")]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert frames[0].picture.width_px == 64


def test_what_is_no_generator_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="give model=FILE"):
        parse_options("generator?size=64x64")
    with pytest.raises(SourceError, match="'model' is no option"):
        parse_options("boxes?model=a.onnx")
    text = tmp_path / "text.onnx"
    text.write_text("no network", encoding="utf-8")
    huge = '{"latents": 999999, "width_px": 8, "height_px": 8}'
    wide = '{"latents": 3, "width_px": 4096, "height_px": 8}'
    for path, said in (
        (tmp_path / "gone.onnx", "there is no generator at"),
        (tmp_path / f"{'x' * 400}.onnx", "there is no generator at"),
        (text, "cannot be read as a generator"),
        (tiny_generator(tmp_path / "plain.onnx", card=None), "but no generator"),
        (tiny_generator(tmp_path / "broken.onnx", card="{"), "cannot be read as a generator"),
        (tiny_generator(tmp_path / "huge.onnx", card=huge), "as a generator .latents: give "),
        (tiny_generator(tmp_path / "wide.onnx", card=wide), "as a generator .width_px: give "),
    ):
        with pytest.raises(SourceError, match=said) as refused:
            GeneratorScene(64, 64, 10, 0, model=str(path))
        assert refused.value.permanent
        assert "\n" not in str(refused.value)
    other = GeneratorScene(64, 64, 10, 0, model=str(tiny_generator(tmp_path / "other.onnx", side_px=4)))
    with pytest.raises(SourceError, match="not what its card says"):
        other.picture_at(0)
