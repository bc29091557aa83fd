"""NCNN models (.param with its .bin): processors of small boards and phones, by NEON, AVX2 or AVX-512."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.backends.cores import share_cores
from streamvision.inference.backends.importing import import_runtime
from streamvision.inference.backends.metadata_file import read_metadata_beside
from streamvision.inference.backends.ncnn_param import input_shapes, is_int8, read_param, unknown_kinds
from streamvision.inference.tensors import ModelInputs, TensorSpec
from streamvision.inference.ultralytics_metadata import parse_ultralytics

_HALF = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic")


class NcnnBackend(LoadedBackend):
    """A network in NCNN, which takes one picture a call and any number of calls at a time.

    Its precision is fp32 unless another is asked for, whatever the weights are stored in; NCNN's own default on Arm is
    half precision. Its metadata is the ``metadata.yaml`` beside the file.
    """

    name = "ncnn"
    runtime = "NCNN"

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        requests: int | None = 1,
        dynamic_batch: bool = False,
    ) -> None:
        """Load the model; see :func:`streamvision.inference.backends.registry.open_backend`.

        The batch is one, whatever ``dynamic_batch`` says.
        """
        ncnn = import_runtime("ncnn")
        if device.lower() not in ("auto", "cpu"):
            raise DeviceError(f"NCNN executes on the cpu only here, not on {device!r}: use --device cpu")
        layers = read_param(path)
        weights = path.with_suffix(".bin")
        if not weights.is_file():
            raise ModelError(f"{path} needs its weights beside it, but there is no {weights.name}")
        metadata = read_metadata_beside(path)
        real_precision = "int8" if is_int8(layers) else _arithmetic(ncnn, precision)
        if precision not in ("auto", real_precision):
            raise DeviceError(
                f"{path} runs in {real_precision} in NCNN on this processor, not in {precision}; export the model in "
                f"{precision}, or use --precision auto"
            )
        share = share_cores(requests=requests, threads=threads)
        net = ncnn.Net()
        net.opt.use_vulkan_compute = False
        net.opt.num_threads = share.threads
        for option in _HALF:
            setattr(net.opt, option, real_precision == "fp16")
        net.opt.use_bf16_storage = real_precision == "bf16"
        if unknown := unknown_kinds(ncnn, layers):
            raise ModelError(f"NCNN {self.version()} has no layer for {', '.join(unknown)}, of which {path} has some")
        if net.load_param(str(path)) != 0:
            raise ModelError(f"{path} is damaged: NCNN {self.version()} does not read it; export the model again")
        if net.load_model(str(weights)) != 0:
            raise ModelError(f"{weights} is damaged, or not the weights of {path.name}; export the model again")
        shapes = {name: size or _size_of(metadata, path) for name, size in input_shapes(layers).items()}
        inputs = ModelInputs.of(
            tuple(TensorSpec(name, (1, *size), "float32") for name, size in shapes.items()), path=path
        )
        self._ncnn = ncnn
        self._input_name = inputs.picture.name
        self._output_names: tuple[str, ...] = tuple(net.output_names())
        with self._failing_on(path):
            probed = self._execute(net, np.zeros([1, *next(iter(shapes.values()))], np.float32))
        facts = ModelFacts(
            path=path,
            device="cpu",
            precision=real_precision,
            input=inputs.picture,
            outputs=tuple(
                TensorSpec(name, output.shape, output.dtype.name)
                for name, output in zip(self._output_names, probed, strict=True)
            ),
            metadata=metadata,
            requests=share.requests,
        )
        super().__init__(facts, net)

    @classmethod
    def version(cls) -> str:
        """Return NCNN's version."""
        return str(import_runtime("ncnn").__version__)

    @classmethod
    def devices(cls) -> Iterator[tuple[str, str]]:
        """Yield the processor."""
        halves = import_runtime("ncnn").cpu_support_arm_asimdhp()
        yield "cpu", "; faster and less exact with --precision fp16" if halves else ""

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        given = np.ascontiguousarray(tensor[0])  # NCNN does not copy it, so it lives as long as the extractor
        extractor = engine.create_extractor()
        if extractor.input(self._input_name, self._ncnn.Mat(given)) != 0:
            raise RuntimeError(f"it takes no {self._input_name}")
        outputs = []
        for name in self._output_names:
            code, found = extractor.extract(name)
            if code != 0:
                raise RuntimeError(f"it gives no {name} (code {code}), most likely for want of memory")
            outputs.append(np.array(found, copy=True)[None])
        return outputs


def _arithmetic(ncnn: Any, precision: Precision) -> str:
    """Return in what a network of floats is computed where this precision is asked for."""
    if precision == "fp16" and ncnn.cpu_support_arm_asimdhp():
        return "fp16"
    return "bf16" if precision == "bf16" else "fp32"


def _size_of(metadata: dict[str, str], path: Path) -> tuple[int, int, int]:
    """Return channels, height and width of the input from ultralytics' metadata.

    Raises:
        ModelError: when it is not there.
    """
    said = parse_ultralytics(metadata, path=path)
    if said is None or said.size_px is None:
        raise ModelError(
            f"neither {path} nor a metadata.yaml beside it says how large its input is; export the model again, or "
            "write width, height and channels into its Input layer, such as 0=640 1=640 2=3"
        )
    width_px, height_px = said.size_px
    return 3, height_px, width_px
