# SPDX-License-Identifier: Apache-2.0
"""How a model of the target's kind is trained: what an attacker does who knows the method.

Polyveil invents none. A shadow model that was trained otherwise than the target answers another
question, and an attack that rests on it comforts or accuses for no reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn

from polyveil.attack.examples import Examples

Recipe: TypeAlias = Callable[[Examples, int], nn.Module]
"""(records, seed) -> a network trained on them. The same arguments give the same network, and the
global random state is left as it was."""


def trained(recipe: Recipe, examples: Examples, seed: int) -> nn.Module:
    """The recipe's module, the global randomness left as it was, whatever the recipe does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return recipe(examples, seed).eval()
