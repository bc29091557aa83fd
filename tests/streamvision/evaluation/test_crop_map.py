"""Crops: what is odd among them, what they are like, how they are cut."""

import cv2
import numpy as np
import pytest

from streamvision.evaluation.crops import cut, cut_crops, find_odd, map_crops, most_alike
from streamvision.evaluation.features import ShapeAndColour, open_embedder
from support.labelled import truth


def clusters(*sizes, seed=0):
    """Return unit vectors in tight clusters, and the cluster of each."""
    random = np.random.default_rng(seed)
    rows = [np.eye(6)[n] + random.normal(0, 0.05, (size, 6)) for n, size in enumerate(sizes)]
    features = np.concatenate(rows)
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), np.repeat(
        np.arange(len(sizes)), sizes
    )


def test_a_wrong_label_is_odd():
    features, labels = clusters(20, 20)
    labels[3] = 1
    odd, *_ = find_odd(features, labels, ("car", "stop"))
    assert odd.index == 3
    assert odd.reason == "marked stop, but 8 of its 8 nearest look-alikes are car"


def test_a_stranger_is_odd():
    features, labels = clusters(20, 20)
    features[30] = np.eye(6)[5]
    odd = find_odd(features, labels, ("car", "stop"))
    assert odd[0].index == 30
    assert "unlike the other crops of stop" in odd[0].reason


def test_a_rare_class_is_not_odd_for_being_outnumbered():
    features, labels = clusters(30, 3)
    assert find_odd(features, labels, ("car", "stop")) == ()


def test_the_map_keeps_classes_apart():
    pytest.importorskip("sklearn")
    features, labels = clusters(15, 15)
    found = map_crops(features, labels, ("car", "stop"))
    for plane in (found.pca, found.tsne):
        centers = [plane[labels == label].mean(axis=0) for label in (0, 1)]
        spread = max(plane[labels == label].std() for label in (0, 1))
        assert np.linalg.norm(centers[0] - centers[1]) > 2 * spread


def test_too_few_crops_make_no_map():
    features, labels = clusters(2, 2)
    assert map_crops(features, labels, ("car", "stop")) is None


def test_the_most_alike_come_first():
    features, labels = clusters(5, 5)
    order, likeness = most_alike(features[:1], features, count=5)
    assert order[0, 0] == 0
    assert likeness[0, 0] == pytest.approx(1.0, abs=1e-5)
    assert set(labels[order[0]]) == {0}
    assert (np.diff(likeness[0]) <= 0).all()


def test_shape_and_colour_tell_pictures_apart():
    random = np.random.default_rng(0)
    red, blue = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40, 3), np.uint8)
    cv2.circle(red, (20, 20), 15, (0, 0, 255), -1)
    cv2.rectangle(blue, (5, 5), (35, 35), (255, 0, 0), -1)
    noisy = np.clip(red + random.normal(0, 12, red.shape), 0, 255).astype(np.uint8)
    features = ShapeAndColour().embed([red, noisy, blue])
    assert np.linalg.norm(features, axis=1) == pytest.approx(1, abs=1e-5)
    assert features[0] @ features[1] > features[0] @ features[2] + 0.1


@pytest.mark.reference
@pytest.mark.parametrize(("name", "width"), [("squeezenet1_1", 512), ("mobilenet_v3_small", 1024), ("resnet18", 512)])
def test_a_classifier_that_was_trained_here_gives_its_own_features(name, width, tmp_path):
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(3)
    network = torchvision.models.get_model(name, weights=None, num_classes=3).eval()
    path = tmp_path / "best.pt"
    stored = {"architecture": name, "names": ["a", "b", "c"], "imgsz": 64, "model": network.state_dict(), "epoch": 1}
    torch.save(stored, path)
    embedder = open_embedder(path)
    assert "own last layer" in embedder.description
    crops = [np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8) for seed in range(3)]
    features = embedder.embed(crops)
    assert features.shape == (3, width)
    assert np.linalg.norm(features, axis=1) == pytest.approx(1, abs=1e-5)
    rgb = torch.from_numpy(np.stack(crops)[..., ::-1].copy()).permute(0, 3, 1, 2) / 255
    fed = torchvision.transforms.functional.normalize(rgb, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = network(fed)
    last = [module for module in network.modules() if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d))][-1]
    weights = last.weight.detach().reshape(3, width).numpy()
    if name != "squeezenet1_1":  # where a rectifier follows, and only then the mean
        logits = expected.numpy() - last.bias.detach().numpy()
        likeness = (features @ weights.T) / np.linalg.norm(features @ weights.T, axis=1, keepdims=True)
        assert likeness == pytest.approx(logits / np.linalg.norm(logits, axis=1, keepdims=True), abs=1e-3)


def test_crops_show_the_object_and_a_little_around_it(tmp_path):
    bgr = np.zeros((1000, 1000, 3), np.uint8)
    bgr[100:200, 300:400] = 255
    image = truth((1, (300.0, 100.0, 400.0, 200.0)), (0, (0.0, 0.0, 4.0, 4.0)), name=str(tmp_path / "picture"))
    cv2.imwrite(str(image.path), bgr)
    (crop,) = cut_crops([image], at_most=10)
    assert (crop.class_id, crop.object_index, crop.bgr.shape) == (1, 0, (120, 120, 3)), "tiny objects are left out"
    assert crop.bgr[60, 60, 0] > 200 > 50 > crop.bgr[2, 2, 0]


def test_a_box_at_the_edge_or_outside_still_gives_pixels():
    bgr = np.zeros((50, 50, 3), np.uint8)
    assert cut(bgr, (40, 40, 60, 60)).size
    assert cut(bgr, (70, 70, 90, 90)).size
