"""Heads that read the picture as a whole."""

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.registry import create_head
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import NumberCard
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card


def spec(*shape, name="output", dtype="float32"):
    return TensorSpec(name, shape, dtype)


def head_of(name, *specs, **more):
    card = make_card(name, **more)
    return create_head(card, list(specs)), Letterbox.fit(80, 40, card.input)


class TestClassify:
    def test_probabilities_are_taken_as_they_are(self):
        head, place = head_of("classify", spec(2, 3))
        rows = np.array([[0.1, 0.7, 0.2], [0, 0, 1]], np.float32)
        first, second = head.read([rows], [place, place])
        np.testing.assert_array_equal(first.class_score, rows[0])
        rows[...] = 0  # the runtime uses its memory again
        np.testing.assert_array_equal(second.class_score, [0, 0, 1])

    @pytest.mark.parametrize("row", [[-3, 2, 0.5], [0.2, 7, 0.1]])
    def test_logits_are_not_taken_for_them(self, row):
        head, place = head_of("classify", spec(1, 3))
        with pytest.raises(ModelError, match=r"which are no probabilities; .* --head classify_logits"):
            head.read([np.array([row], np.float32)], [place])

    def test_logits_become_probabilities(self):
        head, place = head_of("classify_logits", spec(1, 3, 1, 1))
        (whole,) = head.read([np.array([[1000, 999, 0]], np.float32).reshape(1, 3, 1, 1)], [place])
        np.testing.assert_allclose(whole.class_score, [0.731059, 0.268941, 0], atol=1e-6)

    def test_slots_that_were_not_filled_are_left_out(self):
        head, place = head_of("classify", spec(4, 3))
        assert len(head.read([np.zeros((4, 3), np.float32)], [place])) == 1

    @pytest.mark.parametrize("shape", [(1, 4), (3,), (1, 3, 7, 7)])
    def test_another_shape_is_refused(self, shape):
        with pytest.raises(UnknownHeadError, match=r"3 classes reads one output \(batch, 3\)"):
            head_of("classify", spec(*shape))

    def test_nan_is_an_error(self):
        head, place = head_of("classify", spec(1, 3))
        with pytest.raises(ModelError, match="no numbers"):
            head.read([np.full((1, 3), np.nan, np.float32)], [place])


