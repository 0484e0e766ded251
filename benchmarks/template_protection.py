# SPDX-License-Identifier: Apache-2.0
"""Protected templates by ISO/IEC 24745: what they cost, and what a stolen key gives away.

    python benchmarks/template_protection.py

Embeddings: of recognisers that were trained on background people, on chimeric users never seen
(_people_never_seen; of one pairing); of dlib's ResNet on LFW (people never seen by whoever sets
thresholds), as they come and centred on the mean of other people (recognize.Centre); and made-up
ones, normal and independent, of 128 numbers and of as many in 48 directions. Beside polyveil's
scheme, in the same run: plain embeddings, BioHash, Index-of-Max.

Impostors hold the victim's secret. Thresholds: the rate of false accepts that is stated in the
table, on development people; everything else is of evaluation people, intervals over people.
  Irreversible? The thief has template, secret and a background population, and inverts (linear
    Gaussian, the exact posterior for our cells). Cosine to the true embedding; how often the result
    passes the stolen template, a template renewed under a fresh secret from another sample, and a
    gallery of plain embeddings; how often it finds its person there (rank 1).
  Unlinkable? D_sys of templates of one person under two secrets, against other people's, by the
    templates alone, and by what both stolen secrets make of them. Chance: labels shuffled.
  Renewable? How often the revoked template's answer is still taken by the new one, and the equal
    error rate after renewal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from _biometrics import JOINT, KEY, Embedded, Floats, share
from _common import table, write
from _dlib_faces import faces
from _people_never_seen import TRAINED_ON, people
from _template_schemes import Ours, Plain, Way, ways
from polyveil.interval import Interval, bootstrap
from polyveil.recognize.centre import Centre
from polyveil.recognize.curves import det, equal_error_rate
from polyveil.recognize.inversion import Stolen, climb, judge, least_squares
from polyveil.recognize.scheme import Scheme
from polyveil.recognize.scoring import scores_under
from polyveil.recognize.template import protect, template_secret
from polyveil.recognize.trials import Split, Trials
from polyveil.recognize.unlinkability import Linkability, linkability

SEED = 20261121
FEW = 12
"""People whose templates are climbed to by asking for scores, which takes long."""
SHIFTS = 5
"""Strangers that each template is compared with for linkage."""


@dataclass(frozen=True, eq=False)
class Crowd:
    """People as embeddings of length 1.

    Attributes:
      name: what they are of.
      enrolled: (people, dimension), mean of the enrolled samples.
      probes: (people, k, dimension), other samples.
      development: how many come first and are for thresholds alone.
      knows: (n, dimension), of background people, which the attacker has.
      far: rate of false accepts of all thresholds.
    """

    name: str
    enrolled: Floats
    probes: Floats
    development: int
    knows: Floats
    far: float

    def part(self, development: bool) -> tuple[Floats, Floats]:
        rows = slice(self.development) if development else slice(self.development, None)
        return self.enrolled[rows], self.probes[rows]


def made_up(directions: int, *, count: int = 200, alike: float = 0.6) -> Crowd:
    """Normal embeddings of 128 numbers, two samples with cosine 0.6 on average."""
    draw = np.random.default_rng(directions)
    person, session = (draw.normal(size=(3 * count, n, directions)) for n in (1, 2))
    mixed = np.sqrt(alike) * person + np.sqrt(1 - alike) * session
    base = np.linalg.qr(np.random.default_rng(0).normal(size=(128, directions)))[0]
    rows = _unit(mixed @ base.T)
    own, others = rows[: 2 * count], rows[2 * count :, 0]
    name = f"made up, 128 numbers in {directions} directions"
    return Crowd(name, own[:, 0], own[:, 1:], count, others, 0.001)


def of_dlib(*, centred: bool) -> Crowd:
    """100 LFW people, mean of 5 pictures enrolled, 5 others to probe; the rest are background."""
    found = faces()
    draw = np.random.default_rng(SEED)
    names = [sorted(found.known)[i] for i in draw.permutation(len(found.known))]
    names = [name for name in names if len(found.known[name]) >= 10]
    rows = _unit(np.stack([found.known[name][:10] for name in names]))
    others = _unit(np.concatenate(list(found.strangers.values())))
    if centred:
        centre = Centre.of(others)
        rows = centre.apply(rows.reshape(-1, 128)).reshape(rows.shape)
        others = centre.apply(others)
    enrolled = _unit(rows[:, :5].mean(axis=1))
    name = "dlib on LFW, 128 numbers" + (", centred" if centred else "")
    return Crowd(name, enrolled, rows[:, 5:], 40, others, 0.01)


def of_recogniser(one: Embedded) -> Iterator[Crowd]:
    """Users never seen: their face, voice, behaviour, and all of it as the network fuses it."""
    for name in (*one.samples, JOINT):
        groups = [_samples(one, part, name) for part in ("development", "evaluation")]
        least = min(len(probes) for group in groups for _, probes in group)
        every = [person for group in groups for person in group]
        background = _unit(np.stack([mean for mean, _ in _samples(one, "background", name)]))
        yield Crowd(
            f"recogniser, {name}, {background.shape[1]} numbers",
            _unit(np.stack([mean for mean, _ in every])),
            _unit(np.stack([probes[:least] for _, probes in every])),
            len(groups[0]),
            background,
            0.01,
        )


def _samples(one: Embedded, part: Any, name: str) -> list[tuple[Floats, Floats]]:
    """Mean of the enrolled samples and all probes, user by user."""
    found = []
    for number, user in enumerate(one.pairing.users[part]):
        if name == JOINT:
            parts = [
                one.joint[part, role][one.pairing.records(part, role).users == number]
                for role in ("enrolment", "probe")
            ]
        else:
            source = one.pairing.sources[name]
            parts = [
                one.samples[name][source.rows(user.people[name], role)]
                for role in ("enrolment", "probe")
            ]
        found.append((_unit(parts[0]).mean(axis=0), parts[1]))
    return found


def judged(crowd: Crowd, way: Way, plain: float) -> dict[str, Any]:
    """Every figure of one protection; `plain` is the threshold of a gallery without any."""
    development = scores(way, "first", *crowd.part(True))
    threshold = _at(development, crowd.far)
    enrolled, probes = crowd.part(False)
    trials, column = trials_of(scores(way, "first", enrolled, probes))
    again, renewed = trials_of(scores(way, "renewed", probes[:, 0], enrolled[:, None]))
    return {
        "EER": equal_error_rate(trials, column, seed=SEED),
        "TAR": det(trials, column).true_accepts(crowd.far),
        "EER renewed": equal_error_rate(again, renewed, seed=SEED),
        **inverted(crowd, way, threshold, plain),
        **linked(crowd, way),
    }


def scores(way: Way, tag: str, enrolled: Floats, probes: Floats) -> Floats:
    """(people, k, people): every probe under every victim's secret."""
    flat = probes.reshape(-1, probes.shape[-1])
    columns = []
    for index, row in enumerate(enrolled):
        secret = f"{tag} {index}"
        columns.append(way.alike(way.codes(secret, flat), way.codes(secret, row[None])[0]))
    return np.stack(columns, axis=1).reshape(*probes.shape[:2], len(enrolled))


