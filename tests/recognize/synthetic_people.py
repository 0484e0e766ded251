# SPDX-License-Identifier: Apache-2.0
"""Made-up people: embeddings of several samples each, as alike as asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyveil.privacy.key import ProjectKey
from polyveil.recognize.scheme import Scheme
from polyveil.recognize.template import template_secret
from polyveil.recognize.trials import Part, Split, Trials

KEY = ProjectKey(b"a test key that has 32 bytes ...")
SCHEME = Scheme(64, 32)


def people(
    count: int, *, samples: int = 2, dimension: int = 64, alike: float = 0.8, seed: int = 0
) -> NDArray[np.float64]:
    """Unit vectors (count, samples, dimension); samples of one person have cosine about `alike`."""
    draw = np.random.default_rng(seed)
    person = draw.normal(size=(count, 1, dimension))
    session = draw.normal(size=(count, samples, dimension))
    mixed = np.sqrt(alike) * person + np.sqrt(1 - alike) * session
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def secret(subject: str = "s", modality: str = "face", enrolment: str = "e") -> bytes:
    return template_secret(KEY, subject=subject, modality=modality, enrolment=enrolment)


def names(count: int, prefix: str = "p") -> list[str]:
    return [f"{prefix}{index:03d}" for index in range(count)]


def halves(count: int) -> Split:
    """The first half for development, the second for evaluation."""
    everybody = names(count)
    return Split(
        frozenset(),
        frozenset(everybody[: count // 2]),
        frozenset(everybody[count // 2 :]),
    )


def protected(
    split: Split, part: Part, *, count: int = 60, probes: int = 3, alike: float = 0.8
) -> Trials:
    """Face and voice of one half, through real templates."""
    own = sorted(split.development if part == "development" else split.evaluation)
    face = people(count, samples=probes + 1, alike=alike, seed=1)
    voice = people(count, samples=probes + 1, alike=alike, seed=2)
    rows = {name: int(name[1:]) for name in own}
    return split.protected_trials(
        part,
        {name: {"face": face[i, 0], "voice": voice[i, 0]} for name, i in rows.items()},
        {
            name: [{"face": face[i, k], "voice": voice[i, k]} for k in range(1, probes + 1)]
            for name, i in rows.items()
        },
        key=KEY,
        schemes={"face": SCHEME, "voice": SCHEME},
    )


def drawn(
    split: Split, part: Part, *, probes: int = 4, gap: float = 2.0, seed: int = 0, levels: int = 0
) -> Trials:
    """Normal scores without templates: every probe against everybody of one half."""
    own = sorted(split.development if part == "development" else split.evaluation)
    draw = np.random.default_rng(seed)
    searches = [f"{name}/{k}" for name in own for k in range(probes)]
    whose = np.repeat([name for name in own for _ in range(probes)], len(own))
    against = np.tile(own, len(searches))
    scores = draw.normal(size=len(whose)) + gap * (whose == against)
    if levels:
        scores = np.round(scores * levels) / levels
    return split.trials(
        part,
        searches=np.repeat(searches, len(own)),
        probes=whose,
        templates=against,
        scores={"face": scores},
    )
