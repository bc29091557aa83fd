"""A form of its own for each of the few shapes in use, and the same numbers from all of them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from streamvision.inference.backends.open_vino import MAX_FIXED_SHAPES
from streamvision.models import default_model_path

pytest.importorskip("openvino")

from streamvision.inference.backends.open_vino import OpenVinoBackend

SIGNS = default_model_path()
SHAPES = [(1, 3, 64, 32 * wide) for wide in range(1, MAX_FIXED_SHAPES + 2)]


@pytest.fixture(scope="module")
def backend() -> OpenVinoBackend:
    return OpenVinoBackend(SIGNS, requests=2, threads=1)


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def test_shapes_beyond_the_few_and_batches_give_the_same_numbers(backend: OpenVinoBackend) -> None:
    assert backend.requests == 2
    for shape in SHAPES:
        (alone,) = (output.copy() for output in backend.run(noise(shape)))
        (batched,) = backend.run(np.repeat(noise(shape), 3, axis=0))
        assert alone.shape == (1, *batched.shape[1:])
        np.testing.assert_allclose(batched[2], alone[0], atol=2e-2)
    assert tuple(backend._engine.fixed) == tuple(SHAPES[:MAX_FIXED_SHAPES])


def test_threads_do_not_overwrite_each_others_outputs(backend: OpenVinoBackend) -> None:
    pictures = {level: np.full(SHAPES[1], level, np.float32) for level in (0.1, 0.9)}
    alone = {level: backend.run(picture)[0].copy() for level, picture in pictures.items()}
    meet = threading.Barrier(2, timeout=300)
    wrong: list[float] = []

    def work(level: float) -> None:
        for _ in range(20):
            (output,) = backend.run(pictures[level])
            meet.wait()  # the other thread has run by now
            if not np.array_equal(output, alone[level]):
                wrong.append(level)
            meet.wait()

    threads = [threading.Thread(target=work, args=(level,)) for level in pictures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong


def test_parts_of_pictures_share_the_dynamic_form() -> None:
    backend = OpenVinoBackend(SIGNS, requests=1, threads=1)
    backend.run(noise((1, 3, 64, 128)))
    backend.run(noise((1, 3, 64, 96)))
    backend.run(noise((1, 3, 96, 128)))
    assert tuple(backend._engine.fixed) == ((1, 3, 64, 128), (1, 3, 96, 128))