def trials_of(values: Floats) -> tuple[Trials, Floats]:
    """Evaluation trials of scores (people, k, people)."""
    count, each, _ = values.shape
    names = np.array([f"p{index}" for index in range(count)])
    split = Split(frozenset(), frozenset(["somebody else"]), frozenset(names.tolist()))
    made = split.trials(
        "evaluation",
        searches=np.repeat([str(index) for index in range(count * each)], count),
        probes=np.repeat(names, each * count),
        templates=np.tile(names, count * each),
        scores={"score": values.ravel()},
    )
    return made, made.scores["score"]


def inverted(crowd: Crowd, way: Way, threshold: float, plain: float) -> dict[str, Any]:
    """The thief with template and secret of each evaluation person."""
    enrolled, probes = crowd.part(False)
    names = [f"first {index}" for index in range(len(enrolled))]
    found = np.stack(
        [way.invert([(name, row)], crowd.knows) for name, row in zip(names, enrolled, strict=True)]
    )
    own, fresh = [], []
    for index, (guess, row) in enumerate(zip(found, enrolled, strict=True)):
        for tag, reference, kept in (("first", row, own), ("renewed", probes[index, 0], fresh)):
            secret = f"{tag} {index}"
            code = way.codes(secret, reference[None])[0]
            kept.append(float(way.alike(way.codes(secret, guess[None]), code)[0]))
    against = found @ probes[:, 0].T
    return {
        "cosine": bootstrap((found * enrolled).sum(axis=1), seed=SEED),
        "passes stolen": share(np.array(own) > threshold),
        "passes renewed": share(np.array(fresh) > threshold),
        "passes plain": share(against.diagonal() > plain),
        "found, rank 1": share(against.argmax(axis=1) == np.arange(len(found))),
        "itself found": share((enrolled @ probes[:, 0].T).argmax(axis=1) == np.arange(len(found))),
        "revoked still taken": _revoked(crowd, way, threshold),
    }


