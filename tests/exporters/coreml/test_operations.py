"""Each operation of the interpreter against torch: small networks are converted, saved, read back and executed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from exporters.converters import import_converter, quiet
from exporters.coreml.conversion import Conversion, to_ml_program
from exporters.coreml.program import Program
from streamvision.core.errors import ExportError, ModelError
from support.float_arithmetic import assert_same_network
from support.installed import needs

needs("coremltools")
F = nn.functional
SIDE = 12


class Net(nn.Module):
    """A function with the weights that it uses."""

    def __init__(self, function: Callable[..., Any], *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.function = function

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        result = self.function(x, *self.layers)
        return result if isinstance(result, tuple) else (result,)


class Together(nn.Module):
    """Several networks on the same picture: most of a conversion's time does not depend on its size."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(NETWORKS[name] for name in names)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(output for network in self.networks for output in network(x))


def _saved(network: nn.Module, folder: Path, *, precision: Any = "fp32") -> tuple[Program, tuple[Tensor, ...], Any]:
    """Return the program read back from its file, and what the network itself gives for the picture."""
    torch.manual_seed(0)
    picture = torch.rand(1, 3, SIDE, SIDE) * 2 - 1
    with torch.no_grad():
        wanted = network.eval()(picture)
    names = [f"out{i}" for i in range(len(wanted))]
    conversion = Conversion(input_name="x", image=False, output_names=names, precision=precision)
    model = to_ml_program(network, (1, 3, SIDE, SIDE), conversion)
    path = folder / "net.mlpackage"
    ct = import_converter("coremltools")
    with quiet():
        model.save(str(path))
        loaded = ct.models.MLModel(str(path), skip_model_load=True)
        program = Program(loaded.get_spec(), Path(loaded.weights_dir), path=path)
    return program, wanted, picture


def _marked(x: Tensor) -> Tensor:
    """Write into a part of a tensor, as Swin does for the borders of its windows."""
    marks = x * 1
    marks[:, :, 2:5] = 7.0
    return marks


def _topk(x: Tensor) -> tuple[Tensor, Tensor]:
    values, index = torch.topk(x.flatten(2).amax(1), 5, dim=1)
    return values, x.flatten(2).gather(2, index[:, None].expand(-1, 3, -1))


NETWORKS: dict[str, Net] = {
    "convolutions": Net(
        lambda x, a, b, c: c(b(a(x))),
        nn.Conv2d(3, 6, 3, stride=2, padding=1),
        nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=3, bias=False),
        nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1),
    ),
    "pools": Net(
        lambda x: torch.cat(
            [
                F.max_pool2d(x, 5, 1, 2),
                F.avg_pool2d(x, 3, 1, 1),
                F.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
                F.interpolate(F.max_pool2d(x, 3, 2, 1, ceil_mode=True), size=(SIDE, SIDE)),
                F.interpolate(F.avg_pool2d(x, 3, 2, ceil_mode=True), size=(SIDE, SIDE)),
            ],
            1,
        )
    ),
    "activations": Net(
        lambda x: torch.cat(
            [
                F.silu(x),
                F.relu(x),
                F.relu6(x * 5),
                F.gelu(x),
                F.hardswish(x * 4),
                F.hardsigmoid(x * 4),
                F.leaky_relu(x, 0.1),
                F.elu(x),
                F.softplus(x),
                x.tanh(),
                x.sigmoid(),
                x.clamp(-0.2, 0.3),
            ],
            1,
        )
    ),
    "prelu": Net(lambda x, a: a(x), nn.PReLU(3, 0.2)),
    "norms": Net(
        lambda x, a, b, c: torch.cat([a(x), b(x), c(x)], 1),
        nn.BatchNorm2d(3),
        nn.LayerNorm([SIDE]),
        nn.InstanceNorm2d(3, affine=True),
    ),
    "arithmetic": Net(
        lambda x: torch.cat(
            [
                (x.abs() + 0.1).sqrt(),
                (x * x + 1).rsqrt(),
                x.exp(),
                (x.abs() + 1).log(),
                x.sin() * x.cos(),
                x.floor(),
                x.ceil(),
                torch.maximum(x, -x),
                torch.minimum(x, x * x),
                (x + 2) ** 1.5,
            ],
            1,
        )
    ),
    "comparisons": Net(
        lambda x: torch.cat(
            [
                torch.where(x > 0.2, x, -x),
                (x >= 0).float() * (x < 0.5).float(),
                torch.logical_and(x > 0, torch.logical_not(x <= 0.3)).float(),
            ],
            1,
        )
    ),
    "matrices": Net(
        lambda x, a: (a(x), x @ x.transpose(2, 3), torch.einsum("nchw,ncwk->nchk", x, x)), nn.Linear(12, 7)
    ),
    "attention": Net(lambda x: ((x @ x.mT) / 3.5).softmax(-1) @ x),
    "reductions": Net(
        lambda x: (
            x.mean((2, 3)),
            x.amax(1),
            x.sum(2, keepdim=True),
            x.argmax(1).float(),
            x.amin((1, 2)),
            x.norm(dim=1),
        )
    ),
    "cuts": Net(
        lambda x: (
            *x.split((1, 2), 1),
            *x.chunk(3, 1),
            x[:, 1, ::2, -3:],
            x[..., 2:-2, 1:11:3],
            x.flip(1),
            x.roll(2, 3),
        )
    ),
    "shapes": Net(
        lambda x: (
            x.flatten(2).permute(0, 2, 1),
            x[:, :1].squeeze(1).unsqueeze(-1),
            x.repeat(1, 2, 1, 1),
            x.reshape(9, -1),
        )
    ),
    "padding": Net(
        lambda x: (
            F.pad(x, (1, 2, 3, 0), value=0.5),
            F.pad(x, (2, 1, 0, 2), mode="reflect"),
            F.pad(x, (1,) * 4, mode="replicate"),
        )
    ),
    "resizing": Net(
        lambda x: (
            F.interpolate(x, scale_factor=2, mode="nearest"),
            F.interpolate(x, size=(30, 40), mode="bilinear", align_corners=False),
            F.interpolate(x, size=(7, 23), mode="bilinear", align_corners=True),
            F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False),
            F.grid_sample(x, x[:, :2].permute(0, 2, 3, 1) * 1.2, align_corners=False),
            F.grid_sample(x, x[:, 1:].permute(0, 2, 3, 1) * 1.2, padding_mode="border", align_corners=True),
        )
    ),
    "shuffles": Net(
        lambda x: (
            F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2),
            torch.stack([x, -x], 2).flatten(1, 2),
            x.repeat(1, 2, 1, 1).reshape(1, 2, 3, SIDE, SIDE).transpose(1, 2).flatten(1, 2),
        )
    ),
    "picking": Net(lambda x: (_marked(x), *_topk(x), x[:, [2, 0]], x.cumsum(2), x.tril())),
}


