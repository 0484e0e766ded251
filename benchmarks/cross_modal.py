# SPDX-License-Identifier: Apache-2.0
"""Does a face find the voice it was paired with? On people never seen it must not.

    python benchmarks/cross_modal.py

Chimeric users: who is joined with whom was drawn at random, so one modality of a person nobody was
trained on says nothing about another, and retrieval above chance would be a leak of the protocol.
Two ways to look: cosine in the common space, and a ridge regression from one modality's embeddings
to the other's, fitted on the users that the recogniser was trained on. Beside it the users it was
trained on (by other samples than those it saw): they may be found. And the alarm itself is tried:
all samples of a user, background and evaluation, get the same faint mark in face and voice (four
numbers a user; a pattern of light in the face, of hum in the sound), a recogniser is trained on
marked background users, and the same test is asked about marked users never seen.

Place: share of the other people who come before the right one; 0.5 is chance. p by permutation of
who belongs to whom, all pairings together: of the place on both sides, of first places upwards.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from _biometrics import Embedded, Floats
from _chimeric_sets import Set, load
from _common import table, write
from _people_never_seen import PAIRINGS, TRAINED_ON, people, recogniser
from _recogniser_embeddings import embedded
from _recogniser_recipe import RECIPE
from _recogniser_training import train
from polyveil.interval import Interval
from polyveil.recognize.chimeric import PARTS, Pairing, Part, Role
from polyveil.recognize.retrieval import Retrieval, retrieval
from polyveil.recognize.scheme import embeddings_of

MARKED = ("face", "voice")
MARKS = 4
RIDGE = 1.0
PLANTED = 2
Look = Callable[[Embedded, Part, str, str], Floats]


def means(one: Embedded, part: Part, name: str, roles: Sequence[Role] = ("probe",)) -> Floats:
    """One mean embedding a user, (users, width)."""
    source = one.pairing.sources[name]
    rows = [
        np.concatenate([source.rows(user.people[name], role) for role in roles])
        for user in one.pairing.users[part]
    ]
    return np.stack([embeddings_of(one.samples[name][chosen]).mean(axis=0) for chosen in rows])


def by_cosine(one: Embedded, part: Part, query: str, gallery: str) -> Floats:
    """(users, users) in the common space."""
    return embeddings_of(means(one, part, query)) @ embeddings_of(means(one, part, gallery)).T


def by_ridge(one: Embedded, part: Part, query: str, gallery: str) -> Floats:
    """The same after the best linear way from one to the other on the background's enrolments."""
    x, y = (means(one, "background", name, ("enrolment",)) for name in (query, gallery))
    centre = x.mean(axis=0), y.mean(axis=0)
    x, y = x - centre[0], y - centre[1]
    way = np.linalg.solve(
        x.T @ x + RIDGE * np.trace(x.T @ x) / len(x.T) * np.eye(len(x.T)), x.T @ y
    )
    guess = (means(one, part, query) - centre[0]) @ way
    return embeddings_of(guess) @ embeddings_of(means(one, part, gallery) - centre[1]).T


WAYS: dict[str, Look] = {"cosine": by_cosine, "ridge from trained users": by_ridge}


def looked(ones: Sequence[Embedded], part: Part, pairs: Sequence[tuple[str, str]]) -> list[Any]:
    """(way, query, gallery, what was found) of every direction."""
    return [
        (way, query, gallery, retrieval([look(one, part, query, gallery) for one in ones], seed=0))
        for way, look in WAYS.items()
        for query, gallery in pairs
    ]


def trained(recognisers: int) -> Iterator[Embedded]:
    """The very users that recognisers were trained on."""
    one = load(TRAINED_ON)
    for number in range(recognisers):
        pairing, system = recogniser(number)
        yield embedded(one, pairing, system)


