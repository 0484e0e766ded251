# SPDX-License-Identifier: Apache-2.0
"""How often a plain face server takes strangers for somebody it knows, beside polyveil's decisions.

    python benchmarks/plain_server.py

Both see the same embeddings: dlib's ResNet on LFW pictures (real photographs; of dlib's training
people nothing is known to be kept out). The server is what such programs do: it keeps plain
embeddings of one picture a person, takes the nearest and says its name if the distance is at most
0.6, dlib's advice. polyveil keeps protected templates of the same pictures, and its threshold is
chosen on 40 development people for a stated rate of strangers identified as anybody. Figures are of
60 other people, searched with themselves enrolled and taken out, and of strangers with one picture.
The larger galleries hold strangers of one picture too. Intervals: bootstrap over probed people.
Background people, for the centre of embeddings and the cohort, are others with one picture.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from _biometrics import KEY, Floats, share
from _common import table, write
from _dlib_faces import Faces, faces
from polyveil.interval import Interval
from polyveil.recognize import (
    Centre,
    Cohort,
    Comparison,
    Decider,
    Gallery,
    Identified,
    Scheme,
    Split,
)
from polyveil.recognize.open_set import open_set_at
from polyveil.recognize.scheme import embeddings_of
from polyveil.recognize.trials import Part, Trials

TOLERANCE = 0.6
SEED = 20261121
ENROLLED, PROBES, DEVELOPMENT = 1, 5, 40
SIZES = (10, 30, 100, 300)
RATES = (0.01, 0.05)
RENEWALS = 5
SCHEME = {"face": Scheme.for_dimension(128)}


def shown(found: Interval) -> str:
    return f"{100 * found.estimate:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def parts(all_faces: Faces) -> tuple[Split, dict[str, Floats], dict[str, Floats]]:
    """Split; pictures of known people; single pictures of evaluation strangers."""
    draw = np.random.default_rng(SEED)
    known = [sorted(all_faces.known)[i] for i in draw.permutation(len(all_faces.known))]
    single = [sorted(all_faces.strangers)[i] for i in draw.permutation(len(all_faces.strangers))]
    half = len(single) // 2
    split = Split(
        frozenset(single[:half]), frozenset(known[:DEVELOPMENT]), frozenset(known[DEVELOPMENT:])
    )
    return split, all_faces.known, {name: all_faces.strangers[name] for name in single[half:]}


def nearest(gallery: Mapping[str, Floats], probe: Floats) -> tuple[str, float]:
    names = list(gallery)
    apart = np.linalg.norm(np.stack([gallery[name] for name in names]) - probe, axis=1)
    best = int(apart.argmin())
    return names[best], float(apart[best])


def server(known: Mapping[str, Floats], people: list[str], strangers: Mapping[str, Floats]) -> Any:
    """What the plain server answers: right names, wrong names, strangers named."""
    gallery = {name: known[name][0] for name in people}
    right, wrong, taken_out = [], [], []
    for name in people:
        answers = [nearest(gallery, probe) for probe in known[name][ENROLLED:][:PROBES]]
        said = [who if apart <= TOLERANCE else None for who, apart in answers]
        right.append(np.mean([who == name for who in said]))
        wrong.append(np.mean([who not in (None, name) for who in said]))
        rest = {other: row for other, row in gallery.items() if other != name}
        taken_out.append(
            np.mean([nearest(rest, p)[1] <= TOLERANCE for p in known[name][ENROLLED:][:PROBES]])
        )
    outside = [float(nearest(gallery, rows[0])[1] <= TOLERANCE) for rows in strangers.values()]
    return {
        "right": share(right),
        "wrong": share(wrong),
        "taken out": share(taken_out),
        "strangers": share(outside),
    }


def growth(all_faces: Faces) -> list[list[Any]]:
    """Strangers named by the plain server, by size of its gallery; people picked at random."""
    draw, rows = np.random.default_rng(SEED), []
    everyone = {**all_faces.known, **all_faces.strangers}
    for size in SIZES:
        shares = []
        for name in sorted(all_faces.known):
            others = [one for one in everyone if one != name]
            gallery = {
                others[i]: everyone[others[i]][0] for i in draw.permutation(len(others))[:size]
            }
            shares.append(
                np.mean(
                    [nearest(gallery, p)[1] <= TOLERANCE for p in all_faces.known[name][:PROBES]]
                )
            )
        rows.append([size, share(shares)])
    return rows


def ours(
    split: Split,
    known: Mapping[str, Floats],
    strangers: Mapping[str, Floats],
    cohort: Cohort | None,
) -> list[Any]:
    """The gallery itself, asked probe by probe: right names, wrong names, strangers named."""
    trials = {part: _trials(split, part, known, cohort) for part in ("development", "evaluation")}
    decider = Decider.fit(trials["development"])
    scores = decider.fusion.fuse(trials["evaluation"].scores)
    answers = asked(split, known, strangers, decider, cohort)
    rows = []
    for far in RATES:
        threshold = decider.strangers["face",].for_search(far, gallery=len(split.evaluation))
        found = open_set_at(trials["evaluation"], scores, threshold, seed=SEED)
        rows.append({"rate": far, "right": found.dir, "taken out": found.fpir, **answers[far]})
    return rows


def careful(split: Split, known: Mapping[str, Floats], strangers: Mapping[str, Floats]) -> Any:
    """Plain embeddings with our thresholds: what the choice of a threshold alone does."""
    tables = {}
    for part in ("development", "evaluation"):
        people = sorted(split.development if part == "development" else split.evaluation)
        templates = np.concatenate([embeddings_of(known[name][:ENROLLED]) for name in people])
        tables[part] = people, templates, _plain(split, part, known, people, templates)
    decider = Decider.fit(tables["development"][2])
    people, templates, trials = tables["evaluation"]
    scores = decider.fusion.fuse(trials.scores)
    wide = scores.reshape(-1, len(people))
    own = trials.genuine.reshape(wide.shape)
    others = decider.fusion.fuse(
        {"face": embeddings_of(np.concatenate(list(strangers.values()))) @ templates.T}
    ).max(axis=1)
    rows = []
    for far in RATES:
        threshold = decider.strangers["face",].for_search(far, gallery=len(people))
        found = open_set_at(trials, scores, threshold, seed=SEED)
        first = wide.argmax(axis=1)
        wrong = ~own[np.arange(len(wide)), first] & (wide.max(axis=1) > threshold.value)
        rows.append(
            {
                "rate": far,
                "right": found.dir,
                "wrong": share(wrong.reshape(len(people), -1).mean(axis=1)),
                "taken out": found.fpir,
                "strangers": share((others > threshold.value).astype(float)),
            }
        )
    return rows


def _trials(
    split: Split,
    part: Part,
    known: Mapping[str, Floats],
    cohort: Cohort | None,
    *,
    enrolled: int = ENROLLED,
) -> Trials:
    group = split.development if part == "development" else split.evaluation
    return split.protected_trials(
        part,
        {name: {"face": known[name][:enrolled]} for name in group},
        {name: [{"face": p} for p in known[name][enrolled:][:PROBES]] for name in group},
        key=KEY,
        schemes=SCHEME,
        cohort=cohort,
    )


def _plain(
    split: Split, part: Part, known: Mapping[str, Floats], people: list[str], templates: Floats
) -> Trials:
    probes = [row for name in people for row in known[name][ENROLLED:][:PROBES]]
    whose = [name for name in people for _ in known[name][ENROLLED:][:PROBES]]
    return split.trials(
        part,
        searches=np.repeat([str(index) for index in range(len(probes))], len(people)),
        probes=np.repeat(whose, len(people)),
        templates=np.tile(people, len(probes)),
        scores={"face": (embeddings_of(np.stack(probes)) @ templates.T).ravel()},
    )


def asked(
    split: Split,
    known: Mapping[str, Floats],
    strangers: Mapping[str, Floats],
    decider: Decider,
    cohort: Cohort | None,
) -> dict[float, dict[str, Interval]]:
    """The gallery on disk, by rate: wrong names, and strangers who got one."""
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(Path(folder) / "people.sqlite", key=KEY, schemes=SCHEME)
        for name in sorted(split.evaluation):
            gallery.enroll(name, {"face": known[name][:ENROLLED]})

        def compared(probe: Floats) -> Comparison:
            return gallery.compare({"face": probe}, cohort=cohort)

        own = {
            name: [compared(p) for p in known[name][ENROLLED:][:PROBES]]
            for name in sorted(split.evaluation)
        }
        others = [compared(rows[0]) for rows in strangers.values()]
        subjects = {name: gallery.subject(name) for name in own}
    found = {}
    for far in RATES:
        said = {name: [decider.identify(one, far=far) for one in own[name]] for name in own}
        wrong = [
            np.mean([isinstance(a, Identified) and a.subject != subjects[name] for a in answers])
            for name, answers in said.items()
        ]
        named = [float(isinstance(decider.identify(one, far=far), Identified)) for one in others]
        found[far] = {
            "wrong": share(wrong),
            "strangers": share(named),
        }
    return found


def renewals(split: Split, known: Mapping[str, Floats], cohort: Cohort) -> list[list[Any]]:
    """Right names and false alarms under fresh secrets, RENEWALS times, by what is enrolled."""
    rows = []
    for enrolled in (1, 5):
        for label, others in (("", None), (", normalised", cohort)):
            for far in RATES:
                rows.append([enrolled, f"at most {100 * far:g} %{label}", [], []])
            for _ in range(RENEWALS):
                trials = {
                    part: _trials(split, part, known, others, enrolled=enrolled)
                    for part in ("development", "evaluation")
                }
                decider = Decider.fit(trials["development"])
                scores = decider.fusion.fuse(trials["evaluation"].scores)
                for row, far in zip(rows[-len(RATES) :], RATES, strict=True):
                    strangers = decider.strangers["face",]
                    threshold = strangers.for_search(far, gallery=len(split.evaluation))
                    found = open_set_at(trials["evaluation"], scores, threshold, seed=SEED)
                    row[2].append(found.dir.estimate)
                    row[3].append(found.fpir.estimate)
    return [
        [*row[:2], *(f"{100 * np.mean(one):.1f} ± {100 * np.std(one):.1f}" for one in row[2:])]
        for row in rows
    ]


def _percent(found: dict[str, Any]) -> str:
    return f"{100 * found['rate']:g} %"


def main() -> None:
    all_faces = faces()
    split, known, strangers = parts(all_faces)
    plain = server(known, sorted(split.evaluation), strangers)
    background = np.concatenate([all_faces.strangers[name] for name in sorted(split.background)])
    centre = Centre.of(background)
    cohort = Cohort(split.background, {"face": centre.apply(background)})
    ready = [{name: centre.apply(rows) for name, rows in one.items()} for one in (known, strangers)]
    answers = {f"plain server, distance {TOLERANCE}": plain}
    for found in careful(split, known, strangers):
        name = f"polyveil's threshold on plain embeddings, strangers at most {_percent(found)}"
        answers[name] = found
    for label, one, others in (
        (", not centred", (known, strangers), None),
        ("", ready, None),
        (", normalised by a cohort", ready, cohort),
    ):
        for found in ours(split, *one, others):
            name = f"polyveil, protected, strangers at most {_percent(found)}{label}"
            answers[name] = found
    columns = ("right", "wrong", "taken out", "strangers")
    rows = [[name, *(shown(one[column]) for column in columns)] for name, one in answers.items()]
    head = [
        "same embeddings",
        "right name",
        "wrong name",
        "named when taken out",
        "strangers named",
    ]
    print(table(head, rows))
    grown = [[size, shown(found)] for size, found in growth(all_faces)]
    print("\n" + table(["people in the plain server's gallery", "strangers named"], grown))
    renewed = renewals(split, ready[0], cohort)
    head = ["pictures enrolled", "protected, strangers", "right name, %", "named when taken out, %"]
    print(f"\nmean ± sd over {RENEWALS} enrolments under fresh secrets\n" + table(head, renewed))
    figures = {
        "renewals": renewed,
        "pictures without a face": all_faces.missed,
        "people": {"development": len(split.development), "evaluation": len(split.evaluation),
                   "strangers": len(strangers)},
        "answers": rows,
        "gallery size": grown,
    }  # fmt: skip
    write("plain_server", figures, packages=("numpy", "scipy"))


if __name__ == "__main__":
    main()
