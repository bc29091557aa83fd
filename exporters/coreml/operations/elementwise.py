"""Operations that treat each element by itself, and comparisons; see the package for the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Unary = Callable[[Tensor], Tensor]
Binary = Callable[[Tensor, Tensor], Tensor]


def _unary(function: Unary) -> Callable[..., Tensor]:
    return lambda x: function(x)


def _binary(function: Binary) -> Callable[..., Tensor]:
    def apply(x: Any, y: Any) -> Tensor:
        return function(torch.as_tensor(x), torch.as_tensor(y))

    return apply


def _prelu(x: Tensor, alpha: Any) -> Tensor:
    slope = torch.as_tensor(alpha).reshape(1, -1, *(1,) * (x.ndim - 2))
    return torch.where(x >= 0, x, x * slope)


def _gelu(x: Tensor, mode: str) -> Tensor:
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return F.gelu(x, approximate="tanh" if mode == "TANH_APPROXIMATION" else "none")


ELEMENTWISE: Mapping[str, Callable[..., Any]] = {
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "real_div": _binary(torch.div),
    "floor_div": _binary(torch.floor_divide),
    "mod": _binary(torch.remainder),
    "pow": _binary(torch.pow),
    "maximum": _binary(torch.maximum),
    "minimum": _binary(torch.minimum),
    "equal": _binary(torch.eq),
    "not_equal": _binary(torch.ne),
    "greater": _binary(torch.gt),
    "greater_equal": _binary(torch.ge),
    "less": _binary(torch.lt),
    "less_equal": _binary(torch.le),
    "logical_and": _binary(torch.logical_and),
    "logical_or": _binary(torch.logical_or),
    "logical_xor": _binary(torch.logical_xor),
    "logical_not": _unary(torch.logical_not),
    "select": lambda cond, a, b: torch.where(torch.as_tensor(cond).bool(), torch.as_tensor(a), torch.as_tensor(b)),
    # The executor gives the result the type that the output has.
    "cast": lambda x, dtype: torch.as_tensor(x),
    "identity": _unary(torch.clone),
    "abs": _unary(torch.abs),
    "sign": _unary(torch.sign),
    "exp": _unary(torch.exp),
    "log": lambda x, epsilon: torch.log(x + float(epsilon)),
    "sqrt": _unary(torch.sqrt),
    "rsqrt": lambda x, epsilon: torch.rsqrt(x + float(epsilon)),
    "inverse": lambda x, epsilon: 1 / (x + float(epsilon)),
    "square": _unary(torch.square),
    "sin": _unary(torch.sin),
    "cos": _unary(torch.cos),
    "atan": _unary(torch.atan),
    "tanh": _unary(torch.tanh),
    "erf": _unary(torch.erf),
    "floor": _unary(torch.floor),
    "ceil": _unary(torch.ceil),
    "round": _unary(torch.round),
    "clip": lambda x, alpha, beta: torch.clamp(x, float(alpha), float(beta)),
    "relu": _unary(F.relu),
    "relu6": _unary(F.relu6),
    "leaky_relu": lambda x, alpha: F.leaky_relu(x, float(alpha)),
    "elu": lambda x, alpha: F.elu(x, float(alpha)),
    "prelu": _prelu,
    "gelu": _gelu,
    "silu": _unary(F.silu),
    "softplus": _unary(F.softplus),
    "sigmoid": _unary(torch.sigmoid),
    "sigmoid_hard": lambda x, alpha, beta: torch.clamp(x * float(alpha) + float(beta), 0, 1),
    "thresholded_relu": lambda x, alpha: torch.where(x >= float(alpha), x, torch.zeros_like(x)),
}