def _revoked(crowd: Crowd, way: Way, threshold: float) -> Interval:
    """Revoked template against the renewed one of the same person."""
    enrolled, probes = crowd.part(False)
    taken = []
    for index, row in enumerate(enrolled):
        old = way.codes(f"first {index}", row[None])
        new = way.codes(f"renewed {index}", probes[index, :1])[0]
        taken.append(way.alike(old, new)[0] > threshold)
    return share(np.array(taken))


def linked(crowd: Crowd, way: Way) -> dict[str, Linkability]:
    """Templates under two secrets, of one person or of two."""
    enrolled, probes = crowd.part(False)
    count, each = probes.shape[:2]
    first = [way.codes(f"first {index}", row[None])[0] for index, row in enumerate(enrolled)]
    guessed = [way.invert([(f"first {i}", row)], crowd.knows) for i, row in enumerate(enrolled)]
    alone: dict[bool, list[float]] = {True: [], False: []}
    stolen: dict[bool, list[float]] = {True: [], False: []}
    for index in range(count):
        for k in range(each):
            secret = f"other {index} {k}"
            code = way.codes(secret, probes[index, k : k + 1])[0]
            guess = way.invert([(secret, probes[index, k])], crowd.knows)
            for shift in range(SHIFTS + 1):
                other = (index + shift) % count
                alone[shift == 0].append(float(way.alike(first[other][None], code)[0]))
                stolen[shift == 0].append(float(guessed[other] @ guess))
    return {
        name: linkability(np.array(found[True]), np.array(found[False]), seed=SEED)
        for name, found in (("templates alone", alone), ("secrets stolen", stolen))
    }


def more_thefts(crowd: Crowd, scheme: Scheme) -> list[list[Any]]:
    """Several stolen templates of one person; an attacker who knows nothing; one who only asks."""
    way = Ours(scheme)
    threshold = _at(scores(way, "first", *crowd.part(True)), crowd.far)
    enrolled, probes = crowd.part(False)
    rows = []
    for count in (1, 2, 4):
        found = np.stack(
            [
                way.invert([(f"theft {i} {n}", row) for n in range(count)], crowd.knows)
                for i, row in enumerate(enrolled)
            ]
        )
        passes = []
        for index, guess in enumerate(found):
            secret = f"renewed {index}"
            code = way.codes(secret, probes[index, :1])[0]
            passes.append(way.alike(way.codes(secret, guess[None]), code)[0] > threshold)
        cosine = float((found * enrolled).sum(axis=1).mean())
        rows.append([f"informed, {count} stolen", cosine, shown(share(np.array(passes)))])
    few = min(FEW, len(enrolled))
    thefts = [[_stolen(row, scheme, f"theft {i}")] for i, row in enumerate(enrolled[:few])]
    fresh = [_stolen(row, scheme, f"renewed {i}") for i, row in enumerate(probes[:few, 0])]
    for name, attack in (
        ("least squares, 1 stolen", least_squares),
        ("4,000 scores asked, 1 stolen", lambda one: climb(one, seed=0)),
    ):
        judgement = judge(attack, enrolled[:few], thefts, fresh, threshold=threshold, seed=0)
        rows.append(
            [
                f"{name}, {few} people",
                judgement.cosine.estimate,
                shown(judgement.passes_renewed),
            ]
        )
    return rows


