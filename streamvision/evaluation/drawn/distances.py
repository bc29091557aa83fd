"""Distances between two sets of pictures, by the features of each, and how varied and how new drawn ones are.

The Fréchet distance is that between the normal distributions with the means and covariances of the two sets (Heusel et
al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", NIPS 2017). It is too large
where there are few pictures, equally for sets of equal size. The kernel distance is the squared maximum mean
discrepancy with the kernel (x y / D + 1)^3 without that bias (Binkowski et al., "Demystifying MMD GANs", ICLR 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
LEAST_PICTURES = 2
"""Of each set; one has neither covariance nor neighbours."""


@dataclass(frozen=True)
class DrawnFigures:
    """What is said of drawn pictures beside held-out ones."""

    frechet_distance: float
    """Between the two; 0 is the same."""
    kernel_distance: float
    """Between the two; about 0 for two sets of the same kind, even a little less."""
    variety: float
    """Mean distance between two drawn pictures, as a share of that between two held-out ones; 0: all alike."""
    novelty: float
    """Median distance of a drawn picture to the nearest that was learnt from, as a share of that of held-out ones;
    0: copies. Not a number where held-out pictures are copies themselves."""


def drawn_figures(drawn: F64, held_out: F64, learnt: F64) -> DrawnFigures:
    """Return the figures of drawn pictures.

    Args:
        drawn: (N, D) their features; at least :data:`LEAST_PICTURES`, as of the others.
        held_out: (M, D) of held-out pictures.
        learnt: (K, D) of pictures that were learnt from.
    """
    own = float(np.median(_distances(held_out, learnt).min(axis=1)))
    nearest = float(np.median(_distances(drawn, learnt).min(axis=1)))
    return DrawnFigures(
        frechet_distance(drawn, held_out),
        kernel_distance(drawn, held_out),
        _spread(drawn) / max(_spread(held_out), 1e-12),
        nearest / own if own else float("nan"),
    )


def frechet_distance(first: F64, second: F64) -> float:
    """Return the squared Fréchet distance between the normal distributions of two sets, (N, D) and (M, D)."""
    difference = first.mean(axis=0) - second.mean(axis=0)
    one, other = (np.cov(rows, rowvar=False).reshape(rows.shape[1], -1) for rows in (first, second))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    # The product of both has the eigenvalues of this, which is symmetric.
    mixed = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(min=0)).sum()
    return max(float(difference @ difference + np.trace(one) + np.trace(other) - 2 * mixed), 0.0)


def kernel_distance(first: F64, second: F64) -> float:
    """Return the squared maximum mean discrepancy of two sets, (N, D) and (M, D), without bias."""

    def kernel(one: F64, other: F64) -> F64:
        cubes: F64 = (one @ other.T / one.shape[1] + 1) ** 3
        return cubes

    def within(rows: F64) -> float:
        values, count = kernel(rows, rows), len(rows)
        return float((values.sum() - np.trace(values)) / (count * (count - 1)))

    return within(first) + within(second) - 2 * float(kernel(first, second).mean())


def _spread(rows: F64) -> float:
    """Return the mean distance between two rows."""
    return float(_distances(rows, rows).sum() / (len(rows) * (len(rows) - 1)))


def _distances(first: F64, second: F64) -> F64:
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    # Of equal rows rounding leaves more than nothing.
    squares[squares < 1e-9 * squares.max(initial=0.0)] = 0
    distances: F64 = np.sqrt(squares)
    return distances
