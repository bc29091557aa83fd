"""Which cells answer for an object, and that the loss falls where boxes become right."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from streamvision.checkpoints.yolox_network import decoded, grid
from streamvision.training.yolox_loss import CENTRE_RADIUS, assign, yolox_loss

pytestmark = [pytest.mark.reference]
SIZE_PX = (128, 96)
CLASSES = 3


def empty_grid(pictures: int = 1) -> torch.Tensor:
    cells = grid(SIZE_PX[1], SIZE_PX[0], like=torch.zeros(1))[0]
    raw = torch.zeros(pictures, len(cells), 5 + CLASSES)
    raw[..., 4:] = -6
    return raw


def marked(*boxes: tuple[float, float, float, float], classes: list[int]) -> dict[str, torch.Tensor]:
    return {"boxes": torch.tensor(boxes).reshape(-1, 4), "classes": torch.tensor(classes)}


def assigned(raw: torch.Tensor, target: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    cell, stride_px = grid(SIZE_PX[1], SIZE_PX[0], like=raw)
    found = decoded(raw, SIZE_PX[1], SIZE_PX[0])[0]
    boxes = torch.cat([found[:, :2] - found[:, 2:4] / 2, found[:, :2] + found[:, 2:4] / 2], dim=1)
    return assign(boxes, raw[0, :, 4:], target, centre_px=(cell + 0.5) * stride_px, stride_px=stride_px[:, 0])


def test_cells_near_the_middle_answer_and_each_for_one_object_only() -> None:
    target = marked((20, 20, 60, 60), (44, 24, 84, 64), (90, 60, 100, 70), classes=[0, 1, 2])
    cells, objects, overlaps = assigned(empty_grid(), target)
    assert len(cells.unique()) == len(cells)
    assert set(objects.tolist()) == {0, 1, 2}
    assert ((overlaps >= 0) & (overlaps <= 1)).all()
    cell, stride_px = grid(SIZE_PX[1], SIZE_PX[0], like=torch.zeros(1))
    middle = (target["boxes"][objects, :2] + target["boxes"][objects, 2:]) / 2
    far_px = ((cell[cells] + 0.5) * stride_px[cells] - middle).abs().amax(dim=1)
    assert (far_px < CENTRE_RADIUS * stride_px[cells, 0]).all()


def test_the_box_that_fits_is_the_one_that_answers() -> None:
    raw = empty_grid()
    cell, stride_px = grid(SIZE_PX[1], SIZE_PX[0], like=raw)
    fitting = int(((cell * stride_px == torch.tensor([32.0, 32.0])).all(dim=1) & (stride_px[:, 0] == 16)).nonzero()[0])
    raw[0, fitting, :4] = torch.tensor([0.5, 0.5, 1.0, 1.0])  # 40 +- e * 16 / 2
    half_px = 16 * torch.e / 2
    cells, _, overlaps = assigned(raw, marked((40 - half_px, 40 - half_px, 40 + half_px, 40 + half_px), classes=[1]))
    assert fitting in cells.tolist()
    assert overlaps[cells.tolist().index(fitting)] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("exact", [False, True])
def test_a_network_of_free_values_learns_the_boxes(exact: bool) -> None:
    raw = empty_grid(2).requires_grad_()
    targets = [marked((20, 20, 60, 60), (90, 60, 100, 70), classes=[0, 2]), marked(classes=[])]
    optimizer = torch.optim.Adam([raw], lr=0.1)
    losses = []
    for _ in range(250):
        loss = yolox_loss(raw, targets, SIZE_PX, exact=exact)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]
    found = decoded(raw.detach(), SIZE_PX[1], SIZE_PX[0])
    best = (found[0, :, 4].sigmoid() * found[0, :, 7].sigmoid()).argmax()
    assert found[0, best, :4].tolist() == pytest.approx([95, 65, 10, 10], abs=0.5)
    assert found[1, :, 4].max() < -3, "an empty picture teaches that nothing is there"


def test_pictures_without_objects_alone_have_a_loss_that_is_finite() -> None:
    loss = yolox_loss(empty_grid(2).requires_grad_(), [marked(classes=[])] * 2, SIZE_PX, exact=True)
    assert torch.isfinite(loss) and loss > 0
