from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from exporters.repository import write_repository
from exporters.repository.pbtxt import config_text, quoted
from streamvision.core.errors import ConfigError, ExportError, ParityError
from streamvision.inference.backends import open_backend
from streamvision.inference.model_card import CARD_KEY
from streamvision.inference.tensors import TensorSpec
from support.command_line import called
from support.tiny_detector import tiny_card, tiny_detector, tiny_pictures


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_detector(tmp_path / "tiny.onnx")


def test_a_model_goes_where_triton_looks_for_it_with_its_card(model: Path, tmp_path: Path) -> None:
    made = write_repository(model, tmp_path / "models", max_batch=4)
    assert (made.name, made.version, made.platform, made.gated) == ("tiny", 1, "onnxruntime", False)
    folder = tmp_path / "models" / "tiny"
    assert (folder / "1" / "model.onnx").read_bytes() == model.read_bytes()
    lines = (folder / "config.pbtxt").read_text().splitlines()
    assert lines[:6] == [
        'name: "tiny"',
        'backend: "onnxruntime"',
        "max_batch_size: 4",
        'input { name: "images" data_type: TYPE_FP32 dims: [ 3, 64, 64 ] }',
        'output { name: "output0" data_type: TYPE_FP32 dims: [ 7, 84 ] }',
        "dynamic_batching { }",
    ]
    card = quoted(tiny_card(dynamic=True).to_metadata()[CARD_KEY])
    assert lines[6:] == [f'parameters {{ key: "{CARD_KEY}" value {{ string_value: {card} }} }}']
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny"], "nothing is left over"


def test_a_further_version_goes_beside_the_first_and_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    write_repository(model, tmp_path / "models", name="yolo")
    again = write_repository(tiny_detector(tmp_path / "trained.onnx", seed=5), tmp_path / "models", name="yolo")
    assert again.version == 2
    first, second = ((again.folder / number / "model.onnx").read_bytes() for number in ("1", "2"))
    assert first == model.read_bytes() and second != first
    with pytest.raises(ExportError, match="holds another model: its tensors, its card or its platform differ"):
        write_repository(tiny_detector(tmp_path / "fixed.onnx", dynamic=False), tmp_path / "models", name="yolo")
    assert sorted(path.name for path in again.folder.iterdir()) == ["1", "2", "config.pbtxt"]


def test_mlserver_gets_its_settings_and_the_code_that_runs_the_model(model: Path, tmp_path: Path) -> None:
    made = write_repository(model, tmp_path / "models", server="mlserver", name="my-yolo")
    settings = json.loads((made.folder / "model-settings.json").read_text())
    assert settings["implementation"] == "served_my_yolo.OnnxModel"
    assert settings["inputs"] == [{"name": "images", "datatype": "FP32", "shape": [-1, 3, 64, 64]}]
    assert settings["parameters"]["extra"] == tiny_card(dynamic=True).to_metadata()
    assert compile((made.folder / "served_my_yolo.py").read_text(), "served", "exec")
    with pytest.raises(ExportError, match="is there already"):
        write_repository(model, tmp_path / "models", server="mlserver", name="my-yolo")


@pytest.mark.parametrize("server", ["triton", "mlserver"])
def test_weights_outside_of_the_file_go_along(
    server: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trained").mkdir()
    monkeypatch.chdir(tmp_path / "trained")
    outside: dict[str, Any] = {"save_as_external_data": True, "location": "tiny.weights", "size_threshold": 100}
    onnx.save(onnx.load(model), "tiny.onnx", **outside)
    made = write_repository(Path("tiny.onnx"), tmp_path / "models", server=server)
    (served,) = made.folder.rglob("model.onnx")
    assert (served.parent / "tiny.weights").stat().st_size > 1000
    picture = tiny_pictures(1)
    found, wanted = (open_backend(path).run(picture)[0] for path in (served, model))
    assert found.tobytes() == wanted.tobytes()


def test_the_gate_is_heard(model: Path, tmp_path: Path) -> None:
    report = model.with_name("tiny.onnx.parity.json")
    report.write_text(json.dumps({"parity": {"passed": True}}))
    assert write_repository(model, tmp_path / "models").gated
    report.write_text(json.dumps({"parity": {"passed": False}}))
    with pytest.raises(ParityError, match=r"did not pass the parity gate, as tiny\.onnx\.parity\.json says"):
        write_repository(model, tmp_path / "others")
    assert not (tmp_path / "others").exists()


def test_what_does_not_go_together_is_one_sentence(model: Path, tmp_path: Path) -> None:
    for settings, says in (
        ({"name": "../x"}, "is no name for a model on a server"),
        ({"platform": "tensorrt"}, r"is served by onnxruntime or openvino or python, not by tensorrt"),
        ({"server": "mlserver", "platform": "openvino"}, "leave out --platform"),
    ):
        with pytest.raises(ConfigError, match=says):
            write_repository(model, tmp_path / "models", **settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"cannot be served: give an \.onnx"):
        write_repository(tmp_path / "model.tflite", tmp_path / "models")
    with pytest.raises(ConfigError, match=r"yolo\.engine cannot be served: give an \.onnx or \.xml file"):
        write_repository(tmp_path / "yolo.engine", tmp_path / "models")
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").iterdir())


def test_texts_are_quoted_as_protobuf_reads_them() -> None:
    text_format = pytest.importorskip("google.protobuf.text_format")
    config = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    odd = 'say "hi" \\ with é, ☃ and\na line'
    spec = TensorSpec('in"put', (None, 3, None, None), "uint8")
    text = config_text("m", "python", inputs=[spec], outputs=[], max_batch=0, parameters={odd: odd})
    read = text_format.Parse(text, config.ModelConfig())
    assert read.parameters[odd].string_value == odd
    assert read.input[0].name == 'in"put' and list(read.input[0].dims) == [-1, 3, -1, -1]


def test_the_command_says_where_it_is_and_how_it_is_used(model: Path, tmp_path: Path) -> None:
    done = called("model-repository", str(model), "--output", str(tmp_path / "models"), "--name", "yolo")
    assert done.code == 0, done.stderr
    assert (
        "models/yolo, version 1: served by triton with onnxruntime, used by --model kserve://HOST/yolo" in done.stdout
    )
    assert "No report of the parity gate lies beside it" in done.stdout
    done = called("model-repository", str(model), "--output", str(tmp_path / "models"), "--name", "yolo", "--json")
    assert done.report["version"] == 2
