"""A Kalman filter with a Rauch-Tung-Striebel smoother over the places and velocities that a receiver says.

A car's velocity wanders (white acceleration). What a receiver errs by has two parts: one that is new at each fix, taken
from how much the places scatter, and one that wanders for minutes as the sky does, which is the rest of the error that
the receiver says or is known for. Velocities have none of the second (they are measured by Doppler's effect), so over
more than its time they tell some of it.
Rauch, Tung, Striebel: Maximum likelihood estimates of linear dynamic systems, AIAA Journal 3(8), 1965.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from streamvision.gps.earth import F64

ACCELERATION_M2_S3 = 0.5
"""Density of the white acceleration of a car: its velocity wanders by 0.7 m/s in a second, as in towns."""
LEAST_PLACE_M, LEAST_VELOCITY_M_S = 0.3, 0.2
UNKNOWN_PLACE_M, UNKNOWN_VELOCITY_M_S = 1000.0, 40.0
WANDER_S = 120.0
"""Time in which the wandering error forgets all but 1/e of what it was; half or twice as much changes little."""
OUTLIER = 3.0
"""A place that is this many standard deviations off counts for less, the more it is off."""
MAD_TO_DEVIATION = 1.4826
STEP_S = 2.0
"""Longest step between fixes that tells something of their noise."""
ENOUGH_STEPS = 10
LONGEST_STEP_S = 600.0
"""A longer step is taken as one of this length: what was before it tells nothing of what comes after, either way."""
CHORD_FIXES = 10
TRUST = 0.3
"""Greatest part by which the way may differ from what velocities add up to, before these are no longer believed."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Where something was and how it moved."""

    place_m: F64
    """(N, 2) to the east and the north."""
    velocity_m_s: F64
    """(N, 2) to the east and the north; NaN: unknown."""
    error_m: F64
    """(N,) standard deviation of the place in each direction."""


def smoothed(time_s: F64, said: Motion) -> Motion:
    """Return the most likely motion; ``time_s`` (N,) grows."""
    if len(time_s) < 2:
        return said
    time_s = np.concatenate([[0.0], np.cumsum(np.minimum(np.diff(time_s), LONGEST_STEP_S))])
    velocity = said.velocity_m_s if _is_trusted(time_s, said) else np.full_like(said.velocity_m_s, np.nan)
    velocity_noise_m_s = _velocity_noise(time_s, velocity)
    usual_m = float(np.median(said.error_m))
    scatter_m = min(max(_scatter(time_s, said.place_m, velocity, velocity_noise_m_s), LEAST_PLACE_M), 3 * usual_m)
    wander_m = max(usual_m**2 - scatter_m**2, LEAST_PLACE_M**2) ** 0.5
    noise = _Noise(scatter_m * said.error_m / usual_m, velocity_noise_m_s, wander_m)
    changes, added = _changes(time_s, wander_m)
    return _backward(changes, _forward(changes, added, said.place_m, velocity, noise))


def _is_trusted(time_s: F64, said: Motion) -> bool:
    """Tell whether velocities add up to the way: some cameras write speeds in another unit, or courses turned round."""
    steps = np.diff(time_s)
    mean = (said.velocity_m_s[1:] + said.velocity_m_s[:-1]) / 2
    way = np.vstack([np.zeros(2), np.cumsum(np.nan_to_num(mean) * steps[:, None], axis=0)])
    many = min(CHORD_FIXES, len(steps))
    usable = np.convolve((steps <= STEP_S) & np.isfinite(mean).all(axis=1), np.ones(many), "valid") == many
    if not usable.any():
        return True
    added = (way[many:] - way[:-many])[usable]
    chord = (said.place_m[many:] - said.place_m[:-many])[usable]
    off_m = np.median(np.linalg.norm(chord - added, axis=1))
    return bool(off_m <= TRUST * np.median(np.linalg.norm(added, axis=1)) + 2 * float(np.median(said.error_m)))


def _velocity_noise(time_s: F64, velocity: F64) -> float:
    """Return the standard deviation of velocities, by how far each lies from the mean of its neighbours."""
    near = (time_s[2:] - time_s[:-2] <= 2 * STEP_S)[:, None] & np.isfinite(velocity[2:] + velocity[:-2])
    bends = (velocity[2:] - 2 * velocity[1:-1] + velocity[:-2])[near & np.isfinite(velocity[1:-1])]
    if len(bends) < 2 * ENOUGH_STEPS:
        return 2 * LEAST_VELOCITY_M_S
    return max(_deviation(bends) / 6**0.5, LEAST_VELOCITY_M_S)


