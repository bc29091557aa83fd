import cv2
import numpy as np
import pytest

from streamvision.core.errors import ModelError
from streamvision.core.picture import BgrPicture, YuvPicture
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard, KnownCard
from streamvision.inference.preprocess import InputBatch

SIZES = [(640, 480), (480, 640), (1920, 1080), (333, 500), (427, 640), (500, 375), (101, 37), (3000, 1), (1, 900)]


def picture_of(width_px, height_px, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), np.uint8)
    return BgrPicture(np.ascontiguousarray(pixels))


def centred_reference(bgr, width_px, height_px):
    """Ultralytics' rule as its documentation states it: RGB, content in the middle, grey 114, divided by 255."""
    ratio = min(width_px / bgr.shape[1], height_px / bgr.shape[0])
    width, height = max(round(bgr.shape[1] * ratio), 1), max(round(bgr.shape[0] * ratio), 1)
    pad_x, pad_y = (width_px - width) / 2, (height_px - height) / 2
    small = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_LINEAR)
    border = round(pad_y - 0.1), round(pad_y + 0.1), round(pad_x - 0.1), round(pad_x + 0.1)
    padded = cv2.copyMakeBorder(small, *border, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    return padded[..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255


def top_left_reference(bgr, width_px, height_px):
    """YOLOX' rule: BGR, content at the top left, grey 114, not scaled."""
    ratio = min(height_px / bgr.shape[0], width_px / bgr.shape[1])
    padded = np.full((height_px, width_px, 3), 114, np.uint8)
    small = cv2.resize(bgr, (max(int(bgr.shape[1] * ratio), 1), max(int(bgr.shape[0] * ratio), 1)))
    padded[: small.shape[0], : small.shape[1]] = small
    return padded.transpose(2, 0, 1).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("input_size", [(640, 640), (640, 384)])
def test_centred_letterbox_equals_ultralytics(size, input_size):
    picture = picture_of(*size)
    batch = InputBatch(InputCard(width_px=input_size[0], height_px=input_size[1]), 1)
    batch.put(0, picture)
    np.testing.assert_array_equal(batch.tensor[0], centred_reference(picture.bgr, *input_size))


@pytest.mark.parametrize("size", SIZES)
def test_top_left_letterbox_equals_yolox(size):
    picture = picture_of(*size)
    card = InputCard(width_px=416, height_px=416, color="bgr", resize="letterbox_top_left", scale=1)
    batch = InputBatch(card, 1)
    batch.put(0, picture)
    np.testing.assert_array_equal(batch.tensor[0], top_left_reference(picture.bgr, 416, 416))


def test_stretch_fills_the_input():
    picture = picture_of(100, 50)
    batch = InputBatch(InputCard(width_px=64, height_px=64, resize="stretch"), 1)
    place = batch.put(0, picture)
    expected = cv2.resize(picture.bgr, (64, 64))[..., ::-1].transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_array_equal(batch.tensor[0], expected)
    np.testing.assert_allclose(place.to_picture(np.array([[0, 0, 32, 64]], np.float32)), [[0, 0, 50, 50]])


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_nhwc_holds_the_same_values(color):
    picture = picture_of(100, 50)
    card = InputCard(width_px=64, height_px=96, color=color)
    planar, packed = InputBatch(card, 1), InputBatch(card.model_copy(update={"layout": "nhwc"}), 1)
    planar.put(0, picture)
    packed.put(0, picture)
    assert packed.tensor.shape == (1, 96, 64, 3)
    np.testing.assert_array_equal(packed.tensor.transpose(0, 3, 1, 2), planar.tensor)


@pytest.mark.parametrize(("dtype", "scale"), [("float16", 1 / 255), ("uint8", 1)])
def test_other_element_types(dtype, scale):
    picture = picture_of(100, 50)
    card = InputCard(width_px=64, height_px=64, dtype=dtype, scale=scale)
    batch = InputBatch(card, 1)
    batch.put(0, picture)
    assert batch.tensor.dtype == np.dtype(dtype)
    expected = centred_reference(picture.bgr, 64, 64) * 255 * scale
    np.testing.assert_allclose(batch.tensor[0].astype(np.float32), expected, atol=1e-3)


def test_fractions_do_not_fit_into_a_uint8_input():
    with pytest.raises(ModelError, match="needs the scale 1"):
        InputBatch(InputCard(width_px=64, height_px=64, dtype="uint8"), 1)


def test_a_slot_forgets_the_picture_before():
    """Wide, then tall, then wide again: what the tall one left behind must not show in the border."""
    batch = InputBatch(InputCard(width_px=64, height_px=64), 2)
    wide, tall = picture_of(100, 40), picture_of(40, 100)
    for picture in (wide, tall, wide):
        batch.put(1, picture)
    np.testing.assert_array_equal(batch.tensor[1], centred_reference(wide.bgr, 64, 64))
    np.testing.assert_allclose(batch.tensor[0], 114 / 255, rtol=1e-6)


def test_yuv_comes_out_as_its_bgr_twin_does():
    ramp = np.linspace(0, 255, 96, dtype=np.uint8)
    bgr = np.dstack([np.tile(ramp, (64, 1)), np.tile(ramp[::-1], (64, 1)), np.full((64, 96), 90, np.uint8)])
    canvas = BgrPicture(bgr).to_canvas()
    batch = InputBatch(InputCard(width_px=48, height_px=48), 2)
    batch.put(0, BgrPicture(bgr))
    batch.put(1, YuvPicture(canvas.y, canvas.u, canvas.v, full_range=True))
    assert np.abs(batch.tensor[0] - batch.tensor[1]).max() < 6 / 255


@pytest.mark.parametrize("resize", ["letterbox_center", "letterbox_top_left", "stretch"])
@pytest.mark.parametrize("size", [(640, 480), (333, 500), (1920, 1080), (101, 37)])
def test_boxes_come_back_to_where_they_were(resize, size):
    card = InputCard(width_px=640, height_px=416, resize=resize)
    place = Letterbox.fit(*size, card)
    boxes = np.array([[0, 0, *size], [10, 5, 60, 30]], np.float32)
    scale, offset = [place.scale_x, place.scale_y] * 2, [place.left_px, place.top_px] * 2
    np.testing.assert_allclose(place.to_picture((boxes * scale + offset).astype(np.float32)), boxes, atol=0.01)


def test_boxes_are_cut_at_the_edges_of_the_picture():
    place = Letterbox.fit(640, 480, InputCard(width_px=640, height_px=640))
    boxes = place.to_picture(np.array([[-50, 0, 900, 640], [-3e38, -3e38, 3e38, 3e38]], np.float32))
    assert boxes.tolist() == [[0, 0, 640, 480]] * 2


def test_sampling_by_corners_looks_half_a_pixel_up_and_left_of_where_centres_are():
    ramp = np.repeat(np.arange(0, 240, 10, np.uint8)[None, :, None], 3, axis=2).repeat(8, axis=0)
    card = InputCard(width_px=12, height_px=4, resize="stretch", scale=1, layout="nhwc")
    rows = {}
    for sampling in ("pixel_center", "pixel_corner"):
        batch = InputBatch(card.model_copy(update={"sampling": sampling}), 1)
        batch.put(0, BgrPicture(ramp))
        rows[sampling] = batch.tensor[0, 0, :, 0]
    np.testing.assert_array_equal(rows["pixel_corner"], np.arange(0, 240, 20))
    np.testing.assert_array_equal(rows["pixel_center"], np.arange(0, 240, 20) + 5)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_known_numbers_are_bands_at_the_lower_edge_and_red_where_they_are_not_known(layout, color, dtype):
    known = (KnownCard(name="own_speed", unit="m/s", largest=20.0), KnownCard(name="stood_ago", largest=8.0))
    levels = {"scale": 1} if dtype == "uint8" else {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}
    card = InputCard(
        width_px=48, height_px=48, layout=layout, color=color, dtype=dtype, resize="stretch", known=known, **levels
    )
    plain = card.model_copy(update={"known": ()})
    pictures = [
        BgrPicture(picture_of(96, 54).bgr, given)
        for given in ({"own_speed": 5.0, "stood_ago": 99.0}, {"own_speed": float("nan")})
    ]
    given, alone = (InputBatch(one, 2) for one in (card, plain))
    for at, picture in enumerate(pictures):
        given.put(at, picture)
        alone.put(at, picture)
    first, second, bare = (
        tensor if layout == "nhwc" else tensor.transpose(1, 2, 0)
        for tensor in (given.tensor[0], given.tensor[1], alone.tensor[0])
    )

    def shown(rgb):
        values = np.array(rgb if color == "rgb" else rgb[::-1], np.float64)
        return values if dtype == "uint8" else (values / 255 - levels["mean"]) / levels["std"]

    assert first[46:] == pytest.approx(np.broadcast_to(shown((64, 64, 64)), (2, 48, 3)), abs=1e-5)
    assert first[44:46] == pytest.approx(np.broadcast_to(shown((255, 255, 255)), (2, 48, 3)), abs=1e-5)
    assert second[44:] == pytest.approx(np.broadcast_to(shown((255, 0, 0)), (4, 48, 3)), abs=1e-5)
    assert (first[:44] == bare[:44]).all()


@pytest.mark.parametrize("other", [{"color": "gray"}, {"pixel_format": "bgr24"}])
def test_known_numbers_need_an_input_in_three_colours(other):
    with pytest.raises(ValueError, match="known numbers are shown in three colours"):
        InputCard(width_px=32, height_px=32, known=(KnownCard(name="speed", largest=1.0),), **other)