class TestSemantic:
    """The picture of 80x40 lies in rows 16 to 48 of the 64x64 input."""

    def logits(self, rows, columns):
        """Return a map whose upper half is class 1 and whose right half is class 2; the border is class 0."""
        grid = np.zeros((1, 3, rows, columns), np.float32)
        grid[0, 1, : rows // 2] = 1
        grid[0, 2, :, columns // 2 :] = 2
        grid[0, 0, : rows // 4] = grid[0, 0, -rows // 4 :] = 9
        return grid

    def test_the_letterbox_is_cut_away(self):
        head, place = head_of("semantic", spec(1, 3, 64, 64))
        (whole,) = head.read([self.logits(64, 64)], [place])
        assert whole.class_map.shape == (32, 64) and whole.class_map.dtype == np.uint8
        assert np.unique(whole.class_map[:16, :32]).tolist() == [1] and np.unique(whole.class_map[:, 32:]) == [2]
        assert np.unique(whole.class_map[16:, :32]).tolist() == [0]

    def test_channels_last_are_read_as_well(self):
        head, place = head_of("semantic", spec(1, 64, 64, 3))
        first, place_first = head_of("semantic", spec(1, 3, 64, 64))
        grid = self.logits(64, 64)
        (last_read,) = head.read([grid.transpose(0, 2, 3, 1)], [place])
        np.testing.assert_array_equal(last_read.class_map, first.read([grid], [place_first])[0].class_map)

    def test_a_coarse_grid_is_interpolated_before_the_largest_is_taken(self):
        torch = pytest.importorskip("torch")
        grid = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
        head, place = head_of("semantic", spec(1, 3, 8, 8))
        (whole,) = head.read([grid], [place])
        full = torch.nn.functional.interpolate(torch.from_numpy(grid), (64, 64), mode="bilinear")
        np.testing.assert_array_equal(whole.class_map, full[0].argmax(0)[16:48].numpy())

    @pytest.mark.parametrize("side", [64, 16])
    def test_finished_maps_are_cut_too(self, side):
        head, place = head_of("semantic", spec(1, side, side, dtype="uint8"))
        ids = np.zeros((1, side, side), np.uint8)
        ids[0, : side // 2] = 2
        (whole,) = head.read([ids], [place])
        assert whole.class_map.shape == (32, 64)
        assert (whole.class_map[:16] == 2).all() and (whole.class_map[16:] == 0).all()

    def test_one_channel_tells_two_classes_apart(self):
        head, place = head_of("semantic", spec(1, 1, 64, 64), classes=2)
        grid = np.where(np.arange(64) < 32, -1, 1).astype(np.float32)[None, None, None].repeat(64, axis=2)
        (whole,) = head.read([grid], [place])
        assert whole.class_map[0].tolist() == [0] * 32 + [1] * 32

    @pytest.mark.parametrize("shape", [(1, 5, 64, 64), (1, 3), (1, 64, 64)])
    def test_another_shape_is_refused(self, shape):
        with pytest.raises(UnknownHeadError, match="reads a map"):
            head_of("semantic", spec(*shape))


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 64, 64), (1, 64, 64, 1), (1, 1, 16, 16)])
def test_depth_covers_the_picture_alone(shape):
    head, place = head_of("depth", spec(*shape))
    side = shape[2]
    ramp = np.repeat(np.arange(side, dtype=np.float32)[:, None] * 64 / side, side, axis=1)
    (whole,) = head.read([ramp.reshape(shape)], [place])
    assert whole.depth_map.shape == (32, 64)
    assert whole.depth_map[0, 0] == pytest.approx(16, abs=2) and whole.depth_map[-1, 0] == pytest.approx(47, abs=2)


def test_depth_refuses_several_channels():
    with pytest.raises(UnknownHeadError, match=r"one map \(batch, 1"):
        head_of("depth", spec(1, 3, 64, 64))


class TestEmbed:
    def test_embeddings_have_the_length_one(self):
        head, place = head_of("embed", spec(1, 4))
        (whole,) = head.read([np.array([[3, 0, 4, 0]], np.float16)], [place])
        np.testing.assert_allclose(whole.embedding, [0.6, 0, 0.8, 0], rtol=1e-6)
        assert whole.embedding.dtype == np.float32

    @pytest.mark.parametrize("value", [0, np.nan, np.inf])
    def test_no_direction_is_an_error(self, value):
        head, place = head_of("embed", spec(1, 4))
        with pytest.raises(ModelError, match="without direction"):
            head.read([np.full((1, 4), value, np.float32)], [place])

    def test_maps_are_refused(self):
        with pytest.raises(UnknownHeadError, match=r"reads one output \(batch, D\)"):
            head_of("embed", spec(1, 4, 8, 8))


class TestImage:
    @pytest.mark.parametrize("color", ["rgb", "bgr"])
    @pytest.mark.parametrize("factor", [1, 2])
    def test_the_inputs_scaling_is_undone_and_the_letterbox_cut_away(self, color, factor):
        mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
        side = 64 * factor
        head, place = head_of("image", spec(1, 3, side, side), color=color, mean=mean, std=std)
        channels = [200, 100, 50] if color == "rgb" else [50, 100, 200]
        values = (np.array(channels) / 255 - mean) / std
        output = np.zeros((1, 3, side, side), np.float32)
        output[0, :, 16 * factor : 48 * factor] = values[:, None, None]
        (whole,) = head.read([output], [place])
        bgr = whole.picture.to_bgr()
        assert bgr.shape == (32 * factor, 64 * factor, 3) and np.unique(bgr.reshape(-1, 3), axis=0).tolist() == [
            [50, 100, 200]
        ]

    def test_values_beyond_black_and_white_are_cut(self):
        head, place = head_of("image", spec(1, 64, 64, 3))
        (whole,) = head.read([np.full((1, 64, 64, 3), 7, np.float32)], [place])
        assert (whole.picture.to_bgr() == 255).all()

    def test_other_channels_are_refused(self):
        with pytest.raises(UnknownHeadError, match="reads one picture"):
            head_of("image", spec(1, 4, 64, 64))

    def test_tall_pictures_are_read_whole_and_gigantic_ones_refused(self):
        head, place = head_of("image", spec(1, 3, None, None))
        tall = np.linspace(0, 1, 600, dtype=np.float32)[None, None, :, None].repeat(3, axis=1).repeat(4, axis=3)
        (found,) = head.read([tall], [place])
        within = np.rint(tall[0, 0, 150:450, 0] * np.float32(255))  # half of the square is the picture
        assert np.array_equal(found.picture.to_bgr()[:, 0, 0], within)
        gigantic = np.broadcast_to(np.float32(0), (1, 3, 20_000, 20_000))  # takes no memory
        with pytest.raises(ModelError, match="20000x20000, more than 64 million pixels"):
            head.read([gigantic], [place])


class TestSeveral:
    def test_a_class_and_numbers_by_name(self):
        head, place = head_of("several", spec(2, 3, name="kind"), spec(2, 1, name="angle"), spec(2, name="speed"))
        outputs = [np.eye(3, dtype=np.float32)[:2], np.array([[0.5], [0.25]]), np.array([7, 8])]
        first, second = head.read(outputs, [place, place])
        assert first.values == {"angle": 0.5, "speed": 7} and second.values == {"angle": 0.25, "speed": 8}
        assert second.class_score.tolist() == [0, 1, 0]

    def test_numbers_of_the_card_have_its_names_and_units(self):
        numbers = (NumberCard(name="steering angle", unit="deg"), NumberCard(name="speed"))
        card = make_card("several").model_copy(update={"numbers": numbers})
        head = create_head(card, [spec(1, 1, name="o1"), spec(1, 3), spec(1, 1, name="o2")])
        place = Letterbox.fit(80, 40, card.input)
        (found,) = head.read([np.array([[-7.5]]), np.eye(3, dtype=np.float32)[:1], np.array([[3]])], [place])
        assert (found.values, found.units) == ({"steering angle": -7.5, "speed": 3}, {"steering angle": "deg"})
        assert found.number_texts() == ["steering angle -7.5 deg", "speed 3"]
        assert found.summary(("a", "b", "c"))["units"] == {"steering angle": "deg"}
        with pytest.raises(UnknownHeadError, match="with the numbers steering angle, speed reads as many"):
            create_head(card, [spec(1, 1), spec(1, 3)])

    def test_two_numbers_of_one_name_are_refused(self):
        card = make_card("several").model_copy(update={"numbers": (NumberCard(name="age"), NumberCard(name="age"))})
        with pytest.raises(UnknownHeadError, match="different names, not age, age"):
            create_head(card, [spec(1, 1), spec(1, 1)])

    @pytest.mark.parametrize("specs", [[spec(1, 3)], [spec(1, 1), spec(1, 5)], [spec(1, 3), spec(1, 3), spec(1, 1)]])
    def test_what_has_no_meaning_is_refused(self, specs):
        with pytest.raises(UnknownHeadError, match="reads numbers"):
            head_of("several", *specs)
