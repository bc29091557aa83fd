"""Classifiers that are not torchvision's: small ones from scratch, timm's, and code of the user's own."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.checkpoints import open_source
from streamvision.checkpoints.other_classifiers import is_user_code
from streamvision.checkpoints.small_classifiers import LeNet, SmallXception
from streamvision.checkpoints.torchvision_build import build_run, class_tensors
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.training.recipe import load_recipe
from streamvision.training.session import resume_training, start_training
from streamvision.training.torchvision_run import build_classifier, check_side, set_dropout
from support.hues import HUES, draw_hues

pytestmark = [pytest.mark.slow, pytest.mark.reference]
OWN = """
from torch import nn

def build(classes):
    maps = [nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*maps, nn.Linear(8, classes))

def too_many(classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes + 1))

def broken(classes):
    raise RuntimeError("no weights here")

def nothing(classes):
    return "a network"

number = 3
"""


@pytest.fixture(scope="module")
def hues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_hues(tmp_path_factory.mktemp("hues") / "data", HUES, count=16, seed=1)


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "imgsz": 32, "batch": 8, "warmup": 0.5, "preset": "plain", "seed": 3, "threads": 1}
    return load_recipe(None, given | more)


def test_a_small_xception_learns_from_nothing(hues: Path, tmp_path: Path) -> None:
    more = {"augment": {"rand_augment": 1, "mixup": 0.2, "cutmix": 0.2}, "balance": "class-weights", "dropout": 0.1}
    given = recipe(hues, model="small_xception", epochs=3, lr=5e-3, **more)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert done["top1"] > 0.6  # a guess is right once in three times
    with (tmp_path / "run" / "curves.csv").open(encoding="utf-8", newline="") as file:
        assert max(float(row["f1"]) for row in csv.DictReader(file)) > 0.5
    assert done["onnx_checked"].startswith("equal")
    assert open_source(tmp_path / "run" / "weights" / "best.pt").card.source.startswith("small_xception, trained")


@pytest.mark.parametrize(("network", "most"), [(LeNet(4, 32), 140_000), (SmallXception(4), 260_000)])
def test_small_classifiers_are_small(network: Any, most: int) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) < most
    assert network.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 4)


def test_pilotnet_sees_squares_of_64_px_and_more() -> None:
    network = build_classifier("pilotnet", classes=4, side_px=96).eval()
    assert network(torch.zeros(2, 3, 96, 96)).shape == (2, 4)
    weights = sum(tensor.numel() for name, tensor in network.named_parameters() if name.startswith("features"))
    assert weights == 3 * 24 * 25 + 24 * 36 * 25 + 36 * 48 * 25 + 48 * 64 * 9 + 64 * 64 * 9 + 2 * (24 + 36 + 48 + 128)
    with pytest.raises(ConfigError, match="pilotnet cannot learn from squares of 48 px"):
        check_side("pilotnet", 48)


def test_lenet_learns_places_and_is_opened_in_its_size(tmp_path: Path) -> None:
    network = build_classifier("lenet", classes=3, side_px=48).eval()
    stored = {"architecture": "lenet", "names": ["a", "b", "c"], "imgsz": 48, "model": network.state_dict()}
    pictures = torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        assert torch.equal(build_run(stored, tmp_path / "best.pt").network(pictures), network(pictures))
    assert set(class_tensors("lenet")) == {"classes.weight", "classes.bias"}
    with pytest.raises(ConfigError, match="lenet cannot learn from squares of 50 px"):
        check_side("lenet", 50)


@pytest.mark.parametrize("model", ["lenet", "resnet18"])
def test_dropout_is_that_of_the_recipe_and_ends_with_training(model: str) -> None:
    network = build_classifier(model, classes=3, side_px=32)
    set_dropout(network, 0.9, before=network.get_submodule(next(iter(class_tensors(model))).rpartition(".")[0]))
    pictures = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(network.train()(pictures), network(pictures))
        assert torch.equal(network.eval()(pictures), network(pictures))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Code of a user's in the present folder."""
    (tmp_path / "nets_of_mine.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "nets_of_mine.py:build"


def test_a_module_of_ones_own_is_trained_and_opened_only_where_it_is_trusted(
    hues: Path, tmp_path: Path, own: str
) -> None:
    given = recipe(hues, model=own, epochs=1, dropout=0.2)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert done["onnx_checked"].startswith("equal")
    assert [line.endswith("--trust-checkpoint") for line in done["next"]] == [False, True]  # run, export
    best = Path(done["best"])
    with pytest.raises(StreamVisionError, match="would be imported and run with your rights; give --trust-checkpoint"):
        open_source(best)
    assert open_source(best, trust_checkpoint=True).card.names == tuple(sorted(HUES))
    with pytest.raises(StreamVisionError, match="give --trust-checkpoint"):
        resume_training(tmp_path / "run", command="train --resume")
    with pytest.raises(ConfigError, match=rf"if that is yours, name it too: --model {own} --weights"):
        load_recipe(None, {"model": str(best), "add": [str(hues)]})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone", "has no 'gone'"),
        ("number", "is int, which cannot be called"),
        ("broken", "failed when it was called with 2 classes: RuntimeError: no weights here"),
        ("nothing", "returned str; return a torch.nn.Module"),
        ("too_many", r"return logits of shape \(2, 2\)"),
    ],
)
def test_what_is_wrong_with_ones_own_module_is_said_at_once(own: str, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_side(f"{own.partition(':')[0]}:{name}", 32)


def test_paths_and_addresses_are_no_code() -> None:
    assert is_user_code("package.nets:build")
    for other in ("kserve://host:8000/name", "package:rapidocr/models/rec.onnx", "C:\\models\\best.pt", "best.pt"):
        assert not is_user_code(other)


def test_networks_of_timm_are_known_by_their_names(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    for name, side_px in (("xception", 64), ("convnext_atto", 64), ("efficientnet_b0.ra_in1k", 64)):
        check_side(f"timm/{name}", side_px)
    with pytest.raises(ConfigError, match="did you mean timm/mobilenetv3_small_050"):
        check_side("timm/mobilenetv3_smal_050", 64)
    name = "timm/vit_tiny_patch16_224"
    network = build_classifier(name, classes=2, side_px=32)
    stored = {"architecture": name, "names": ["a", "b"], "imgsz": 32, "model": network.state_dict()}
    described = build_run(stored, tmp_path / "best.pt")
    assert (described.mean, described.side_px) == ((0.5, 0.5, 0.5), 32)


def test_a_file_of_safetensors_is_opened_with_the_names_of_imagenet(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    files = pytest.importorskip("safetensors.torch")
    weights = tmp_path / "model.safetensors"
    network = timm.create_model("mobilenetv3_small_050", pretrained=False)
    files.save_file(network.state_dict(), weights)
    source = open_source("timm/mobilenetv3_small_050", weights=weights)
    assert source.card.names[:2] == ("tench", "goldfish")
    assert (source.card.input.width_px, source.card.input.crop_short_side_px) == (224, 256)
    pictures = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        theirs = network.eval()(pictures).softmax(1)
        assert torch.allclose(source.module()(pictures)[0], theirs, atol=1e-6)
    weights.write_bytes(b"no such file")
    with pytest.raises(StreamVisionError, match="cannot be read"):
        open_source("timm/mobilenetv3_small_050", weights=weights)


def test_weights_that_timm_does_not_know_are_told() -> None:
    pytest.importorskip("timm")
    with pytest.raises(ConfigError, match=r"timm has no network 'resnet18\.nobodys'"):
        build_classifier("timm/resnet18.nobodys", classes=2, side_px=32)


def test_a_file_whose_name_looks_like_code_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.py").write_text("raise SystemExit('their code runs')", encoding="utf-8")
    network = build_classifier("lenet", classes=2, side_px=32)
    stored = {"architecture": "lenet", "names": ["a", "b"], "imgsz": 32, "model": network.state_dict()}
    torch.save(stored, tmp_path / "theirs.py:best.pt")
    assert open_source("theirs.py:best.pt").card.names == ("a", "b")
