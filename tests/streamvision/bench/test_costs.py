"""The bound is arithmetic over three measured parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.capture.registry import parse_source
from pipelines.rendering.renderer import JpegEncoder
from streamvision.bench.costs import Costs, first_picture, measure_costs
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.inference.model import Model
from streamvision.models import default_model_path


def test_the_bound_is_what_all_cores_do_without_anything_else() -> None:
    on_cpu = Costs(decode_s=0.004, network_s=0.030, encode_s=0.006, device_fps=None)
    assert on_cpu.bound_fps(2) == pytest.approx(50)
    on_device = Costs(decode_s=0.004, network_s=0.001, encode_s=0.005, device_fps=120)
    assert on_device.bound_fps(8) == pytest.approx(120)
    assert on_device.bound_fps(1) == pytest.approx(100)


def test_a_picture_in_tiles_costs_the_network_more(data_dir: Path) -> None:
    text = str(data_dir / "videos" / "car-detection.mp4")
    source = parse_source(text), StreamConfig(source=text)
    sliced = source[0], StreamConfig(source=text, slices=SlicesConfig(tiles="4x3"))
    with Model.open(ModelConfig(path=default_model_path(), requests=1)) as detector:
        plain, tiled = (
            measure_costs(detector, [one], encode=JpegEncoder(80), seconds_each=0.2).network_s
            for one in (source, sliced)
        )
    assert tiled > plain, "thirteen calls and not one"


def test_each_part_is_measured(data_dir: Path) -> None:
    text = str(data_dir / "videos" / "car-detection.mp4")
    source = parse_source(text), StreamConfig(source=text)
    with Model.open(ModelConfig(path=default_model_path(), requests=2)) as detector:
        costs = measure_costs(detector, [source, source], encode=JpegEncoder(80), seconds_each=0.2)
    assert costs.device_fps is None
    assert 0 < costs.decode_s < costs.network_s
    assert 0 < costs.encode_s < costs.network_s


def test_a_source_without_a_picture_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    text = str(tmp_path / "empty.mp4")
    with pytest.raises(SourceError):
        first_picture(parse_source(text), StreamConfig(source=text))
