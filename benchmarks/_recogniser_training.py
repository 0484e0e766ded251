# SPDX-License-Identifier: Apache-2.0
"""Recognisers of chimeric users, trained fast enough for many pairings and variants.

Two steps. First, once: each modality's network (autoencoder or stem, encoder, projection) learns to
tell apart the people of the BACKGROUND part, who are in no pairing that is judged. Second, pairing
by pairing: autoencoders and encoders stay as they are; projections, alignment, fusion and the
closed-set head are trained on features of the users' enrolment records (augmented, codes sampled).
Training the encoders on the users too takes five to ten times as long. The first step does not
depend on the pairing; so the spread over pairings holds users, training order and noise, not the
background's.

Settings were chosen on development users alone.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from _chimeric_sets import CACHE, Set
from _common import ROOT
from polyveil.learn.private import PrivateTraining
from polyveil.models.odconv_attention import anneal
from polyveil.models.recognition import (
    Modality,
    MultimodalRecogniser,
    Recognised,
    RecogniserConfig,
)
from polyveil.models.recognition.modality import slot
from polyveil.models.recognition.subset_fusion import random_subsets
from polyveil.models.vae import VAE
from polyveil.privacy.guarantee import Guarantee
from polyveil.recognize.chimeric import Pairing, Part

VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "without alignment": {"alignment": "none"},
    "without VAE": {"vae": False},
    "without ODConv": {"odconv": False},
    "anchors for InfoNCE": {"alignment": "anchors"},
    "margin as printed": {"alignment": "margin-as-printed"},
}
MODALITIES = ("face", "voice", "behaviour")


@dataclass(frozen=True)
class Recipe:
    """How long and how; chosen on development users.

    Attributes:
      background_steps, steps: of the two trainings.
      background_batch, batch: records of a step.
      background_rate, rate: highest learning rate of AdamW, falling to 0 along a cosine.
      decay: weight decay.
      missing: probability that a modality is left out of a training record.
      augmented: codes made of each enrolment sample.
      network: options of `RecogniserConfig` beyond the variant's.
    """

    background_steps: int = 500
    background_batch: int = 64
    background_rate: float = 3e-3
    background_vae_weight: float = 1.0
    steps: int = 80
    batch: int = 64
    rate: float = 3e-3
    decay: float = 0.05
    missing: float = 0.2
    augmented: int = 6
    network: tuple[tuple[str, Any], ...] = ()


RECIPE = Recipe()


def configuration(
    modalities: tuple[Modality, ...], identities: int, variant: str, recipe: Recipe = RECIPE
) -> RecogniserConfig:
    """Of a variant by name; unimodal networks have nothing to align."""
    options = dict(recipe.network) | VARIANTS[variant]
    if len(modalities) == 1:
        options["alignment"] = "none"
    return RecogniserConfig(modalities, identities, **options)


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
    system = _new(config, seed)
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
    system = _new(configuration(one.modalities, len(users), "anchors for InfoNCE"), seed)
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


def untrained_on_users(
    one: Set, *, variant: str = "full", recipe: Recipe = RECIPE
) -> MultimodalRecogniser:
    """The background networks alone, joined: for users that nothing was trained on. Eval mode.

    Embeddings of each modality are meaningful within that modality; fusion and logits are not
    trained.
    """
    system = _new(configuration(one.modalities, 2, variant, recipe), 0)
    for modality in one.modalities:
        _put(system, modality.name, background(one, modality, variant, recipe))
    return system.eval()


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
    kept = (
        CACHE
        / f"background-{_hash(x.tobytes(), who.tobytes(), config, steps, _code(*_BACKGROUND))}.pt"
    )
    if kept.exists():
        found: dict[str, Tensor] = torch.load(kept, weights_only=True)
        return found
    system = _background_network(config, x, who, recipe)
    torch.save(system.state_dict(), kept)
    return system.state_dict()


def _background_network(
    config: RecogniserConfig, x: NDArray[np.float32], who: NDArray[np.int64], recipe: Recipe
) -> MultimodalRecogniser:
    system = _new(config, 0).train().to(memory_format=torch.channels_last)
    name = config.modalities[0].name
    optimizer, schedule = _optimizer(
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
            _step(loss, system, optimizer, schedule)
    return system.eval()


def _learn(
    system: MultimodalRecogniser, features: dict[str, list[Tensor]], seed: int, recipe: Recipe
) -> None:
    """Everything after the encoders, which stay as they are."""
    users, names, tail = system.config.identities, system.config.names, _Tail(system)
    draw = np.random.default_rng([seed, 1])
    _prototypes(system, features, draw)
    optimizer, schedule = _optimizer(tail, recipe.rate, recipe.steps, recipe.decay)
    tail.train()
    dropped = torch.Generator().manual_seed(seed)
    for _ in range(recipe.steps):
        who = draw.integers(0, users, recipe.batch)
        present = random_subsets(len(who), len(names), missing=recipe.missing, generator=dropped)
        found = tail(*(_drawn(features[name], who, draw) for name in names), present=present)
        losses = system.losses_of(found, torch.from_numpy(who))
        _step(losses.total.mean(), tail, optimizer, schedule)


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


def augmented(name: str, x: Tensor, draw: np.random.Generator) -> Tensor:
    """Each record changed as another session might: moved, lighter, noisier."""
    return {"face": _face, "voice": _voice, "behaviour": _behaviour}[name](x, draw)


def _face(x: Tensor, draw: np.random.Generator) -> Tensor:
    """Turned, enlarged, moved, mirrored; contrast and brightness."""
    n = len(x)
    angle, size = draw.normal(0, 0.08, n), np.exp(draw.normal(0, 0.06, n))
    mirrored = draw.choice([-1.0, 1.0], n)
    maps = np.zeros((n, 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = mirrored * np.cos(angle) / size, -np.sin(angle) / size
    maps[:, 1, 0], maps[:, 1, 1] = mirrored * np.sin(angle) / size, np.cos(angle) / size
    maps[:, :, 2] = draw.normal(0, 0.05, (n, 2))
    grid = functional.affine_grid(torch.from_numpy(maps).float(), list(x.shape), False)
    moved = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    gain = torch.from_numpy(np.exp(draw.normal(0, 0.15, (n, 1, 1, 1)))).float()
    light = torch.from_numpy(draw.normal(0, 0.05, (n, 1, 1, 1))).float()
    return ((moved - 0.5) * gain + 0.5 + light).clamp(0, 1)


def _voice(x: Tensor, draw: np.random.Generator) -> Tensor:
    """Begun elsewhere, a band or some time silenced, a little noise."""
    moved = torch.stack(
        [
            one.roll(int(by), -1)
            for one, by in zip(x, draw.integers(x.shape[-1], size=len(x)), strict=True)
        ]
    )
    for dimension, longest in ((2, 6), (3, 16)):
        size = draw.integers(0, longest, len(x))
        first = draw.integers(0, x.shape[dimension] - longest, len(x))
        for one, at, width in zip(moved, first, size, strict=True):
            one.narrow(dimension - 1, int(at), int(width)).zero_()
    noise = torch.from_numpy(draw.normal(0, 0.1, tuple(x.shape))).float()
    return moved + noise


def _behaviour(x: Tensor, draw: np.random.Generator) -> Tensor:
    """Begun some keys later."""
    later = []
    for one, by in zip(x, draw.integers(0, 12, len(x)), strict=True):
        later.append(functional.pad(one[int(by) :], (0, 0, 0, int(by))))
    return torch.stack(later)


def _optimizer(system: nn.Module, rate: float, steps: int, decay: float) -> Any:
    weights = [weight for weight in system.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.2
    )
    return optimizer, schedule


def _step(loss: Tensor, system: nn.Module, optimizer: Any, schedule: Any) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(system.parameters(), 5.0)
    optimizer.step()
    schedule.step()


def _new(config: RecogniserConfig, seed: int) -> MultimodalRecogniser:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MultimodalRecogniser(config)


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
    return _hash(*arrays, people, config, seed, recipe, _code(*_BACKGROUND, *_USERS))


def _hash(*parts: object) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
    return digest.hexdigest()[:20]


def _code(*functions: Callable[..., object]) -> bytes:
    """What trained weights depend on: these functions and the network's modules."""
    models = ROOT / "src/polyveil/models"
    files = [models / f"recognition/{name}.py" for name in _NETWORK]
    files += [models / f"{name}.py" for name in ("odconv", "odconv_attention", "vae", "step_norm")]
    text = "".join(inspect.getsource(one) for one in functions)
    return text.encode() + b"".join(file.read_bytes() for file in files)


_NETWORK = ("alignment", "anchors", "closed_set", "encoders", "projection", "subset_fusion")
_BACKGROUND = (_background_network, _face, _voice, _behaviour, _optimizer, _step, _new)
_USERS = (_learn, _drawn, _features, _encoded, _put, _prototypes, _Tail, train)
