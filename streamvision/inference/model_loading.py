"""Loads the file of a model and reads its card: what it takes, what it gives and how it is fed."""

from __future__ import annotations

from streamvision.core.config.model import ModelConfig
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.cores import Share
from streamvision.inference.card_reader import read_card
from streamvision.inference.input_sizes import with_side
from streamvision.inference.model_card import ModelCard
from streamvision.inference.picture_batch import check_arithmetic


def loaded_with_card(
    config: ModelConfig, backend: Backend | None, *, share: Share | None, side_px: int | None, one_size: bool
) -> tuple[Backend, ModelCard]:
    """Return a loaded model and its card; nothing stays open where this fails.

    Args:
        config: which model, and how it is executed and fed.
        backend: the model where it is loaded already.
        share: calls at a time and threads of each; ``None``: the configuration's, or the backend's rule.
        side_px: longer side of the input, for models that take any size; ``None``: the card's.
        one_size: give pictures of every aspect the card's input size.

    Raises:
        ModelError: when the file is not a model, its outputs are of no known head, or it does not take that size.
        MissingDependencyError: when the runtime that it needs is not installed.
        DeviceError: when the asked-for device or precision would not really execute it.
    """
    requests, threads = share or (config.requests, config.threads)
    opened = backend or open_backend(
        config.path,
        backend=config.backend,
        device=config.device,
        precision=config.precision,
        threads=threads,
        requests=requests,
        call_timeout_s=config.call_timeout_s,
    )
    try:
        card = read_card(opened, path=config.path, head=config.head, names=config.names, fed=config.input.given())
        check_arithmetic(opened, card.input, path=config.path)
        if side_px is not None:
            card = with_side(card, opened.input, config.path, side_px)
        return opened, card.with_input(dynamic_size=False) if one_size else card
    except BaseException:
        opened.close()
        raise
