from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from pipelines.rendering.palette import BLACK, PALETTE, WHITE, Color, color_from_rgb, color_of

# Machado, Oliveira and Fernandes: "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009.
VISIONS = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def rgb(color: Color) -> np.ndarray:
    ycrcb = np.array([[[color.y, color.v, color.u]]], np.uint8)
    return cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB)[0, 0].astype(np.float64) / 255


def seen_as_lab(vision: str) -> np.ndarray:
    value = np.array([rgb(color) for color in PALETTE])
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISIONS[vision]).T, 0, 1)
    encoded = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(encoded[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]


@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_colours_differ_for_every_kind_of_vision(vision: str) -> None:
    lab = seen_as_lab(vision)
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(lab, 2)) > 22


@pytest.mark.parametrize("vision", VISIONS)
def test_neighbouring_identities_differ_most(vision: str) -> None:
    lab = seen_as_lab(vision)
    assert min(float(np.linalg.norm(a - b)) for a, b in zip(lab, np.roll(lab, -1, axis=0), strict=True)) > 40


def test_an_identity_keeps_its_colour() -> None:
    assert color_of(1234567) == color_of(1234567)
    assert color_of(3) != color_of(4)


@pytest.mark.parametrize("color", PALETTE)
def test_colours_shine_on_black_and_carry_readable_text(color: Color) -> None:
    assert color.y >= 95
    assert color.text_color in (BLACK, WHITE)
    assert abs(color.text_color.y - color.y) >= 100


def test_conversion_agrees_with_opencv() -> None:
    for red, green, blue in itertools.product((0, 77, 200, 255), repeat=3):
        luma, v, u = cv2.cvtColor(np.array([[[red, green, blue]]], np.uint8), cv2.COLOR_RGB2YCrCb)[0, 0].tolist()
        assert np.abs(np.array(color_from_rgb(red, green, blue)) - (luma, u, v)).max() <= 1
