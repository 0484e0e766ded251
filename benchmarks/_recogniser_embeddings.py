# SPDX-License-Identifier: Apache-2.0
"""Embeddings of a pairing's users by a trained recogniser: clean, noisy, with modalities missing.

Codes are sampled once a sample, as in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from _biometrics import Embedded, Floats
from _chimeric_sets import Set
from polyveil.models.recognition import MultimodalRecogniser
from polyveil.recognize.chimeric import PARTS, ROLES, Pairing, Part, Role

Inputs = Mapping[str, NDArray[np.float32]]


def embedded(
    one: Set,
    pairing: Pairing,
    system: MultimodalRecogniser,
    *,
    strengths: Sequence[float] = (),
    joint: bool = True,
) -> Embedded:
    """Everything that is compared.

    Args:
      strengths: of Gaussian noise on evaluation probes, in standard deviations of the modality.
      joint: with the network's own fusion; it must have been trained.
    """
    names = system.config.names
    everyone = {name: _rows(pairing, name, PARTS, ROLES) for name in names}
    probes = {name: _rows(pairing, name, ("evaluation",), ("probe",)) for name in names}
    arrays = {name: one.arrays[name] for name in names}
    with torch.random.fork_rng():
        torch.manual_seed(pairing.seed)
        samples = {name: _embed(system, name, arrays[name], everyone[name]) for name in names}
        noisy = {
            label(strength): {
                name: _embed(system, name, _noisy(x, strength, probes[name]), probes[name])
                for name, x in arrays.items()
            }
            for strength in strengths
        }
    if not joint:
        return Embedded(pairing, samples, {}, noisy)
    every = _fused(system, pairing, samples)
    return Embedded(pairing, samples, every, noisy, _joint(system, pairing, samples, noisy))


def label(strength: float) -> str:
    return f"noise {strength:g}"


def without(names: Sequence[str]) -> str:
    """The version of the joint embedding that these modalities are missing from."""
    return "without " + " + ".join(names)


def with_noise(strength: float, names: Sequence[str]) -> str:
    """The version of the joint embedding in which these modalities are noisy."""
    return f"{label(strength)} on {' + '.join(names)}"


def subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every choice of one or more."""
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


def _rows(
    pairing: Pairing, name: str, parts: Sequence[Part], roles: Sequence[Role]
) -> NDArray[np.int64]:
    source = pairing.sources[name]
    found = [
        source.rows(user.people[name], role)
        for part in parts
        for user in pairing.users[part]
        for role in roles
    ]
    return np.unique(np.concatenate(found))


def _noisy(x: NDArray[np.float32], strength: float, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """These rows with noise, the rest left empty."""
    draw = np.random.default_rng([round(1000 * strength), len(x)])
    found = np.zeros_like(x)
    noise = draw.normal(size=x[rows].shape).astype(np.float32)
    found[rows] = x[rows] + strength * float(x[rows].std()) * noise
    return found


@torch.no_grad()
def _embed(
    system: MultimodalRecogniser, name: str, x: NDArray[np.float32], rows: NDArray[np.int64]
) -> Floats:
    """(samples, width), NaN where not asked for."""
    parts = [
        system({name: torch.from_numpy(x[chosen])}).embeddings[name].numpy()
        for chosen in np.array_split(rows, max(len(rows) // 128, 1))
    ]
    found = np.full((len(x), system.config.width), np.nan)
    found[rows] = np.concatenate(parts)
    return found


@torch.no_grad()
def _fuse(
    system: MultimodalRecogniser, parts: Mapping[str, Floats], left_out: Sequence[str] = ()
) -> Floats:
    rows = {name: torch.from_numpy(np.nan_to_num(x)).float() for name, x in parts.items()}
    mask = torch.tensor([name not in left_out for name in rows])
    fused = system.fusion(rows, mask.expand(len(next(iter(rows.values()))), -1))
    return np.asarray(fused.numpy(), dtype=np.float64)


def _fused(
    system: MultimodalRecogniser, pairing: Pairing, samples: Mapping[str, Floats]
) -> dict[tuple[str, str], Floats]:
    found = {}
    for part in PARTS:
        for role in ROLES:
            records = pairing.records(part, role)
            parts = {name: samples[name][rows] for name, rows in records.rows.items()}
            found[part, role] = _fuse(system, parts)
    return found


def _joint(
    system: MultimodalRecogniser,
    pairing: Pairing,
    samples: Mapping[str, Floats],
    noisy: Mapping[str, Mapping[str, Floats]],
) -> dict[str, Floats]:
    """The joint embedding of evaluation probes in every version."""
    rows = pairing.records("evaluation", "probe").rows
    clean = {name: samples[name][rows[name]] for name in samples}
    found = {}
    if not noisy:
        return found
    for left_out in subsets(tuple(samples)):
        if len(left_out) < len(samples):
            found[without(left_out)] = _fuse(system, clean, left_out)
    for version, of in noisy.items():
        for touched in subsets(tuple(samples)):
            mixed = clean | {name: of[name][rows[name]] for name in touched}
            found[f"{version} on {' + '.join(touched)}"] = _fuse(system, mixed)
    return found
