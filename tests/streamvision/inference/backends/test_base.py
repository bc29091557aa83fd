from pathlib import Path

import numpy as np
import pytest

from streamvision.core.errors import ModelError
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.tensors import TensorSpec

PICTURE = np.ones((1, 3, 8, 8), np.float32)
FACTS = ModelFacts(
    path=Path("models/tiny.bin"),
    device="cpu",
    precision="fp32",
    input=TensorSpec("x", (None, 3, 8, 8), "float32"),
    outputs=(TensorSpec("y", (None, 3, 8, 8), "float32"),),
    metadata={"author": "we"},
)


class OwnBackend(LoadedBackend):
    """A new runtime, whose engine is any function of the tensor."""

    name = "own"
    runtime = "Our runtime"

    def _execute(self, engine, tensor):
        return [engine(tensor)]


def test_a_new_runtime_only_says_how_it_executes() -> None:
    backend = OwnBackend(FACTS, np.negative)
    np.testing.assert_array_equal(backend.run(PICTURE)[0], -PICTURE)
    assert (backend.device, backend.precision, backend.metadata) == ("cpu", "fp32", {"author": "we"})
    assert repr(backend) == "OwnBackend(tiny.bin, cpu, fp32)"


@pytest.mark.parametrize("tensor", [PICTURE[0], PICTURE[:, :2], PICTURE.astype(np.float64)])
def test_a_tensor_that_does_not_fit_never_reaches_the_runtime(tensor) -> None:
    reached = []
    with pytest.raises(ModelError, match=r"takes \?x3x8x8 float32"):
        OwnBackend(FACTS, reached.append).run(tensor)
    assert not reached


def test_what_the_runtime_raises_becomes_a_model_error_with_its_last_line() -> None:
    def fails(tensor):
        raise RuntimeError("at node 7\nout of memory.")

    with pytest.raises(ModelError, match=r"^Our runtime failed on models/tiny\.bin: out of memory$") as caught:
        OwnBackend(FACTS, fails).run(PICTURE)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_other_exceptions_are_not_the_runtimes_and_pass() -> None:
    def mistaken(tensor):
        raise KeyError("a mistake of ours")

    with pytest.raises(KeyError):
        OwnBackend(FACTS, mistaken).run(PICTURE)


def test_a_closed_backend_says_so_however_often_it_is_closed() -> None:
    backend = OwnBackend(FACTS, np.negative)
    backend.close()
    backend.close()
    with pytest.raises(ModelError, match="is closed"):
        backend.run(PICTURE)
