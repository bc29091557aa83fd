from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.rendering.palette import BLACK, WHITE, Color, color_of
from pipelines.rendering.text import drawable, render


@pytest.mark.parametrize(
    ("given", "drawn"),
    [("car", "car"), ("Fußgänger", "Fussganger"), ("piéton", "pieton"), ("人", "?"), ("x" * 60, "x" * 46 + "..")],
)
def test_letters_that_the_font_lacks_are_replaced(given: str, drawn: str) -> None:
    assert drawable(given) == drawn


@pytest.mark.parametrize("height_px", [12, 14, 26, 46])
def test_text_fits_half_size_chroma(height_px: int) -> None:
    text = render("truck 12", height_px, color_of(1), BLACK, 4, 4)
    assert text.height_px == height_px
    assert text.width_px % 2 == 0
    assert text.u.shape == text.v.shape == (height_px // 2, text.width_px // 2)


def test_ink_shows_on_paper_and_letters_stay_inside() -> None:
    text = render("gypsy Q", 26, WHITE, BLACK, 4, 4)
    assert text.y.min() < 60
    border = np.concatenate([text.y[0], text.y[-1], text.y[:, 0], text.y[:, -1]])
    assert (border == WHITE.y).all()


def test_digits_are_equally_wide_so_that_the_status_line_does_not_jump() -> None:
    widths = {render(f"{digit * 3} ms", 26, BLACK, WHITE, 6, 6).width_px for digit in "0123456789"}
    assert len(widths) == 1


def test_cached_texts_cannot_be_spoilt_and_the_cache_is_bounded() -> None:
    text = render("car", 20, BLACK, WHITE, 4, 4)
    assert render("car", 20, BLACK, WHITE, 4, 4) is text
    with pytest.raises(ValueError, match="read-only"):
        text.y[0, 0] = 1
    assert (render.cache_info().maxsize or 0) <= 4096


@pytest.mark.parametrize("char", [chr(code) for code in range(33, 127)])
def test_no_letter_is_cut(char: str) -> None:
    height_px, oversample = 26, 4
    cap_px = 0.54 * height_px * oversample
    reference = np.zeros((400, 400), np.uint8)
    cv2.putText(reference, char, (150, 200), cv2.FONT_HERSHEY_SIMPLEX, cap_px / 21, 255, 8, cv2.LINE_AA)
    text = render(f"|{char}|", height_px, Color(0, 128, 128), Color(255, 128, 128), 6, 6)
    between = render("||", height_px, Color(0, 128, 128), Color(255, 128, 128), 6, 6)
    ink = (text.y.astype(float).sum() - between.y.astype(float).sum()) * oversample**2
    assert ink == pytest.approx(float(reference.sum()), rel=0.01)
