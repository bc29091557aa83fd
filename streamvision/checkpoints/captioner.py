"""A network that describes a picture in a sentence, and its checkpoints.

A small convolutional encoder turns the picture into cells, and a decoder writes a sentence word by word while it looks
at them: the encoder and decoder of Show and Tell (Vinyals et al., CVPR 2015), with attention to places (Show, Attend
and Tell, Xu et al., ICML 2015) by the transformer's decoder (Vaswani et al., NeurIPS 2017; layers normalised before
they compute, as in GPT-2). Words and their scores share one table (Press and Wolf, EACL 2017).

Trained by teacher forcing: every word is told from the true ones before it. As an export it writes by itself, the
likeliest word at each step, unrolled to the longest sentence, so that a single call gives the whole.

Outputs, for head ``sentence``: ``tokens`` (B, T) int32 indices of words, 0 from the end on, and ``probabilities``
(B, T) float32 of each, 0 behind the end. This file imports torch; see
:func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from streamvision.checkpoints.base import StoredRun, TorchSource
from streamvision.checkpoints.restoring import filled, fresh, how_trained
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.sentence_words import SPECIAL, UNKNOWN

ARCHITECTURE = "captioner"
"""What recipes and checkpoints of training call it."""
STRIDE_PX = 16
"""Sides of the input must be multiples of this."""
CHANNELS = (16, 32, 64)
"""Of the levels before the last, which has :data:`WIDTH`."""
WIDTH, HEADS, LAYERS = 128, 4, 2
DROPOUT = 0.1
OF_WORDS = ("words.weight", "bias", "positions")
"""Tensors whose size is that of the vocabulary or of the longest sentence."""
NO_WORD = -1
"""Stands behind the end of sentences that are shorter than others."""
Cache = tuple[Tensor, Tensor]
"""Keys and values (N, heads, T, D / heads) of what can be looked at."""


class Captioner(nn.Module):
    """(N, 3, H, W) RGB of 0..1 and (N, T) words to (N, T, vocabulary) logits of the next word at each place.

    Args:
        words: size of the vocabulary; word 0 is the end.
        longest: most words of a sentence, the end included.
    """

    def __init__(self, words: int, longest: int) -> None:
        super().__init__()
        self.longest = longest
        """Most words of a sentence, the end included."""
        widths = (3, *CHANNELS, WIDTH)
        self.levels = nn.ModuleList(_level(*pair) for pair in pairwise(widths))
        self.layers: Any = nn.ModuleList(_DecoderLayer() for _ in range(LAYERS))
        self.words = nn.Embedding(words, WIDTH)
        nn.init.normal_(self.words.weight, std=WIDTH**-0.5)
        self.bias = nn.Parameter(torch.zeros(words))
        self.begin = nn.Parameter(torch.randn(WIDTH) * WIDTH**-0.5)
        self.positions = nn.Parameter(torch.randn(longest, WIDTH) * 0.02)
        self.dropout = nn.Dropout(DROPOUT)
        self.norm = nn.LayerNorm(WIDTH)

    def see(self, pictures: Tensor) -> list[Cache]:
        """Return what each layer of the decoder looks at: the cells of the pictures."""
        seen = pictures
        for level in self.levels:
            seen = level(seen)
        rows, columns = map(int, seen.shape[2:])  # the network is exported for one size
        cells = (seen + _places(rows, columns)).reshape(-1, WIDTH, rows * columns).transpose(1, 2)
        return [layer.to_look_at(cells, rows * columns) for layer in self.layers]

    def forward(self, pictures: Tensor, words: Tensor) -> Tensor:
        """Return the logits of the word at each place, given the true ``words`` (N, T) before it."""
        before = self.words(words[:, :-1])
        state = torch.cat([self.begin.expand(len(words), 1, -1), before], dim=1)
        state = self.dropout(state + self.positions[: words.shape[1]])
        hidden = torch.ones(words.shape[1], words.shape[1], dtype=torch.bool, device=words.device).triu(1)
        for layer, cells in zip(self.layers, self.see(pictures), strict=True):
            state, _ = layer(state, cells, hidden=hidden)
        return self._logits(state)

    def write(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return the words (N, T) int32 that are the likeliest one after the other, and their probabilities (N, T)."""
        cells = self.see(pictures)
        state = self.begin.expand(pictures.shape[0], 1, -1)
        caches: list[Cache | None] = [None] * len(self.layers)
        goes_on: Tensor | None = None
        tokens, probabilities = [], []
        for step in range(self.longest):
            state = state + self.positions[step]
            for at, (layer, seen) in enumerate(zip(self.layers, cells, strict=True)):
                state, caches[at] = layer(state, seen, earlier=caches[at])
            scores = self._logits(state).softmax(dim=2)
            best, likely = scores.argmax(dim=2), scores.amax(dim=2)
            if goes_on is not None:
                best, likely = best * goes_on.to(best.dtype), likely * goes_on
            tokens.append(best)
            probabilities.append(likely)
            goes_on = (best > 0).to(likely.dtype)
            state = self.words(best)
        return torch.cat(tokens, dim=1).to(torch.int32), torch.cat(probabilities, dim=1)

    def _logits(self, state: Tensor) -> Tensor:
        logits: Tensor = nn.functional.linear(self.norm(state), self.words.weight, self.bias)
        return logits


