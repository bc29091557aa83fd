"""Heat by gradients: equal to its papers' formulas, on the right feature map, inside what is shown."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="gradients need torch: pip install 'streamvision-edge[train]'")

from streamvision.checkpoints import open_source  # noqa: E402
from streamvision.checkpoints.torch_runtime import TorchBackend  # noqa: E402
from streamvision.checkpoints.unet import UNet  # noqa: E402
from streamvision.core.config.model import ModelConfig  # noqa: E402
from streamvision.core.errors import ConfigError  # noqa: E402
from streamvision.evaluation.explaining import explain  # noqa: E402
from streamvision.evaluation.explaining.gradients import (  # noqa: E402
    WEIGHINGS,
    GradientsBlockedError,
    coarsest_map,
    joined,
    recorded,
)
from streamvision.inference.letterbox import Letterbox  # noqa: E402
from streamvision.inference.model import Model  # noqa: E402
from streamvision.inference.model_card import InputCard, ModelCard  # noqa: E402

SIDE_PX = 64
SQUARE = (slice(32, 48), slice(8, 24))
METHODS = ("gradient", "grad-cam", "grad-cam++")


class Colours(torch.nn.Module):
    """How red and how blue a picture is: one channel each, averaged over places, then told apart."""

    def __init__(self, *, gain: float = 40.0) -> None:
        super().__init__()
        self.features = torch.nn.Conv2d(3, 2, 4, stride=4)
        self.last = torch.nn.Linear(2, 2)
        with torch.no_grad():
            self.features.weight.zero_()
            self.features.weight[0, 0], self.features.weight[0, 1:] = 1 / 16, -0.5 / 16
            self.features.weight[1, 2], self.features.weight[1, :2] = 1 / 16, -0.5 / 16
            self.features.bias.zero_()
            self.last.weight.copy_(gain * torch.tensor([[1.0, -0.2], [-0.2, 1.0]]))
            self.last.bias.zero_()

    def forward(self, pictures):
        maps = self.features(pictures).clamp(min=0)
        return (self.last(maps.mean(dim=(2, 3))).softmax(dim=1),)


def model_of(network, *, task="classify", head="classify", names=("red", "blue"), **fed):
    given = {"width_px": SIDE_PX, "height_px": SIDE_PX, "resize": "stretch"} | fed
    card = ModelCard(task=task, head=head, names=names, input=InputCard(**given))
    backend = TorchBackend(network, path=Path("net.pt"), card=card, output_names=("output",), device="cpu")
    return Model.open(ModelConfig(path=Path("net.pt"), requests=1), backend=backend)


def heat_of(model, bgr, method, **more):
    options = {"path": Path("net.pt"), "score": 0.25, "most": 5, "masks": 16, "curves": False} | more
    return explain(model, bgr, method=method, **options)


@pytest.fixture
def red_square():
    bgr = np.full((SIDE_PX, SIDE_PX, 3), 110, np.uint8)
    bgr[SQUARE] = (10, 10, 250)
    return bgr


@pytest.mark.parametrize("method", METHODS)
def test_heat_lies_on_what_makes_the_class(red_square, method):
    with model_of(Colours()) as model:
        explanation = heat_of(model, red_square, method)
    (subject,) = explanation.subjects
    mask = np.zeros((SIDE_PX, SIDE_PX), bool)
    mask[SQUARE] = True
    assert (subject.name, explanation.method) == ("red", method)
    assert explanation.share_inside(0, mask) > 0.6


@pytest.mark.parametrize("method", METHODS)
def test_a_class_that_is_certain_has_heat_too(red_square, method):
    with model_of(Colours(gain=1e5)) as model:
        explanation = heat_of(model, red_square, method)
    assert explanation.subjects[0].score == 1.0, "the softmax lets no gradient through"
    assert explanation.heat.max() == pytest.approx(1)


def test_another_class_has_other_heat(red_square):
    red_square[4:12, 44:60] = (250, 10, 10)
    with model_of(Colours()) as model:
        explanation = heat_of(model, red_square, "grad-cam", classes=("blue",))
    assert explanation.subjects[0].name == "blue"
    assert explanation.heat[0][4:12, 44:60].mean() > 10 * explanation.heat[0][SQUARE].mean()


def test_grad_cam_of_an_averaging_classifier_is_its_class_activation_map():
    """Selvaraju et al. prove it: there, the gradients are the classifier's own weights."""
    random = torch.Generator().manual_seed(0)
    features = torch.rand(6, 5, 7, generator=random, requires_grad=True)
    weight = torch.randn(6, generator=random)
    (gradient,) = torch.autograd.grad((features.mean(dim=(1, 2)) * weight).sum(), features)
    expected = (features * weight[:, None, None]).sum(dim=0) / 35
    assert torch.allclose(WEIGHINGS["grad-cam"](features, gradient), expected, atol=1e-6)
    assert torch.allclose(WEIGHINGS["gradient"](features, gradient), expected, atol=1e-6)


def test_two_places_count_alike_in_grad_cam_plus_plus():
    """The paper's reason: of two objects of a class, the larger one shall not drown the smaller one."""
    features, gradient = torch.zeros(2, 8, 8), torch.zeros(2, 8, 8)
    features[0, :4, :4], features[1, 6, 6] = 1, 1
    gradient[0, :4, :4], gradient[1, 6, 6] = 1, 1
    plain, plus = (WEIGHINGS[name](features, gradient) for name in ("grad-cam", "grad-cam++"))
    assert plain[6, 6] / plain[0, 0] == pytest.approx(1 / 16)
    assert plus[6, 6] / plus[0, 0] > 4 * plain[6, 6] / plain[0, 0]


