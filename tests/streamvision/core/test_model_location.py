from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.model_location import ModelAddress, model_location, written

SECRET = "kserves+grpc://ann:hidden-word@gpu-box:8001/yolo/3?token=abc"


@pytest.mark.parametrize(
    "given", ["yolo.onnx", "road_signs", "package:rapidocr/m.onnx", "C:/models/yolo.onnx", "a:b/c"]
)
def test_files_stay_files(given: str) -> None:
    assert model_location(given) == Path(given)
    assert ModelConfig(path=given).path == Path(given)


def test_an_address_is_told_by_its_scheme_also_where_a_path_was_made_of_it() -> None:
    address = ModelAddress("kserve://gpu-box:8000/yolo")
    assert model_location("kserve://gpu-box:8000/yolo") == address
    assert model_location(Path("kserve://gpu-box:8000/yolo")) == address
    assert ModelConfig(path=Path("kserve://gpu-box:8000/yolo")).path == address
    assert (address.scheme, address.name) == ("kserve", "yolo")


def test_secrets_of_an_address_are_kept_and_never_shown() -> None:
    config = ModelConfig(path=SECRET)
    assert isinstance(config.path, ModelAddress)
    assert config.path.name == "yolo/3"
    for shown in (str(config.path), repr(config.path), repr(config), str(config), f"{config.path}"):
        assert "hidden-word" not in shown and "abc" not in shown, shown
        assert "gpu-box:8001/yolo/3" in shown
    assert written(config.path) == SECRET
    assert ModelConfig.model_validate_json(config.model_dump_json()) == config
    assert pickle.loads(pickle.dumps(config)) == config
