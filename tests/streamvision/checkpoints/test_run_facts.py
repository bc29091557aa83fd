"""What checkpoints of runs may say of their networks: anything else is refused in a sentence, before one is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.checkpoints import open_source
from streamvision.checkpoints.captioner import Captioner
from streamvision.checkpoints.vae import VariationalAutoencoder
from streamvision.core.errors import ModelError


def captioner() -> dict[str, Any]:
    names = ["<end>", "<unknown>", "a", "b"]
    tensors = Captioner(len(names), 5).state_dict()
    return {"architecture": "captioner", "names": names, "imgsz": 64, "size_px": [64, 64], "epoch": 1, "model": tensors}


def opened(folder: Path, stored: dict[str, Any]) -> Any:
    torch.save(stored, folder / "best.pt")
    return open_source(folder / "best.pt")


def test_what_a_run_leaves_is_opened(tmp_path: Path) -> None:
    assert opened(tmp_path, captioner()).card.task == "caption"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("names", None),
        ("names", [1, 2, 3, 4]),
        ("imgsz", "64"),
        ("imgsz", 1e9),
        ("size_px", [64]),
        ("size_px", [0, 64]),
        ("size_px", ["a", "b"]),
        ("size_px", [10**7, 64]),
        ("epoch", "\x1b[2J"),
        ("architecture", [1]),
        ("model", None),
        ("model", {1: torch.zeros(1)}),
        ("model", {"positions": 5}),
    ],
)
def test_facts_that_no_run_leaves_are_refused(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(ModelError, match=r"no run of streamvision train leaves; give the best.pt of one"):
        opened(tmp_path, captioner() | {key: value})


def test_a_tensor_that_says_it_is_huge_costs_no_memory(tmp_path: Path) -> None:
    stored = captioner()
    stored["model"]["positions"] = torch.zeros(1, 128).expand(10**9, 128)  # of half a terabyte
    with pytest.raises(ModelError, match=r"'positions' of .1000000000, 128. that it does not hold whole"):
        opened(tmp_path, stored)


@pytest.mark.parametrize("key", ["model", "learning"])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_weights_of_a_training_that_ran_away_are_refused(tmp_path: Path, key: str, wrong: float) -> None:
    stored = captioner() | {key: {name: one.clone() for name, one in captioner()["model"].items()}}
    stored[key]["positions"].view(-1)[3] = wrong
    with pytest.raises(ModelError, match="has numbers in 'positions' that are not finite"):
        opened(tmp_path, stored)


@pytest.mark.parametrize("name", ["resnet18", "yolox_nano"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_given_by_name_are_refused_where_they_are_not_finite(
    tmp_path: Path, name: str, dtype: torch.dtype
) -> None:
    torch.save({"a": torch.ones(2), "b": torch.tensor([1.0, torch.nan], dtype=dtype)}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="has numbers in 'b' that are not finite"):
        open_source(name, weights=tmp_path / "w.pth")


def test_a_network_that_cannot_be_built_for_its_size_is_refused(tmp_path: Path) -> None:
    stored = captioner() | {"architecture": "pilotnet", "imgsz": 32}
    with pytest.raises(ModelError, match=r"is no pilotnet that a run leaves .the side is 32 px"):
        opened(tmp_path, stored)


def test_names_are_those_of_the_file_where_the_size_is_not_said(tmp_path: Path) -> None:
    stored = captioner() | {"architecture": "vae", "names": ["x"], "imgsz": 32}
    stored["model"] = VariationalAutoencoder(32).state_dict()
    del stored["size_px"]
    assert opened(tmp_path, stored).card.names == ("x",)


@pytest.mark.parametrize(
    "wrong", [{"name": "\x1b[2Jred"}, {"name": "x" * 10_000}, {"name": "side", "unit": "\x1b[31m"}]
)
def test_what_numbers_are_called_steers_no_terminal(tmp_path: Path, wrong: dict[str, str]) -> None:
    about = {"names": [], "class_column": None, "numbers": [wrong], "mean": [0.0], "deviation": [1.0]}
    stored = captioner() | {"architecture": "lenet", "names": [], "imgsz": 32, "answers": about}
    with pytest.raises(ModelError, match="does not say what its network answers"):
        opened(tmp_path, stored)
