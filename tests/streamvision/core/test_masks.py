import numpy as np
import pytest

from streamvision.core.masks import BoxMask, encode_rle

pycocotools = pytest.importorskip("pycocotools.mask")


def theirs(mask, width_px, height_px):
    full = np.zeros((height_px, width_px), np.uint8)
    rows, columns = mask.bits.shape
    full[mask.top_px : mask.top_px + rows, mask.left_px : mask.left_px + columns] = mask.bits
    encoded = pycocotools.encode(np.asfortranarray(full))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


@pytest.mark.parametrize("seed", range(40))
def test_it_equals_pycocotools_to_the_byte(seed):
    rng = np.random.default_rng(seed)
    width, height = rng.integers(1, 200, 2)
    left, top = rng.integers(0, width), rng.integers(0, height)
    rows, columns = rng.integers(1, height - top + 1), rng.integers(1, width - left + 1)
    mask = BoxMask(int(left), int(top), rng.random((rows, columns)) < rng.choice([0.02, 0.5, 0.98]))
    assert encode_rle(mask, width_px=int(width), height_px=int(height)) == theirs(mask, width, height)


@pytest.mark.parametrize(
    "bits",
    [
        np.ones((30, 20), bool),
        np.zeros((30, 20), bool),
        np.tri(30, 20, dtype=bool),
        np.eye(30, 20, dtype=bool),
        np.vstack([np.ones((1, 20)), np.zeros((28, 20)), np.ones((1, 20))]).astype(bool),
    ],
    ids=["full", "empty", "half", "diagonal", "edges"],
)
def test_masks_over_the_whole_picture(bits):
    mask = BoxMask(0, 0, bits)
    assert encode_rle(mask, width_px=20, height_px=30) == theirs(mask, 20, 30)


def test_large_pictures():
    mask = BoxMask(3000, 1000, np.tri(900, 800, 300, dtype=bool))
    assert encode_rle(mask, width_px=3840, height_px=2160) == theirs(mask, 3840, 2160)


def test_a_mask_of_no_size_is_an_empty_picture():
    mask = BoxMask(5, 5, np.zeros((0, 0), bool))
    assert encode_rle(mask, width_px=20, height_px=30) == theirs(mask, 20, 30)


def test_a_mask_beyond_the_picture_is_refused():
    with pytest.raises(ValueError, match="does not lie on a picture of 20x30"):
        encode_rle(BoxMask(15, 0, np.ones((5, 6), bool)), width_px=20, height_px=30)
