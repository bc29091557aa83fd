"""Inputs of free size: which size a picture is given, where it lies in it, and what shares a call."""

from pathlib import Path

import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ModelError
from streamvision.core.picture import BgrPicture
from streamvision.inference.input_sizes import MAX_SIZES, InputSizes
from streamvision.inference.letterbox import Letterbox, sized_input
from streamvision.inference.model import Model
from streamvision.inference.model_card import InputCard
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

OUTPUTS = (TensorSpec("output0", (None, 7, None), "float32"),)


class CountingBackend:
    """A network of free size that finds one box over its whole input and keeps the shapes that it was fed."""

    name, device, precision, metadata = "scripted", "cpu", "fp32", {}
    max_batch, useful_batch = None, 1
    input = TensorSpec("images", (None, 3, None, None), "float32")
    outputs = OUTPUTS

    def __init__(self):
        self.fed = []

    def run(self, tensor):
        batch, _, height, width = tensor.shape
        self.fed.append((batch, width, height))
        cells = sum((width // stride) * (height // stride) for stride in (8, 16, 32))
        rows = np.zeros((batch, 7, cells), np.float32)
        rows[:, :5, 0] = width / 2, height / 2, width, height, 0.9
        return [rows]

    def close(self):
        pass


def grey(width_px, height_px):
    return BgrPicture(np.full((height_px, width_px, 3), 90, np.uint8))


def free_card(**of_input):
    sides = {"width_px": 640, "height_px": 640, "dynamic_size": True, "dynamic_batch": True}
    return make_card("yolo_v8", **(sides | of_input))


def detector_of(card):
    backend = CountingBackend()
    return Model(backend, card, ModelConfig(path=Path("model.onnx"))), backend


def rectangle(width_px, height_px, side_px, stride_px):
    """Return width, height and (left, top) as ultralytics' LetterBox gives them with ``auto``, from its docs."""
    ratio = side_px / max(width_px, height_px)
    content = round(width_px * ratio), round(height_px * ratio)
    border = [(side_px - length) % stride_px for length in content]
    offset = [round(length / 2 - 0.1) for length in border]
    return content[0] + border[0], content[1] + border[1], content, tuple(offset)


@pytest.mark.parametrize(("side_px", "stride_px"), [(640, 32), (480, 32), (1280, 64)])
def test_the_rectangle_is_ultralytics_own_for_every_aspect(side_px, stride_px):
    card = InputCard(width_px=side_px, height_px=side_px, dynamic_size=True, stride_px=stride_px)
    rng = np.random.default_rng(0)
    shapes = [
        (1920, 1080),
        (1080, 1920),
        (640, 640),
        (640, 3),
        (1280, 705),
        (1001, 551),
        *rng.integers(2, 2500, (500, 2)),
    ]
    for shape in shapes:
        width_px, height_px = map(int, shape)
        sized = sized_input(card, width_px, height_px)
        place = Letterbox.fit(width_px, height_px, sized)
        *expected, content, offset = rectangle(width_px, height_px, side_px, stride_px)
        if min(content) == 0:  # a picture so thin that nothing of it would be left
            continue
        assert [sized.width_px, sized.height_px] == expected
        assert ((place.content_width_px, place.content_height_px), (place.left_px, place.top_px)) == (content, offset)


def test_the_longer_of_the_cards_sides_counts_and_fixed_sizes_stay():
    wide = InputCard(width_px=640, height_px=384, dynamic_size=True)
    assert (sized_input(wide, 300, 600).width_px, sized_input(wide, 300, 600).height_px) == (320, 640)
    odd = InputCard(width_px=500, height_px=300, dynamic_size=True)
    assert (sized_input(odd, 100, 100).width_px, sized_input(odd, 100, 100).height_px) == (512, 512)
    for fixed in (InputCard(width_px=640, height_px=384), wide.model_copy(update={"resize": "stretch"})):
        assert sized_input(fixed, 300, 600) is fixed


def test_pictures_of_one_size_share_a_call_and_each_keeps_its_own():
    detector, backend = detector_of(free_card())
    sizes = [(1280, 720), (480, 640), (640, 360), (500, 500), (1920, 1080), (300, 400)]
    found = detector.detect([grey(*size) for size in sizes])
    assert sorted(backend.fed) == [(1, 640, 640), (2, 480, 640), (3, 640, 384)]
    assert [d.box_xyxy_px[0].round(2).tolist() for d in found] == [[0, 0, *size] for size in sizes]


def test_a_fixed_size_and_a_wrong_head_stay_as_they_were():
    detector, backend = detector_of(free_card(dynamic_size=False))
    detector.detect([grey(1280, 720), grey(480, 640)])
    assert backend.fed == [(2, 640, 640)]
    with pytest.raises(ModelError):
        detector_of(free_card().model_copy(update={"names": ("one",)}))


def test_what_is_kept_is_bounded_and_old_sizes_come_back():
    sizes = InputSizes(free_card(), OUTPUTS)
    shapes = [(640, 32 * height) for height in range(1, MAX_SIZES + 4)]
    kept = [sizes.of(shape) for shape in shapes]
    assert sizes.of(shapes[-1]) is kept[-1]
    assert sizes.of(shapes[0]) is not kept[0]
    assert sizes.of(shapes[0]).batch.tensor.shape == (1, 3, 32, 640)
    assert len(sizes) == MAX_SIZES


def test_it_says_that_it_is_dynamic():
    assert detector_of(free_card(height_px=384))[0].describe() == (
        "model.onnx: yolo_v8, 3 classes, 640 px (dynamic), scripted on cpu, fp32"
    )


@pytest.mark.parametrize(
    ("picture_px", "input_px", "content_px"),
    [((650, 361), (652, 364), (650, 361)), ((40, 30), (40, 32), (40, 30)), ((8192, 1024), (4096, 512), (4096, 512))],
)
def test_a_picture_keeps_its_own_size_where_the_card_says_so(
    picture_px: tuple[int, int], input_px: tuple[int, int], content_px: tuple[int, int]
) -> None:
    card = InputCard(width_px=64, height_px=64, dynamic_size=True, own_size=True, stride_px=4)
    sized = sized_input(card, *picture_px)
    assert (sized.width_px, sized.height_px) == input_px
    place = Letterbox.fit(*picture_px, sized)
    assert (place.content_width_px, place.content_height_px) == content_px