@pytest.mark.reference
@pytest.mark.parametrize(
    ("method", "name"), [("gradient", "HiResCAM"), ("grad-cam", "GradCAM"), ("grad-cam++", "GradCAMPlusPlus")]
)
def test_heat_is_that_of_the_package_grad_cam(method, name, red_square):
    package = pytest.importorskip("pytorch_grad_cam", reason="compares with the package grad-cam")
    torch.manual_seed(3)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 3),
    )
    for layer in (network[0], network[2], network[6]):
        layer.weight.data *= 6  # gradients far above the term that keeps from dividing by 0

    class AsTuple(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, pictures):
            return (self.network(pictures),)

    with model_of(AsTuple(), head="classify_logits", names=("a", "b", "c")) as model:
        explanation = heat_of(model, red_square, method, classes=("b",))
    tensor = torch.from_numpy(red_square[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255)
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with getattr(package, name)(model=network, target_layers=[network[3]]) as cam:
        (expected,) = cam(input_tensor=tensor, targets=[ClassifierOutputTarget(1)])
    # The package takes the least value off as well, which ours does not, as what has no heat is 0 already.
    ours = explanation.heat[0]
    ours = (ours - ours.min()) / max(float(ours.max() - ours.min()), 1e-12)
    assert ours == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("name", "shape"), [("resnet18", (512, 4, 4)), ("mobilenet_v3_small", (576, 4, 4)), ("squeezenet1_1", (1000, 7, 7))]
)
def test_the_map_of_a_classifier_is_its_last(name, shape):
    assert map_shape(open_source(name, random_weights=0).module(), 128) == shape


def test_a_transformer_with_maps_has_them_channels_first():
    from torchvision.models import SwinTransformer

    network = SwinTransformer([4, 4], 16, [1, 1], [2, 2], [4, 4]).eval()
    assert map_shape(network, 64) == (32, 8, 8)


def test_the_map_of_a_u_net_is_its_lowest():
    assert map_shape(UNet(3).eval(), 64) == (256, 4, 4)


def test_a_vision_transformer_has_no_map():
    from torchvision.models import VisionTransformer

    network = VisionTransformer(64, 16, 2, 2, 16, 32).eval()
    with pytest.raises(GradientsBlockedError, match="works on tokens"):
        map_shape(network, 64)


def map_shape(network, side_px):
    with recorded(network) as seen, torch.no_grad():
        network(torch.zeros(1, 3, side_px, side_px))
    return tuple(coarsest_map([output for _, output in seen]).shape[1:])


@pytest.mark.parametrize("method", METHODS)
def test_a_region_of_a_scene(method, red_square):
    torch.manual_seed(0)

    class AsTuple(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = UNet(2)

        def forward(self, pictures):
            return (self.network(pictures),)

    with model_of(AsTuple().eval(), task="semantic", head="semantic", names=("a", "b")) as model:
        explanation = heat_of(model, red_square, method)
    assert explanation.method == method
    for index, subject in enumerate(explanation.subjects):
        assert subject.region.mean() == pytest.approx(subject.score, abs=0.01)
        assert explanation.heat[index].max() in (0, pytest.approx(1))
    assert explanation.heat.any()


def test_what_is_cut_off_stays_cold(red_square):
    """A classifier sees the middle of a wide picture only; the heat lies there, in the right place."""
    wide = np.full((SIDE_PX, 3 * SIDE_PX, 3), 110, np.uint8)
    wide[:, SIDE_PX : 2 * SIDE_PX] = red_square
    with model_of(Colours(), resize="crop_center", crop_short_side_px=SIDE_PX) as model:
        heat = heat_of(model, wide, "gradient").heat[0]
    assert heat.shape == wide.shape[:2]
    assert not heat[:, : SIDE_PX - 1].any()
    assert not heat[:, 2 * SIDE_PX + 1 :].any()
    inside = heat[SQUARE[0], SIDE_PX + SQUARE[1].start : SIDE_PX + SQUARE[1].stop]
    assert inside.sum() / heat.sum() > 0.6


def test_gradients_that_cannot_be_had_are_one_sentence(red_square):
    class Tokens(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.norm, self.last = (
                torch.nn.Conv2d(3, 4, 16, stride=16),
                torch.nn.LayerNorm(4),
                torch.nn.Linear(4, 2),
            )

        def forward(self, pictures):
            return (self.last(self.norm(self.patches(pictures).flatten(2).transpose(1, 2)).mean(dim=1)).softmax(dim=1),)

    with model_of(Tokens()) as model:
        with pytest.raises(ConfigError, match="works on tokens, which are no feature map; use --method occlusion"):
            heat_of(model, red_square, "grad-cam")
        assert heat_of(model, red_square, "auto").method == "occlusion"


def test_letterboxes_leave_no_heat_outside_of_the_picture(red_square):
    card = InputCard(width_px=64, height_px=64)
    place = Letterbox.fit(40, 20, card)
    grid = np.zeros((8, 8), np.float32)
    grid[0, :] = 1  # the border above the picture
    grid[4, 2] = 0.5
    heat = joined([grid], place, card)
    assert heat.shape == (20, 40)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (row / 20, column / 40) == pytest.approx((0.625, 0.3125), abs=0.06)