@pytest.mark.reference
@pytest.mark.parametrize(
    "names",
    [
        ("convolutions", "prelu", "norms", "pools"),
        ("activations", "arithmetic", "comparisons"),
        ("matrices", "attention", "reductions", "resizing"),
        ("cuts", "shapes", "padding", "shuffles", "picking"),
    ],
    ids="-".join,
)
def test_the_interpreter_gives_what_torch_gives(names: tuple[str, ...], tmp_path: Path) -> None:
    program, wanted, picture = _saved(Together(names), tmp_path)
    found = program.run({"x": picture.numpy()})
    assert list(found) == [f"out{i}" for i in range(len(wanted))]
    for name, tensor in zip(found, wanted, strict=True):
        assert_same_network(found[name], tensor.float().numpy(), roundings=64, what=name)


def test_every_group_is_tried() -> None:
    (mark,) = [m for m in test_the_interpreter_gives_what_torch_gives.pytestmark if m.name == "parametrize"]
    assert {name for names in mark.args[1] for name in names} == set(NETWORKS)


@pytest.mark.reference
def test_the_small_number_that_core_ml_adds_to_a_divisor_is_seen(tmp_path: Path) -> None:
    program, (wanted,), picture = _saved(Net(lambda x: torch.reciprocal(x + 3)), tmp_path)
    (found,) = program.run({"x": picture.numpy()}).values()
    assert 1e-6 < np.abs(found - wanted.numpy()).max() < 1e-4


@pytest.mark.reference
def test_half_precision_is_rounded_where_the_program_says_so(tmp_path: Path) -> None:
    net = Net(lambda x: (x * 1000 + 0.3, x * 300 * 300))
    program, wanted, picture = _saved(net, tmp_path, precision="fp16")
    exact, overflowing = program.run({"x": picture.numpy()}).values()
    assert np.array_equal(exact, exact.astype(np.float16).astype(np.float32))
    assert 0.05 < np.abs(exact - wanted[0].numpy()).max() < 1
    assert np.isinf(overflowing).any(), "65504 is the greatest number that half precision holds"


@pytest.mark.reference
def test_unknown_operations_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be executed here: tan$"):
        _saved(Net(torch.tan), tmp_path)


@pytest.mark.reference
def test_a_network_that_core_ml_has_no_operation_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be converted to Core ML"):
        _saved(Net(lambda x: torch.special.i0(x)), tmp_path)
