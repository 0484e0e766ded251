# SPDX-License-Identifier: Apache-2.0
"""Recognisers of chimeric users, trained fast enough for many pairings and variants.

Two steps. First, once: each modality's network (autoencoder or stem, encoder, projection) learns to
tell apart the people of the BACKGROUND part, who are in no pairing that is judged. Second, pairing
by pairing: autoencoders and encoders stay as they are; projections, alignment, fusion and the
closed-set head are trained on features of the users' enrolment records (augmented, codes sampled).
Training the encoders on the users too takes five to ten times as long. The first step does not
depend on the pairing; so the spread over pairings holds users, training order and noise, not the
background's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from _augmentation import augmented
from _chimeric_sets import CACHE, Set
from _code_names import code_of, digest_of
from _recogniser_background import BACKGROUND, background
from _recogniser_recipe import (
    MODALITIES,
    RECIPE,
    Recipe,
    configuration,
    descend,
    optimizing,
    untrained,
)
from polyveil.learn.private import PrivateTraining
from polyveil.models.recognition import MultimodalRecogniser, Recognised, RecogniserConfig
from polyveil.models.recognition.modality import slot
from polyveil.models.recognition.subset_fusion import random_subsets
from polyveil.models.vae import VAE
from polyveil.privacy.guarantee import Guarantee
from polyveil.recognize.chimeric import Pairing, Part


def train(
    one: Set,
    pairing: Pairing,
    *,
    part: Part = "evaluation",
    variant: str = "full",
    only: tuple[str, ...] = MODALITIES,
    seed: int = 0,
    recipe: Recipe = RECIPE,
) -> MultimodalRecogniser:
    """A recogniser of a part's chimeric users, trained on their enrolment records; in eval mode.

    Class i is user i of `pairing.users[part]`. Kept under .cache by everything it depends on.

    Args:
      only: its modalities.
      seed: of weights, order, noise and augmentation.
    """
    modalities = tuple(m for m in one.modalities if m.name in only)
    users = pairing.users[part]
    config = configuration(modalities, len(users), variant, recipe)
    system = untrained(config, seed)
    kept = CACHE / f"recogniser-{_key(one, pairing, part, config, seed, recipe)}.pt"
    if kept.exists():
        system.load_state_dict(torch.load(kept, weights_only=True))
        return system.eval()
    for modality in modalities:
        _put(system, modality.name, background(one, modality, variant, recipe))
    features = {
        name: [_features(one, system, pairing, name, u.people[name], recipe) for u in users]
        for name in (m.name for m in modalities)
    }
    _learn(system, features, seed, recipe)
    torch.save(system.state_dict(), kept)
    return system.eval()


def train_privately(
    one: Set,
    pairing: Pairing,
    *,
    epsilon: float,
    part: Part = "evaluation",
    each: int = 8,
    epochs: int = 40,
    rate: float = 0.02,
    seed: int = 0,
) -> tuple[MultimodalRecogniser, Guarantee]:
    """The same with anchors and a budget: what it learns of a record of the users is bounded.

    Autoencoders and encoders are those of the background, which the guarantee says nothing about;
    projections, fusion and head are trained on each record's features. The head starts at the
    anchors, which hold nothing of anybody. Unit: one chimeric record (a data set with fewer samples
    lends a sample to several records, so of one picture less is promised). Batches and noise follow
    from a public seed, to be repeated: a figure of accuracy, not a release. In eval mode.
    """
    users = pairing.users[part]
    system = untrained(configuration(one.modalities, len(users), "anchors for InfoNCE"), seed)
    for modality in one.modalities:
        _put(system, modality.name, background(one, modality, "anchors for InfoNCE"))
    assert system.anchors is not None
    with torch.no_grad():
        system.head.linear.weight.copy_(system.anchors.places)
        system.head.linear.bias.zero_()
    for weight in (*system.coders.parameters(), *system.encoders.parameters()):
        weight.requires_grad_(False)
    records = pairing.records(part, "enrolment", each=each)
    features = []
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        system.eval()
        for name, x in records.take(one.arrays).items():
            features.append(_encoded(system, name, torch.from_numpy(x)))
    tail = _Tail(system)
    trained = [weight for weight in tail.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(trained, rate)
    private = PrivateTraining(
        tail,
        optimizer,
        (*features, torch.from_numpy(records.users)),
        batch_size=len(records) / 2,
        epochs=epochs,
        epsilon=epsilon,
        delta=1 / (10 * len(records)),
        secret=hashlib.sha256(f"{seed}".encode()).digest(),
    )
    tail.train()
    for *batch, who in private.batches():
        private.backward(system.losses_of(tail(*batch), who).total)
        optimizer.step()
    promised = private.guarantee()
    assert promised is not None
    return system.eval(), promised


class _Tail(nn.Module):
    """Projections, fusion and head of a recogniser, on features of all its modalities."""

    def __init__(self, system: MultimodalRecogniser) -> None:
        super().__init__()
        self.names = system.config.names
        self.projections, self.fusion, self.head = (
            system.projections,
            system.fusion,
            system.head,
        )

    def forward(self, *features: Tensor, present: Tensor | None = None) -> Recognised:
        embeddings = {
            name: self.projections[slot(name)](found)
            for name, found in zip(self.names, features, strict=True)
        }
        if present is None:
            present = torch.ones(len(features[0]), len(features), dtype=torch.bool)
        fused = self.fusion(embeddings, present)
        return Recognised(fused, self.head(fused), embeddings, {}, {}, present)


def weigh(system: MultimodalRecogniser, weights: Mapping[str, float]) -> MultimodalRecogniser:
    """The same network, changed: each modality counts as many times as it says.

    In training every modality looks perfect, so gates learn nothing of which to trust on another
    day. That is fitted on development users instead.
    """
    with torch.no_grad():
        for name in system.config.names:
            system.fusion.gates[slot(name)].bias.add_(math.log(weights[name]))
    return system


def _learn(
    system: MultimodalRecogniser, features: dict[str, list[Tensor]], seed: int, recipe: Recipe
) -> None:
    """Everything after the encoders, which stay as they are."""
    users, names, tail = system.config.identities, system.config.names, _Tail(system)
    draw = np.random.default_rng([seed, 1])
    _prototypes(system, features, draw)
    optimizer, schedule = optimizing(tail, recipe.rate, recipe.steps, recipe.decay)
    tail.train()
    dropped = torch.Generator().manual_seed(seed)
    for _ in range(recipe.steps):
        who = draw.integers(0, users, recipe.batch)
        present = random_subsets(len(who), len(names), missing=recipe.missing, generator=dropped)
        found = tail(*(_drawn(features[name], who, draw) for name in names), present=present)
        losses = system.losses_of(found, torch.from_numpy(who))
        descend(losses.total.mean(), tail, optimizer, schedule)


def _prototypes(
    system: MultimodalRecogniser, features: dict[str, list[Tensor]], draw: np.random.Generator
) -> None:
    """The head starts as comparison with each user's mean embedding: training only improves it."""
    users, each = system.config.identities, 16
    who = np.repeat(np.arange(users), each)
    with torch.no_grad():
        found = _Tail(system)(*(_drawn(features[name], who, draw) for name in system.config.names))
        fused = found.fused.reshape(users, each, -1).mean(1)
        system.head.linear.weight.copy_(functional.normalize(fused, dim=1))
        system.head.linear.bias.zero_()


