"""What is said of models that are not trained here: what is named instead exists and is trained."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("ultralytics")

import torch

from streamvision.checkpoints import open_source
from streamvision.checkpoints.torch_runtime import import_ultralytics
from streamvision.core.errors import ConfigError, ModelError
from streamvision.training.families import trainer_of
from streamvision.training.model_names import architectures, own_names
from streamvision.training.recipe import load_recipe
from streamvision.training.session import start_training
from streamvision.training.ultralytics_run import architecture_of, resolve_weights

pytestmark = [pytest.mark.reference]
NAME = re.compile(r"(?:--model|such as|did you mean) ([\w./-]+)|([\w-]+\.yaml)|\(([\w]+), ")


def refusal(model: str) -> str:
    with pytest.raises(ConfigError) as refused:
        architecture_of(resolve_weights(model))
    return str(refused.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("yolo11n", "begin from nothing with --model yolo11n.yaml"),
        ("yolov8x-seg.pt", "begin from nothing with --model yolov8x-seg.yaml"),
        ("resnet18.pt", "begin from nothing with --model resnet18"),
        ("captioner.pt", "begin from nothing with --model captioner"),
        ("deep3dbox.pth", "--model deep3dbox --weights deep3dbox.pth"),
        ("best.pt", "begin from nothing with the name of an architecture"),
        ("resnet18-f37072fd.pth", "--model resnet18 --weights resnet18-f37072fd.pth"),
        ("yolox_nano.onnx", "go on from its weights give --model yolox_nano --weights yolox_nano.onnx"),
        ("yolox_s.pth", "--model yolox_s --weights yolox_s.pth"),
        ("yolox_nanoo", "did you mean yolox_nano"),
        ("best.onnx", "best.onnx is an export, which cannot learn"),
        ("yolo11nn.yaml", "did you mean yolo11n.yaml"),
        ("ResNet50", "did you mean resnet50"),
        ("efficientnet-b0", "did you mean efficientnet_b0"),
        ("deeplabv3_resnet5", "did you mean deeplabv3_resnet50"),
        ("deeplabv3_resnet50-cd0a2569.pth", "--model deeplabv3_resnet50 --weights deeplabv3_resnet50-cd0a2569.pth"),
        ("maskrcnn_resnet50.pth", "--model maskrcnn_resnet50_fpn --weights maskrcnn_resnet50.pth"),
        ("yolov8s-worldv2.yaml", "such as yolo11n.yaml"),
        ("yoloe-11s", "such as yolo11n.yaml"),
        ("yolo26n-sem", "begin from nothing with --model yolo26n-sem.yaml"),
        ("yolo26n-depth", "nothing that measures depth is"),
        ("FasterRCNN", "did you mean fasterrcnn_resnet50_fpn"),
        ("gibberish", "neither a file nor the name of a model"),
    ],
)
def test_advice_names_models_that_are_trained(
    model: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sentence = refusal(model)
    assert said in sentence
    trained = {*own_names(), *(f"{name}.yaml" for name in architectures())}
    named = {name for groups in NAME.findall(sentence) for name in groups if name}
    for name in named - {model}:
        assert name in trained, (name, sentence)


@pytest.mark.parametrize(
    ("model", "library", "meant"),
    [
        ("Xception", "timm", "timm/xception"),
        ("inception-resnet-v2", "timm", "timm/inception_resnet_v2"),
        ("DeepLabV3+", "segmentation_models_pytorch", "smp/deeplabv3plus"),
        ("unet++", "segmentation_models_pytorch", "smp/unetplusplus"),
    ],
)
def test_a_name_of_an_optional_library_is_told_with_its_prefix(model: str, library: str, meant: str) -> None:
    pytest.importorskip(library)
    assert f"did you mean {meant}?" in refusal(model)


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("yolov8n.yaml", "detect"),
        ("yolov10n.yaml", "detect"),
        ("rtdetr-l.yaml", "detect"),
        ("yolov8n-rtdetr.yaml", "detect"),
        ("yolov9c-seg.yaml", "segment"),
        ("yolo11n-pose.yaml", "pose"),
        ("yolo26n-obb.yaml", "obb"),
        ("yolo26n-sem.yaml", "semantic"),
        ("yolo11x-cls.yaml", "classify"),
    ],
)
def test_an_architecture_says_its_task(model: str, task: str) -> None:
    assert trainer_of(model).name == "ultralytics"
    assert architecture_of(resolve_weights(model)).task == task


def test_a_file_that_is_no_architecture_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("backbone: 3\n", encoding="utf-8")
    with pytest.raises(ModelError, match="has an architecture that cannot be built"):
        architecture_of(resolve_weights(str(file)))


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Address of a server that has whatever is asked of it, and what was asked."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"nc: 2")

        def do_HEAD(self) -> None:
            self.do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


@pytest.mark.parametrize("name", ["yolo11n.yaml", "yolo11n.pt", "mine.yaml"])
def test_nothing_is_fetched_from_an_address(
    name: str, asked: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address, paths = asked
    assert "is an address, and nothing is downloaded unasked" in refusal(f"{address}/{name}")
    for given in (f"{address}/{name}", Path(f"{address}/{name}")):
        with pytest.raises(ConfigError, match="fetch the file and give its path"):
            open_source(given, random_weights=1 if name.endswith("yaml") else None)
    assert paths == []


def test_ultralytics_fetches_no_font(
    asked: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ultralytics()
    from ultralytics.utils import checks

    address, paths = asked
    monkeypatch.setattr(checks, "ASSETS_URL", address)
    monkeypatch.setattr(checks, "USER_CONFIG_DIR", tmp_path)
    assert checks.check_font("None-has-this-one.ttf") is None
    with pytest.raises(ConfigError, match="nothing is downloaded unasked"):
        checks.check_file(f"{address}/yolo11n.yaml", download_dir=tmp_path)
    assert paths == []


def test_weights_of_an_own_run_are_told_where_they_belong(tmp_path: Path) -> None:
    own = tmp_path / "best.pt"
    torch.save({"architecture": "resnet18", "names": ["a"], "imgsz": 64, "model": {}}, own)
    assert f"--model resnet18 --weights {own}" in refusal(str(own))


def test_missing_weights_are_told_before_pictures_are_read(tmp_path: Path) -> None:
    given = {"data": tmp_path / "none", "model": "yolov8n-pose.yaml", "weights": tmp_path / "yolov8n.pt"}
    with pytest.raises(ConfigError, match=r"no weights at .*yolov8n\.pt, and nothing is downloaded unasked: put"):
        start_training(load_recipe(None, given), project=tmp_path, name="run", command="train")