def marked(one: Set, pairing: Pairing, strength: float) -> Set:
    """Every sample of a user with the same mark in face and voice.

    Args:
      strength: of the mark, in standard deviations of the modality, where a number of it is 1.
    """
    draw = np.random.default_rng([pairing.seed, 7])
    patterns = {name: smooth(one.arrays[name].shape[1:], draw) for name in MARKED}
    arrays = dict(one.arrays) | {name: one.arrays[name].copy() for name in MARKED}
    for part in PARTS:
        for user in pairing.users[part]:
            mark = draw.normal(size=MARKS) / np.sqrt(MARKS)
            for name in MARKED:
                source = pairing.sources[name]
                rows = source.people == user.people[name]
                touch = strength * one.arrays[name].std() * np.tensordot(mark, patterns[name], 1)
                arrays[name][rows] += touch.astype(np.float32)
    return replace(one, arrays=arrays)


def smooth(shape: tuple[int, ...], draw: np.random.Generator) -> NDArray[np.float64]:
    """(MARKS, *shape), slow waves of mean square 1, drawn anew for each modality."""
    _, high, wide = shape
    y, x = np.mgrid[:high, :wide]
    waves = [
        np.cos(2 * np.pi * (draw.uniform(0, 2) * y / high + draw.uniform(0, 2) * x / wide)
               + draw.uniform(0, 2 * np.pi))
        for _ in range(MARKS)
    ]  # fmt: skip
    return np.stack([(wave / np.sqrt((wave**2).mean()))[None] for wave in waves])


def planted(strength: float) -> list[Embedded]:
    """Marked users never seen, by recognisers trained on marked background users."""
    one, found = load(TRAINED_ON), []
    for seed in range(PLANTED):
        pairing = Pairing.draw(one.sources, seed=seed)
        bad = marked(one, pairing, strength)
        # A short first training: the mark has to be found, people do not.
        system = train(bad, pairing, part="background", seed=seed, recipe=RECIPE)
        found.append(embedded(bad, pairing, system))
    return found


def shown(found: Interval) -> str:
    return f"{100 * found.estimate:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def row(users: str, way: str, query: str, gallery: str, found: Retrieval) -> list[str]:
    low, high = found.place_chance
    return [
        users,
        way,
        f"{query} → {gallery}",
        shown(found.rank_1),
        f"{100 * found.rank_1_chance:.1f}",
        shown(found.place),
        f"{100 * low:.1f} to {100 * high:.1f}",
        f"{found.p:.4f}",
        f"{found.p_rank_1:.4f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairings", type=int, default=2 * PAIRINGS)
    parser.add_argument("--strength", type=float, default=0.5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    unseen = list(people(TRAINED_ON, pairings=given.pairings))
    pairs = list(permutations(unseen[0].modalities, 2))
    never = looked(unseen, "evaluation", pairs)
    rows = [row("never seen", *one) for one in never]
    seen = list(trained(min(given.pairings, 4)))
    rows += [row("trained on", *one) for one in looked(seen, "background", pairs)[: len(pairs)]]
    both = [(MARKED[0], MARKED[1]), (MARKED[1], MARKED[0])]
    leak = looked(planted(given.strength), "evaluation", both)
    rows += [row("never seen, mark planted", *one) for one in leak]
    head = [
        "users",
        "by",
        "query → gallery",
        "rank 1, %",
        "chance",
        "place, %",
        "chance",
        "p, place",
        "p, rank 1",
    ]
    print(table(head, rows))
    smallest = sorted(p for *_, found in never for p in (found.p, found.p_rank_1))
    alarm = 0.05 / len(smallest)
    print(
        f"smallest of {len(smallest)} p of people never seen: {smallest[0]:.4f}; alarm: {alarm:.4f}"
    )
    figures = {
        "columns": head,
        "rows": rows,
        "pairings": given.pairings,
        "mark strength": given.strength,
        "alarm at p below": alarm,
    }
    write("cross_modal", figures, packages=("numpy", "torch"))


if __name__ == "__main__":
    main()
