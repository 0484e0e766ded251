# SPDX-License-Identifier: Apache-2.0
"""Forwards of torch's own layers in which every row stays its record's.

`REWRITES` maps a layer's exact type to forward(module, *its arguments); `RULES` are those of the
operations that these forwards add.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from polyveil.learn.rewrites import attention, recurrent

RULES = recurrent.RULES
REWRITES: dict[type[nn.Module], Callable[..., Any]] = {**attention.REWRITES, **recurrent.REWRITES}
