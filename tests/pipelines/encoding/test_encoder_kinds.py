"""An encoder is trusted only after it has given real pictures at once and as they were."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from pipelines.encoding.encoder_kinds import KINDS, EncoderChoice, fault_of
from pipelines.encoding.h264 import EncoderKind, VideoSettings
from streamvision.core.errors import MissingDependencyError
from streamvision.core.picture import BgrPicture

SETTINGS = VideoSettings(320, 180, 200_000)
X264 = next(kind for kind in KINDS if kind.name == "libx264")


def test_the_processors_encoder_works() -> None:
    assert fault_of(X264) is None


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"tune": "film"}, "keeps pictures back"),
        ({"x264-params": "repeat-headers=0"}, "leaves the parameters out of later key frames"),
        ({"preset": "of its own"}, "cannot be opened"),
    ],
)
def test_an_encoder_with_a_fault_is_told_apart(options: dict[str, str], fault: str) -> None:
    found = fault_of(EncoderKind("libx264", lambda max_bit_s: {**X264.options(max_bit_s), **options}))
    assert found is not None
    assert found.startswith(fault)


def test_what_this_machine_does_not_have_is_passed_over_and_the_choice_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = {kind.name: fault_of(kind) for kind in KINDS}
    choice = EncoderChoice()
    with caplog.at_level(logging.INFO, "pipelines.encoding"):
        choice.open(SETTINGS)
        choice.open(SETTINGS)
    expected = next(kind.name for kind in KINDS if faults[kind.name] is None)
    assert [record.getMessage() for record in caplog.records] == [f"live video is encoded by {expected}"]


def test_one_that_is_wanted_and_does_not_work_is_said_in_a_sentence() -> None:
    missing = next((kind.name for kind in KINDS if fault_of(kind)), None)
    if missing is None:
        pytest.skip("every encoder works on this machine")
    with pytest.raises(MissingDependencyError, match=f"{missing} .*serve.encoder: auto"):
        EncoderChoice(missing).open(SETTINGS)


def test_where_a_device_refuses_the_processor_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device with no place for another video: it passed the trial, and cannot be opened with these settings."""

    def options(max_bit_s: int) -> dict[str, str]:
        return {**X264.options(max_bit_s), **({} if max_bit_s == 2_000_000 else {"preset": "of its own"})}

    device = EncoderKind("libx264", options, is_hardware=True)
    monkeypatch.setattr("pipelines.encoding.encoder_kinds.KINDS", (device, X264))
    encoder = EncoderChoice().open(SETTINGS)
    picture = BgrPicture(np.full((180, 320, 3), 90, np.uint8))
    assert encoder.encode(picture.to_canvas(), 0, is_key=True)
