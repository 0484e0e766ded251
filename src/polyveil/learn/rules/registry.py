# SPDX-License-Identifier: Apache-2.0
"""Which rule serves which torch function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from polyveil.learn.rules import (
    convolution,
    elementwise,
    embedding,
    expand,
    linear,
    normalization,
)
from polyveil.learn.use import Rule

RULES: Mapping[Callable[..., Any], Rule] = {
    **elementwise.RULES,
    **expand.RULES,
    **linear.RULES,
    **normalization.RULES,
    **embedding.RULES,
    **convolution.RULES,
}
