"""Pictures that become others: figures equal to a reference, and measured by the command on answers that are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import PairedPicture
from streamvision.datasets.picture_pairs import read_made_worse, read_pairs
from streamvision.evaluation.images import EQUAL_DB, psnr_db, ssim
from streamvision.evaluation.picture_pairs import made_worse, read_pair, resized
from support.command_line import called
from support.plain_picture_network import network


def picture(width: int, height: int, *, seed: int = 0) -> np.ndarray:
    """Smooth colours with edges: what networks that make pictures are given."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (max(height // 8, 2), max(width // 8, 2), 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, (width, height) in enumerate([(64, 48), (49, 37), (40, 60)]):
        cv2.imwrite(str(folder / f"{number}.png"), picture(width, height, seed=number))
    return folder


def measured(model: Path, data: Path, *more: object) -> dict:
    done = called("eval", "image", model, "--data", data, "--threads", "1", "--json", *map(str, more))
    assert done.code == 0, done.stderr
    return done.report


@pytest.mark.reference
@pytest.mark.parametrize("size", [(64, 48), (11, 30), (37, 53)])
def test_figures_are_those_of_torchmetrics(size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.image")
    truth = picture(*size)
    made = made_worse(truth, noise=20, shrink=1, rng=np.random.default_rng(1))
    a, b = (torch.from_numpy(one.transpose(2, 0, 1)[None].astype(np.float64)) for one in (made, truth))
    psnr = functional.peak_signal_noise_ratio(a, b, data_range=255.0)
    like = functional.structural_similarity_index_measure(a, b, data_range=255.0)
    assert psnr_db(made, truth) == pytest.approx(float(psnr), abs=1e-4)
    assert ssim(made, truth) == pytest.approx(float(like), abs=1e-4)


def test_equal_pictures_have_the_best_figures_and_not_infinite_ones() -> None:
    truth = picture(32, 32)
    assert psnr_db(truth, truth) == EQUAL_DB
    assert ssim(truth, truth) == pytest.approx(1)


def test_a_network_that_changes_nothing_is_as_good_as_the_plain_input(photos: Path, tmp_path: Path) -> None:
    found = measured(network(tmp_path / "same.onnx"), photos, "--noise", 20)
    assert found["psnr_db"] == pytest.approx(found["plain_psnr_db"], abs=0.02)  # colours pass the network as floats
    assert found["ssim"] == pytest.approx(found["plain_ssim"], abs=1e-3)
    assert found["images"] == 3
    assert found["notes"] == [], "each picture came in its own size, odd ones too"


def test_a_blur_removes_noise_and_is_seen_to(photos: Path, tmp_path: Path) -> None:
    found = measured(network(tmp_path / "blur.onnx", blur=True), photos, "--noise", 40)
    assert found["psnr_db"] > found["plain_psnr_db"] + 3
    assert found["better_than_plain"] == 3


def test_repeating_pixels_is_worse_than_the_cubic(photos: Path, tmp_path: Path) -> None:
    found = measured(network(tmp_path / "twice.onnx", scale=2), photos, "--shrink", 2)
    assert found["psnr_db"] < found["plain_psnr_db"] - 1
    assert found["notes"] == []


def test_a_network_of_one_size_is_measured_at_the_size_of_the_truth(photos: Path, tmp_path: Path) -> None:
    found = measured(network(tmp_path / "fixed.onnx", own_size=False), photos, "--noise", 5)
    assert "3 pictures came in another size" in found["notes"][0]


def test_a_side_that_is_asked_for_holds_in_place_of_the_pictures_own(photos: Path, tmp_path: Path) -> None:
    found = measured(network(tmp_path / "free.onnx"), photos, "--noise", 5, "--imgsz", 32)
    assert "came in another size" in found["notes"][0]


def test_the_table_names_both(photos: Path, tmp_path: Path) -> None:
    done = called("eval", "image", network(tmp_path / "same.onnx"), "--data", photos, "--noise", 20)
    assert done.code == 0, done.stderr
    assert "plain input" in done.stdout
    assert "0 of 3 pictures have a higher PSNR than the plain input." in done.stdout


def test_pairs_may_be_turned_round(tmp_path: Path) -> None:
    for name, level in (("inputs", 10), ("targets", 200)):
        folder = tmp_path / name / "val"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "a.png"), np.full((16, 16, 3), level, np.uint8))
    (image,) = read_pairs(tmp_path).images
    assert [int(side.mean()) for side in read_pair(image)] == [10, 200]
    assert image.split == "val"
    (turned,) = read_pairs(tmp_path, reverse=True).images
    assert [int(side.mean()) for side in read_pair(turned)] == [200, 10]


def test_pictures_without_partner_are_told(tmp_path: Path) -> None:
    for name, files in (("inputs", "ab"), ("targets", "ac")):
        (tmp_path / name).mkdir()
        for file in files:
            cv2.imwrite(str(tmp_path / name / f"{file}.png"), np.zeros((16, 16, 3), np.uint8))
    pairs = read_pairs(tmp_path)
    assert [image.path.stem for image in pairs.images] == ["a"]
    assert [problem.path.stem for problem in pairs.problems] == ["b", "c"]


def test_what_is_made_worse_is_the_same_each_time_and_fits(photos: Path) -> None:
    for image in read_made_worse(photos, noise=10, shrink=3).images:
        given, truth = read_pair(image)
        assert np.array_equal(given, read_pair(image)[0])
        assert truth.shape[:2] == (3 * given.shape[0], 3 * given.shape[1])
        clean, _ = read_pair(PairedPicture(image.path, shrink=3))
        spread = float(np.std(given.astype(float) - clean))
        assert spread == pytest.approx(10, rel=0.15)


def test_resizing_is_pillows() -> None:
    pillow = pytest.importorskip("PIL.Image")
    pixels = picture(53, 31)
    for size in ((20, 11), (106, 62)):
        reference = np.asarray(pillow.fromarray(pixels).resize(size, pillow.Resampling.BICUBIC))
        assert np.array_equal(resized(pixels, size), reference)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "(--noise LEVELS) or shrink (--shrink N)"),
        (("--reverse", "--noise", "5"), "inputs/ and targets/"),
    ],
)
def test_what_is_not_said_is_asked_for(photos: Path, tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    done = called("eval", "image", network(tmp_path / "same.onnx"), "--data", photos, *more)
    assert done.code != 0
    assert said in done.stderr


def test_small_pictures_and_other_models_are_one_sentence(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "tiny.png"), np.zeros((8, 8, 3), np.uint8))
    done = called("eval", "image", network(tmp_path / "same.onnx"), "--data", tmp_path, "--noise", 5)
    assert "smaller than the window of SSIM" in done.stderr
    done = called("eval", "image", "road_signs", "--data", tmp_path, "--noise", 5)
    assert "is a model for detect; give one for image" in done.stderr
    with pytest.raises(ConfigError, match="there is no folder"):
        read_made_worse(tmp_path / "nowhere")
