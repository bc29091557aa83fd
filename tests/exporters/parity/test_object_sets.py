"""Which objects of two sets belong together."""

from __future__ import annotations

import numpy as np

from exporters.parity.object_sets import most_alike


def test_a_weak_candidate_whose_own_partner_was_just_too_weak_gets_no_stranger() -> None:
    """Source: a strong candidate and one of 0.102; the export has the strong one alone, the other being 0.097 there."""
    iou = np.array([[0.999], [0.97]])
    scores = np.array([0.65, 0.102], np.float32), np.array([0.649], np.float32)
    for one, other in ((iou, scores), (iou.T, scores[::-1])):
        pairs = most_alike(one, (other[0], other[1]), threshold=0.25)
        assert set(zip(pairs.source.tolist(), pairs.export.tolist(), strict=True)) == {(0, 0)}


def test_a_candidate_that_counts_is_paired_with_a_weak_one() -> None:
    iou = np.array([[0.98]])
    pairs = most_alike(iou, (np.array([0.26], np.float32), np.array([0.2], np.float32)), threshold=0.25)
    assert (pairs.source.tolist(), pairs.export.tolist(), len(pairs)) == ([0], [0], 1)
    contained = most_alike(
        iou, (np.array([0.26], np.float32), np.array([0.2], np.float32)), threshold=0.25, contained=True
    )
    assert len(contained) == 0, "the export's does not count"
