"""Networks that always answer the same, one for each task that says something else than classes of whole pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamvision.inference.model_card import InputCard, ModelCard, NumberCard
from streamvision.inference.sentence_words import SPECIAL
from support.constant_network import NAMES, ConstantNetwork

WORDS = ("at", "dusk", ",", "a", 'stop "$sign"', "grün", "and", "an", "empty", "road", ".")
NUMBERS = (NumberCard(name="distance", unit="m"), NumberCard(name='the "$speed"'), NumberCard(name="größe", unit="°"))


def constant_answer(
    head: str,
    /,
    *,
    names: tuple[str, ...] = NAMES,
    numbers: tuple[NumberCard, ...] = NUMBERS,
    enlarged: int = 1,
    **input_card: Any,
) -> tuple[ConstantNetwork, ModelCard]:
    """Return a network of this head, and its card.

    Args:
        head: ``several``, ``sentence``, ``image`` or ``cuboid``.
        names: of the classes that ``several`` tells; none: it tells numbers alone.
        numbers: that ``several`` tells.
        enlarged: how many times larger than its input the picture of ``image`` is.
        input_card: how it is fed.
    """
    random = np.random.default_rng(len(head))
    given = InputCard(**{"width_px": 96, "height_px": 64} | input_card)
    outputs: dict[str, Any]
    if head == "several":
        odds = np.exp(random.normal(0, 2, (1, len(names))))
        outputs = {f"n{at}": random.normal(5, 20, (1, 1)) for at in range(len(numbers))}
        if names:
            outputs = {"n0": outputs.pop("n0"), "scores": odds / odds.sum(), **outputs}
        card = ModelCard(task="classify", head=head, names=names or ("picture",), numbers=numbers, input=given)
    elif head == "sentence":
        tokens = [2, 3, 4, 5, 1, 6, 7, 8, 9, 10, 12, 0, 0, 3]
        outputs = {"tokens": np.array([tokens]), "probabilities": random.uniform(0.2, 1, (1, len(tokens)))}
        card = ModelCard(task="caption", head=head, names=(*SPECIAL, *WORDS), input=given)
    elif head == "cuboid":
        shown = [4.1, 1.8, 1.5, -0.3, 0.8, 0.9, 0.1, -0.7, 0.6, 0.05, 0.02, -0.04, -2.0]
        outputs = {"cuboid": np.array([shown])}
        card = ModelCard(task="cuboid", head=head, names=NAMES, input=given)
    else:
        size = enlarged * given.height_px, enlarged * given.width_px
        shape = (1, 3, *size) if given.layout == "nchw" else (1, *size, 3)
        outputs = {"picture": random.uniform(-0.1, 1.1, shape)}
        card = ModelCard(task="image", head=head, names=("image",), input=given)
    return ConstantNetwork(card, {name: np.ascontiguousarray(v, np.float32) for name, v in outputs.items()}), card