def _scatter(time_s: F64, place: F64, velocity: F64, velocity_noise_m_s: float) -> float:
    """Return the standard deviation by which places scatter from fix to fix."""
    steps = np.diff(time_s)
    off = np.diff(place, axis=0) - (velocity[1:] + velocity[:-1]) / 2 * steps[:, None]
    off = off[(steps <= STEP_S) & np.isfinite(off).all(axis=1)]
    if len(off) >= ENOUGH_STEPS:
        by_velocity = (velocity_noise_m_s * float(np.median(steps))) ** 2 / 2
        return float(np.sqrt(max(_deviation(off) ** 2 - by_velocity, 0.0) / 2))
    bends = (place[2:] - 2 * place[1:-1] + place[:-2])[time_s[2:] - time_s[:-2] <= 2 * STEP_S]
    return _deviation(bends) / 6**0.5 if len(bends) >= ENOUGH_STEPS else np.inf


def _deviation(values: F64) -> float:
    return float(np.median(np.abs(values - np.median(values, axis=0)))) * MAD_TO_DEVIATION


@dataclass(frozen=True, eq=False)
class _Noise:
    """Standard deviations."""

    place_m: F64
    """(N,) of each place, what is new at each fix."""
    velocity_m_s: float
    """Of velocities."""
    wander_m: float
    """Of what all places near to each other have in common."""


class _Step(NamedTuple):
    """What is known at one fix. Both directions have the same variances."""

    guess: F64
    """(3, 2) place, velocity and wandering error to the east and the north, by the fixes before."""
    guess_variance: F64
    """(3, 3)."""
    state: F64
    """(3, 2) by this fix too."""
    variance: F64
    """(3, 3)."""


_PLACE, _VELOCITY = np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
"""What a place shows of the state, and a velocity."""


def _changes(time_s: F64, wander_m: float) -> tuple[F64, F64]:
    """Return (N, 3, 3) how the state goes on from the fix before to each, and (N, 3, 3) the variance that this adds."""
    step_s = np.diff(time_s, prepend=time_s[:1])
    keeps = np.exp(-step_s / WANDER_S)
    changes = np.tile(np.eye(3), (len(time_s), 1, 1))
    changes[:, 0, 1], changes[:, 2, 2] = step_s, keeps
    added = np.zeros_like(changes)
    added[:, 0, 0], added[:, 1, 1] = ACCELERATION_M2_S3 * step_s**3 / 3, ACCELERATION_M2_S3 * step_s
    added[:, 0, 1] = added[:, 1, 0] = ACCELERATION_M2_S3 * step_s**2 / 2
    added[:, 2, 2] = wander_m**2 * (1 - keeps**2)
    return changes, added


def _forward(changes: F64, added: F64, place: F64, velocity: F64, noise: _Noise) -> list[_Step]:
    state = np.zeros((3, 2))
    state[0] = place[0]
    variance = np.diag([UNKNOWN_PLACE_M**2, UNKNOWN_VELOCITY_M_S**2, noise.wander_m**2])
    has_velocity = [math.isfinite(east + north) for east, north in velocity.tolist()]
    steps = []
    for at, place_noise_m in enumerate(noise.place_m.tolist()):
        guess = changes[at] @ state
        guess_variance = changes[at] @ variance @ changes[at].T + added[at]
        state, variance = _corrected(guess, guess_variance, _PLACE, place[at], place_noise_m)
        if has_velocity[at]:
            state, variance = _corrected(state, variance, _VELOCITY, velocity[at], noise.velocity_m_s)
        steps.append(_Step(guess, guess_variance, state, variance))
    return steps


def _corrected(state: F64, variance: F64, shown: F64, said: F64, noise: float) -> tuple[F64, F64]:
    """Return a state corrected by what a receiver says of it; what is far off counts for less."""
    off = said - shown @ state
    spread = variance @ shown
    known = float(shown @ spread)
    far_2 = float(off @ off) / 2 / (known + noise**2) / OUTLIER**2
    gain = spread / (known + noise**2 * max(far_2, 1.0))
    return state + np.outer(gain, off), variance - np.outer(gain, spread)


def _backward(changes: F64, steps: list[_Step]) -> Motion:
    guessed, known = np.array([step.guess_variance for step in steps]), np.array([step.variance for step in steps])
    gains = np.linalg.solve(guessed[1:], changes[1:] @ known[:-1]).transpose(0, 2, 1)
    state, variance = steps[-1].state, steps[-1].variance
    states, variances = [state], [variance[0, 0]]
    for at in range(len(steps) - 2, -1, -1):
        gain, before, after = gains[at], steps[at], steps[at + 1]
        state = before.state + gain @ (state - after.guess)
        variance = before.variance + gain @ (variance - after.guess_variance) @ gain.T
        states.append(state)
        variances.append(variance[0, 0])
    found = np.array(states[::-1])
    return Motion(found[:, 0], found[:, 1], np.sqrt(np.maximum(variances[::-1], 0.0)))
