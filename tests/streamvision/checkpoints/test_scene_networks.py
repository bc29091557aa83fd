"""Networks for scenes by their names: what is fed to them, whose weights they take, and what is said of others."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
smp = pytest.importorskip("segmentation_models_pytorch")

import torch  # noqa: E402

from streamvision.checkpoints import open_source  # noqa: E402
from streamvision.checkpoints.scene_networks import TORCHVISION, check_size, is_scene_network, logits_of, scene_network  # noqa: E402
from streamvision.checkpoints.torchvision_build import create  # noqa: E402
from streamvision.core.errors import ConfigError, ModelError  # noqa: E402
from streamvision.training.torch_run import begin_from  # noqa: E402

pytestmark = pytest.mark.reference
NAME = "smp/fpn@mobilenet_v2"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smp/deeplab3@resnet18", "did you mean deeplabv3"),
        ("smp/unet@mobilenetv2", "cannot build smp/unet@mobilenetv2"),
        ("smp/unet@mobilenetv2", "did you mean mobilenet_v2"),
        ("smp/", "there are unet, unetplusplus"),
        ("smp/unetplusplus@mit_b0", "cannot build smp/unetplusplus@mit_b0"),
    ],
)
def test_a_network_that_is_not_there_is_one_sentence(name: str, said: str) -> None:
    assert is_scene_network(name)
    with pytest.raises(ConfigError) as refused:
        scene_network(name)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_pictures_that_are_too_small_are_one_sentence() -> None:
    check_size("smp/fpn@mobilenet_v2", (96, 64))
    with pytest.raises(ConfigError, match=r"smp/pan@mobilenet_v2 cannot learn from pictures of 96x64 px \("):
        check_size("smp/pan@mobilenet_v2", (96, 64))


def test_without_an_encoder_the_family_has_its_own() -> None:
    assert "vit" in scene_network("smp/dpt").title
    assert "resnet34" in scene_network("smp/fpn").title


def test_torchvisions_are_all_that_it_has() -> None:
    models = pytest.importorskip("torchvision").models
    assert sorted(TORCHVISION) == sorted(models.list_models(module=models.segmentation))


def test_weights_of_a_file_give_what_the_library_gives_of_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = smp.FPN("mobilenet_v2", encoder_weights=None, classes=5).eval()
    torch.save(theirs.state_dict(), tmp_path / "fpn.pth")
    source = open_source(NAME, weights=tmp_path / "fpn.pth", size_px=(64, 32))
    assert source.card.names == tuple(f"class {number}" for number in range(5))
    assert source.card.input.mean == (0.485, 0.456, 0.406)
    pictures = torch.rand(2, 3, 32, 64)
    with torch.inference_mode():
        (ours,) = source.module()(pictures)
        assert torch.equal(ours, theirs(pictures))
    with pytest.raises(ModelError, match="does not hold the weights of smp/unet@mobilenet_v2"):
        open_source("smp/unet@mobilenet_v2", weights=tmp_path / "fpn.pth")


def test_random_weights_go_by_their_seed_and_nothing_is_begun_without_weights() -> None:
    pictures = torch.rand(1, 3, 32, 32)
    found = []
    for seed in (3, 4):
        source = open_source(NAME, random_weights=seed, names=("road", "sky"))
        with torch.inference_mode():
            found.append(source.module()(pictures)[0])
    assert not torch.equal(found[0], found[1])
    assert found[0].shape == (1, 2, 32, 32)
    assert float(found[0].std()) > 1e-3
    with pytest.raises(ConfigError, match="was given without weights, and nothing is downloaded"):
        open_source(NAME)


@pytest.mark.parametrize("name", ["smp/deeplabv3plus@mobilenet_v2", "deeplabv3_mobilenet_v3_large"])
def test_weights_of_a_whole_network_know_its_classes(name: str, tmp_path: Path) -> None:
    described = scene_network(name)
    torch.save(described.create(21).state_dict(), tmp_path / "weights.pth")
    network = described.create(4).eval()
    said = begin_from(network, tmp_path / "weights.pth", head=described.class_tensors(), part=described.encoder)
    count = len(network.state_dict())
    assert said == f"began from weights.pth ({count - 2} of {count} tensors fit)"
    with torch.inference_mode():
        assert logits_of(network(torch.rand(1, 3, 64, 32))).shape == (1, 4, 64, 32)


def test_weights_of_an_encoder_alone_begin_the_encoder(tmp_path: Path) -> None:
    encoder = create("mobilenet_v2")
    torch.save(encoder.state_dict(), tmp_path / "mobilenet_v2.pth")
    described = scene_network("smp/unet@mobilenet_v2")
    network = described.create(4)
    said = begin_from(network, tmp_path / "mobilenet_v2.pth", head=described.class_tensors(), part=described.encoder)
    assert said.endswith("tensors fit, of its encoder)")
    assert torch.equal(network.encoder.state_dict()["features.0.0.weight"], encoder.features[0][0].weight)
    torch.save(create("resnet18").state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(ConfigError, match=r"no tensor of .*resnet18.pth fits"):
        begin_from(network, tmp_path / "resnet18.pth", head=described.class_tensors(), part=described.encoder)
