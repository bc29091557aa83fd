"""What trainings of generators share: squares, and how like held-out ones those are that are drawn.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from streamvision.checkpoints.latent_decoder import STRIDE_PX
from streamvision.core.errors import ConfigError
from streamvision.evaluation.drawn.distances import F64, LEAST_PICTURES, drawn_figures
from streamvision.evaluation.drawn.features import F32, open_vectors, vectors_of
from streamvision.inference.generator_card import MOST_SIDE_PX
from streamvision.training.generators.samples import PlainSamples
from streamvision.training.generators.samples_picture import draw_samples
from streamvision.training.learning_rate import LrSweep
from streamvision.training.torch_run import TorchRun

MOST_COMPARED = 2048
"""Pictures of a set whose features are compared, spread evenly over it."""
SAMPLE_PICTURES = 20
"""Most pictures of samples that a run leaves on its way."""
SEED = 7
"""Of the latent vectors whose pictures are measured, the same each epoch."""


class GeneratorRun(TorchRun):
    """One run of a network that learns to draw squares."""

    def train(self) -> None:
        """Train, and release then what drawn pictures are compared by."""
        with self._opened:
            super().train()

    def find_lr(self) -> LrSweep:
        """Find a rate, and release then what drawn pictures are compared by."""
        with self._opened:
            return super().find_lr()

    def _read_samples(self) -> PlainSamples:
        self._opened = ExitStack()
        recipe, side_px = self._recipe, self._recipe.imgsz
        if side_px % STRIDE_PX or side_px > MOST_SIDE_PX:
            raise ConfigError(
                f"a {recipe.model} has squares whose side is a multiple of {STRIDE_PX} px and at most {MOST_SIDE_PX} "
                f"px, not {side_px}: --imgsz 32"
            )
        if recipe.precision == "bf16":
            raise ConfigError(f"precision: a {recipe.model} learns in fp32; leave bf16 out")
        self._held_out = PlainSamples(self._data.val, side_px=side_px)
        learnt = PlainSamples(self._data.train, side_px=side_px)
        total = torch.zeros(3, side_px, side_px)
        for part in learnt.plain(batch=recipe.batch):
            total += part.sum(dim=0)
        self._mean_picture = (total / len(self._data.train)).to(self._device)
        if not recipe.overfit:
            self._prepare_comparison()
        return learnt

    def _prepare_comparison(self) -> None:
        """Compute the features of real pictures, and say how far apart real ones are and how far the naive answer."""
        if len(self._data.val) < LEAST_PICTURES:
            raise ConfigError(
                f"drawn pictures are compared with those held out, and {self._recipe.data} has {len(self._data.val)}; "
                "hold more out with --val-share"
            )
        self._vectors = self._opened.enter_context(closing(open_vectors(self._recipe.features, trusted=self._trusted)))
        self._real = tuple(
            vectors_of(self._plain(PlainSamples(_some(part), side_px=self._recipe.imgsz)), self._vectors)
            for part in (self._data.val, self._data.train)
        )
        held_out, learnt = self._real
        count = min(len(held_out), len(learnt))
        chosen = np.random.default_rng(0).permutation(len(learnt))[:count]
        naive = self._vectors(self._mean_picture.cpu().numpy()[None]).repeat(len(held_out), axis=0)
        real, mean = (drawn_figures(rows, held_out, learnt) for rows in (learnt[chosen], naive))
        naive_words = f"{mean.frechet_distance:.2f} ({mean.kernel_distance:.2f})"
        sentence = (
            f"Drawn pictures are compared with {len(held_out)} held-out ones by {self._vectors.description}: as many "
            f"that were learnt from are at a Fréchet distance of {real.frechet_distance:.2f} (kernel distance "
            f"{real.kernel_distance:.2f}), the mean picture at {naive_words}."
        )
        self._data = replace(self._data, notes=(*self._data.notes, sentence))
        self._progress.say(sentence)

    def _plain(self, samples: PlainSamples) -> Iterator[F32]:
        for batch in samples.plain(batch=self._recipe.batch):
            yield batch.numpy()

    def _measure_drawn(self, generator: Any, *, latents: int) -> dict[str, float]:
        """Return the figures of what a generator draws, and leave a picture of it every few epochs."""
        if self._recipe.overfit:
            return {}
        held_out, learnt = self._real
        return asdict(drawn_figures(self._drawn(generator, len(held_out), latents), held_out, learnt))

    def _drawn(self, generator: Any, count: int, latents: int) -> F64:
        generator.eval()
        vectors = torch.randn(count, latents, generator=torch.Generator().manual_seed(SEED))
        made = (generator(part.to(self._device)).cpu().numpy() for part in torch.split(vectors, self._recipe.batch))
        epoch = self._epochs_done + 1
        if epoch % math.ceil(self._recipe.epochs / SAMPLE_PICTURES) == 0:
            folder = self._folder.root / "samples"
            folder.mkdir(exist_ok=True)
            draw_samples(folder / f"epoch-{epoch:04}.png", generator, latents=latents)
        return vectors_of(made, self._vectors)


def _some(pictures: tuple[Any, ...]) -> tuple[Any, ...]:
    return pictures[:: -(-len(pictures) // MOST_COMPARED)]