def _drawn(features: list[Tensor], who: NDArray[np.int64], draw: np.random.Generator) -> Tensor:
    """Features of one sample of each of these users."""
    return torch.stack([features[user][draw.integers(len(features[user]))] for user in who])


_KNOWN: dict[tuple[object, ...], Tensor] = {}


def _features(
    one: Set,
    system: MultimodalRecogniser,
    pairing: Pairing,
    name: str,
    person: str,
    recipe: Recipe,
) -> Tensor:
    """Features of a person's enrolment samples, augmented, codes sampled; kept in memory."""
    config = system.config
    rows = pairing.sources[name].rows(person, "enrolment")
    key = (one.name, name, person, config.vae, config.odconv, config.noise, config.latent, recipe)
    if key not in _KNOWN:
        x = torch.from_numpy(one.arrays[name][rows]).repeat_interleave(recipe.augmented, 0)
        x = augmented(name, x, np.random.default_rng(0))
        system.eval()
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            _KNOWN[key] = _encoded(system, name, x)
    return _KNOWN[key]


def _encoded(system: MultimodalRecogniser, name: str, x: Tensor) -> Tensor:
    coder = system.coders[slot(name)]
    code = coder.encode(x).code if isinstance(coder, VAE) else coder(x)
    features: Tensor = system.encoders[slot(name)](code)
    return features


def _put(system: MultimodalRecogniser, name: str, weights: Mapping[str, Tensor]) -> None:
    """One modality's weights from another network of that modality."""
    parts = tuple(f"{part}.{slot(name)}." for part in ("coders", "encoders", "projections"))
    taken = {key: value for key, value in weights.items() if key.startswith(parts)}
    system.load_state_dict(taken, strict=False)


def _key(
    one: Set,
    pairing: Pairing,
    part: Part,
    config: RecogniserConfig,
    seed: int,
    recipe: Recipe,
) -> str:
    people = [sorted(user.people.items()) for user in pairing.users[part]]
    arrays = [one.arrays[m.name].tobytes() for m in config.modalities]
    return digest_of(*arrays, people, config, seed, recipe, code_of(*BACKGROUND, *_USERS))


_USERS = (_learn, _drawn, _features, _encoded, _put, _prototypes, _Tail, train)