class _DecoderLayer(nn.Module):
    """A layer of the decoder: earlier words, the picture, and a network of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(4))
        self.from_words = nn.Linear(WIDTH, 3 * WIDTH)
        self.ask_cells = nn.Linear(WIDTH, WIDTH)
        self.from_cells = nn.Linear(WIDTH, 2 * WIDTH)
        self.after_words, self.after_cells = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.inner = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU(), nn.Linear(4 * WIDTH, WIDTH))
        self.dropout = nn.Dropout(DROPOUT)

    def to_look_at(self, cells: Tensor, count: int) -> Cache:
        """Return keys and values of the picture's ``count`` cells (N, count, D)."""
        keys, values = self.from_cells(self.norms[3](cells)).split(WIDTH, dim=2)
        return _heads(keys, count), _heads(values, count)

    def forward(
        self, state: Tensor, cells: Cache, *, hidden: Tensor | None = None, earlier: Cache | None = None
    ) -> tuple[Tensor, Cache]:
        """Return the next state (N, T, D), and keys and values of all words so far.

        Args:
            state: of all words of a sentence, or of one.
            cells: of the picture.
            hidden: (T, T) which words each must not look at; ``None`` for one word.
            earlier: of the words before this one.
        """
        count = 1 if hidden is None else len(hidden)
        parts = self.from_words(self.norms[0](state)).split(WIDTH, dim=2)
        queries, keys, values = (_heads(part, count) for part in parts)
        if earlier is not None:
            keys, values = torch.cat([earlier[0], keys], dim=2), torch.cat([earlier[1], values], dim=2)
        state = state + self.dropout(self.after_words(_attend(queries, (keys, values), count, hidden)))
        asked = _heads(self.ask_cells(self.norms[1](state)), count)
        state = state + self.dropout(self.after_cells(_attend(asked, cells, count)))
        state = state + self.dropout(self.inner(self.norms[2](state)))
        return state, (keys, values)


