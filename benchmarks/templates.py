# SPDX-License-Identifier: Apache-2.0
"""Protected templates: what they cost in accuracy, and what a stolen key gives away.

    python benchmarks/templates.py

Made-up people (normal embeddings, two samples a person with cosine 0.6 on average), 300 for
thresholds and 300 others for figures. Impostors hold the victim's key. Beside polyveil's scheme:
sign bits of random projections (BioHash) and Index-of-Max hashing, inverted by the same linear
Gaussian attacker. Real embeddings will give other figures; the order of schemes is what this shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from _common import table, write
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.curves import equal_error_rate, true_accept_rate
from polyveil.recognize.inversion import Stolen, climb, informed, judge, least_squares
from polyveil.recognize.scheme import Scheme
from polyveil.recognize.scoring import scores_under
from polyveil.recognize.template import compare, protect, template_secret
from polyveil.recognize.trials import Split, Trials
from polyveil.recognize.unlinkability import linkability

Floats = NDArray[np.float64]
PEOPLE, ALIKE, FAR = 300, 0.6, 0.001
KEY = ProjectKey(b"a benchmark key with 32 bytes...")


def crowd(dimension: int, seed: int, *, directions: int | None = None) -> Floats:
    """(2 * PEOPLE, 2, dimension), the second half for figures; in fewer directions if asked."""
    draw = np.random.default_rng(seed)
    size = directions or dimension
    person, session = (draw.normal(size=(2 * PEOPLE, n, size)) for n in (1, 2))
    mixed = np.sqrt(ALIKE) * person + np.sqrt(1 - ALIKE) * session
    base = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, size)))[0]
    return unit(mixed @ base.T)


def unit(rows: Floats) -> Floats:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def trials_of(scores: Floats) -> Trials:
    names = [f"p{index}" for index in range(2 * PEOPLE)]
    split = Split(frozenset(), frozenset(names[:PEOPLE]), frozenset(names[PEOPLE:]))
    whose = np.repeat(names[PEOPLE:], PEOPLE)
    return split.trials(
        "evaluation",
        searches=whose,
        probes=whose,
        templates=np.tile(names[PEOPLE:], PEOPLE),
        scores={"made up": scores.ravel()},
    )


def accuracy(scores: Callable[[slice], Floats]) -> tuple[list[Any], float]:
    """([EER, TAR], development threshold at the FAR) of a table of scores by half."""
    development = scores(slice(0, PEOPLE))
    threshold = float(np.quantile(development[~np.eye(PEOPLE, dtype=bool)], 1 - FAR))
    trials = trials_of(scores(slice(PEOPLE, None)))
    column = trials.scores["made up"]
    eer = equal_error_rate(trials, column, seed=0)
    tar = true_accept_rate(trials, column, far=FAR, seed=0)
    return [shown(eer), shown(tar)], threshold


def shown(figure: Any) -> str:
    return f"{100 * figure.estimate:.1f} % [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def secrets_of(tag: str, rows: slice) -> list[bytes]:
    return [
        template_secret(KEY, subject=f"p{index}", modality="made up", enrolment=tag)
        for index in range(*rows.indices(2 * PEOPLE))
    ]


def stolen(faces: Floats, scheme: Scheme, tag: str) -> list[Stolen]:
    half = slice(PEOPLE, None)
    return [
        Stolen(protect(face, secret, scheme), secret)
        for face, secret in zip(faces, secrets_of(tag, half), strict=True)
    ]


def ours(faces: Floats, scheme: Scheme) -> dict[str, Any]:
    def scores(half: slice) -> Floats:
        secrets = secrets_of("first", half)
        made = [protect(f, s, scheme) for f, s in zip(faces[half, 0], secrets, strict=True)]
        return scores_under(faces[half, 1], secrets, made)

    figures, threshold = accuracy(scores)
    own = faces[PEOPLE:]
    first, fresh = stolen(own[:, 0], scheme, "first"), stolen(own[:, 1], scheme, "fresh")
    knows = faces[:PEOPLE].reshape(-1, scheme.dimension)
    attack = judge(
        lambda one: informed(one, knows),
        own[:, 0],
        [[one] for one in first],
        fresh,
        threshold=threshold,
        seed=0,
    )
    return {
        "figures": [*figures, attack.cosine.estimate, shown(attack.passes_renewed)],
        "stolen": first,
        "fresh": fresh,
        "threshold": threshold,
    }


@dataclass(frozen=True)
class IndexOfMax:
    """Index-of-Max with normal projections; two choices are the sign bits of BioHash."""

    hashes: int
    choices: int

    def ways(self, seed: int, dimension: int) -> Floats:
        draw = np.random.default_rng(seed)
        return draw.normal(size=(self.hashes * self.choices, dimension))

    def codes(self, way: Floats, faces: Floats) -> NDArray[np.int64]:
        return (faces @ way.T).reshape(-1, self.hashes, self.choices).argmax(axis=-1)

    def invert(self, way: Floats, code: NDArray[np.int64], knows: Floats) -> Floats:
        """Mean of a normal embedding given the expected order statistics of each hash."""
        draws = np.sort(np.random.default_rng(0).normal(size=(20000, self.choices)), axis=1)
        top = draws[:, -1].mean()
        told = np.full((self.hashes, self.choices), -top / (self.choices - 1))
        told[np.arange(self.hashes), code] = top
        scale = np.sqrt(way.shape[1])
        spread = ledoit_wolf(knows)[0] * scale**2
        known = way @ spread @ way.T
        noise = np.trace(known) / len(known) * max(1 - float((told**2).mean()), 0.05)
        known += noise * np.eye(len(known))
        return unit(spread @ way.T @ np.linalg.solve(known, told.ravel() * scale))

    def figures(self, faces: Floats) -> list[Any]:
        dimension = faces.shape[-1]

        def scores(half: slice) -> Floats:
            columns = []
            for index in range(*half.indices(2 * PEOPLE)):
                way = self.ways(index, dimension)
                reference = self.codes(way, faces[index, :1])
                columns.append((self.codes(way, faces[half, 1]) == reference).mean(axis=1))
            return np.stack(columns, axis=1)

        figures, threshold = accuracy(scores)
        knows, cosines, passed = faces[:PEOPLE].reshape(-1, dimension), [], []
        for index in range(PEOPLE, 2 * PEOPLE):
            way, fresh = self.ways(index, dimension), self.ways(10**6 + index, dimension)
            guess = self.invert(way, self.codes(way, faces[index, :1])[0], knows)
            cosines.append(guess @ faces[index, 0])
            renewed = self.codes(fresh, faces[index, 1:])
            passed.append((self.codes(fresh, guess[None]) == renewed).mean() > threshold)
        return [*figures, float(np.mean(cosines)), f"{100 * np.mean(passed):.1f} %"]


def plain(faces: Floats) -> list[Any]:
    figures, threshold = accuracy(lambda half: faces[half, 1] @ faces[half, 0].T)
    passed = np.mean((faces[PEOPLE:, 0] * faces[PEOPLE:, 1]).sum(axis=1) > threshold)
    return [*figures, 1.0, f"{100 * passed:.1f} %"]


def more_thefts(faces: Floats, scheme: Scheme, threshold: float) -> list[list[Any]]:
    """What several stolen templates of one person give, and a search that only sees scores."""
    own, knows = faces[PEOPLE:], faces[:PEOPLE].reshape(-1, scheme.dimension)
    fresh = stolen(own[:, 1], scheme, "fresh")
    several = [stolen(own[:, 0], scheme, f"theft {number}") for number in range(4)]
    rows = []
    for count in (1, 2, 4):
        thefts = [list(one) for one in zip(*several[:count], strict=True)]
        found = judge(
            lambda one: informed(one, knows),
            own[:, 0],
            thefts,
            fresh,
            threshold=threshold,
            seed=0,
        )
        rows.append(
            [f"informed, {count} stolen", found.cosine.estimate, shown(found.passes_renewed)]
        )
    few = 30
    for name, attack in (
        ("least squares, 1 stolen", least_squares),
        ("4,000 scores asked, 1 stolen", lambda one: climb(one, seed=0)),
    ):
        thefts = [[one] for one in several[0][:few]]
        found = judge(attack, own[:few, 0], thefts, fresh[:few], threshold=threshold, seed=0)
        rows.append([f"{name}, {few} people", found.cosine.estimate, shown(found.passes_renewed)])
    return rows


def linked(first: list[Stolen], fresh: list[Stolen]) -> list[list[Any]]:
    """D_sys by templates alone, and by what their stolen keys make of them."""
    shifted = fresh[1:] + fresh[:1]
    blind = [[compare(a.template, b.template) for a, b in zip(first, other, strict=True)]
             for other in (fresh, shifted)]  # fmt: skip
    one, two = (np.stack([least_squares([x]) for x in side]) for side in (first, fresh))
    open_ = [(one * other).sum(axis=1) for other in (two, np.roll(two, -1, axis=0))]
    rows = []
    for name, (mated, others) in (("templates alone", blind), ("both keys stolen", open_)):
        found = linkability(np.array(mated), np.array(others), seed=0)
        rows.append([name, found.d_sys, found.chance, found.chance_high])
    return rows


def speed() -> dict[str, float]:
    """Milliseconds a template of a search, secrets and subspaces derived on the way."""
    told = {}
    for dimension in (128, 512):
        scheme = Scheme.for_dimension(dimension)
        faces = unit(np.random.default_rng(0).normal(size=(200, dimension)))
        secrets = [template_secret(KEY, subject=str(i), modality="m", enrolment="e")
                   for i in range(200)]  # fmt: skip
        made = [protect(f, s, scheme) for f, s in zip(faces, secrets, strict=True)]
        took = []
        for _ in range(5):
            start = time.perf_counter()
            scores_under(faces[0], secrets, made)
            took.append(time.perf_counter() - start)
        told[str(dimension)] = 1000 * float(np.median(took)) / 200
    return told


def main() -> None:
    rows, kept_result = [], None
    for label, faces in (
        ("128", crowd(128, 1)),
        ("128, in 48 directions", crowd(128, 2, directions=48)),
    ):
        rows.append([label, "plain cosine", *plain(faces)])
        for kept, bits in ((32, 2), (48, 2), (64, 1), (64, 2), (64, 3), (96, 2), (128, 2)):
            found = ours(faces, Scheme(128, kept, bits))
            rows.append([label, f"polyveil {kept} x {bits} bits", *found["figures"]])
            if (label, kept, bits) == ("128", 64, 2):
                kept_result = found
        for name, other in (
            ("BioHash 128 bits", IndexOfMax(128, 2)),
            ("BioHash 256 bits", IndexOfMax(256, 2)),
            ("IoM 64 x 8", IndexOfMax(64, 8)),
            ("IoM 128 x 8", IndexOfMax(128, 8)),
        ):
            rows.append([label, name, *other.figures(faces)])
    head = ["embedding", "template", "EER", "TAR at 0.1 % FAR", "cosine", "passes a renewed one"]
    print(table(head, rows))
    assert kept_result is not None
    thefts = more_thefts(crowd(128, 1), Scheme(128, 64, 2), kept_result["threshold"])
    print("\n" + table(["attacker on 64 x 2 bits", "cosine", "passes a renewed one"], thefts))
    links = linked(kept_result["stolen"], kept_result["fresh"])
    print("\n" + table(["linking", "D_sys", "by chance", "95 % of chance below"], links))
    took = speed()
    print("\nmilliseconds a template of a search:", took)
    figures = {"schemes": rows, "thefts": thefts, "linking": links, "milliseconds": took}
    write("templates", figures, packages=("numpy", "scipy", "scikit-learn"))


if __name__ == "__main__":
    main()
