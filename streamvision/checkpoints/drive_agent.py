"""An agent that drives: a network that sees (numbers from a picture) and a policy on those numbers, as one network.

The policy was learnt by reinforcement on the numbers alone (:mod:`streamvision.training.driving.ppo`): where the lane
lies 10 and 20 m ahead and the speed that suits what is ahead, scaled and bounded. Outputs, for head ``several``:
``steering`` and ``speed`` (B, 1) float32. This file imports torch; see
:func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from streamvision.checkpoints.answers import AnswersSource
from streamvision.checkpoints.base import NO_CLASS, StoredRun, TorchSource, chosen_names
from streamvision.checkpoints.restoring import fresh
from streamvision.checkpoints.run_facts import checked_run
from streamvision.core.errors import ModelError
from streamvision.inference.known_numbers import band_rows
from streamvision.inference.model_card import InputCard, ModelCard, NumberCard
from streamvision.synthetic.driving.car import MOST_SPEED_M_S
from streamvision.synthetic.driving.network import (
    BOUND,
    MOST_CHANGE_M_S,
    OBSERVED,
    OWN_SPEED,
    SCALES,
    SEEN,
    SPEED,
    STEERING,
)

ARCHITECTURE = "drive_agent"
"""What checkpoints call it."""
WIDTH = 64
PERCEPTION = "perception"
"""Key under which a checkpoint holds that of the network that sees."""
INPUTS = (3, len(OBSERVED))
"""How many numbers of :data:`OBSERVED` agents of earlier versions are given, and those of this one."""


class Policy(nn.Sequential):
    """From (N, inputs) scaled numbers to (N, 2) actions: the means of PPO's policy, two hidden layers with tanh.

    Args:
        inputs: how many of :data:`OBSERVED` it is given.
    """

    def __init__(self, inputs: int = len(OBSERVED)) -> None:
        super().__init__(nn.Linear(inputs, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 2))
        self.observed = OBSERVED[:inputs]


class DriveAgentSource(TorchSource):
    """A trained agent, as ``streamvision train-agent`` leaves it.

    Args:
        perception: the network that sees.
        policy: what drives on its numbers.
        path: where the weights are from.
        names: names of the classes that override the own ones.
        size_px: (width, height) of the input; ``None`` for that of this network.
        beginning: where its weights are from, in words.
    """

    def __init__(
        self,
        perception: AnswersSource,
        policy: Policy,
        *,
        path: Path,
        beginning: str,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
    ) -> None:
        self._perception, self._policy = perception, policy
        self._at = seen_at(perception, policy.observed)
        card = ModelCard(
            task="classify",
            head="several",
            names=chosen_names(NO_CLASS, names, path),
            input=perception.card.input,
            numbers=(NumberCard(name=STEERING), NumberCard(name=SPEED, unit="m/s")),
            source=f"PPO, {beginning}, on {perception.card.source}",
        )
        super().__init__(path=path, card=card, output_names=(STEERING, SPEED), size_px=size_px)

    @classmethod
    def of_run(cls, run: StoredRun) -> DriveAgentSource:
        """Open what the ``best.pt`` of a run holds.

        Raises:
            ModelError: when the tensors are not those of an agent.
            UntrustedError: when the network that sees is code of the user's and not trusted.
        """
        try:
            inputs = int(run.stored["model"]["0.weight"].shape[1])
            if inputs not in INPUTS:
                raise ModelError(
                    f"{run.path} holds an agent that is given {inputs} numbers, and agents are given "
                    f"{' or '.join(map(str, INPUTS))}; give the best.pt of a run"
                )
            policy = Policy(inputs).eval()
            seeing = replace(run, stored=checked_run(run.stored[PERCEPTION], run.path), names=None)
            perception = AnswersSource.of_run(seeing)
            policy.load_state_dict(run.stored["model"])
        except (AttributeError, IndexError, KeyError, TypeError, RuntimeError) as error:
            raise ModelError(f"{run.path} does not hold an agent that drives; give the best.pt of a run") from error
        beginning = f"{run.stored.get('steps', '?')} steps"
        return cls(perception, policy, path=run.path, names=run.names, size_px=run.size_px, beginning=beginning)

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; ``dynamic_size`` is that of this network."""
        perception = self._perception.module(dynamic_size=dynamic_size)
        policy = fresh(self._policy)
        return _Driving(perception, policy, self._at, self._perception.card.input).eval()


def seen_at(perception: AnswersSource, observed: Sequence[str] = OBSERVED) -> tuple[int, ...]:
    """Return where among a network's outputs those of :data:`SEEN` are that a policy is given.

    Raises:
        ModelError: when it does not give all of them, or is not given the own speed.
    """
    outputs = perception.output_names
    known = [OWN_SPEED] if OWN_SPEED in {one.name for one in perception.card.input.known} else []
    if missing := [name for name in observed if name not in (*outputs, *known)]:
        raise ModelError(
            f"{perception.path} does not give {missing[0]}; give one that learnt what data synthetic --task drive "
            "writes"
        )
    return tuple(outputs.index(name) for name in observed if name in SEEN)


class _Driving(nn.Module):
    def __init__(self, perception: nn.Module, policy: Policy, at: tuple[int, ...], card: InputCard) -> None:
        super().__init__()
        self.perception, self.policy, self._at = perception, policy, at
        self._speed_at = at[policy.observed.index(SPEED)]
        self.scales: Tensor
        self.register_buffer("scales", torch.tensor(SCALES[: len(policy.observed)]))
        known = {one.name: (number, one.largest) for number, one in enumerate(card.known)}
        self._own_speed = known[OWN_SPEED] if OWN_SPEED in policy.observed else None
        self._card = card

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        numbers = self.perception(pictures)
        given = [numbers[at] for at in self._at]
        if self._own_speed is not None:
            given.append(self._read(pictures, *self._own_speed))
        seen = torch.cat(given, dim=1) / self.scales
        actions = self.policy(seen.clamp(-BOUND, BOUND)).clamp(-1.0, 1.0)
        wanted_m_s = numbers[self._speed_at] + MOST_CHANGE_M_S * actions[:, 1:]
        return actions[:, :1], wanted_m_s.clamp(0.0, MOST_SPEED_M_S)

    def _read(self, pictures: Tensor, number: int, largest: float) -> Tensor:
        """Return (N, 1) what a band shows; 0 where it is not known, as red has no blue."""
        rows = band_rows(self._card.height_px, number)
        blue = pictures[:, 2:3, rows].mean(dim=(2, 3))
        if self._card.mean is not None and self._card.std is not None:
            blue = blue * self._card.std[2] + self._card.mean[2]
        return blue * (largest / (255 * self._card.scale))
