"""How many tensors of the weights that a network begins from fit it, and when that is too few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streamvision.core.errors import ConfigError

_ONLY_TRAINING = ("aux_classifier.", "num_batches_tracked", "AuxLogits.", "aux1.", "aux2.")
"""Tensors that published weights may lack, as only training needs them."""


def fitting_tensors(
    own: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    in_head: Callable[[str], bool],
    partial: bool,
    name: str,
) -> tuple[dict[str, Any], str]:
    """Return the given tensors that fit, by name and shape, and how many they are, in words.

    Args:
        own: the network's tensors by name.
        given: those of the weights.
        in_head: says of a tensor's name whether it belongs to the head, which differs with the classes.
        partial: whether more than the head may be left to begin from nothing.
        name: of the weights, for messages.

    Raises:
        ConfigError: when none fits, or not all but the head's and ``partial`` is not asked for.
    """
    fitting = {key: value for key, value in given.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise ConfigError(f"no tensor of {name} fits this architecture; give weights of the same one")
    needed = [key for key in own if not in_head(key) and not any(part in key for part in _ONLY_TRAINING)]
    missing = [key for key in needed if key not in fitting]
    if missing and not partial:
        raise ConfigError(
            f"of {name} {len(fitting)} tensors fit the {len(own)} of this network, and {len(missing)} are missing "
            f"beside those of its head ({_why(missing[0], own, given)}); give weights of the same architecture, or "
            "--partial-weights to begin the rest from nothing"
        )
    return fitting, f"{len(fitting)} of {len(own)} tensors fit"


def _why(key: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    if key not in given:
        return f"{key} is not there"
    here, there = ("x".join(map(str, tensors[key].shape)) for tensors in (own, given))
    return f"{key} is {there} there and {here} here"