def speed() -> dict[str, float]:
    """Milliseconds a template of a search, secrets and subspaces derived on the way."""
    told = {}
    for dimension in (64, 128, 512):
        scheme = Scheme.for_dimension(dimension)
        rows = _unit(np.random.default_rng(0).normal(size=(200, dimension)))
        secrets = [_secret(str(index)) for index in range(200)]
        made = [protect(row, secret, scheme) for row, secret in zip(rows, secrets, strict=True)]
        took = []
        for _ in range(5):
            start = time.perf_counter()
            scores_under(rows[0], secrets, made)
            took.append(time.perf_counter() - start)
        told[str(dimension)] = 1000 * float(np.median(took)) / 200
    return told


def shown(found: Any) -> str:
    if isinstance(found, Interval):
        return f"{100 * found.estimate:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    if isinstance(found, Linkability):
        return f"{found.d_sys:.3f} ({found.chance:.3f}, {found.chance_high:.3f})"
    return f"{100 * found:.1f}"


def _unit(rows: Floats) -> Floats:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _at(values: Floats, far: float) -> float:
    """Threshold at a rate of false accepts; scores (people, k, people)."""
    own = np.broadcast_to(np.eye(len(values), dtype=bool)[:, None], values.shape)
    return float(np.quantile(values[~own], 1 - far))


def _secret(subject: str) -> bytes:
    return template_secret(KEY, subject=subject, modality="benchmark", enrolment="")


def _stolen(row: Floats, scheme: Scheme, subject: str) -> Stolen:
    secret = _secret(subject)
    return Stolen(protect(row, secret, scheme), secret)


def crowds() -> Iterator[Crowd]:
    yield from of_recogniser(next(people(TRAINED_ON, pairings=1)))
    yield of_dlib(centred=False)
    yield of_dlib(centred=True)
    yield made_up(128)
    yield made_up(48)


def compared(crowd: Crowd, chosen: Sequence[Way]) -> list[list[str]]:
    plain = _at(scores(Plain(), "first", *crowd.part(True)), crowd.far)
    rows = []
    for way in chosen:
        figures = judged(crowd, way, plain)
        rows.append([crowd.name, way.name, *(shown(one) for one in figures.values())])
        head = list(figures)
    print(
        table(["embeddings", f"template, FAR {100 * crowd.far:g} %", *head], rows) + "\n",
        flush=True,
    )
    return [["embeddings", "template", *head], *rows]


def main() -> None:
    every: dict[str, Any] = {}
    thefts: dict[str, Any] = {}
    for crowd in crowds():
        dimension = crowd.enrolled.shape[1]
        values = np.linalg.eigvalsh(np.cov(crowd.knows.T))
        head, *rows = compared(crowd, ways(dimension))
        every[crowd.name] = {
            "columns": head,
            "rows": rows,
            "people": [crowd.development, len(crowd.enrolled) - crowd.development],
            "probes": crowd.probes.shape[1],
            "false accepts": crowd.far,
            "directions": float(values.sum() ** 2 / (values**2).sum()),
        }
        found = more_thefts(crowd, Scheme.for_dimension(dimension))
        thefts[crowd.name] = found
        print(table(["attacker, default scheme", "cosine", "passes renewed, %"], found) + "\n")
    took = speed()
    print("milliseconds a template of a search, by dimension:", took)
    figures = {"compared": every, "thefts": thefts, "milliseconds": took}
    write("template_protection", figures, packages=("numpy", "scipy", "scikit-learn", "torch"))


if __name__ == "__main__":
    main()
