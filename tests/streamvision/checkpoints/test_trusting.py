"""Checkpoints of strangers: real ones are read, and none runs its author's code unless that is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("ultralytics")

import torch

from streamvision.checkpoints import open_source
from streamvision.checkpoints.torch_runtime import import_ultralytics
from streamvision.cli.eval import evaluation
from streamvision.cli.explain import explain
from streamvision.cli.export import export
from streamvision.cli.train import train as train_command
from streamvision.core.errors import ModelError, StreamVisionError
from streamvision.evaluation.features import BackboneEmbedder, open_embedder
from streamvision.evaluation.model import open_model
from streamvision.training.recipe import load_recipe
from streamvision.training.session import start_training
from support.command_line import called
from support.hostile_checkpoints import (
    HOSTILE,
    OTHERS,
    Calls,
    network,
    save_network,
    with_names,
    write_hostile,
    write_other,
)

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module", autouse=True)
def _ultralytics() -> None:
    import_ultralytics()


def train(path: Path, **given: Any) -> Any:
    recipe = load_recipe(None, {"data": path.parent, "epochs": 1} | given)
    return start_training(recipe, project=path.parent / "runs", name="run", command="train")


READERS: dict[str, Callable[[Path], Any]] = {
    "export": open_source,
    "export --weights": lambda path: open_source("resnet18", weights=path),
    "eval": open_model,
    "explain": open_embedder,
    "train": lambda path: train(path, model=str(path)),
}


def refused(reader: str, path: Path) -> str:
    """Return the sentence with which a checkpoint is refused."""
    with pytest.raises(ModelError) as caught:
        READERS[reader](path)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


@pytest.mark.parametrize(
    ("kind", "reader"), [*((kind, "export") for kind in HOSTILE), *((HOSTILE[0], reader) for reader in READERS)]
)
def test_no_code_of_a_checkpoint_is_run(kind: str, reader: str, tmp_path: Path) -> None:
    said = refused(reader, write_hostile(kind, tmp_path / "downloaded.pt", tmp_path / "ran"))
    assert "--trust-checkpoint" in said
    assert "author" in said
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("reader", READERS)
def test_weights_that_are_not_finite_are_refused_wherever_they_are_given(reader: str, tmp_path: Path) -> None:
    if reader == "export --weights":
        torch.save({"conv1.weight": torch.full((64, 3, 7, 7), torch.inf)}, tmp_path / "away.pt")
    else:
        broken = network()
        broken.model[0].conv.weight.data[0, 0] = torch.nan
        save_network(tmp_path / "away.pt", of=broken)
    assert "conv" in (said := refused(reader, tmp_path / "away.pt"))
    assert "not finite" in said and not (tmp_path / "runs").exists()


@pytest.mark.parametrize("kind", ["beside a network", "inside a network", "among tensors"])
def test_who_trusts_a_checkpoint_gets_it(kind: str, tmp_path: Path) -> None:
    path = write_hostile(kind, tmp_path / "own.pt", tmp_path / "ran")
    if kind == "among tensors":
        with pytest.raises(ModelError, match="does not hold the weights of resnet18"):
            open_source("resnet18", weights=path, trust_checkpoint=True)
    else:
        assert open_source(path, trust_checkpoint=True).card.head == "yolo_v8"
    assert (tmp_path / "ran").exists()


def test_what_is_asked_for_is_named(tmp_path: Path) -> None:
    path = write_hostile("beside a network", tmp_path / "downloaded.pt", tmp_path / "ran")
    with pytest.raises(ModelError, match=r"downloaded\.pt asks for builtins\.exec, which no network"):
        open_source(path)


@pytest.mark.parametrize(
    ("kind", "reader"), [*((kind, "export") for kind in OTHERS), *(("truncated", reader) for reader in READERS)]
)
def test_what_is_no_checkpoint_is_one_sentence(kind: str, reader: str, tmp_path: Path) -> None:
    assert OTHERS[kind] in refused(reader, write_other(kind, tmp_path / "model.pt"))


def test_networks_are_restored_and_never_called(tmp_path: Path) -> None:
    """Their constructors read and fetch files by name."""
    from ultralytics.nn.modules import Conv
    from ultralytics.nn.tasks import DetectionModel

    written = tmp_path / "architecture.yaml"
    for call in (Calls(DetectionModel, str(written)), Calls(Conv, 3, 8), Calls(getattr, Conv, "__init__")):
        path = save_network(tmp_path / "downloaded.pt", of=network(), note=call)
        with pytest.raises(ModelError, match="without running what its author wrote"):
            open_source(path)


def test_numpy_may_bring_numbers_only(tmp_path: Path) -> None:
    good = save_network(tmp_path / "good.pt", of=network(), fitness=np.float64(0.5))
    assert open_source(good).card.names == ("0", "1")
    bad = save_network(tmp_path / "bad.pt", of=network(), fitness=np.dtype("O"))
    with pytest.raises(ModelError, match="not one of plain numbers"):
        open_source(bad)


def test_an_architecture_names_layers_only(tmp_path: Path) -> None:
    """Ultralytics would evaluate the one and call the other when it builds the network for training."""
    marker = tmp_path / "ran"
    for key, value in (
        ("activation", f"open({str(marker)!r}, 'w')"),
        ("head", [[-1, 1, "torch_safe_load", ["other.pt"]]]),
    ):
        own = network()
        own.yaml = {**own.yaml, key: value}
        with pytest.raises(ModelError, match="architecture that cannot be built"):
            train(tmp_path / "x.pt", model=str(save_network(tmp_path / "downloaded.pt", of=own)))
        architecture = tmp_path / "own.yaml"
        text = "nc: 2\nbackbone:\n  - [-1, 1, Conv, [64, 3, 2]]\n"
        architecture.write_text(text + f"{key}: {value!r}\n" + ("" if key == "head" else "head: []\n"))
        with pytest.raises(ModelError, match="architecture that cannot be built"):
            open_source(architecture, random_weights=0)
        with pytest.raises(ModelError, match="architecture that cannot be built"):
            train(tmp_path / "x.pt", model=str(architecture))
    assert not marker.exists()


@pytest.mark.parametrize(
    "architecture",
    [
        *("yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-cls", "yolov8n-obb", "yolov8n-rtdetr", "yolo11n"),
        *("yolo11n-seg", "yolo26n", "yolo26n-pose", "yolo26n-sem", "yolov10n", "yolov5n", "yolo12n"),
        "yolov6n",
    ],
)
def test_checkpoints_of_ultralytics_are_read(architecture: str, tmp_path: Path) -> None:
    from ultralytics import RTDETR, YOLO

    kind = RTDETR if "rtdetr" in architecture else YOLO
    made: Any = kind(f"{architecture}.yaml")
    path = tmp_path / "saved.pt"
    made.ckpt = {"train_args": {"imgsz": 64}}
    made.save(path)
    source = open_source(path, size_px=(64, 64))
    pictures = torch.zeros(1, 3, 64, 64)
    assert all(torch.isfinite(output).all() for output in source.module()(pictures))


def test_checkpoints_of_older_ultralytics_are_read(tmp_path: Path) -> None:
    from ultralytics.utils import IterableSimpleNamespace

    now = network()
    now.args = IterableSimpleNamespace(imgsz=64)
    path = save_network(tmp_path / "now.pt", of=now, save_dir=Path("runs"))
    old = with_names(
        path,
        tmp_path / "old.pt",
        {
            "ultralytics.nn.modules.conv Conv": "ultralytics.nn.modules Conv",
            "ultralytics.nn.modules.block C2f": "ultralytics.nn.modules C2f",
            "ultralytics.nn.modules.head Detect": "ultralytics.nn.modules Detect",
            "ultralytics.utils IterableSimpleNamespace": "ultralytics.yolo.utils IterableSimpleNamespace",
            "pathlib PosixPath": "pathlib WindowsPath",
        },
    )
    pictures = torch.rand(1, 3, 64, 64)
    expected = open_source(path).module()(pictures)[0]
    assert torch.equal(open_source(old).module()(pictures)[0], expected)


def test_a_checkpoint_of_yolov5_says_where_to_export_it(tmp_path: Path) -> None:
    path = save_network(tmp_path / "now.pt", of=network())
    older = with_names(path, tmp_path / "yolov5s.pt", {"ultralytics.nn.tasks DetectionModel": "models.yolo Model"})
    with pytest.raises(ModelError, match=r"needs the code of the repository.*models\.yolo\.Model.*export it to ONNX"):
        open_source(older)


def test_state_dicts_are_read_with_what_training_left_beside_them(tmp_path: Path) -> None:
    """As torchvision's own training script writes them."""
    from torchvision.models import squeezenet1_1

    made = squeezenet1_1(num_classes=4)
    stored = {"model": made.state_dict(), "epoch": 3, "args": argparse.Namespace(lr=0.1)}
    torch.save(stored, tmp_path / "trained.pth")
    torch.save(made.state_dict(), tmp_path / "former.pth", _use_new_zipfile_serialization=False)
    for path in tmp_path.iterdir():
        assert open_source("squeezenet1_1", weights=path).card.names[3] == "class 3"