# Counts are plain numbers and the batch is -1, so that exports have no arithmetic of shapes at each step.
def _heads(rows: Tensor, count: int) -> Tensor:
    """Return (N, count, D) as (N, heads, count, D / heads)."""
    return rows.reshape(-1, count, HEADS, WIDTH // HEADS).transpose(1, 2)


def _attend(queries: Tensor, seen: Cache, count: int, hidden: Tensor | None = None) -> Tensor:
    """Return scaled dot-product attention for ``count`` queries, the heads side by side (N, count, D)."""
    keys, values = seen
    scores = queries @ keys.transpose(2, 3) * (WIDTH // HEADS) ** -0.5
    if hidden is not None:
        scores = scores.masked_fill(hidden, float("-inf"))
    seen_values: Tensor = scores.softmax(dim=3) @ values
    return seen_values.transpose(1, 2).reshape(-1, count, WIDTH)


def _level(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*_convolution(inputs, outputs, 2), *_convolution(outputs, outputs, 1))


def _convolution(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def _places(rows: int, columns: int) -> Tensor:
    """Return (D, rows, columns) sines and cosines that tell cells apart, half by their row, half by their column."""
    half = WIDTH // 2
    rates = torch.exp(torch.arange(0, half, 2) * (-math.log(10_000.0) / half))

    def waves(count: int) -> Tensor:
        angles = torch.arange(count)[:, None] * rates
        return torch.cat([angles.sin(), angles.cos()], dim=1).T

    down, across = waves(rows), waves(columns)
    return torch.cat([down[:, :, None].expand(-1, -1, columns), across[:, None, :].expand(-1, rows, -1)])


def word_losses(network: Captioner, pictures: Tensor, words: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy in nats of each true word, given those before it.

    Args:
        network: the network.
        pictures: (N, 3, H, W) float32 of 0..1.
        words: (N, T) int64 of the sentences, the end included, :data:`NO_WORD` behind it.
        label_smoothing: share of certainty that all words are given alike.

    Returns:
        As many values as there are words of the vocabulary; unknown ones are left out.
    """
    logits = network(pictures, words.clamp(min=0)).float()
    counts = (words >= 0) & (words != SPECIAL.index(UNKNOWN))
    return nn.functional.cross_entropy(logits[counts], words[counts], label_smoothing=label_smoothing, reduction="none")


def padded(sentences: Sequence[Sequence[int]]) -> Tensor:
    """Return the words of sentences as (N, T) int64, :data:`NO_WORD` behind their ends."""
    longest = max(map(len, sentences))
    return torch.tensor([[*one, *(NO_WORD,) * (longest - len(one))] for one in sentences])


class CaptionerSource(TorchSource):
    """A trained network, as ``streamvision train --model captioner`` leaves it.

    Args:
        network: the network.
        path: where its weights are from.
        names: its vocabulary, the end and the unknown word first.
        size_px: (width, height) of the input, multiples of :data:`STRIDE_PX`.
        beginning: where its weights are from, in words.
    """

    def __init__(
        self, network: Captioner, *, path: Path, names: tuple[str, ...], size_px: tuple[int, int], beginning: str
    ) -> None:
        self._network = network
        size = InputCard(width_px=size_px[0], height_px=size_px[1], stride_px=STRIDE_PX)
        card = ModelCard(task="caption", head="sentence", names=names, input=size, source=f"captioner, {beginning}")
        super().__init__(path=path, card=card, output_names=("tokens", "probabilities"), size_px=None)

    @classmethod
    def of_run(cls, run: StoredRun) -> CaptionerSource:
        """Open what a ``best.pt`` or ``last.pt`` holds; without a size, in the one that it was trained with.

        Raises:
            ConfigError: when the number of names is not that of the words.
            ModelError: when the tensors are not those of such a network.
        """
        names, tensors = run.chosen_names(), run.stored["model"]
        longest = getattr(tensors.get("positions"), "shape", (1,))[0]
        network = filled(Captioner(len(names), longest), tensors, run.path, title="a captioner")
        beginning = how_trained(run.stored)
        return cls(network, path=run.path, names=names, size_px=run.chosen_size_px(), beginning=beginning)

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; it takes any size either way."""
        return Writer(fresh(self._network)).eval()


class Writer(nn.Module):
    """What is executed and exported: pictures in, words and their probabilities out."""

    def __init__(self, network: Captioner) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return words and probabilities; see :meth:`Captioner.write`."""
        return self.network.write(pictures)
