"""A Kalman filter with a Rauch-Tung-Striebel smoother over the places and velocities that a receiver says.

A car's velocity wanders (white acceleration), places and velocities are measured. How much the places scatter from one
fix to the next is taken from the data, since receivers differ: what they err by for minutes looks like truth here, and
no average removes it.
Rauch, Tung, Striebel: Maximum likelihood estimates of linear dynamic systems, AIAA Journal 3(8), 1965.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from streamvision.gps.earth import F64

ACCELERATION_M2_S3 = 0.5
"""Density of the white acceleration of a car: its velocity wanders by 0.7 m/s in a second, as in towns."""
LEAST_PLACE_M, LEAST_VELOCITY_M_S = 0.3, 0.2
UNKNOWN_VELOCITY_M_S = 40.0
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
    """Return the most likely motion; ``time_s`` (N,) grows. What errors places have in common stays in ``error_m``."""
    if len(time_s) < 2:
        return said
    time_s = np.concatenate([[0.0], np.cumsum(np.minimum(np.diff(time_s), LONGEST_STEP_S))])
    velocity = said.velocity_m_s if _is_trusted(time_s, said) else np.full_like(said.velocity_m_s, np.nan)
    velocity_noise_m_s = _velocity_noise(time_s, velocity)
    usual_m = float(np.median(said.error_m))
    scatter_m = min(max(_scatter(time_s, said.place_m, velocity, velocity_noise_m_s), LEAST_PLACE_M), 3 * usual_m)
    noise_m = scatter_m * said.error_m / usual_m
    states = _forward(time_s, said.place_m, noise_m, velocity, velocity_noise_m_s)
    places, velocities, variances = _backward(time_s, states)
    common_m2 = np.maximum(said.error_m**2 - noise_m**2, 0.0)
    return Motion(places, velocities, np.sqrt(np.maximum(variances, 0.0) + common_m2))


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


State = tuple[float, float, float, float, float, float, float]
"""Place and velocity to the east and the north, and what both directions share: variances of place, both, velocity."""


def _predicted(state: State, step_s: float) -> State:
    x, y, vx, vy, p, c, v = state
    q = ACCELERATION_M2_S3
    return (
        x + vx * step_s,
        y + vy * step_s,
        vx,
        vy,
        p + step_s * (2 * c + step_s * v) + q * step_s**3 / 3,
        c + step_s * v + q * step_s**2 / 2,
        v + q * step_s,
    )


def _with_place(state: State, place: list[float], noise_m: float) -> State:
    x, y, vx, vy, p, c, v = state
    east, north = place[0] - x, place[1] - y
    off_2 = (east**2 + north**2) / 2 / (p + noise_m**2)
    total = p + noise_m**2 * max(off_2 / OUTLIER**2, 1.0)
    to_place, to_velocity = p / total, c / total
    return (
        x + to_place * east,
        y + to_place * north,
        vx + to_velocity * east,
        vy + to_velocity * north,
        p - to_place * p,
        c - to_place * c,
        v - to_velocity * c,
    )


def _with_velocity(state: State, velocity: list[float], noise_m_s: float) -> State:
    x, y, vx, vy, p, c, v = state
    east, north = velocity[0] - vx, velocity[1] - vy
    total = v + noise_m_s**2
    to_place, to_velocity = c / total, v / total
    return (
        x + to_place * east,
        y + to_place * north,
        vx + to_velocity * east,
        vy + to_velocity * north,
        p - to_place * c,
        c - to_place * v,
        v - to_velocity * v,
    )


def _forward(
    time_s: F64, place: F64, noise_m: F64, velocity: F64, velocity_noise_m_s: float
) -> list[tuple[State, State]]:
    """Return what was predicted for each fix, and what it was corrected to."""
    first_m2, unknown = float(noise_m[0]) ** 2, UNKNOWN_VELOCITY_M_S**2
    state: State = (float(place[0, 0]), float(place[0, 1]), 0.0, 0.0, first_m2, 0.0, unknown)
    has_velocity = [math.isfinite(east + north) for east, north in velocity.tolist()]
    times, places, noises, velocities = time_s.tolist(), place.tolist(), noise_m.tolist(), velocity.tolist()
    states = []
    for at, now_s in enumerate(times):
        guess = _predicted(state, now_s - times[at - 1]) if at else state
        state = _with_place(guess, places[at], noises[at]) if at else guess
        if has_velocity[at]:
            state = _with_velocity(state, velocities[at], velocity_noise_m_s)
        states.append((guess, state))
    return states


def _backward(time_s: F64, states: list[tuple[State, State]]) -> tuple[F64, F64, F64]:
    times = time_s.tolist()
    later = states[-1][1]
    found = [later]
    for at in range(len(states) - 2, -1, -1):
        later = _corrected(states[at][1], states[at + 1][0], later, times[at + 1] - times[at])
        found.append(later)
    rows = np.array(found[::-1], np.float64)
    return rows[:, :2], rows[:, 2:4], rows[:, 4]


def _corrected(state: State, guess: State, later: State, step_s: float) -> State:
    """Return a state by what came later: ``guess`` was predicted from it, ``later`` is what is known of that moment."""
    x, y, vx, vy, p, c, v = state
    gp, gc, gv = guess[4:]
    scale = gp * gv - gc * gc
    a, b, d = gv / scale, -gc / scale, gp / scale
    p_on, c_on = p + step_s * c, c + step_s * v
    kpp, kpv = p_on * a + c * b, p_on * b + c * d
    kvp, kvv = c_on * a + v * b, c_on * b + v * d
    east, north, v_east, v_north, dp, dc, dv = (after - before for after, before in zip(later, guess, strict=True))
    return (
        x + kpp * east + kpv * v_east,
        y + kpp * north + kpv * v_north,
        vx + kvp * east + kvv * v_east,
        vy + kvp * north + kvv * v_north,
        p + kpp * (kpp * dp + kpv * dc) + kpv * (kpp * dc + kpv * dv),
        c + kvp * (kpp * dp + kpv * dc) + kvv * (kpp * dc + kpv * dv),
        v + kvp * (kvp * dp + kvv * dc) + kvv * (kvp * dc + kvv * dv),
    )