def test_a_whole_network_of_torchvision_needs_trust(tmp_path: Path) -> None:
    from torchvision.models import squeezenet1_1

    path = tmp_path / "whole.pth"
    torch.save(squeezenet1_1(num_classes=4), path)
    with pytest.raises(ModelError, match=r"asks for torchvision\.models\.squeezenet\.\w+"):
        open_source("squeezenet1_1", weights=path)
    assert len(open_source("squeezenet1_1", weights=path, trust_checkpoint=True).card.names) == 4


def test_what_other_code_allows_is_not_allowed_here(tmp_path: Path) -> None:
    path = write_hostile("among tensors", tmp_path / "weights.pth", tmp_path / "ran")
    torch.serialization.add_safe_globals([exec])
    try:
        with pytest.raises(ModelError, match=r"asks for builtins\.exec"):
            open_source("resnet18", weights=path)
        assert exec in torch.serialization.get_safe_globals()
    finally:
        torch.serialization.clear_safe_globals()
    assert not (tmp_path / "ran").exists()


def test_tensors_alone_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"conv1.weight": torch.zeros(2)}, path)
    with pytest.raises(StreamVisionError, match="tensors alone with the name of their architecture"):
        open_source(path)


def test_every_command_that_opens_a_checkpoint_has_the_option(tmp_path: Path) -> None:
    path = write_hostile("beside a network", tmp_path / "downloaded.pt", tmp_path / "ran")
    done = called("export", path, "--format", "onnx", "--output", tmp_path / "exported")
    assert done.code == 1
    assert "--trust-checkpoint" in done.sentence()
    assert not (tmp_path / "ran").exists()
    measuring = [command for name, command in evaluation.commands.items() if name != "track"]
    assert len(measuring) == 13
    for command in (export, explain, train_command, *measuring):
        assert any("--trust-checkpoint" in parameter.opts for parameter in command.params), command.name


def test_trusted_features_are_those_of_the_network(tmp_path: Path) -> None:
    path = write_hostile("inside a network", tmp_path / "own.pt", tmp_path / "ran")
    assert isinstance(open_embedder(path, trust_checkpoint=True), BackboneEmbedder)
