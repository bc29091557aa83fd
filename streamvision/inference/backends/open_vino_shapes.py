"""OpenVINO's compiled forms of one model, and an infer request of each for every thread that runs it.

A model compiled for shapes that are free is slower than one for a shape that is known: YOLOv8n at 640x384 took 36.5 ms
against 33.7 ms on one thread. The streams of a run have few aspects, so each gets a form of its own, and only what
comes beyond that uses the dynamic one. So do parts of pictures, which are many and small: whole pictures are known by
their longer side, which is always the model's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from streamvision.inference.backends.tensors import last_line

logger = logging.getLogger(__name__)

MAX_FIXED_SHAPES = 4
"""Forms with a shape of their own; each takes half a second to compile, and memory for the network's weights."""

Shape = tuple[int, ...]


class CompiledShapes:
    """The compiled model, by shape. Any thread may use it.

    Args:
        compiled: the model compiled as it is.
        model: the model itself.
        compile_model: compiles a model in the same way.
    """

    def __init__(self, compiled: Any, model: Any, *, compile_model: Callable[[Any], Any]) -> None:
        self._compiled = compiled
        self._model = model
        self._free = compiled.input(0).get_partial_shape().is_dynamic
        self._compile_model = compile_model
        self._fixed: dict[Shape, Any] = {}
        self._longest_px = 0
        self._compiling = threading.Lock()
        self._own = threading.local()

    @property
    def fixed_shapes(self) -> tuple[Shape, ...]:
        """The shapes that have a form of their own."""
        return tuple(self._fixed)

    def request(self, shape: Shape) -> Any:
        """Return the calling thread's infer request for tensors of this shape."""
        requests = self._own.__dict__.setdefault("requests", {})
        form = self._form(shape)
        request = requests.get(id(form))
        if request is None:
            request = requests[id(form)] = form.create_infer_request()
        return request

    def _form(self, shape: Shape) -> Any:
        if not self._free or shape[0] != 1:
            return self._compiled
        with self._compiling:
            self._longest_px = max(self._longest_px, *shape)
            if shape not in self._fixed:
                if len(self._fixed) >= MAX_FIXED_SHAPES or max(shape) < self._longest_px:
                    return self._compiled
                self._fixed[shape] = self._compiled_for(shape)
            return self._fixed[shape]

    def _compiled_for(self, shape: Shape) -> Any:
        fixed = self._model.clone()
        try:
            fixed.reshape(list(shape))
            return self._compile_model(fixed)
        except RuntimeError as error:
            logger.warning("the model cannot be compiled for %s and stays dynamic: %s", shape, last_line(error))
            return self._compiled
