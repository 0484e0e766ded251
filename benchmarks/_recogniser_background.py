# SPDX-License-Identifier: Apache-2.0
"""Networks of one modality that tell apart the people of the background part.

These people are in no pairing that is judged. Each network is trained once and kept under .cache by
everything it depends on.
"""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from _augmentation import augmented, behaviour, face, voice
from _chimeric_sets import CACHE, Set
from _code_names import code_of, digest_of
from _recogniser_recipe import RECIPE, Recipe, configuration, descend, optimizing, untrained
from polyveil.models.odconv_attention import anneal
from polyveil.models.recognition import Modality, MultimodalRecogniser, RecogniserConfig


def background(
    one: Set, modality: Modality, variant: str, recipe: Recipe = RECIPE
) -> dict[str, Tensor]:
    """Weights of one modality's network that tells background people apart."""
    source = next(s for s in one.sources if s.modality == modality.name)
    people = source.parts["background"][:200]
    rows = [np.flatnonzero(source.people == person) for person in people]
    config = configuration((modality,), len(people), variant, recipe)
    config = replace(config, vae_weight=recipe.background_vae_weight)
    x = one.arrays[modality.name][np.concatenate(rows)]
    who = np.repeat(np.arange(len(rows)), [len(found) for found in rows])
    steps = [v for k, v in asdict(recipe).items() if k.startswith("background")]
    named = digest_of(x.tobytes(), who.tobytes(), config, steps, code_of(*BACKGROUND))
    kept = CACHE / f"background-{named}.pt"
    if kept.exists():
        found: dict[str, Tensor] = torch.load(kept, weights_only=True)
        return found
    system = background_network(config, x, who, recipe)
    torch.save(system.state_dict(), kept)
    return system.state_dict()


def background_network(
    config: RecogniserConfig, x: NDArray[np.float32], who: NDArray[np.int64], recipe: Recipe
) -> MultimodalRecogniser:
    """A network of one modality, trained on samples x of people `who`; in eval mode."""
    system = untrained(config, 0).train().to(memory_format=torch.channels_last)
    name = config.modalities[0].name
    optimizer, schedule = optimizing(
        system, recipe.background_rate, recipe.background_steps, recipe.decay
    )
    draw = np.random.default_rng(0)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for step in range(recipe.background_steps):
            anneal(system, 12 * step / recipe.background_steps)
            rows = draw.integers(0, len(x), recipe.background_batch)
            batch = augmented(name, torch.from_numpy(x[rows]), draw)
            loss = system.losses({name: batch}, torch.from_numpy(who[rows])).total.mean()
            descend(loss, system, optimizer, schedule)
    return system.eval()


BACKGROUND = (background_network, face, voice, behaviour, optimizing, descend, untrained)
