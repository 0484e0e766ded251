# SPDX-License-Identifier: Apache-2.0
"""Recognisers of chimeric users, trained fast enough for many pairings and variants.

Two steps. First, once: each modality's network (autoencoder or stem, encoder, projection) learns to
tell apart the people of the BACKGROUND part, who are in no pairing that is judged. Second, pairing
by pairing: autoencoders stay as they are, codes of the users' enrolment records are made once with
their augmentations, and everything that follows the code (encoders, projections, alignment,
fusion, closed-set head) is trained on them. The first step does not depend on the pairing; so the
spread over pairings holds users, training order and noise, not the background's.

Settings were chosen on development users alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from _chimeric_sets import CACHE, Set
from _common import ROOT
from polyveil.models.odconv_attention import anneal
from polyveil.models.recognition import Modality, MultimodalRecogniser, RecogniserConfig
from polyveil.models.recognition.modality import slot
from polyveil.models.recognition.subset_fusion import random_subsets
from polyveil.models.vae import VAE
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
      background_steps, steps: of the two trainings; `steps` for 20 users, more in proportion.
      background_batch, batch: records of a step.
      background_rate, rate: highest learning rate of AdamW, falling to 0 along a cosine.
      decay: weight decay.
      missing: probability that a modality is left out of a training record.
      augmented: codes made of each enrolment sample.
      network: options of `RecogniserConfig` beyond the variant's.
    """

    background_steps: int = 240
    background_batch: int = 64
    background_rate: float = 3e-3
    background_vae_weight: float = 1.0
    steps: int = 120
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.05
    missing: float = 0.3
    augmented: int = 8
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
    codes = {
        name: [_codes(system, name, _enrolled(one, pairing, name, u.people), recipe) for u in users]
        for name in (m.name for m in modalities)
    }
    _learn(system, codes, seed, recipe)
    torch.save(system.state_dict(), kept)
    return system.eval()


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
    kept = CACHE / f"background-{_hash(x.tobytes(), who.tobytes(), config, steps, _sources())}.pt"
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
    system: MultimodalRecogniser, codes: dict[str, list[Tensor]], seed: int, recipe: Recipe
) -> None:
    """Everything after the codes; autoencoders and stems stay as they are."""
    for weight in system.coders.parameters():
        weight.requires_grad_(False)
    users, names = system.config.identities, system.config.names
    steps = max(round(recipe.steps * users / 20), recipe.steps // 2)
    optimizer, schedule = _optimizer(system, recipe.rate, steps, recipe.decay)
    draw = np.random.default_rng([seed, 1])
    system.train()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        dropped = torch.Generator().manual_seed(seed)
        order = np.concatenate(
            [draw.permutation(users) for _ in range(-(-steps * recipe.batch // users))]
        )
        for step in range(steps):
            who = order[step * recipe.batch : (step + 1) * recipe.batch]
            batch = {name: _drawn(codes[name], who, draw) for name in names}
            present = random_subsets(
                len(who), len(names), missing=recipe.missing, generator=dropped
            )
            losses = system.losses_of(system.recognise(batch, present), torch.from_numpy(who))
            _step(losses.total.mean(), system, optimizer, schedule)


def _drawn(codes: list[Tensor], who: NDArray[np.int64], draw: np.random.Generator) -> Tensor:
    """One sampled code of each of these users: mean and deviation are stacked in dimension 1."""
    mean, deviation = torch.stack(
        [codes[user][draw.integers(len(codes[user]))] for user in who]
    ).unbind(1)
    return mean + deviation * torch.randn_like(mean)


def _codes(
    system: MultimodalRecogniser, name: str, x: NDArray[np.float32], recipe: Recipe
) -> Tensor:
    """Means and deviations of augmented samples, [samples * augmented, 2, *code]."""
    coder = system.coders[slot(name)]
    draw = np.random.default_rng(0)
    batch = torch.from_numpy(x).repeat_interleave(recipe.augmented, 0)
    batch = augmented(name, batch, draw)
    with torch.no_grad():
        if not isinstance(coder, VAE):
            maps = coder(batch)
            return torch.stack([maps, torch.zeros_like(maps)], 1)
        found = coder.encode(batch, torch.zeros(len(batch), *coder.config.code))
        deviation = coder.config.noise * torch.exp(found.log_variance / 2)
        return torch.stack([found.mean, deviation], 1)


def _enrolled(
    one: Set, pairing: Pairing, name: str, people: Mapping[str, str]
) -> NDArray[np.float32]:
    return one.arrays[name][pairing.sources[name].rows(people[name], "enrolment")]


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
        [one.roll(int(by), -1) for one, by in zip(x, draw.integers(x.shape[-1], size=len(x)))]
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


def _optimizer(system: MultimodalRecogniser, rate: float, steps: int, decay: float) -> Any:
    weights = [weight for weight in system.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.2
    )
    return optimizer, schedule


def _step(loss: Tensor, system: MultimodalRecogniser, optimizer: Any, schedule: Any) -> None:
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
    return _hash(*arrays, people, config, seed, recipe, _sources())


def _hash(*parts: object) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
    return digest.hexdigest()[:20]


def _sources() -> bytes:
    """The code that trained weights depend on."""
    models = ROOT / "src/polyveil/models"
    files = [Path(__file__), *sorted(models.glob("recognition/*.py"))]
    files += [models / f"{name}.py" for name in ("odconv", "odconv_attention", "vae", "step_norm")]
    kept = [file for file in files if file.stem not in ("export_onnx", "stored", "__init__")]
    return b"".join(file.read_bytes() for file in kept)
