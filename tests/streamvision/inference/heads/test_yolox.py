import numpy as np
import pytest

from streamvision.core.errors import UnknownHeadError
from streamvision.inference.heads.registry import create_head
from streamvision.inference.heads.yolo_detect import grid_cells
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

OUTPUT = TensorSpec("output", (1, 42, 8), "float32")  # 64 x 32: 8 * 4 + 4 * 2 + 2 * 1 cells


def decode(output, threshold=0.25):
    card = make_card("yolox", width_px=64, height_px=32)
    (found,) = create_head(card, [OUTPUT]).decode([output], score_threshold=threshold)
    return found


def test_cells_run_along_rows_the_finest_grid_first():
    cells, strides_px = grid_cells(64, 32)
    assert cells[[0, 1, 8, 32, 36, 40, 41]].tolist() == [[0, 0], [1, 0], [0, 1], [0, 0], [0, 1], [0, 0], [1, 0]]
    assert strides_px.tolist() == [8] * 32 + [16] * 8 + [32] * 2


def test_centre_counts_from_the_cell_and_size_is_exponential():
    output = np.zeros(OUTPUT.shape, np.float32)
    output[0, 9] = [0.5, 0.25, np.log(2), np.log(0.5), 0.8, 0.1, 0.2, 0.9]  # cell (1, 1), stride 8
    output[0, 41] = [0.5, 0.5, 0, 0, 1, 0.5, 0, 0]  # cell (1, 0), stride 32
    found = decode(output)
    np.testing.assert_allclose(found.box_xyxy_px, [[4, 8, 20, 12], [32, 0, 64, 32]], rtol=1e-6)
    np.testing.assert_allclose(found.score, [0.72, 0.5])
    assert found.class_id.tolist() == [2, 0]


def test_a_size_beyond_all_numbers_is_dropped_without_a_warning(recwarn):
    output = np.zeros(OUTPUT.shape, np.float32)
    output[0, 0] = [0, 0, 1000, 0, 1, 1, 0, 0]
    output[0, 1] = [0, 0, 0, 0, np.nan, 1, 0, 0]
    assert len(decode(output)) == 0
    assert not recwarn.list


def test_rows_of_another_input_size_are_refused():
    with pytest.raises(UnknownHeadError, match=r"reads one output \(batch, 84, 8\) for its 64x64 input"):
        create_head(make_card("yolox"), [OUTPUT])
